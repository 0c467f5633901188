// Somebody who is told of events, and the judge of what they are told.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import Ajv from 'ajv';
import addFormats from 'ajv-formats';

const WAIT_MS_MAX = 30_000;

const description = JSON.parse(
  readFileSync(
    new URL('../../../../testdata/openapi/webhooks-github.com.json', import.meta.url),
    'utf8',
  ),
);
const ajv = new Ajv({ allErrors: true, strict: false });
addFormats(ajv);
ajv.addFormat('int32', true).addFormat('int64', true);
// GitHub sends an empty string where a URL was not given, whatever its schema says.
const { uri } = ajv.formats;
ajv.addFormat('uri', { validate: (text) => text === '' || uri(text) });
const validators = Object.fromEntries(
  [
    ['deployment', 'deployment-created'],
    ['deployment_status', 'deployment-status-created'],
  ].map(([event, name]) => [
    event,
    ajv.compile(description.webhooks[name].post.requestBody.content['application/json'].schema),
  ]),
);

// What is wrong with a payload, as text; '' where nothing is.
export function complaintsOf(event, payload) {
  const validate = validators[event];
  if (validate === undefined) return `no event ${event}`;
  return validate(payload) ? '' : ajv.errorsText(validate.errors);
}

// What GitHub's documentation says of every delivery.
export function checkDelivery({ method, headers, text }, secret) {
  assert.equal(method, 'POST');
  assert.equal(headers['content-type'], 'application/json');
  assert.match(headers['user-agent'], /^GitHub-Hookshot\//);
  assert.match(headers['x-github-delivery'], /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
  assert.match(headers['x-github-hook-id'], /^[1-9]\d*$/);
  const signature = createHmac('sha256', secret).update(text).digest('hex');
  assert.equal(headers['x-hub-signature-256'], `sha256=${signature}`);
  const payload = JSON.parse(text);
  assert.equal(complaintsOf(headers['x-github-event'], payload), '');
  return payload;
}

// Listens on a port of 127.0.0.1, a free one by default. `answer` gives the status of each answer.
export async function startReceiver({ port = 0, answer = () => 202 } = {}) {
  const deliveries = [];
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const delivery = {
      method: request.method,
      headers: request.headers,
      text: Buffer.concat(chunks).toString('utf8'),
    };
    response.statusCode = answer(delivery, deliveries.length);
    deliveries.push({ ...delivery, status: response.statusCode });
    response.end();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: server.address().port,
    url: `http://127.0.0.1:${server.address().port}/hook`,
    deliveries,
    // The deliveries, once there are so many that were taken.
    async taken(count, waitMs = WAIT_MS_MAX) {
      const all = () => deliveries.filter(({ status }) => status < 300);
      for (let waited = 0; all().length < count; waited += 10) {
        assert.ok(waited < waitMs, `${all().length} deliveries instead of ${count}`);
        await sleep(10);
      }
      return all();
    },
    async stop() {
      if (!server.listening) return;
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
