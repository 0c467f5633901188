// Requests that are refused for what is around their body, and without a trace.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { open, parseAnswer, send, sendRaw, withoutTrace } from '../lib/client.js';
import { serve } from '../lib/hooks.js';

const IDS = ['0', '-1', '+1', '9223372036854775807', '9223372036854775808', '18446744073709551617', 'abc', '1abc', '1.0', '0x1', '%20', '%001', '1%00', '%F0%9F%9A%80', ''];
const REPOSITORY = '/repos/octocat/hello-world';

describe('requests', () => {
  const s = serve();
  let id;
  before(async () => {
    id = await s.api.deployed('success', { environment: 'staging' });
  });
  const refused = async (method, path, status, message, init) => {
    const answer = await withoutTrace(s.server, () => send(s.server, method, path, init));
    assert.equal(answer.status, status, `${method} ${path}`);
    if (method !== 'HEAD') assert.equal(answer.body.message, message);
  };
  const notFound = (method, path, init) => refused(method, path, 404, 'Not Found', init);
  const BODY = { body: '{"ref":"main","state":"success"}' };

  for (const wrong of IDS) {
    test(`the id "${wrong}" is nobody's`, async () => {
      await notFound('GET', `/deployments/${wrong}`);
      await notFound('DELETE', `/deployments/${wrong}`);
      await notFound('GET', `/deployments/${wrong}/statuses`);
      await notFound('POST', `/deployments/${wrong}/statuses`, BODY);
      await notFound('GET', `/deployments/${wrong}/statuses/1`);
      await notFound('GET', `/deployments/${id}/statuses/${wrong}`);
    });
  }

  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'];
  for (const [path, allowed] of [
    ['/deployments', ['GET', 'HEAD', 'POST']],
    ['/deployments/ID', ['GET', 'HEAD', 'DELETE']],
    ['/deployments/ID/statuses', ['GET', 'HEAD', 'POST']],
    ['/deployments/ID/statuses/STATUS', ['GET', 'HEAD']],
  ]) {
    test(`methods that ${path} does not have are 404`, async () => {
      const { data } = await s.api.listStatuses({ deployment_id: id });
      const real = path.replace('ID', id).replace('STATUS', data[0].id);
      for (const method of methods.filter((name) => !allowed.includes(name))) {
        await notFound(method, real, /GET|HEAD/.test(method) ? {} : BODY);
      }
      assert.equal((await send(s.server, 'GET', real)).status, 200);
    });
  }

  test('a path with a slash too many, or anything else too much, is 404', async () => {
    for (const path of ['/deployments/', `/deployments/${id}/`, `/deployments/${id}/statuses/`, `/deployments/${id}/status`, `/deployments/${id}/statuses/1/1`, '/Deployments', '//deployments', '', '/', '/deployments%2F', '/deployments/%2E']) {
      await notFound('GET', path);
      await notFound('POST', path, BODY);
    }
  });

  test('a query of nonsense filters nothing away', async () => {
    for (const query of ['?', '?&&', '?=', '?page', '?page=', '?unknown=1&unknown=2', '?per_page=%00', '?page=1%0d%0a']) {
      const answer = await send(s.server, 'GET', `/deployments${query}`);
      assert.equal(answer.status, 200, query);
      assert.equal(answer.body.length, 1, query);
    }
  });

  test('what is not there is told before what is wrong with a body', async () => {
    for (const body of ['not JSON', '[]', '{}', '{"state":1,"ref":1}', '{"state":"success","state":"success"}']) {
      await notFound('POST', '/deployments/999/statuses', { body });
      await notFound('POST', '/../nothing/deployments', { body });
    }
  });

  test('an unknown repository is 404 for every method', async () => {
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
      await notFound(method, `/../hello-mars/deployments/${id}`, method === 'POST' ? BODY : {});
      await notFound(method, '/../hello-mars/deployments', method === 'POST' ? BODY : {});
    }
  });

  test('an unknown version of the API is 400', async () => {
    for (const version of ['2022-11-29', '1', 'v3', '2022-11-28, 2026-03-10']) {
      const headers = { 'X-GitHub-Api-Version': version };
      await assert.doesNotReject(
        refused('GET', '/deployments', 400, 'Unsupported X-GitHub-Api-Version. Supported are: 2022-11-28, 2026-03-10.', { headers }),
      );
      await refused('POST', '/deployments', 400, 'Unsupported X-GitHub-Api-Version. Supported are: 2022-11-28, 2026-03-10.', { headers, ...BODY });
    }
  });

  test('the known versions are selected', async () => {
    for (const version of ['2022-11-28', '2026-03-10']) {
      const { status, headers } = await send(s.server, 'GET', '/deployments', {
        headers: { 'X-GitHub-Api-Version': version },
      });
      assert.equal(status, 200);
      assert.equal(headers.get('x-github-api-version-selected'), version);
    }
  });

  test('ids of requests differ', async () => {
    const seen = new Set();
    for (let i = 0; i < 20; ++i) {
      seen.add((await send(s.server, 'GET', '/deployments')).headers.get('x-github-request-id'));
    }
    assert.equal(seen.size, 20);
  });

  // What is refused before it is a request at all: [what, lines, body, status].
  const broken = [
    ['no Host', ['GET / HTTP/1.1', 'Host:'], '', 404],
    ['not HTTP', ['hello'], '', 400],
    ['a control character in the target', [`GET ${REPOSITORY}/deployments\x01 HTTP/1.1`], '', 400],
    ['a space in the target', [`GET ${REPOSITORY}/deploy ments HTTP/1.1`], '', 400],
    ['two lengths', [`POST ${REPOSITORY}/deployments HTTP/1.1`, 'Content-Length: 2', 'Content-Length: 3'], '{}', 400],
    ['a length and chunks', [`POST ${REPOSITORY}/deployments HTTP/1.1`, 'Content-Length: 2', 'Transfer-Encoding: chunked'], '{}', 400],
    ['a negative length', [`POST ${REPOSITORY}/deployments HTTP/1.1`, 'Content-Length: -1'], '', 400],
    ['a length that is too much', [`POST ${REPOSITORY}/deployments HTTP/1.1`, 'Content-Length: 99999999999'], '', 413],
    ['chunks that are too much', [`POST ${REPOSITORY}/deployments HTTP/1.1`, 'Transfer-Encoding: chunked'], `200000\r\n${' '.repeat(0x200000)}\r\n0\r\n\r\n`, 413],
    ['chunks of a size that is none', [`POST ${REPOSITORY}/deployments HTTP/1.1`, 'Transfer-Encoding: chunked'], 'zz\r\n{}\r\n0\r\n\r\n', 400],
    ['a coding that is not known', [`POST ${REPOSITORY}/deployments HTTP/1.1`, 'Transfer-Encoding: gzip'], '', 501],
    ['an expectation that is not known', [`GET ${REPOSITORY}/deployments HTTP/1.1`, 'Expect: the-unexpected'], '', 417],
    ['a header that is too long', [`GET ${REPOSITORY}/deployments HTTP/1.1`, `X-Long: ${'x'.repeat(20_000)}`], '', 431],
    ['a target that is too long', [`GET /${'x'.repeat(20_000)} HTTP/1.1`], '', 431],
  ];
  for (const [what, lines, body, status] of broken) {
    test(`${what} is ${status}`, async () => {
      const answer = await withoutTrace(s.server, () => sendRaw(s.server, lines, body));
      assert.equal(answer.status, status);
    });
  }

  test('a target that is no path, or badly encoded, is refused', async () => {
    for (const target of ['*', 'deployments', `${REPOSITORY}/deployments?page=%zz`, `${REPOSITORY}/%`, `${REPOSITORY}/%g0`]) {
      const { status } = await sendRaw(s.server, [`GET ${target} HTTP/1.1`]);
      assert.ok([400, 404].includes(status), `${target}: ${status}`);
    }
  });

  test('percent-encoded letters are letters', async () => {
    const target = '/%72epos/octo%63at/hello%2Dworld/deployments';
    const { status, body } = await sendRaw(s.server, [`GET ${target} HTTP/1.1`]);
    assert.equal(status, 200);
    assert.equal(body.length, 1);
  });

  test('a Host that could break out of an address does not get into one', async () => {
    for (const host of ['a"b', 'a b', 'evil/path', 'user@evil', '<script>', 'a\\b', 'a?b', 'a#b', 'é']) {
      const { status, body } = await sendRaw(s.server, [
        `GET ${REPOSITORY}/deployments HTTP/1.1`,
        `Host: ${host}`,
      ]);
      if (status === 400) continue;
      assert.equal(status, 200, host);
      assert.ok(body[0].url.startsWith('http://localhost/repos/'), body[0].url);
    }
  });

  test('an honest Host is what addresses begin with', async () => {
    for (const host of ['git.example.org', 'example.org:8443', '[::1]:80']) {
      const { body } = await sendRaw(s.server, [
        `GET ${REPOSITORY}/deployments HTTP/1.1`,
        `Host: ${host}`,
      ]);
      assert.ok(body[0].url.startsWith(`http://${host}/repos/`), body[0].url);
    }
  });

  test('chunks make a body', async () => {
    const { status } = await sendRaw(
      s.server,
      [`POST ${REPOSITORY}/deployments HTTP/1.1`, 'Transfer-Encoding: chunked'],
      '7\r\n{"ref":\r\n7\r\n"main"}\r\n0\r\n\r\n',
    );
    assert.equal(status, 201);
  });

  test('a body that breaks off changes nothing', async () => {
    await withoutTrace(s.server, async () => {
      const { socket, closed } = open(s.server);
      socket.end(`POST ${REPOSITORY}/deployments HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"ref":"main"}`);
      const received = await closed;
      if (received !== '') assert.ok(parseAnswer(received, 'POST', `${REPOSITORY}/deployments`).status >= 400);
    });
  });
});
