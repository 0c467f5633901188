// Requests that are safe to send again, and changes of only what has not moved.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { send } from '../lib/client.js';
import { serve } from '../lib/hooks.js';

// What of an answer must be the same each time.
const lasting = (headers) =>
  [...headers].filter(([name]) => !['date', 'x-github-request-id', 'idempotent-replayed'].includes(name));

describe('Idempotency-Key', () => {
  const s = serve();
  const post = (path, body, key) =>
    send(s.server, 'POST', path, { body: JSON.stringify(body), headers: { 'Idempotency-Key': key } });

  test('the same request is answered as the first time, and done once', async () => {
    const body = { ref: 'main', environment: 'once', payload: { a: [1, 'ä'] } };
    const first = await post('/deployments', body, 'create');
    assert.equal(first.status, 201);
    assert.equal(first.headers.get('idempotent-replayed'), null);
    await s.api.createStatus({ deployment_id: first.body.id, state: 'success' });
    for (let i = 0; i < 3; ++i) {
      const again = await post('/deployments', body, 'create');
      assert.equal(again.status, 201);
      assert.equal(again.text, first.text);
      assert.equal(again.headers.get('idempotent-replayed'), 'true');
      assert.deepEqual(lasting(again.headers), lasting(first.headers));
    }
    const { data } = await s.api.listDeployments({ environment: 'once' });
    assert.equal(data.length, 1);
  });

  test('many at once are one', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => post('/deployments', { ref: 'main', environment: 'many' }, 'many')),
    );
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
    const replayed = answers.filter(({ headers }) => headers.get('idempotent-replayed') === 'true');
    assert.equal(replayed.length, 7);
    assert.equal((await s.api.listDeployments({ environment: 'many' })).data.length, 1);
  });

  test('a refusal and a deletion come again too', async () => {
    const refused = await post('/deployments', { ref: 'nowhere' }, 'refused');
    const again = await post('/deployments', { ref: 'nowhere' }, 'refused');
    assert.equal(refused.status, 422);
    assert.equal(again.text, refused.text);
    assert.equal(again.headers.get('idempotent-replayed'), 'true');
    const { id } = await s.api.deploy();
    for (const replayed of [null, 'true']) {
      const gone = await send(s.server, 'DELETE', `/deployments/${id}`, {
        headers: { 'Idempotency-Key': 'gone' },
      });
      assert.equal(gone.status, 204);
      assert.equal(gone.headers.get('idempotent-replayed'), replayed);
    }
  });

  test('another request under the key is refused', async () => {
    await post('/deployments', { ref: 'main' }, 'taken');
    const reused = await post('/deployments', { ref: 'main', task: 'migrate' }, 'taken');
    assert.equal(reused.status, 422);
    assert.equal(reused.body.message, 'This idempotency key has been used for another request.');
  });

  test('keys that cannot be are refused', async () => {
    for (const key of ['', 'k'.repeat(256)]) {
      assert.equal((await post('/deployments', { ref: 'main' }, key)).status, 422);
    }
    assert.equal((await post('/deployments', { ref: 'main' }, 'k'.repeat(255))).status, 201);
  });

  test('octokit sends a status once', async () => {
    const { id } = await s.api.deploy();
    const status = () =>
      s.api.createStatus({ deployment_id: id, state: 'success', headers: { 'idempotency-key': 'octokit' } });
    const first = await status();
    const again = await status();
    assert.deepEqual(again.data, first.data);
    assert.equal(again.headers['idempotent-replayed'], 'true');
    assert.deepEqual(await s.api.states(id), ['success']);
  });
});

describe('If-Match', () => {
  const s = serve();

  test('octokit appends a status only where it has seen the latest one', async () => {
    const { id } = await s.api.deploy();
    const { etag } = (await s.api.getDeployment({ deployment_id: id })).headers;
    assert.match(etag, /^"0-[0-9a-f]+"$/);
    const status = (state) =>
      s.api.createStatus({ deployment_id: id, state, headers: { 'if-match': etag } });
    await status('queued');
    await assert.rejects(status('failure'), (error) => {
      assert.equal(error.status, 412);
      assert.equal(
        error.response.data.message,
        'The latest status of the deployment is not the expected one.',
      );
      return true;
    });
    assert.deepEqual(await s.api.states(id), ['queued']);
  });

  test('of many who have seen the same one has its way', async () => {
    const { id } = await s.api.deploy();
    const { etag } = (await s.api.getDeployment({ deployment_id: id })).headers;
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        send(s.server, 'POST', `/deployments/${id}/statuses`, {
          body: '{"state":"in_progress"}',
          headers: { 'If-Match': etag },
        }),
      ),
    );
    const statuses = answers.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [201, ...Array(7).fill(412)]);
  });

  test('a deletion by list, star, weak tag and garbage', async () => {
    const id = await s.api.deployed('failure');
    const stale = '"0-0"';
    const { etag } = (await s.api.getDeployment({ deployment_id: id })).headers;
    const remove = async (tags) =>
      (await send(s.server, 'DELETE', `/deployments/${id}`, { headers: { 'If-Match': tags } })).status;
    for (const tags of [stale, `W/${etag}`, etag.slice(1, -1), 'garbage', '"x"']) {
      assert.equal(await remove(tags), 412, tags);
    }
    assert.equal(await remove(`${stale}, "x,y" ,${etag}`), 204);
    assert.equal(await remove('*'), 404);
  });
});
