// Creating, reading and deleting deployments: R1, R2, R10, R11, R40 to R42.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { refusal, send } from '../lib/client.js';
import { serve } from '../lib/hooks.js';

const MAIN_SHA = '9e312558527b55f4a5e52694d24f7f0c00f3edba';
const UNLESS_THE_ONLY_ONE =
  'We cannot delete an active deployment unless it is the only deployment in a given ';

describe('creating deployments', () => {
  const s = serve();

  test('a ref is enough; the rest has defaults', async () => {
    const { status, data, headers } = await s.api.createDeployment({ ref: 'main' });
    assert.equal(status, 201);
    assert.equal(headers.location, data.url);
    const { creator, created_at: time, ...rest } = data;
    const repository = `${s.server.origin}/repos/octocat/hello-world`;
    assert.deepEqual(rest, {
      url: `${repository}/deployments/${data.id}`,
      id: data.id,
      node_id: btoa(`010:Deployment${data.id}`),
      task: 'deploy',
      original_environment: 'production',
      environment: 'production',
      description: null,
      updated_at: time,
      statuses_url: `${repository}/deployments/${data.id}/statuses`,
      repository_url: repository,
      sha: MAIN_SHA,
      ref: 'main',
      payload: {},
      transient_environment: false,
      production_environment: true,
      performed_via_github_app: null,
    });
    assert.equal(creator.login, 'octocat');
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  });

  test('what is given comes back', async () => {
    const given = {
      ref: 'topic-branch',
      task: 'deploy:migrations',
      environment: 'staging/eu',
      description: 'Größer ✓',
      transient_environment: true,
      production_environment: true,
    };
    const created = await s.api.deploy({ ...given, auto_merge: false, required_contexts: [] });
    const { data } = await s.api.getDeployment({ deployment_id: created.id });
    assert.deepEqual(data, created);
    for (const [name, value] of Object.entries(given)) assert.deepEqual(data[name], value, name);
  });

  for (const [environment, production] of [
    ['production', true],
    ['Production', false],
    ['staging', false],
  ]) {
    test(`production_environment for ${environment} is ${production} unless it is given`, async () => {
      const { production_environment } = await s.api.deploy({ environment });
      assert.equal(production_environment, production);
      const given = await s.api.deploy({ environment, production_environment: !production });
      assert.equal(given.production_environment, !production);
    });
  }

  for (const [kind, ref] of [
    ['branch', 'main'],
    ['tag', 'v1.0.0'],
    ['SHA', MAIN_SHA],
    ['full name', 'refs/heads/main'],
  ]) {
    test(`a ref can be a ${kind}`, async () => {
      const deployment = await s.api.deploy({ ref });
      assert.equal(deployment.ref, ref);
      assert.equal(deployment.sha, MAIN_SHA);
    });
  }

  test('ids grow', async () => {
    const first = await s.api.deploy();
    const second = await s.api.deploy();
    assert.ok(second.id > first.id);
  });

  test('owner and repository compare without case and keep their spelling', async () => {
    const { data } = await s.api.createDeployment({
      owner: 'OctoCat',
      repo: 'Hello-World',
      ref: 'main',
    });
    assert.ok(data.repository_url.endsWith('/repos/octocat/hello-world'));
  });

  test('an empty description is not a missing one', async () => {
    assert.equal((await s.api.deploy({ description: '' })).description, '');
    assert.equal((await s.api.deploy({ description: null })).description, null);
  });

  test('unknown keys and previews are accepted', async () => {
    const { status, headers } = await send(s.server, 'POST', '/deployments', {
      headers: { Accept: 'application/vnd.github.ant-man-preview+json' },
      body: '{"ref":"main","owner":"somebody","new_option":{"a":[1]}}',
    });
    assert.equal(status, 201);
    assert.equal(headers.get('x-github-api-version-selected'), '2022-11-28');
  });
});

describe('payloads', () => {
  const s = serve();

  for (const payload of [
    { deploy: 'migrate', nested: { list: [1, 'two', null, { three: 3 }], empty: {} } },
    '{"looks": "like JSON"}',
    '',
    'plain "text"\n\\ ✓',
    {},
  ]) {
    test(`${JSON.stringify(payload)} comes back`, async () => {
      const created = await s.api.deploy({ payload });
      assert.deepEqual(created.payload, payload);
      const { data } = await s.api.getDeployment({ deployment_id: created.id });
      assert.deepEqual(data.payload, payload);
    });
  }

  // The second field shows where the first ends.
  for (const payload of [
    '{ "b" : 1.0e+2 ,\n\t"a":[ 1,[2],{"c":{}} ],"a":"\\u0041\\/" }',
    '{"big":12345678901234567890.123456789012345678901234567890}',
    '{"sha":"}]"}',
    '{ }',
    '"\\u00e9"',
  ]) {
    test(`${payload} is kept byte for byte`, async () => {
      const body = `{"payload": ${payload} , "ref": "main"}`;
      const created = await send(s.server, 'POST', '/deployments', { body });
      assert.equal(created.status, 201);
      const shown = payload.startsWith('{') ? payload : JSON.stringify(JSON.parse(payload));
      assert.ok(created.text.includes(`,"payload":${shown},"transient_environment"`), created.text);
      const got = await send(s.server, 'GET', `/deployments/${created.body.id}`);
      assert.equal(got.text, created.text);
    });
  }
});

describe('reading deployments', () => {
  const s = serve();

  test('an unknown deployment or repository is 404', async () => {
    const { id } = await s.api.deploy();
    const notFound = refusal(404, 'Not Found');
    await assert.rejects(s.api.getDeployment({ deployment_id: id + 1 }), notFound);
    await assert.rejects(s.api.getDeployment({ repo: 'nothing', deployment_id: id }), notFound);
    await assert.rejects(s.api.listDeployments({ owner: 'nobody' }), notFound);
    await assert.rejects(s.api.createDeployment({ owner: 'nobody', ref: 'main' }), notFound);
    await assert.rejects(s.api.deleteDeployment({ deployment_id: id + 1 }), notFound);
  });

  test('HEAD is GET without the body', async () => {
    const { id } = await s.api.deploy();
    for (const path of ['/deployments', `/deployments/${id}`, `/deployments/${id}/statuses`]) {
      const get = await send(s.server, 'GET', path);
      const head = await send(s.server, 'HEAD', path);
      assert.equal(head.status, 200);
      for (const name of ['etag', 'last-modified', 'content-length']) {
        assert.equal(head.headers.get(name), get.headers.get(name), `${name} of ${path}`);
      }
    }
    assert.equal((await send(s.server, 'HEAD', `/deployments/${id + 1}`)).status, 404);
  });
});

describe('deleting deployments', () => {
  const s = serve();

  test('one without a status goes, and its address is gone', async () => {
    const { id } = await s.api.deploy();
    const { status } = await s.api.deleteDeployment({ deployment_id: id });
    assert.equal(status, 204);
    const gone = refusal(404, 'Not Found');
    await assert.rejects(s.api.getDeployment({ deployment_id: id }), gone);
    await assert.rejects(s.api.listStatuses({ deployment_id: id }), gone);
    await assert.rejects(s.api.createStatus({ deployment_id: id, state: 'success' }), gone);
    await assert.rejects(s.api.deleteDeployment({ deployment_id: id }), gone);
  });

  test('an active one goes only when it is the only one', async () => {
    const id = await s.api.deployed('success');
    const other = await s.api.deploy({ environment: 'staging' });
    await assert.rejects(s.api.deleteDeployment({ deployment_id: id }), (error) => {
      assert.equal(error.status, 422);
      assert.equal(error.response.data.message, 'Validation Failed');
      assert.deepEqual(error.response.data.errors, [`${UNLESS_THE_ONLY_ONE}repository.`]);
      return true;
    });
    await s.api.deleteDeployment({ deployment_id: other.id });
    assert.equal((await s.api.deleteDeployment({ deployment_id: id })).status, 204);
    assert.deepEqual((await s.api.listDeployments()).data, []);
  });

  test('an active one goes once it is inactive', async () => {
    const id = await s.api.deployed('success');
    const other = await s.api.deploy();
    await s.api.createStatus({ deployment_id: id, state: 'inactive' });
    assert.equal((await s.api.deleteDeployment({ deployment_id: id })).status, 204);
    await s.api.deleteDeployment({ deployment_id: other.id });
  });

  test('ids are not used again', async () => {
    const { id } = await s.api.deploy();
    await s.api.deleteDeployment({ deployment_id: id });
    assert.ok((await s.api.deploy()).id > id);
  });
});

describe('deleting by observed rules', () => {
  const s = serve(['--rules=observed']);

  test('an active one goes when it is the only one in its environment', async () => {
    const id = await s.api.deployed('success');
    await s.api.deploy({ environment: 'staging' });
    assert.equal((await s.api.deleteDeployment({ deployment_id: id })).status, 204);
  });

  test('and stays while there is another', async () => {
    const id = await s.api.deployed('success', { environment: 'qa' });
    const other = await s.api.deploy({ environment: 'QA' });
    await assert.rejects(s.api.deleteDeployment({ deployment_id: id }), (error) => {
      assert.equal(error.status, 422);
      assert.deepEqual(error.response.data.errors, [`${UNLESS_THE_ONLY_ONE}environment.`]);
      return true;
    });
    await s.api.deleteDeployment({ deployment_id: other.id });
    assert.equal((await s.api.deleteDeployment({ deployment_id: id })).status, 204);
  });
});
