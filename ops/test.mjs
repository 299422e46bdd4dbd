// `npm test`: installs, checks (types, lint, format), provisions the real parts, then every suite. Ends with the count.
import { spawnSync } from 'node:child_process';
import { checkNode, ensurePackages, root } from './prepare.mjs';
import { findAccelerator } from './provision/accelerator.mjs';
import { provision } from './provision/index.mjs';

checkNode();
ensurePackages();
function run(args, env = process.env) {
  const done = spawnSync('npm', args, { cwd: root, stdio: 'inherit', env });
  if (done.status !== 0) process.exit(done.status ?? 1);
}
run(['run', 'check']);
const parts = await provision({ tests: true });
const accelerator = findAccelerator();
if (accelerator.library === null) process.stderr.write(`tests of the accelerator are skipped: ${accelerator.reason}\n`);
const { buildAll } = await import('./build.mjs');
await buildAll();
run(['exec', '--', 'jest', ...process.argv.slice(2)], {
  ...process.env,
  // The MongoDB driver loads parts of itself by import(), which Jest's sandbox takes only with this.
  NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --no-warnings=ExperimentalWarning`.trim(),
  TEST_MONGOD: parts.mongod,
  TEST_TEMPORAL: parts.temporal,
  TEST_TEMPORAL_TEST_SERVER: parts.testServer,
  TEST_SOFTHSM_MODULE: parts.softhsm,
  TEST_CHROMIUM: parts.chromium,
  TEST_OFDRW: parts.ofdrw,
  ...(accelerator.library !== null && { TEST_ACCELERATOR: accelerator.library }),
});
