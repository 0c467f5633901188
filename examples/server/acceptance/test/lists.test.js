// Lists: filters, pages and the addresses of other pages: R70 to R72.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { HELLO, send } from '../lib/client.js';
import { serve } from '../lib/hooks.js';

const MAIN_SHA = '9e312558527b55f4a5e52694d24f7f0c00f3edba';
const TOPIC_SHA = 'b5142f645895655405a49439f8600c7727da4f9b';

// "relation page, …" in the order of the header.
function relations(link) {
  return [...link.matchAll(/<([^>]+)>; rel="(\w+)"/g)].map(
    ([, url, relation]) => `${relation} ${new URL(url).searchParams.get('page')}`,
  );
}

describe('filters', () => {
  const s = serve();
  const all = [];
  before(async () => {
    for (const ref of ['main', 'topic-branch', 'v1.0.0']) {
      for (const task of ['deploy', 'migrate']) {
        for (const environment of ['production', 'Staging', 'a/b c&d']) {
          all.unshift(await s.api.deploy({ ref, task, environment, required_contexts: [] }));
        }
      }
    }
  });

  const same = (name, value) => (d) => d[name].toLowerCase() === value.toLowerCase();
  // [query, what a listed deployment is like, how many there are]
  const cases = [
    [{}, () => true, 18],
    [{ sha: MAIN_SHA }, same('sha', MAIN_SHA), 12],
    [{ ref: 'main' }, same('ref', 'main'), 6],
    [{ task: 'migrate' }, same('task', 'migrate'), 9],
    [{ environment: 'staging' }, same('environment', 'Staging'), 6],
    [{ environment: 'a/b c&d' }, same('environment', 'a/b c&d'), 6],
    [{ ref: 'v1.0.0', task: 'deploy' }, (d) => d.ref === 'v1.0.0' && d.task === 'deploy', 3],
    [{ sha: TOPIC_SHA, environment: 'production' }, (d) => d.sha === TOPIC_SHA && d.environment === 'production', 2],
    [{ sha: MAIN_SHA, ref: 'main', task: 'deploy', environment: 'production' }, (d) => d.ref === 'main' && d.task === 'deploy' && d.environment === 'production', 1],
    [{ sha: TOPIC_SHA, ref: 'main' }, () => false, 0],
    [{ ref: 'MAIN' }, () => false, 0],
    [{ task: 'Deploy' }, () => false, 0],
    [{ sha: MAIN_SHA.slice(0, 10) }, () => false, 0],
    [{ environment: 'none', ref: 'none', sha: 'none', task: 'none' }, () => true, 18],
    [{ environment: '', ref: '', sha: '', task: '' }, () => true, 18],
  ];
  for (const [query, matches, count] of cases) {
    test(`${JSON.stringify(query)} lists ${count}`, async () => {
      const { data, headers } = await s.api.listDeployments(query);
      assert.deepEqual(data, all.filter(matches));
      assert.equal(data.length, count);
      assert.equal(headers.link, undefined);
    });
  }
});

describe('pages of 250 deployments', () => {
  const s = serve();
  const ids = [];
  before(async () => {
    for (let i = 0; i < 250; ++i) {
      const { id } = await s.api.deploy({ environment: i % 2 ? 'odd' : 'even one' });
      ids.unshift(id);
    }
    for (let i = 0; i < 35; ++i) {
      await s.api.createStatus({ deployment_id: ids[0], state: 'pending' });
    }
  });

  test('octokit.paginate gathers all', async () => {
    const { octokit } = s.api;
    for (const per_page of [undefined, 7, 100]) {
      const list = await octokit.paginate(octokit.rest.repos.listDeployments, { ...HELLO, per_page });
      assert.deepEqual(list.map((d) => d.id), ids);
    }
  });

  test('octokit.paginate keeps the filter', async () => {
    const { octokit } = s.api;
    const query = { ...HELLO, environment: 'Even One', per_page: 30 };
    const list = await octokit.paginate(octokit.rest.repos.listDeployments, query);
    assert.equal(list.length, 125);
    assert.ok(list.every((d) => d.environment === 'even one'));
  });

  test('octokit.paginate.iterator goes page by page', async () => {
    const { octokit } = s.api;
    const sizes = [];
    const pages = octokit.paginate.iterator(octokit.rest.repos.listDeployments, {
      ...HELLO,
      per_page: 100,
    });
    for await (const { data } of pages) sizes.push(data.length);
    assert.deepEqual(sizes, [100, 100, 50]);
  });

  test('statuses have pages too', async () => {
    const { octokit } = s.api;
    const query = { ...HELLO, deployment_id: ids[0] };
    const list = await octokit.paginate(octokit.rest.repos.listDeploymentStatuses, query);
    assert.equal(list.length, 35);
    const { headers } = await s.api.listStatuses({ deployment_id: ids[0] });
    assert.match(headers.link, new RegExp(`/repositories/1296269/deployments/${ids[0]}/statuses\\?`));
    assert.deepEqual(relations(headers.link), ['next 2', 'last 2']);
  });

  // [query, rows, Link]
  const cases = [
    ['', 30, ['next 2', 'last 9']],
    ['?per_page=100', 100, ['next 2', 'last 3']],
    ['?per_page=100&page=1', 100, ['next 2', 'last 3']],
    ['?per_page=100&page=2', 100, ['prev 1', 'next 3', 'last 3', 'first 1']],
    ['?per_page=100&page=3', 50, ['prev 2', 'first 1']],
    ['?per_page=100&page=4', 0, ['prev 3', 'first 1']],
    ['?per_page=1&page=250', 1, ['prev 249', 'first 1']],
    ['?per_page=1000', 100, ['next 2', 'last 3']],
    ['?per_page=0', 30, ['next 2', 'last 9']],
    ['?per_page=-1', 30, ['next 2', 'last 9']],
    ['?per_page=many', 30, ['next 2', 'last 9']],
    ['?page=0', 30, ['next 2', 'last 9']],
    ['?page=-1', 30, ['next 2', 'last 9']],
    ['?page=9223372036854775807', 0, ['prev 9', 'first 1']],
    ['?page=99999999999999999999', 30, ['next 2', 'last 9']],
    ['?environment=odd&per_page=100', 100, ['next 2', 'last 2']],
  ];
  for (const [query, rows, link] of cases) {
    test(`"${query}" has ${rows} rows and ${link.join(', ')}`, async () => {
      const { status, body, headers } = await send(s.server, 'GET', `/deployments${query}`);
      assert.equal(status, 200);
      assert.equal(body.length, rows);
      assert.deepEqual(relations(headers.get('link')), link);
    });
  }

  test('the addresses in Link are by id, keep the query, and are served', async () => {
    const path = '/deployments?environment=even%20one&per_page=50&page=2';
    const { headers } = await send(s.server, 'GET', path);
    const [, next] = headers.get('link').match(/<([^>]+)>; rel="next"/);
    assert.equal(
      next,
      `${s.server.origin}/repositories/1296269/deployments?environment=even%20one&per_page=50&page=3`,
    );
    const { data } = await s.api.octokit.request(`GET ${next}`);
    assert.equal(data.length, 25);
    assert.ok(data[0].url.startsWith(`${s.server.origin}/repos/octocat/hello-world/deployments/`));
  });
});

describe('addresses by the id of the repository', () => {
  const s = serve();

  test('the whole API is below them', async () => {
    const { request } = s.api.octokit;
    const base = '/repositories/1296269/deployments';
    const created = await request(`POST ${base}`, { data: { ref: 'main' } });
    assert.equal(created.status, 201);
    const { id } = created.data;
    const status = await request(`POST ${base}/${id}/statuses`, { data: { state: 'failure' } });
    assert.deepEqual((await request(`GET ${base}/${id}/statuses/${status.data.id}`)).data, status.data);
    assert.equal((await request(`GET ${base}/${id}/statuses`)).data.length, 1);
    assert.equal((await request(`GET ${base}`)).data.length, 1);
    assert.equal((await request(`DELETE ${base}/${id}`)).status, 204);
  });

  for (const id of ['1', '0', '-1', 'abc', '9223372036854775808']) {
    test(`an unknown id ${id} is 404`, async () => {
      await assert.rejects(
        s.api.octokit.request(`GET /repositories/${id}/deployments`),
        { status: 404 },
      );
    });
  }
});
