// What holds for every answer, whoever asked: headers, schema, order of keys. All requests of the
// tests go through `checkedFetch` or `checkAnswer`.

import assert from 'node:assert/strict';

import { complaints } from './schemas.js';

const DEPLOYMENT_KEYS = [
  'url', 'id', 'node_id', 'task', 'original_environment', 'environment', 'description',
  'created_at', 'updated_at', 'statuses_url', 'repository_url', 'creator', 'sha', 'ref', 'payload',
  'transient_environment', 'production_environment', 'performed_via_github_app',
];
const STATUS_KEYS = [
  'url', 'id', 'node_id', 'state', 'creator', 'description', 'environment', 'target_url',
  'created_at', 'updated_at', 'deployment_url', 'repository_url', 'environment_url', 'log_url',
  'performed_via_github_app',
];

function checkKeys(body) {
  for (const object of Array.isArray(body) ? body : [body]) {
    const keys = Object.keys(object);
    if ('statuses_url' in object) assert.deepEqual(keys, DEPLOYMENT_KEYS);
    if ('deployment_url' in object) assert.deepEqual(keys, STATUS_KEYS);
    for (const time of [object.created_at, object.updated_at]) {
      if (time !== undefined) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }
  }
}

function checkError(status, body) {
  const keys = Object.keys(body).filter((key) => key !== 'errors');
  assert.deepEqual(keys, ['message', 'documentation_url', 'status']);
  if ('errors' in body) assert.equal(Object.keys(body)[1], 'errors');
  assert.equal(body.status, String(status));
  assert.match(body.documentation_url, /^https:\/\/docs\.github\.com\/rest/);
}

// `headers` is a `Headers`, `text` the body as it came. Answers the body as a value.
export function checkAnswer({ method, pathname, status, headers, text }) {
  assert.match(headers.get('x-github-request-id') ?? '', /^[\w:]+$/, 'X-GitHub-Request-Id');
  assert.equal(headers.get('x-github-media-type'), 'github.v3; format=json');
  assert.match(headers.get('x-github-api-version-selected') ?? '', /^\d{4}-\d\d-\d\d$/);
  if (status === 204 || status === 304) {
    assert.equal(text, '');
    assert.equal(headers.get('content-type'), null);
    return undefined;
  }
  assert.equal(headers.get('content-type'), 'application/json; charset=utf-8');
  assert.equal(headers.has('location'), status === 201, 'Location');
  if (method === 'HEAD') {
    assert.equal(text, '');
    return undefined;
  }
  const body = JSON.parse(text);
  assert.equal(complaints(method, pathname, status, body), '');
  if (status >= 400) {
    checkError(status, body);
  } else {
    checkKeys(body);
  }
  return body;
}

// `fetch` whose answers are looked at before anybody sees them.
export async function checkedFetch(url, init = {}) {
  const response = await fetch(url, init);
  checkAnswer({
    method: init.method ?? 'GET',
    pathname: new URL(url).pathname,
    status: response.status,
    headers: response.headers,
    text: await response.clone().text(),
  });
  return response;
}
