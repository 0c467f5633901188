// The judge itself: a test that nothing can fail says nothing.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { checkAnswer } from '../lib/answers.js';
import { serve } from '../lib/hooks.js';
import { complaints, toJsonSchema } from '../lib/schemas.js';

const LIST = '/repos/octocat/hello-world/deployments';

describe('validation of bodies', () => {
  const s = serve();
  let deployment;
  let status;

  test('good bodies pass', async () => {
    deployment = await s.api.deploy();
    ({ data: status } = await s.api.createStatus({ deployment_id: deployment.id, state: 'success' }));
    assert.equal(complaints('POST', LIST, 201, deployment), '');
    assert.equal(complaints('POST', `${LIST}/1/statuses`, 201, status), '');
    assert.equal(complaints('GET', LIST, 200, []), '');
    assert.equal(complaints('GET', '/api/v3/repositories/1/deployments', 200, [deployment]), '');
  });

  const broken = [
    ['a field is missing', { sha: undefined }, /required property 'sha'/],
    ['a number is a string', { id: '1' }, /id must be integer/],
    ['a string is null', { ref: null }, /ref must be string/],
    ['a payload is a number', { payload: 1 }, /payload must match exactly one schema/],
    ['an address is none', { url: 'not a URL' }, /url must match format "uri"/],
    ['a time is none', { created_at: 'yesterday' }, /created_at must match format "date-time"/],
    ['a creator has no login', { creator: {} }, /required property 'login'/],
  ];
  for (const [what, change, complaint] of broken) {
    test(`fails where ${what}`, () => {
      const body = JSON.parse(JSON.stringify({ ...deployment, ...change }));
      assert.match(complaints('GET', `${LIST}/1`, 200, body), complaint);
      assert.match(complaints('GET', LIST, 200, [deployment, body]), /data\/1/);
    });
  }

  test('null passes only where it may', () => {
    assert.equal(complaints('GET', `${LIST}/1`, 200, { ...deployment, creator: null }), '');
    assert.equal(complaints('GET', `${LIST}/1`, 200, { ...deployment, description: null }), '');
    assert.notEqual(complaints('GET', `${LIST}/1`, 200, { ...deployment, task: null }), '');
  });

  test('an address may be empty only where that is its default', () => {
    const path = `${LIST}/1/statuses/2`;
    assert.equal(complaints('GET', path, 200, { ...status, log_url: '' }), '');
    assert.notEqual(complaints('GET', path, 200, { ...status, log_url: 'no' }), '');
    assert.notEqual(complaints('GET', path, 200, { ...status, url: '' }), '');
  });

  test('a state that the API does not have fails', () => {
    assert.notEqual(complaints('GET', `${LIST}/1/statuses/2`, 200, { ...status, state: 'ok' }), '');
  });

  test('errors are validated too', () => {
    assert.notEqual(complaints('POST', LIST, 422, { message: 'no documentation_url' }), '');
    assert.notEqual(complaints('GET', `${LIST}/1`, 404, { message: 404 }), '');
    assert.notEqual(complaints('PUT', '/nowhere', 404, { message: 404 }), '');
  });

  test('a success that GitHub does not describe fails', () => {
    assert.notEqual(complaints('GET', LIST, 201, []), '');
    assert.notEqual(complaints('GET', '/nowhere', 200, {}), '');
  });

  test('a property may be called like a keyword', () => {
    assert.deepEqual(toJsonSchema({ properties: { example: { type: 'string', example: 'a' } } }), {
      properties: { example: { type: 'string' } },
    });
  });

  test('headers and the order of keys are looked at', () => {
    const good = {
      method: 'GET',
      pathname: `${LIST}/1`,
      status: 200,
      headers: new Headers({
        'content-type': 'application/json; charset=utf-8',
        'x-github-request-id': '1:2:3',
        'x-github-media-type': 'github.v3; format=json',
        'x-github-api-version-selected': '2022-11-28',
      }),
      text: JSON.stringify(deployment),
    };
    checkAnswer(good);
    const { url, ...rest } = deployment;
    assert.throws(() => checkAnswer({ ...good, text: JSON.stringify({ ...rest, url }) }));
    for (const name of [...good.headers.keys()]) {
      const headers = new Headers(good.headers);
      headers.delete(name);
      assert.throws(() => checkAnswer({ ...good, headers }), name);
    }
  });
});
