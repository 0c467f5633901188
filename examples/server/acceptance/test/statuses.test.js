// Statuses and what a success does to other deployments: R20 to R36.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { refusal } from '../lib/client.js';
import { serve } from '../lib/hooks.js';

const STATES = ['error', 'failure', 'inactive', 'in_progress', 'queued', 'pending', 'success'];

describe('creating statuses', () => {
  const s = serve();

  test('a state is enough; the rest has defaults', async () => {
    const deployment = await s.api.deploy();
    const { status, data, headers } = await s.api.createStatus({
      deployment_id: deployment.id,
      state: 'queued',
    });
    assert.equal(status, 201);
    assert.equal(headers.location, data.url);
    const { creator, created_at: time, ...rest } = data;
    assert.deepEqual(rest, {
      url: `${deployment.statuses_url}/${data.id}`,
      id: data.id,
      node_id: btoa(`016:DeploymentStatus${data.id}`),
      state: 'queued',
      description: '',
      environment: 'production',
      target_url: '',
      updated_at: time,
      deployment_url: deployment.url,
      repository_url: deployment.repository_url,
      environment_url: '',
      log_url: '',
      performed_via_github_app: null,
    });
    assert.deepEqual(creator, deployment.creator);
    const got = await s.api.getStatus({ deployment_id: deployment.id, status_id: data.id });
    assert.deepEqual(got.data, data);
  });

  test('any state may follow any, and the newest is listed first', async () => {
    const { id } = await s.api.deploy();
    const states = [...STATES, ...STATES.slice().reverse()];
    for (const state of states) await s.api.createStatus({ deployment_id: id, state });
    assert.deepEqual(await s.api.states(id), states.reverse());
  });

  test('what is given comes back', async () => {
    const { id } = await s.api.deploy();
    const given = {
      state: 'in_progress',
      description: 'Läuft …',
      environment_url: 'https://example.org/?a=b#c',
      log_url: 'https://ci.example.org/1',
    };
    const { data } = await s.api.createStatus({ deployment_id: id, ...given });
    for (const [name, value] of Object.entries(given)) assert.equal(data[name], value, name);
  });

  test("a status is the deployment's only, and unknown ids are 404", async () => {
    const { id } = await s.api.deploy();
    const other = await s.api.deploy();
    const { data } = await s.api.createStatus({ deployment_id: id, state: 'success' });
    const notFound = refusal(404, 'Not Found');
    for (const [deployment_id, status_id] of [
      [other.id, data.id],
      [id, data.id + 1],
      [data.id + 1, data.id],
      [id, id],
    ]) {
      await assert.rejects(s.api.getStatus({ deployment_id, status_id }), notFound);
    }
    await assert.rejects(s.api.listStatuses({ deployment_id: data.id }), notFound);
    await assert.rejects(s.api.createStatus({ deployment_id: 999, state: 'nonsense' }), notFound);
  });

  const A = 'https://a.example.org';
  const B = 'https://b.example.org';
  for (const [what, given, shown] of [
    ['log_url fills target_url', { log_url: A }, A],
    ['target_url fills log_url', { target_url: B }, B],
    ['log_url wins', { log_url: A, target_url: B }, A],
    ['an empty log_url is none', { log_url: '', target_url: B }, B],
    ['an empty target_url is none', { log_url: A, target_url: '' }, A],
  ]) {
    test(what, async () => {
      const { id } = await s.api.deploy();
      const { data } = await s.api.createStatus({ deployment_id: id, state: 'pending', ...given });
      assert.equal(data.log_url, shown);
      assert.equal(data.target_url, shown);
    });
  }

  test('a status moves its deployment to another environment, and the next stays there', async () => {
    const { id } = await s.api.deploy({ environment: 'staging' });
    const first = await s.api.createStatus({ deployment_id: id, state: 'pending' });
    assert.equal(first.data.environment, 'staging');
    await s.api.createStatus({ deployment_id: id, state: 'pending', environment: 'production' });
    const third = await s.api.createStatus({ deployment_id: id, state: 'success' });
    assert.equal(third.data.environment, 'production');
    const { data } = await s.api.getDeployment({ deployment_id: id });
    assert.equal(data.environment, 'production');
    assert.equal(data.original_environment, 'staging');
    assert.equal(data.production_environment, false);
  });
});

describe('auto-inactivation', () => {
  const s = serve();

  // [what, the older deployment's options, the success's options, the older one's states]
  const flows = [
    ['a success retires an older one', {}, {}, ['inactive', 'success']],
    ['names of environments compare without case', { environment: 'Stage' }, { environment: 'sTAGE' }, ['inactive', 'success']],
    ['another environment is left alone', { environment: 'one' }, { environment: 'two' }, ['success']],
    ['transient ones are left alone', { transient_environment: true }, {}, ['success']],
    ['production ones are left alone', { production_environment: true }, {}, ['success']],
    ['another task is not', { task: 'deploy:a' }, { task: 'deploy:b' }, ['inactive', 'success']],
  ];
  flows.forEach(([what, older, newer, states], index) => {
    test(what, async () => {
      const environment = `flow-${index}`;
      const old = await s.api.deployed('success', { environment, ...older });
      const fresh = await s.api.deployed('success', { environment, ...newer });
      assert.deepEqual(await s.api.states(old), states);
      assert.deepEqual(await s.api.states(fresh), ['success']);
    });
  });

  test('auto_inactive false leaves all as they are', async () => {
    const old = await s.api.deployed('success', { environment: 'kept' });
    const { id } = await s.api.deploy({ environment: 'kept' });
    await s.api.createStatus({ deployment_id: id, state: 'success', auto_inactive: false });
    assert.deepEqual(await s.api.states(old), ['success']);
  });

  for (const state of STATES.filter((name) => name !== 'success')) {
    test(`${state} retires nothing, and is not retired`, async () => {
      const environment = `by-${state}`;
      const old = await s.api.deployed('success', { environment });
      const middle = await s.api.deployed(state, { environment });
      assert.deepEqual(await s.api.states(old), ['success']);
      await s.api.deployed('success', { environment });
      assert.deepEqual(await s.api.states(old), ['inactive', 'success']);
      assert.deepEqual(await s.api.states(middle), [state]);
    });
  }

  test('a newer one is not prior', async () => {
    const { id: old } = await s.api.deploy({ environment: 'order' });
    const newer = await s.api.deployed('success', { environment: 'order' });
    await s.api.createStatus({ deployment_id: old, state: 'success' });
    assert.deepEqual(await s.api.states(newer), ['success']);
    assert.deepEqual(await s.api.states(old), ['success']);
  });

  test('the row is real: the actor, the time, and no words', async () => {
    const old = await s.api.deployed('success', { environment: 'row' });
    const { id } = await s.api.deploy({ environment: 'row' });
    const success = await s.api.createStatus({ deployment_id: id, state: 'success' });
    const [{ ...row }] = (await s.api.listStatuses({ deployment_id: old })).data;
    assert.equal(row.state, 'inactive');
    assert.equal(row.description, '');
    assert.equal(row.environment, 'row');
    assert.equal(row.created_at, success.data.created_at);
    assert.deepEqual(row.creator, success.data.creator);
    const { data } = await s.api.getStatus({ deployment_id: old, status_id: row.id });
    assert.deepEqual(data, row);
    const { data: deployment } = await s.api.getDeployment({ deployment_id: old });
    assert.equal(deployment.updated_at, row.created_at);
  });

  test('the environment that counts is the one moved to', async () => {
    const there = await s.api.deployed('success', { environment: 'there' });
    const here = await s.api.deployed('success', { environment: 'here' });
    const { id } = await s.api.deploy({ environment: 'here' });
    await s.api.createStatus({ deployment_id: id, state: 'success', environment: 'there' });
    assert.deepEqual(await s.api.states(there), ['inactive', 'success']);
    assert.deepEqual(await s.api.states(here), ['success']);
  });

  test('many at once behave as one after the other', async () => {
    const ids = [];
    for (let i = 0; i < 8; ++i) ids.push((await s.api.deploy({ environment: 'race' })).id);
    await Promise.all(
      ids.map((deployment_id) => s.api.createStatus({ deployment_id, state: 'success' })),
    );
    const states = await Promise.all(ids.map((id) => s.api.states(id)));
    assert.deepEqual(states.at(-1), ['success']);
    for (const list of states) {
      assert.ok(['success', 'inactive,success'].includes(list.join()), list.join());
    }
  });
});
