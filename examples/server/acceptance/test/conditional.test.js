// Requests that ask only for what is new.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { send } from '../lib/client.js';
import { serve } from '../lib/hooks.js';

const LATER = 'Fri, 31 Dec 2999 23:59:59 GMT';

describe('conditional requests', () => {
  const s = serve();
  let paths;
  before(async () => {
    const { id } = await s.api.deploy();
    const { data } = await s.api.createStatus({ deployment_id: id, state: 'success' });
    paths = {
      one: `/deployments/${id}`,
      list: '/deployments',
      status: `/deployments/${id}/statuses/${data.id}`,
      statuses: `/deployments/${id}/statuses`,
    };
  });
  const get = (path, headers, method = 'GET') => send(s.server, method, path, { headers });

  test('one row has an ETag and the time of its last change, a list an ETag', async () => {
    for (const name of ['one', 'status']) {
      const { headers, body } = await get(paths[name]);
      // That of a deployment is strong, for If-Match.
      assert.match(headers.get('etag'), name === 'one' ? /^"[1-9][0-9]*-[0-9a-f]+"$/ : /^W\/"[0-9a-f]+"$/);
      assert.equal(Date.parse(headers.get('last-modified')), Date.parse(body.updated_at));
    }
    for (const name of ['list', 'statuses']) {
      const { headers } = await get(paths[name]);
      assert.match(headers.get('etag'), /^W\/"[0-9a-f]+"$/);
      assert.equal(headers.get('last-modified'), null);
    }
  });

  for (const name of ['one', 'list', 'status', 'statuses']) {
    test(`If-None-Match answers 304 for ${name}`, async () => {
      const etag = (await get(paths[name])).headers.get('etag');
      const strong = etag.replace('W/', '');
      for (const tags of [etag, strong, '*', `"x", ${etag}`, `"x",${strong} , "y"`]) {
        for (const method of ['GET', 'HEAD']) {
          const answer = await get(paths[name], { 'If-None-Match': tags }, method);
          assert.equal(answer.status, 304, tags);
          assert.equal(answer.headers.get('etag'), etag);
        }
      }
      for (const tags of ['"x"', 'W/"x"', etag.slice(0, -2)]) {
        assert.equal((await get(paths[name], { 'If-None-Match': tags })).status, 200, tags);
      }
    });
  }

  for (const name of ['one', 'status']) {
    test(`If-Modified-Since answers 304 for ${name}`, async () => {
      const time = (await get(paths[name])).headers.get('last-modified');
      const earlier = new Date(Date.parse(time) - 1000).toUTCString();
      for (const [since, status] of [
        [time, 304],
        [LATER, 304],
        [earlier, 200],
        ['yesterday', 200],
      ]) {
        const answer = await get(paths[name], { 'If-Modified-Since': since });
        assert.equal(answer.status, status, since);
      }
    });
  }

  test('If-None-Match counts before If-Modified-Since', async () => {
    const headers = { 'If-None-Match': '"x"', 'If-Modified-Since': LATER };
    assert.equal((await get(paths.one, headers)).status, 200);
  });

  test('octokit sees a 304, and a new ETag after a change', async () => {
    const { id } = await s.api.deploy({ environment: 'other' });
    const { headers } = await s.api.getDeployment({ deployment_id: id });
    const again = () =>
      s.api.getDeployment({ deployment_id: id, headers: { 'if-none-match': headers.etag } });
    await assert.rejects(again(), { status: 304 });
    await s.api.createStatus({ deployment_id: id, state: 'pending', environment: 'moved' });
    assert.notEqual((await again()).headers.etag, headers.etag);
  });

  test('a 304 of a page still has its Link', async () => {
    await s.api.deploy();
    const first = await get('/deployments?per_page=1');
    const again = await get('/deployments?per_page=1', { 'If-None-Match': first.headers.get('etag') });
    assert.equal(again.status, 304);
    assert.equal(again.headers.get('link'), first.headers.get('link'));
  });

  test('errors and changes are not conditional', async () => {
    const headers = { 'If-None-Match': '*', 'If-Modified-Since': LATER };
    assert.equal((await get('/deployments/999', headers)).status, 404);
    const created = await send(s.server, 'POST', '/deployments', { headers, body: '{"ref":"main"}' });
    assert.equal(created.status, 201);
    assert.equal(created.headers.get('etag'), null);
  });
});
