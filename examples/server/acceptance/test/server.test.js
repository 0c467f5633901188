// The server as a process: its flags, its start and its end.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { checkedFetch } from '../lib/answers.js';
import { connect, open, parseAnswer } from '../lib/client.js';
import { serve } from '../lib/hooks.js';
import { runToEnd, startServer } from '../lib/server.js';

const SEED = fileURLToPath(new URL('../seed.textproto', import.meta.url));
const DEPLOYMENTS = '/repos/octocat/hello-world/deployments';

describe('--dialect=enterprise', () => {
  const s = serve(['--dialect=enterprise'], { prefix: '/api/v3' });

  test('the whole API is below /api/v3, and so are the addresses', async () => {
    const api = `${s.server.origin}/api/v3`;
    const { data: deployment, headers } = await s.api.createDeployment({ ref: 'main' });
    const repository = `${api}/repos/octocat/hello-world`;
    assert.equal(deployment.url, `${repository}/deployments/${deployment.id}`);
    assert.equal(deployment.statuses_url, `${deployment.url}/statuses`);
    assert.equal(deployment.repository_url, repository);
    assert.equal(deployment.creator.url, `${api}/users/octocat`);
    assert.equal(deployment.creator.html_url, `${s.server.origin}/octocat`);
    assert.equal(headers.location, deployment.url);
    const { data: status } = await s.api.createStatus({
      deployment_id: deployment.id,
      state: 'success',
    });
    assert.equal(status.url, `${deployment.statuses_url}/${status.id}`);
    assert.equal(status.deployment_url, deployment.url);
    const got = await s.api.getStatus({ deployment_id: deployment.id, status_id: status.id });
    assert.deepEqual(got.data, status);
    assert.equal((await s.api.listStatuses({ deployment_id: deployment.id })).data.length, 1);
    assert.equal((await s.api.deleteDeployment({ deployment_id: deployment.id })).status, 204);
  });

  test('paging goes by addresses below /api/v3', async () => {
    for (let i = 0; i < 5; ++i) await s.api.deploy();
    const { octokit } = s.api;
    const list = await octokit.paginate(octokit.rest.repos.listDeployments, {
      owner: 'octocat',
      repo: 'hello-world',
      per_page: 2,
    });
    assert.equal(list.length, 5);
    const { headers } = await s.api.listDeployments({ per_page: 2 });
    assert.ok(headers.link.startsWith(`<${s.server.origin}/api/v3/repositories/1296269/deployments?`));
  });

  test('nothing is above it', async () => {
    for (const prefix of ['', '/api', '/api/v4', '/API/v3', '/api/v3/api/v3']) {
      const { status } = await checkedFetch(s.server.origin + prefix + DEPLOYMENTS);
      assert.equal(status, 404, prefix);
    }
  });
});

describe('--dialect=github', () => {
  const s = serve(['--dialect=github']);

  test('nothing is below /api/v3', async () => {
    assert.equal((await checkedFetch(`${s.server.origin}/api/v3${DEPLOYMENTS}`)).status, 404);
    assert.equal((await checkedFetch(s.server.origin + DEPLOYMENTS)).status, 200);
  });
});

for (const [flag, origin] of [
  ['https://git.example.org', 'https://git.example.org'],
  ['http://git.example.org:8080/', 'http://git.example.org:8080'],
]) {
  describe(`--base_url=${flag}`, () => {
    const s = serve([`--base_url=${flag}`]);

    test('addresses begin with it, whatever the Host is', async () => {
      const { data, headers } = await s.api.createDeployment({ ref: 'main' });
      await s.api.deploy();
      assert.equal(data.url, `${origin}${DEPLOYMENTS}/${data.id}`);
      assert.equal(headers.location, data.url);
      assert.equal(data.creator.html_url, `${origin}/octocat`);
      const list = await s.api.listDeployments({ per_page: 1 });
      assert.ok(list.headers.link.startsWith(`<${origin}/repositories/1296269/deployments?`));
    });
  });
}

describe('--seed', () => {
  const s = serve([`--seed=${SEED}`], {
    repository: { owner: 'slipway-org', repo: 'rocket.io' },
  });

  test('its repositories are served, in their spelling', async () => {
    const deployment = await s.api.deploy({ ref: 'trunk' });
    assert.equal(deployment.sha, '1'.repeat(40));
    assert.equal(deployment.repository_url, `${s.server.origin}/repos/Slipway-Org/Rocket.io`);
    const quiet = await s.api.createDeployment({ repo: 'quiet', ref: 'main' });
    assert.equal(quiet.data.sha, '2'.repeat(40));
    assert.equal((await s.api.listDeployments()).data.length, 1);
    await assert.rejects(s.api.createDeployment({ ref: 'main' }), { status: 422 });
    const byId = await s.api.octokit.request('GET /repositories/8/deployments');
    assert.deepEqual(byId.data, [quiet.data]);
  });

  test('a success in one repository leaves the other alone', async () => {
    const { api } = s;
    const id = await api.deployed('success', { ref: 'trunk', environment: 'shared' });
    const quiet = await connect(s.server, {
      repository: { owner: 'Slipway-Org', repo: 'quiet' },
    }).deployed('success', { environment: 'shared' });
    assert.notEqual(id, quiet);
    assert.deepEqual(await api.states(id), ['success']);
  });

  test('the default repository is not there', async () => {
    await assert.rejects(
      s.api.listDeployments({ owner: 'octocat', repo: 'hello-world' }),
      { status: 404 },
    );
  });
});

describe('a start that cannot succeed', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'slipway-acceptance-'));
  after(() => rmSync(directory, { recursive: true, force: true }));
  const seed = (name, text) => {
    writeFileSync(path.join(directory, name), text);
    return `--seed=${path.join(directory, name)}`;
  };

  // [flags, what the line says]
  const cases = [
    [['--listen=nonsense'], /nonsense/],
    [['--listen=127.0.0.1:99999'], /99999/],
    [['--listen=127.0.0.1'], /127\.0\.0\.1/],
    [['--dialect=gitlab'], /--dialect: 'gitlab' is not github or enterprise/],
    [['--rules=none'], /--rules: 'none' is not documented or observed/],
    [['--store=floppy'], /--store: it is not sqlite:FILE/],
    [['--store=sqlite:'], /--store: it is not sqlite:FILE/],
    [[`--store=sqlite:${directory}`], /--store: .*slipway-acceptance/],
    [[`--store=sqlite:${directory}/no/such.db`], /--store: .*such\.db/],
    [['--store=sqlite:/proc/version'], /--store: .*version/],
    [[`--store=sqlite:${seed('text', 'This is no database, but a text of some length.\n').slice(7)}`], /--store: .*text/],
    [['--store_pages_max=-1'], /--store_pages_max/],
    [['--base_url=git.example.org'], /--base_url: 'git\.example\.org'/],
    [['--base_url=ftp://git.example.org'], /--base_url/],
    [['--base_url=http://'], /--base_url/],
    [['--base_url=https://a b'], /--base_url/],
    [['--base_url=https://a"b'], /--base_url/],
    [['--base_url=https://a/?b'], /--base_url/],
    [['--base_url=https://a\r\nX: b'], /--base_url/],
    [['--listen=0.0.0.0:0', '--webhook=http://a/', `--webhook_secret_file=${directory}/text`], /--webhook needs --base_url/],
    [['--listen=[::]:0', '--webhook=http://a/', `--webhook_secret_file=${directory}/text`], /--webhook needs --base_url/],
    [[`--flagfile=${seed('flags', '--store=memory\n').slice(7)}`, '--webhook=http://a/', `--webhook_secret_file=${directory}/text`], /--webhook: .*--flagfile/],
    [['--unknown_flag=1'], /unknown_flag/],
    [['an-argument'], /an-argument/],
    [[`--seed=${directory}/missing`], /--seed: cannot read .*missing/],
    [[`--seed=${directory}`], /--seed/],
    [[seed('empty', '')], /--seed/],
    [[seed('comment', '# nothing\n')], /--seed: .* has no repository/],
    [[seed('bad', 'repositories {\n  nonsense: 1\n}\n')], /--seed: .*line 2, column .*nonsense/],
    [[seed('orphan', 'repositories { repository { id: 1 owner: "a" name: "b" default_branch: "m" } refs { ref { name: "m" type: REF_TYPE_BRANCH sha: "1" } } }')], /m/],
    [['--listen=127.0.0.1:0', `--port_file=${directory}/no/port`], /--port_file: cannot write/],
  ];
  for (const [flags, line] of cases) {
    test(JSON.stringify(flags).replaceAll(directory, 'DIRECTORY'), async () => {
      const { code, stderr } = await runToEnd(flags);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /^[^\n]+\n$/, 'one line');
      assert.match(stderr, line);
    });
  }

  test('a file of a newer version', async () => {
    const file = path.join(directory, 'newer.db');
    const flag = `--store=sqlite:${file}`;
    assert.equal(await (await startServer([flag])).stop(), 0);
    // The version is the number at byte 60 of SQLite's header.
    const bytes = readFileSync(file);
    bytes.writeUInt32BE(1000, 60);
    writeFileSync(file, bytes);
    const { code, stderr } = await runToEnd([flag]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^[^\n]+\n$/, 'one line');
    assert.match(stderr, /newer\.db/);
  });

  test('a port that is taken', async () => {
    const server = await startServer();
    const { code, stderr } = await runToEnd([`--listen=127.0.0.1:${server.port}`]);
    assert.equal(code, 1);
    assert.match(stderr, /^[^\n]+\n$/);
    assert.match(stderr, new RegExp(String(server.port)));
    assert.equal(await server.stop(), 0);
  });
});

// Resolves once a server takes no new connections.
async function refusesConnections(server) {
  for (let i = 0; i < 500; ++i) {
    try {
      await (await fetch(server.origin + DEPLOYMENTS)).text();
    } catch {
      return;
    }
    await sleep(10);
  }
  throw new Error('it still takes connections');
}

describe('start and end', () => {
  test('--port_file has the port, in a line of its own', async () => {
    const server = await startServer();
    assert.match(server.portText, /^\d+\n$/);
    assert.ok(server.port > 0);
    assert.equal((await checkedFetch(server.origin + DEPLOYMENTS)).status, 200);
    assert.equal(await server.stop(), 0);
  });

  test('--port_file goes with the server, but not where another one has written its own', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'slipway-acceptance-'));
    const first = await startServer([], directory);
    assert.ok(existsSync(first.portFile));
    assert.equal(await first.stop(), 0);
    assert.ok(!existsSync(first.portFile));

    const second = await startServer([], directory);
    writeFileSync(second.portFile, '1\n');
    assert.equal(await second.stop(), 0);
    assert.equal(readFileSync(second.portFile, 'utf8'), '1\n');
    rmSync(directory, { recursive: true });
  });

  for (const signal of ['SIGTERM', 'SIGINT']) {
    test(`${signal} ends it with code 0, idle connections or not`, async () => {
      const server = await startServer();
      const idle = open(server);
      await connect(server).deploy();
      const started = Date.now();
      assert.equal(await server.stop(signal), 0);
      assert.ok(Date.now() - started < 5_000, 'without waiting for idle peers');
      assert.equal(await idle.closed, '');
    });
  }

  test('SIGTERM finishes what is in flight', async () => {
    const server = await startServer();
    const { socket, closed } = open(server);
    const body = '{"ref":"main"}';
    socket.write(`POST ${DEPLOYMENTS} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`);
    socket.write(body.slice(0, 5));
    await sleep(500); // for the server to read the beginning
    server.signal('SIGTERM');
    await assert.doesNotReject(refusesConnections(server), 'nobody else gets in');
    socket.write(body.slice(5));
    const answer = parseAnswer(await closed, 'POST', DEPLOYMENTS);
    assert.equal(answer.status, 201);
    assert.equal(answer.headers.get('connection'), 'close');
    assert.equal(answer.body.ref, 'main');
    assert.equal(await server.ended, 0);
    await server.stop();
  });
});
