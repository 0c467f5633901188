// Bodies that are refused: each as documented, and without a trace.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { send, withoutTrace } from '../lib/client.js';
import { serve } from '../lib/hooks.js';

const INVALID = 'Invalid request.\n\n';
const NOT_JSON = 'Problems parsing JSON';

// Values of every type, as JSON, and as they are called in an answer.
const VALUES = {
  string: ['"text"'],
  number: ['1', '-1.5e3'],
  boolean: ['true', 'false'],
  null: ['null'],
  array: ['[]', '["a"]'],
  object: ['{}', '{"a":1}'],
};
const called = (json) => (json === 'null' ? 'nil' : json);

// The fields of a body: [name, types that it may have, what they are called].
const DEPLOYMENT_FIELDS = [
  ['ref', ['string'], 'a string'],
  ['task', ['string'], 'a string'],
  ['auto_merge', ['boolean'], 'a boolean'],
  ['required_contexts', ['array'], 'an array'],
  ['payload', ['object', 'string'], 'an object or a string'],
  ['environment', ['string'], 'a string'],
  ['description', ['string', 'null'], 'a string'],
  ['transient_environment', ['boolean'], 'a boolean'],
  ['production_environment', ['boolean'], 'a boolean'],
];
const STATUS_FIELDS = [
  ['state', ['string'], 'a string'],
  ['target_url', ['string'], 'a string'],
  ['log_url', ['string'], 'a string'],
  ['description', ['string'], 'a string'],
  ['environment', ['string'], 'a string'],
  ['environment_url', ['string'], 'a string'],
  ['auto_inactive', ['boolean'], 'a boolean'],
];

const nested = (depth, open, close) => open.repeat(depth) + '1' + close.repeat(depth);
const violation = (resource, field, message) => ({
  resource,
  code: 'custom',
  field,
  message: `${field} ${message}`,
});

describe('bodies', () => {
  const s = serve();
  let id;
  before(async () => {
    id = await s.api.deployed('in_progress', { environment: 'staging' });
  });
  const endpoints = [
    { what: 'a deployment', path: () => '/deployments', good: '"ref":"main"', fields: DEPLOYMENT_FIELDS },
    { what: 'a status', path: () => `/deployments/${id}/statuses`, good: '"state":"success"', fields: STATUS_FIELDS },
  ];
  const post = (endpoint, body, headers) => send(s.server, 'POST', endpoint.path(), { body, headers });
  const refused = async (endpoint, body, status, message) => {
    const answer = await withoutTrace(s.server, () => post(endpoint, body));
    assert.equal(answer.status, status, answer.text);
    assert.equal(answer.body.message, message);
    return answer.body;
  };

  for (const endpoint of endpoints) {
    const { what, good, fields } = endpoint;

    const notJson = [
      ['words', 'not JSON'],
      ['white space', ' \n'],
      ['an open object', `{${good}`],
      ['a trailing comma', `{${good},}`],
      ['something after it', `{${good}} {}`],
      ['a comment', `{${good}/**/}`],
      ['single quotes', `{${good},'a':1}`],
      ['NaN', `{${good},"a":NaN}`],
      ['a number with a leading zero', `{${good},"a":01}`],
      ['a raw line end in a string', `{${good},"a":"\n"}`],
      ['an unknown escape', `{${good},"a":"\\x41"}`],
      ['half a surrogate pair', `{${good},"a":"\\ud800"}`],
      ['the other half', `{${good},"a":{"b":"\\udc00"}}`],
      ['a byte order mark', `\ufeff{${good}}`],
      ['a NUL', `{${good}}\0`],
      ['a NUL within', `{${good},"a":"\0"}`],
      ['a byte that is no UTF-8', Buffer.from(`{${good},"a":"\xff"}`, 'latin1')],
      ['a character cut short', Buffer.from(`{${good},"a":"\xe2\x82"}`, 'latin1')],
      ['an overlong character', Buffer.from(`{${good},"a":"\xc0\xaf"}`, 'latin1')],
      ['UTF-16', Buffer.from(`{${good}}`, 'utf16le')],
      ['10,000 arrays', `{${good},"a":${nested(10_000, '[', ']')}}`],
      ['10,000 objects', `{${good},"a":${nested(10_000, '{"a":', '}')}}`],
      ['10,000 arrays outside', nested(10_000, '[', ']')],
    ];
    for (const [name, body] of notJson) {
      test(`${what}: ${name} is no JSON`, () => refused(endpoint, body, 400, NOT_JSON));
    }

    for (const body of ['[]', `[{${good}}]`, '"ref"', '1', 'null', 'true']) {
      test(`${what}: ${body} is no object`, () =>
        refused(endpoint, body, 400, 'Body should be a JSON object'));
    }

    for (const [field, types, wanted] of fields) {
      test(`${what}: ${field} must be ${wanted}`, async () => {
        const others = Object.keys(VALUES).filter((type) => !types.includes(type));
        for (const json of others.flatMap((type) => VALUES[type])) {
          const required = good.startsWith(`"${field}"`) ? '' : `${good},`;
          const line = `For 'properties/${field}', ${called(json)} is not ${wanted}.`;
          await refused(endpoint, `{${required}"${field}":${json}}`, 422, INVALID + line);
        }
      });

      test(`${what}: ${field} twice is ambiguous`, async () => {
        const value = VALUES[types[0]][0];
        const required = good.startsWith(`"${field}"`) ? '' : `${good},`;
        await refused(endpoint, `{${required}"${field}":${value},"${field}":${value}}`, 400, NOT_JSON);
        const escaped = `\\u00${field.charCodeAt(0).toString(16)}${field.slice(1)}`;
        await refused(endpoint, `{${required}"${field}":${value},"${escaped}":${value}}`, 400, NOT_JSON);
      });
    }

    test(`${what}: every wrong type is listed`, async () => {
      const body = `{${fields.map(([name]) => `"${name}":1`).join()}}`;
      const lines = fields.map(([name, , wanted]) => `For 'properties/${name}', 1 is not ${wanted}.`);
      const answer = await withoutTrace(s.server, () => post(endpoint, body));
      assert.equal(answer.status, 422);
      const [start, , ...listed] = answer.body.message.split('\n');
      assert.equal(start, 'Invalid request.');
      assert.deepEqual(listed.sort(), lines.sort());
    });

    test(`${what}: nothing is {}, where what is required is missing`, async () => {
      const required = good.split('"')[1];
      for (const body of [undefined, '', '{}']) {
        await refused(endpoint, body, 422, `${INVALID}"${required}" wasn't supplied.`);
      }
    });

    test(`${what}: 10 MB are too many`, async () => {
      for (const body of [`{${good},"a":"${'x'.repeat(10_000_000)}"}`, Buffer.alloc(10_000_000, '[')]) {
        await refused(endpoint, body, 413, 'Payload Too Large');
      }
    });

    test(`${what}: a media type is never the reason`, async () => {
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml; charset=utf-16', 'multipart/form-data', 'nonsense', '']) {
        const answer = await post(endpoint, `{${good}}`, { 'Content-Type': type });
        assert.equal(answer.status, 201, type);
      }
    });

    test(`${what}: a key that means nothing may come twice`, async () => {
      const answer = await post(endpoint, `{"a":1,${good},"a":{"ref":1,"ref":2}}`);
      assert.equal(answer.status, 201);
    });

    for (const [name, environment, message] of [
      ['empty', '', "can't be blank"],
      ['256 characters', 'x'.repeat(256), 'is too long (maximum is 255 characters)'],
      ['256 wide characters', '环'.repeat(256), 'is too long (maximum is 255 characters)'],
    ]) {
      test(`${what}: an environment that is ${name}`, async () => {
        const body = `{${good},"environment":"${environment}"}`;
        const { errors } = await refused(endpoint, body, 422, 'Validation Failed');
        const resource = endpoint === endpoints[0] ? 'Deployment' : 'DeploymentStatus';
        assert.deepEqual(errors, [violation(resource, 'environment', message)]);
      });
    }

    test(`${what}: an environment of 255 characters is accepted`, async () => {
      for (const environment of ['x'.repeat(255), '环'.repeat(255), '🚀'.repeat(255)]) {
        const answer = await post(endpoint, `{${good},"environment":"${environment}"}`);
        assert.equal(answer.status, 201);
        assert.equal(answer.body.environment, environment);
      }
    });
  }

  const [deployment, status] = endpoints;

  for (const ref of ['nowhere', '', 'main\0', 'main\r\nX-Injected: 1', '../main', 'MAIN', 'x'.repeat(1024), '%00', '🚀', 'refs/heads/nowhere', 'f'.repeat(40)]) {
    test(`the ref ${JSON.stringify(ref.slice(0, 20))} is unknown`, async () => {
      const body = JSON.stringify({ ref });
      await refused(deployment, body, 422, `No ref found for: ${ref}`);
    });
  }

  test('a ref of 1025 bytes is refused before it is looked for', async () => {
    const body = JSON.stringify({ ref: 'x'.repeat(1025) });
    const { errors } = await refused(deployment, body, 422, 'Validation Failed');
    assert.equal(errors.length, 1);
    assert.equal(errors[0].field, 'ref');
  });

  test('a payload of 64 KiB is accepted, one byte more is not', async () => {
    const payload = (size) => JSON.stringify({ ref: 'main', payload: 'x'.repeat(size) });
    assert.equal((await post(deployment, payload(65536))).status, 201);
    const { errors } = await refused(deployment, payload(65537), 422, 'Validation Failed');
    assert.equal(errors.length, 1);
    assert.equal(errors[0].field, 'payload');
  });

  test('required_contexts of other things are named one by one', async () => {
    const body = '{"ref":"main","required_contexts":["a",1,null,["b"]]}';
    const message = [1, 'nil', '["b"]'].map(
      (shown, i) => `For 'properties/required_contexts/${i + 1}', ${shown} is not a string.`,
    );
    await refused(deployment, body, 422, INVALID + message.join('\n'));
  });

  test('an answer is not much longer than what it refuses', async () => {
    const body = `{"ref":"main","required_contexts":[${'1,'.repeat(300_000)}1]}`;
    const answer = await withoutTrace(s.server, () => post(deployment, body));
    assert.equal(answer.status, 422);
    assert.ok(answer.text.length < 20_000, `${answer.text.length} characters`);
  });

  for (const state of ['', 'waiting', 'SUCCESS', 'destroyed', 'unspecified', 'success ', 'sucess']) {
    test(`the state "${state}" is none`, async () => {
      const { errors } = await refused(status, JSON.stringify({ state }), 422, 'Validation Failed');
      assert.deepEqual(errors, [
        violation('DeploymentStatus', 'state', 'is not included in the list'),
      ]);
    });
  }

  test('a description of 141 characters is too long', async () => {
    for (const description of ['x'.repeat(141), 'ü'.repeat(141), '🚀'.repeat(141)]) {
      const body = JSON.stringify({ state: 'success', description });
      const { errors } = await refused(status, body, 422, 'Validation Failed');
      assert.deepEqual(errors, [
        violation('DeploymentStatus', 'description', 'is too long (maximum is 140 characters)'),
      ]);
    }
  });

  test('a description of 140 characters is accepted, however wide they are', async () => {
    for (const description of ['x'.repeat(140), 'ü'.repeat(140), '🚀'.repeat(140)]) {
      const answer = await post(status, JSON.stringify({ state: 'success', description }));
      assert.equal(answer.status, 201);
      assert.equal(answer.body.description, description);
    }
  });

  for (const environment_url of ['ftp://example.org', 'javascript:alert(1)', 'example.org', '//example.org', ' https://example.org']) {
    test(`the environment_url "${environment_url}" has no web scheme`, async () => {
      const body = JSON.stringify({ state: 'success', environment_url });
      const { errors } = await refused(status, body, 422, 'Validation Failed');
      assert.deepEqual(errors, [
        violation('DeploymentStatus', 'environment_url', 'must use http(s) scheme'),
      ]);
    });
  }

  test('several violations are all listed', async () => {
    const body = JSON.stringify({
      state: 'nonsense',
      description: 'x'.repeat(141),
      environment: '',
      environment_url: 'ftp://example.org',
    });
    const { errors } = await refused(status, body, 422, 'Validation Failed');
    assert.deepEqual(errors.map((error) => error.field), [
      'state', 'description', 'environment', 'environment_url',
    ]);
    const two = JSON.stringify({ ref: 'x'.repeat(1025), environment: 'x'.repeat(256) });
    const answer = await refused(deployment, two, 422, 'Validation Failed');
    assert.deepEqual(answer.errors.map((error) => error.field), ['ref', 'environment']);
  });
});
