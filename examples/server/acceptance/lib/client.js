// Clients of a server: the official one, and plain requests for what it would never send.

import assert from 'node:assert/strict';
import net from 'node:net';
import { isDeepStrictEqual } from 'node:util';

import { Octokit } from '@octokit/rest';

import { checkAnswer, checkedFetch } from './answers.js';

export const HELLO = { owner: 'octocat', repo: 'hello-world' };

const silent = { debug() {}, info() {}, warn() {}, error() {} };

// The methods of the deployments API, for the repository `HELLO` unless told otherwise.
export function connect(server, { prefix = '', repository = HELLO } = {}) {
  const octokit = new Octokit({
    baseUrl: server.origin + prefix,
    log: silent,
    request: { fetch: checkedFetch },
  });
  const { repos } = octokit.rest;
  const call = (method) => (options) => method({ ...repository, ...options });
  return {
    octokit,
    createDeployment: call(repos.createDeployment),
    listDeployments: call(repos.listDeployments),
    getDeployment: call(repos.getDeployment),
    deleteDeployment: call(repos.deleteDeployment),
    createStatus: call(repos.createDeploymentStatus),
    listStatuses: call(repos.listDeploymentStatuses),
    getStatus: call(repos.getDeploymentStatus),
    // A deployment of main, past every check.
    async deploy(options) {
      const { data } = await repos.createDeployment({ ...repository, ref: 'main', ...options });
      return data;
    },
    // The id of a new deployment whose latest status is `state`.
    async deployed(state, options) {
      const { id } = await this.deploy(options);
      await this.createStatus({ deployment_id: id, state });
      return id;
    },
    // States of a deployment, the newest first.
    async states(deployment_id) {
      const { data } = await repos.listDeploymentStatuses({ ...repository, deployment_id });
      return data.map((status) => status.state);
    },
  };
}

// One plain request below the repository `HELLO`.
export async function send(server, method, path, { body, headers } = {}) {
  const url = `${server.origin}/repos/octocat/hello-world${path}`;
  const response = await checkedFetch(url, { method, headers, body });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text === '' ? undefined : JSON.parse(text),
  };
}

// A socket for requests that `fetch` refuses to send.
export function open(server) {
  const socket = net.connect(server.port, '127.0.0.1').setEncoding('latin1');
  let received = '';
  const closed = new Promise((resolve, reject) => {
    socket.on('data', (text) => (received += text));
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
  });
  // Awaited late, or not at all by those who only look at what came so far.
  closed.catch(() => {});
  return { socket, closed, received: () => received };
}

// Takes an answer from the wire apart and checks it as every other.
export function parseAnswer(text, method, pathname) {
  const end = text.indexOf('\r\n\r\n');
  assert.notEqual(end, -1, `no answer: ${JSON.stringify(text)}`);
  const [first, ...lines] = text.slice(0, end).split('\r\n');
  const status = Number(first.split(' ')[1]);
  const headers = new Headers(lines.map((line) => line.split(/: (.*)/s).slice(0, 2)));
  const body = Buffer.from(text.slice(end + 4), 'latin1').toString('utf8');
  return {
    status,
    headers,
    body: checkAnswer({ method, pathname, status, headers, text: body }),
  };
}

// Sends `head` (lines without their ends; Host and Connection are added) and `body`, byte for byte.
export async function sendRaw(server, head, body = '') {
  const [method, target = ''] = head[0].split(' ');
  const { socket, closed } = open(server);
  const lines = [...head, 'Connection: close'];
  if (!head.some((line) => /^host:/i.test(line))) lines.push(`Host: 127.0.0.1:${server.port}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  socket.write(body);
  return parseAnswer(await closed, method, target.split('?')[0]);
}

// Everything that the repository holds, as text.
async function snapshot(server) {
  const pages = [];
  for (let page = 1; ; ++page) {
    const list = await send(server, 'GET', `/deployments?per_page=100&page=${page}`);
    if (list.body.length === 0) break;
    pages.push(list.text);
    for (const { id } of list.body) {
      pages.push((await send(server, 'GET', `/deployments/${id}/statuses?per_page=100`)).text);
    }
  }
  return pages;
}

// Answers what `request` answers, and makes sure that it has left no trace.
export async function withoutTrace(server, request) {
  const before = await snapshot(server);
  assert.notEqual(before.length, 0, 'there is something that could be damaged');
  const answer = await request();
  // Not `deepEqual`, which would print all of it.
  assert.ok(isDeepStrictEqual(await snapshot(server), before), 'nothing has changed');
  return answer;
}

// A refusal as octokit throws it.
export function refusal(status, message) {
  return (error) => {
    assert.equal(error.status, status, error.message);
    if (message !== undefined) assert.equal(error.response.data.message, message);
    return true;
  };
}
