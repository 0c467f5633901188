// One server for the tests of a `describe`.

import { after, before } from 'node:test';

import { connect } from './client.js';
import { startServer } from './server.js';

// What it returns is filled in before the first test.
export function serve(flags = [], options = {}) {
  const context = {};
  before(async () => {
    context.server = await startServer(typeof flags === 'function' ? flags() : flags);
    context.api = connect(context.server, options);
  });
  after(() => context.server?.stop());
  return context;
}
