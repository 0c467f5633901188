// GitHub's own description of the API, as a judge of answers.

import { readFileSync } from 'node:fs';

import Ajv from 'ajv';
import addFormats from 'ajv-formats';

const description = JSON.parse(
  readFileSync(
    new URL('../../../../testdata/openapi/deployments-github.com.json', import.meta.url),
    'utf8',
  ),
);

// OpenAPI 3.0 differs from JSON Schema where it says that null is allowed. And GitHub's
// `"format": "uri", "default": ""` means that an empty string is valid too.
export function toJsonSchema(node) {
  if (Array.isArray(node)) return node.map(toJsonSchema);
  if (node === null || typeof node !== 'object') return node;
  const { nullable, example, examples, ...rest } = node;
  let schema = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [
      key,
      key === 'properties'
        ? Object.fromEntries(Object.entries(value).map(([name, s]) => [name, toJsonSchema(s)]))
        : toJsonSchema(value),
    ]),
  );
  if (schema.format === 'uri' && schema.default === '') {
    schema = { anyOf: [{ const: '' }, schema] };
  }
  return nullable ? { anyOf: [{ type: 'null' }, schema] } : schema;
}

const ajv = new Ajv({ allErrors: true, strict: false });
addFormats(ajv);
// Numbers are checked by `type`; these formats only name their width.
ajv.addFormat('int32', true).addFormat('int64', true);
ajv.addSchema({ $id: 'github', components: toJsonSchema(description.components) });

const compiled = new Map();

function compile(key, schema) {
  if (!compiled.has(key)) {
    const local = JSON.parse(
      JSON.stringify(toJsonSchema(schema)).replaceAll('"#/components', '"github#/components'),
    );
    compiled.set(key, ajv.compile(local));
  }
  return compiled.get(key);
}

function resolve(node) {
  if (!node?.$ref) return node;
  return node.$ref
    .slice(2)
    .split('/')
    .reduce((at, key) => at[key], description);
}

// A path that is badly encoded is none of the API's.
function decoded(pathname) {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return '';
  }
}

// "/repositories/{id}/…" is another address of "/repos/{owner}/{repo}/…".
function templateOf(pathname) {
  const path = decoded(pathname)
    .replace(/^\/api\/v3\//, '/')
    .replace(/^\/repositories\/\d+\//, '/repos/owner/repo/');
  return Object.keys(description.paths).find((template) =>
    new RegExp(`^${template.replace(/\{[^}]+\}/g, '[^/]+')}$`).test(path),
  );
}

// What is wrong with a body, as text; '' where nothing is. Errors that the description has no
// schema for are held to the schema of any error.
export function complaints(method, pathname, status, body) {
  const template = templateOf(pathname);
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
  const responses = template && description.paths[template][verb]?.responses;
  let schema = resolve(responses?.[status])?.content?.['application/json']?.schema;
  let key = `${verb} ${template} ${status}`;
  if (!schema && status >= 400) {
    schema = description.components.schemas['basic-error'];
    key = 'error';
  }
  if (!schema) return `no schema for ${key}`;
  const validate = compile(key, schema);
  if (validate(body)) return '';
  return `${key}: ${ajv.errorsText(validate.errors)}`;
}
