// The server under test, as a child process that each test file starts for itself.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const binary =
  process.env.SLIPWAY_SERVER ?? path.resolve(here, '../../../../bazel-bin/examples/server/server');
const START_MS_MAX = 20_000;

// Runs the server with flags that let it end at once. Answers its exit code and output.
export async function runToEnd(flags) {
  const cwd = mkdtempSync(path.join(tmpdir(), 'slipway-acceptance-'));
  const child = spawn(binary, flags, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8').on('data', (text) => (output[stream] += text));
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), START_MS_MAX);
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  rmSync(cwd, { recursive: true, force: true });
  return { code, ...output };
}

// Starts the server on a free port of 127.0.0.1. `stop` ends it and answers its exit code. What it
// says on its standard error is said on that of the tests, too. Without
// a directory to `keep` it has one of its own, which goes with it.
export async function startServer(flags = [], keep = undefined) {
  const directory = keep ?? mkdtempSync(path.join(tmpdir(), 'slipway-acceptance-'));
  const portFile = path.join(directory, 'port');
  rmSync(portFile, { force: true });
  // The default store is where it stands.
  const child = spawn(binary, ['--listen=127.0.0.1:0', `--port_file=${portFile}`, ...flags], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    log += text;
    process.stderr.write(text);
  });
  const ended = once(child, 'exit').then(([code, signal]) => signal ?? code);
  // Whatever becomes of the tests, the server does not outlive them.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);

  for (let waited = 0; !existsSync(portFile); waited += 10) {
    if (child.exitCode !== null || waited > START_MS_MAX) {
      kill();
      throw new Error(`the server did not start with ${flags.join(' ')}`);
    }
    await sleep(10);
  }
  const portText = readFileSync(portFile, 'utf8');
  const port = Number(portText);
  return {
    pid: child.pid,
    port,
    portText,
    portFile,
    origin: `http://127.0.0.1:${port}`,
    // What it has written to its standard error.
    log: () => log,
    signal: (name) => child.kill(name),
    ended,
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null) child.kill(signal);
      const code = await ended;
      process.removeListener('exit', kill);
      if (keep === undefined) rmSync(directory, { recursive: true, force: true });
      return code;
    },
  };
}
