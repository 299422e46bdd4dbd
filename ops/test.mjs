// `npm test`: installs, checks (types, lint, format), then every suite. Ends with the count.
import { spawnSync } from 'node:child_process';
import { checkNode, ensurePackages, root } from './prepare.mjs';

checkNode();
ensurePackages();
for (const args of [
  ['run', 'check'],
  ['exec', '--', 'jest', ...process.argv.slice(2)],
]) {
  const done = spawnSync('npm', args, { cwd: root, stdio: 'inherit' });
  if (done.status !== 0) process.exit(done.status ?? 1);
}
