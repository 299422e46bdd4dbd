// Plain node, before anything is installed: checks the runtime and runs `npm ci` when the lock file is newer than node_modules.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/** Prints one clear sentence and ends the process with a failure. */
export function refuse(sentence) {
  process.stderr.write(`sealfolio: ${sentence}\n`);
  process.exit(1);
}

/** Refuses a node older than the `engines` field asks for (20.19). */
export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    refuse(`Node 20.19 or later is needed, and this is ${process.versions.node}.`);
}

/** Installs the locked packages if node_modules is missing or older than package-lock.json. */
export function ensurePackages() {
  const lock = path.join(root, 'package-lock.json');
  const stamp = path.join(root, 'node_modules', '.package-lock.json');
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(lock).mtimeMs) return;
  process.stderr.write('installing packages (npm ci)\n');
  const done = spawnSync('npm', ['ci', '--no-fund', '--no-audit'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (done.status !== 0) refuse('npm ci failed; its own message is above.');
}
