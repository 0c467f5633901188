// Auto-merge and required contexts: R13 to R15.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { refusal } from '../lib/client.js';
import { serve } from '../lib/hooks.js';

const BEHIND_SHA = 'ca87e4a0538e5cc394e9c0c49682e8c85e71098f';

describe('auto-merge', () => {
  const s = serve();

  test('a branch that is behind is merged, and then deployed', async () => {
    const merged = await s.api.createDeployment({ ref: 'behind', required_contexts: [] });
    assert.equal(merged.status, 202);
    assert.deepEqual(merged.data, { message: 'Auto-merged main into behind on deployment.' });
    assert.deepEqual((await s.api.listDeployments()).data, []);
    const created = await s.api.createDeployment({ ref: 'behind', required_contexts: [] });
    assert.equal(created.status, 201);
    assert.notEqual(created.data.sha, BEHIND_SHA);
  });

  test('a conflict is 409, each time', async () => {
    for (let i = 0; i < 2; ++i) {
      await assert.rejects(
        s.api.createDeployment({ ref: 'conflict' }),
        refusal(409, 'Conflict merging main into conflict.'),
      );
    }
  });

  for (const ref of [BEHIND_SHA, 'refs/heads/conflict']) {
    test(`${ref} is behind and no branch: 409`, async () => {
      await assert.rejects(
        s.api.createDeployment({ ref }),
        refusal(409, `Conflict merging main into ${ref}.`),
      );
    });
  }

  test('without auto_merge nothing is merged', async () => {
    const { data } = await s.api.createDeployment({ ref: 'conflict', auto_merge: false });
    assert.equal(data.sha, '58414753e69b6550b0b629c6d8e7e80ad6f77325');
  });

  test('the default branch is never behind', async () => {
    assert.equal((await s.api.createDeployment({ ref: 'main' })).status, 201);
  });
});

describe('required contexts', () => {
  const s = serve();

  const failed = (ref, contexts) => (error) => {
    refusal(409, `Conflict: Commit status checks failed for ${ref}.`)(error);
    assert.deepEqual(error.response.data.errors, [
      { contexts, resource: 'Deployment', field: 'required_contexts', code: 'invalid' },
    ]);
    assert.deepEqual(Object.keys(error.response.data.errors[0]), [
      'contexts', 'resource', 'field', 'code',
    ]);
    return true;
  };
  const build = { context: 'ci/build', state: 'success' };
  const test_ = (state) => ({ context: 'ci/test', state });

  // [ref, required_contexts, the contexts that fail it]
  const refused = [
    ['red', undefined, [build, test_('failure')]],
    ['amber', undefined, [build, test_('pending')]],
    ['red', ['ci/test'], [test_('failure')]],
    ['red', ['CI/Build', 'ci/test'], [build, test_('failure')]],
    ['green', ['ci/build', 'ci/none'], [build, { context: 'ci/none', state: 'pending' }]],
    ['main', ['ci/none'], [{ context: 'ci/none', state: 'pending' }]],
  ];
  for (const [ref, required_contexts, contexts] of refused) {
    test(`${ref} with ${JSON.stringify(required_contexts) ?? 'all'} is 409`, async () => {
      await assert.rejects(
        s.api.createDeployment({ ref, required_contexts }),
        failed(ref, contexts),
      );
    });
  }

  const passing = [
    ['green', undefined],
    ['green', ['ci/test', 'CI/BUILD']],
    ['red', []],
    ['red', ['ci/build']],
    ['main', undefined],
  ];
  for (const [ref, required_contexts] of passing) {
    test(`${ref} with ${JSON.stringify(required_contexts) ?? 'all'} passes`, async () => {
      assert.equal((await s.api.createDeployment({ ref, required_contexts })).status, 201);
    });
  }
});
