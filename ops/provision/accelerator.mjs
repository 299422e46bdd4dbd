import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { root } from '../prepare.mjs';
import { cacheDir, onPath } from './run.mjs';

const SOURCES = path.join(root, 'platform', 'crypto', 'gmsm');
const FILES = ['go.mod', 'go.sum', 'main.go', 'signer.go', 'tables.go'];

/**
 * The library that speeds up SM2 (docs/adr/0014-accelerator.md), built once for its sources. Optional: without Go,
 * or without its modules, the answer says why there is none.
 */
export function findAccelerator() {
  const go = onPath('go');
  if (go === null) return { library: null, reason: 'go is not on PATH' };
  const hash = createHash('sha256');
  for (const name of FILES) hash.update(readFileSync(path.join(SOURCES, name)));
  const home = path.join(cacheDir(), `accelerator-${hash.digest('hex').slice(0, 16)}`);
  const library = path.join(home, 'libgmsm.so');
  if (existsSync(library)) return { library, reason: null };
  const partial = `${home}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  process.stderr.write('building the accelerator\n');
  const out = path.join(partial, 'libgmsm.so');
  const args = ['build', '-trimpath', '-ldflags=-s -w', '-buildmode=c-shared', '-o', out, '.'];
  const { status, stderr } = spawnSync(go, args, { cwd: SOURCES, encoding: 'utf8', timeout: 300_000 });
  if (status !== 0) return { library: null, reason: `go build failed: ${(stderr ?? '').trim().split('\n').at(-1)}` };
  rmSync(home, { recursive: true, force: true });
  renameSync(partial, home);
  return { library, reason: null };
}
