// `node ops/cli.mjs NAME ARGS…`: one of the commands of package.json, built first if its sources changed.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { checkNode, ensurePackages, root } from './prepare.mjs';

checkNode();
ensurePackages();
const { buildProcesses } = await import('./build.mjs');
await buildProcesses();
const [name, ...args] = process.argv.slice(2);
const env = { ...process.env };
if (name === 'bench') {
  const { provision } = await import('./provision/index.mjs');
  const { mongod, temporal, softhsm } = await provision();
  Object.assign(env, { MONGOD: mongod, TEMPORAL: temporal, PKCS11_MODULE: softhsm });
  const { buildAll } = await import('./build.mjs');
  await buildAll();
}
// Ctrl-C goes to the command too, which ends in its own way.
process.on('SIGINT', () => {});
const done = spawnSync(process.execPath, ['--enable-source-maps', path.join(root, 'dist', `${name}.cjs`), ...args], {
  stdio: 'inherit',
  env,
});
process.exit(done.status ?? 1);
