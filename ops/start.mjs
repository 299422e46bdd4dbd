// `npm start`: installs, provisions and builds what is missing, then runs the demo consortium until Ctrl-C.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { checkNode, ensurePackages, root } from './prepare.mjs';

checkNode();
ensurePackages();
const { provision } = await import('./provision/index.mjs');
const { mongod, temporal, softhsm } = await provision();
const { buildAll } = await import('./build.mjs');
await buildAll();
const env = { ...process.env, MONGOD: mongod, TEMPORAL: temporal, PKCS11_MODULE: softhsm };
const child = spawn(process.execPath, [path.join(root, 'dist', 'demo.cjs')], { stdio: 'inherit', env, cwd: root });
// Ctrl-C reaches the child too, which ends what it started; this process waits for it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    if (signal !== 'SIGINT') child.kill('SIGTERM');
  });
child.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 0)));
