// Webhooks as they arrive.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { connect } from '../lib/client.js';
import { checkDelivery, complaintsOf, startReceiver } from '../lib/receiver.js';
import { runToEnd, startServer } from '../lib/server.js';

const SECRET = "It's a Secret to Everybody";
const directory = mkdtempSync(path.join(tmpdir(), 'slipway-acceptance-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function secretFile(name, text) {
  writeFileSync(path.join(directory, name), text);
  return path.join(directory, name);
}
// A receiver and a server that do not outlive their test, even if it fails.
async function receive(t, options) {
  const receiver = await startReceiver(options);
  t.after(() => receiver.stop());
  return receiver;
}
async function serve(t, flags, keep) {
  const server = await startServer(flags, keep);
  t.after(() => server.stop('SIGKILL'));
  return server;
}

const secret = secretFile('secret', `${SECRET}\n`);
const flagsFor = (receiver, file = secret) => [
  `--webhook=${receiver.url}`,
  `--webhook_secret_file=${file}`,
];

test('the judge: a broken payload fails', () => {
  assert.notEqual(complaintsOf('deployment', {}), '');
  assert.notEqual(complaintsOf('deployment_status', { action: 'created' }), '');
  assert.notEqual(complaintsOf('push', {}), '');
});

test('R82 deployments and statuses arrive signed, whole and in order, but not inactive ones', async (t) => {
  const receiver = await receive(t);
  const server = await serve(t, flagsFor(receiver));
  const api = connect(server);
  const first = await api.deploy({ environment: 'staging', description: 'Grüße', payload: { a: [1] } });
  const { data: success } = await api.createStatus({ deployment_id: first.id, state: 'success' });
  const second = await api.deploy({ environment: 'staging' });
  await api.createStatus({ deployment_id: second.id, state: 'success' });
  assert.deepEqual(await api.states(first.id), ['inactive', 'success']);
  await api.createStatus({ deployment_id: second.id, state: 'failure' });

  const taken = await receiver.taken(5);
  await sleep(300); // for what should not come
  assert.equal(receiver.deliveries.length, 5);
  const payloads = taken.map((delivery) => ({
    event: delivery.headers['x-github-event'],
    ...checkDelivery(delivery, SECRET),
  }));
  const guids = new Set(taken.map(({ headers }) => headers['x-github-delivery']));
  assert.equal(guids.size, 5);
  for (const { repository, sender } of payloads) {
    assert.equal(repository.full_name, 'octocat/hello-world');
    assert.equal(sender.login, 'octocat');
  }

  const of = (id) => payloads.filter(({ deployment }) => deployment.id === id);
  const story = (id) => of(id).map((p) => p.deployment_status?.state ?? 'created');
  assert.deepEqual(story(first.id), ['created', 'success']);
  assert.deepEqual(story(second.id), ['created', 'success', 'failure']);
  const [created, succeeded] = of(first.id);
  assert.equal(created.deployment.description, 'Grüße');
  assert.deepEqual(created.deployment.payload, { a: [1] });
  assert.equal(created.deployment.url, first.url);
  assert.equal(succeeded.deployment_status.id, success.id);
  assert.equal(succeeded.deployment_status.url, success.url);

  const page = await (await fetch(`${server.origin}/metrics`)).text();
  assert.match(page, /^slipway_webhook_deliveries_total\{hook="\d+",outcome="delivered"\} 5$/m);
  assert.equal(await server.stop(), 0);
});

test('each hook has its own secret', async (t) => {
  const receivers = [await receive(t), await receive(t)];
  const other = secretFile('other', 'other');
  const server = await serve(t, [
    ...flagsFor(receivers[0]),
    ...flagsFor(receivers[1], other),
  ]);
  await connect(server).deploy();
  checkDelivery((await receivers[0].taken(1))[0], SECRET);
  checkDelivery((await receivers[1].taken(1))[0], 'other');
  assert.equal(await server.stop(), 0);
});

test('R105 a hook that fails is told again, with the same bytes', async (t) => {
  const receiver = await receive(t, { answer: (_, number) => (number < 2 ? 500 : 200) });
  const server = await serve(t, flagsFor(receiver));
  await connect(server).deploy();
  const [taken] = await receiver.taken(1);
  const [failed] = receiver.deliveries;
  assert.equal(receiver.deliveries.length, 3);
  assert.equal(taken.text, failed.text);
  assert.equal(taken.headers['x-github-delivery'], failed.headers['x-github-delivery']);
  assert.equal(await server.stop(), 0);
});

test('R104 what was not delivered when the server was killed is delivered by the next', async (t) => {
  const away = await receive(t);
  await away.stop();
  const keep = mkdtempSync(path.join(directory, 'store-'));
  const server = await serve(t, flagsFor(away), keep);
  const made = [await connect(server).deploy(), await connect(server).deploy()];
  await server.stop('SIGKILL');

  const receiver = await receive(t, { port: away.port });
  const again = await serve(t, flagsFor(receiver), keep);
  made.push(await connect(again).deploy());
  // What was claimed when the server died stays claimed for a minute.
  const taken = await receiver.taken(3, 90_000);
  const ids = taken.map((delivery) => checkDelivery(delivery, SECRET).deployment.id);
  assert.deepEqual(new Set(ids), new Set(made.map(({ id }) => id)));
  assert.equal(await again.stop(), 0);
});

test('R106 private addresses are refused where that is asked for', async (t) => {
  const receiver = await receive(t);
  const server = await serve(t, [...flagsFor(receiver), '--nowebhook_allow_private']);
  await connect(server).deploy();
  await sleep(1000);
  assert.deepEqual(receiver.deliveries, []);
  assert.equal(await server.stop(), 0);
});

describe('hooks that cannot be', () => {
  const empty = secretFile('empty', '\n');
  const url = '--webhook=http://127.0.0.1:1/hook';
  const cases = [
    [[url], /each --webhook needs a --webhook_secret_file: there are 1 and 0/],
    [[`--webhook_secret_file=${secret}`], /there are 0 and 1/],
    [[url, `--webhook_secret_file=${directory}/none`], /--webhook_secret_file: cannot read .*none/],
    [[url, `--webhook_secret_file=${directory}`], /--webhook_secret_file: cannot read/],
    [[url, `--webhook_secret_file=${empty}`], /--webhook_secret_file: .*empty is empty/],
    [['--webhook=nonsense', `--webhook_secret_file=${secret}`], /--webhook number 1 does not begin with https/],
    [['--webhook=ftp://a', `--webhook_secret_file=${secret}`], /--webhook number 1 does not begin with https/],
    [['--webhook=http://a:/x', `--webhook_secret_file=${secret}`], /--webhook number 1 has a port that is not/],
    [['--webhook=http://u:p@a', `--webhook_secret_file=${secret}`], /--webhook/],
    [[url, `--webhook_secret_file=${secret}`, url, `--webhook_secret_file=${secret}`], /--webhook number 2 is there twice/],
  ];
  for (const [flags, line] of cases) {
    test(JSON.stringify(flags).replaceAll(directory, 'DIRECTORY'), async () => {
      const { code, stderr } = await runToEnd(flags);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^[^\n]+\n$/, 'one line');
      assert.match(stderr, line);
    });
  }
});
