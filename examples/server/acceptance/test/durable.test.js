// What stays when the server ends, and what it says when it cannot keep anything more.

import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { checkedFetch } from '../lib/answers.js';
import { HELLO, connect, send } from '../lib/client.js';
import { startServer } from '../lib/server.js';

function scratch() {
  const directory = mkdtempSync(path.join(tmpdir(), 'slipway-acceptance-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function lists(server) {
  const api = connect(server);
  const { data } = await api.listDeployments({ per_page: 100 });
  const states = await Promise.all(data.map(({ id }) => api.states(id)));
  return data.map(({ id, ref, environment }, i) => ({ id, ref, environment, states: states[i] }));
}

describe('slipway.db, where the server was started', () => {
  const directory = scratch();

  for (const signal of ['SIGTERM', 'SIGKILL']) {
    test(`R107 keeps what was answered through ${signal}`, async () => {
      const server = await startServer([], directory);
      const api = connect(server);
      const before = (await lists(server)).length;
      const id = await api.deployed('success', { environment: 'staging' });
      const newer = await api.deployed('success', { environment: 'staging' });
      const kept = await lists(server);
      assert.equal(kept.length, before + 2);
      assert.deepEqual(await api.states(id), ['inactive', 'success']);
      await server.stop(signal);

      const again = await startServer([], directory);
      assert.deepEqual(await lists(again), kept);
      const next = await connect(again).deploy();
      assert.ok(next.id > newer + 1, 'no id is given out again');
      assert.equal(await again.stop(), 0);
    });
  }

  test('R100 a request that is repeated after a crash, with its key, changes nothing', async () => {
    const request = [
      'POST',
      '/deployments',
      { headers: { 'Idempotency-Key': 'once' }, body: '{"ref":"main"}' },
    ];
    // The port is in addresses, and is another one after the restart.
    const flags = ['--base_url=https://git.example.org'];
    const server = await startServer(flags, directory);
    const first = await send(server, ...request);
    assert.equal(first.status, 201);
    const kept = await lists(server);
    await server.stop('SIGKILL');

    const again = await startServer(flags, directory);
    const second = await send(again, ...request);
    assert.equal(second.status, 201);
    assert.equal(second.text, first.text);
    assert.deepEqual(await lists(again), kept);
    assert.equal(await again.stop(), 0);
  });

  test('branches begin anew with each start, and merge to the same commit', async () => {
    const shas = [];
    for (let i = 0; i < 2; ++i) {
      const server = await startServer([], directory);
      const api = connect(server);
      const merged = await api.createDeployment({ ref: 'behind' });
      assert.equal(merged.status, 202);
      shas.push((await api.deploy({ ref: 'behind' })).sha);
      assert.equal(await server.stop(), 0);
    }
    assert.equal(shas[0], shas[1]);
  });
});

test('--store=memory forgets', async () => {
  const directory = scratch();
  const server = await startServer(['--store=memory'], directory);
  await connect(server).deploy();
  await server.stop();
  const again = await startServer(['--store=memory'], directory);
  assert.deepEqual(await lists(again), []);
  await again.stop();
});

test('R108 a full store is 503 until there is room, and loses nothing', async () => {
  const directory = scratch();
  const server = await startServer(['--store_pages_max=60'], directory);
  const made = [];
  let refused;
  for (let i = 0; i < 5000 && refused === undefined; ++i) {
    const body = JSON.stringify({ ref: 'main', description: 'x'.repeat(500) });
    const answer = await send(server, 'POST', '/deployments', { body });
    if (answer.status === 201) made.push(answer.body.id);
    else refused = answer;
  }
  assert.ok(made.length > 0);
  assert.equal(refused.status, 503);
  assert.equal(refused.body.message, 'Service Unavailable');
  assert.match(refused.headers.get('retry-after'), /^\d+$/);

  // Reading goes on; who asks whether it is ready hears of it.
  for (const id of [made[0], made.at(-1)]) {
    assert.equal((await send(server, 'GET', `/deployments/${id}`)).status, 200);
  }
  const health = await fetch(`${server.origin}/healthz`);
  assert.equal(health.status, 503);
  assert.match(
    await health.text(),
    /^a write was answered 503 \d+ s ago, .*; the last failure: a request failed: UNAVAILABLE: .*: no room is left: /,
  );
  await server.stop('SIGKILL');

  const roomy = await startServer([], directory);
  const { octokit } = connect(roomy);
  const list = await octokit.paginate(octokit.rest.repos.listDeployments, {
    ...HELLO,
    per_page: 100,
  });
  assert.deepEqual(list.map(({ id }) => id), [...made].reverse());
  const next = await connect(roomy).deploy();
  assert.ok(next.id > made.at(-1));
  assert.equal((await fetch(`${roomy.origin}/healthz`)).status, 200);
  assert.equal(await roomy.stop(), 0);
});

test('R107 R108 nothing is answered that a file which is gone would keep, and the operator hears why', async () => {
  const directory = scratch();
  const file = path.join(directory, 'slipway.db');
  const server = await startServer([], directory);
  const api = connect(server);
  await api.deploy();
  const kept = await lists(server);
  assert.equal(server.log(), '');

  renameSync(file, `${file}.aside`);
  await sleep(200);
  for (let i = 0; i < 3; ++i) {
    const refused = await send(server, 'POST', '/deployments', { body: '{"ref":"main"}' });
    assert.equal(refused.status, 503);
    assert.ok(!refused.text.includes('moved'), 'that is for the operator');
  }
  const why =
    `UNAVAILABLE: ${realpathSync(directory)}/slipway.db was moved, removed or replaced while it is open, and nothing more is ` +
    'written (No such file or directory): before you end this process read "What 503 means" in docs/guides/operations.md';
  assert.equal(server.log(), `slipway: a request failed: ${why}\n`, 'once');
  const health = await fetch(`${server.origin}/healthz`);
  assert.equal(health.status, 503);
  assert.equal(await health.text(), `reading fails: ${why}\n`);
  assert.deepEqual(await lists(server), kept);

  renameSync(`${file}.aside`, file);
  await api.deploy();
  assert.equal((await fetch(`${server.origin}/healthz`)).status, 200);
  assert.equal((await lists(server)).length, kept.length + 1);
  assert.equal(await server.stop(), 0);
});

// As docs/guides/operations.md says it.
for (const gone of [['slipway.db'], ['slipway.db', 'slipway.db-wal', 'slipway.db-shm']]) {
  test(`R107 what was deleted is copied from the server that has it open: ${gone.join(', ')}`, async () => {
    const directory = scratch();
    const elsewhere = scratch();
    const server = await startServer([], directory);
    const api = connect(server);
    await api.deploy();
    await api.deployed('success');
    const kept = await lists(server);
    for (const name of gone) rmSync(path.join(directory, name));
    const fds = `/proc/${server.pid}/fd`;
    const open = readdirSync(fds).map((fd) => {
      try {
        return [readlinkSync(`${fds}/${fd}`), `${fds}/${fd}`];
      } catch {
        return []; // closed meanwhile
      }
    });
    for (const name of ['slipway.db', 'slipway.db-wal']) {
      const shown = `${realpathSync(directory)}/${name}${gone.includes(name) ? ' (deleted)' : ''}`;
      const [, fd] = open.find(([text]) => text === shown);
      copyFileSync(fd, path.join(elsewhere, name));
    }
    await server.stop();

    const again = await startServer([], elsewhere);
    assert.deepEqual(await lists(again), kept);
    await connect(again).deploy();
    assert.equal(await again.stop(), 0);
  });
}

// The value of a series, by its name and labels.
function metric(page, series) {
  const line = page.split('\n').find((text) => text.startsWith(`${series} `));
  return Number(line?.slice(series.length));
}

test('/healthz and /metrics are beside the API', async () => {
  const server = await startServer(['--dialect=enterprise']);
  const api = connect(server, { prefix: '/api/v3' });
  await api.deployed('success');
  await assert.rejects(api.createDeployment({ ref: 'no' }), { status: 422 });

  const health = await fetch(`${server.origin}/healthz`);
  assert.equal(health.status, 200);
  assert.equal(await health.text(), 'ok\n');
  const page = await fetch(`${server.origin}/metrics`);
  assert.equal(page.status, 200);
  assert.match(page.headers.get('content-type'), /^text\/plain; version=0\.0\.4/);
  const text = await page.text();
  for (const [line, value] of [
    ['slipway_decisions_total{kind="create_deployment",outcome="deployment_created"}', 1],
    ['slipway_decisions_total{kind="create_deployment",outcome="ref_not_found"}', 1],
    ['slipway_decisions_total{kind="create_status",outcome="status_created"}', 1],
    ['slipway_http_requests_total{code="201",method="POST"}', 2],
    ['slipway_http_requests_total{code="422",method="POST"}', 1],
  ]) {
    assert.equal(metric(text, line), value, line);
  }
  assert.ok(metric(text, 'slipway_commit_seconds_count') >= 2);
  assert.match(text, /^# HELP slipway_commit_group_size \w/m);

  assert.equal((await fetch(`${server.origin}/healthz`, { method: 'POST' })).status, 405);
  assert.equal((await checkedFetch(`${server.origin}/api/v3/metrics`)).status, 404);
  assert.equal(await server.stop(), 0);
});
