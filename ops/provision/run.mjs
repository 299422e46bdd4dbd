import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { refuse } from '../prepare.mjs';

/** Where downloaded parts are kept, one for all checkouts: SEALFOLIO_CACHE, else ~/.cache/sealfolio. */
export function cacheDir() {
  const dir = path.resolve(process.env.SEALFOLIO_CACHE ?? path.join(os.homedir(), '.cache', 'sealfolio'));
  mkdirSync(dir, { recursive: true });
  return dir;
}

/** The path of a program on PATH, or null. */
export function onPath(name) {
  for (const dir of (process.env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(dir, name);
    if (dir !== '' && existsSync(file)) return file;
  }
  return null;
}

/** Whether a program answers to these arguments with something that matches. */
export function answers(file, args, pattern) {
  const { status, stdout } = spawnSync(file, args, { encoding: 'utf8' });
  return status === 0 && pattern.test(stdout);
}

/** Runs a step that may take minutes, with a line before and a sign of life every 15 s; ends the process with one sentence if it fails. */
export async function longStep(what, command, args, options = {}) {
  process.stderr.write(`${what}\n`);
  const started = Date.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let said = '';
  const keep = (data) => (said = (said + data).slice(-4000));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const alive = setInterval(() => process.stderr.write(`  … ${seconds()} s\n`), 15_000);
  const code = await new Promise((done) => {
    child.on('error', (error) => {
      keep(error.message);
      done(1);
    });
    child.on('close', done);
  });
  clearInterval(alive);
  if (code !== 0) {
    process.stderr.write(`${said}\n`);
    refuse(`${what} failed; what it said is above.`);
  }
  process.stderr.write(`  done in ${seconds()} s\n`);
}
