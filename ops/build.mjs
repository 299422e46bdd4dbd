import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './prepare.mjs';

/** Processes and commands: each runs the `main` of its module. */
const ENTRIES = {
  api: 'api/index.ts',
  worker: 'workers/index.ts',
  'chain-node': 'chain-node/index.ts',
  checker: 'chain-node/mempool/checker-thread.ts',
  watermark: 'platform/ofd/watermark-thread.ts',
  demo: 'ops/demo/index.ts',
  verify: 'ops/verify.ts',
  ingest: 'ops/ingest/index.ts',
  'watch-folder': 'ops/watch-folder/index.ts',
  fsck: 'ops/fsck/index.ts',
  bench: 'bench/run.ts',
  member: 'ops/member/index.ts',
  'packet-switch': 'bench/ledger/packet-switch.ts',
  'heap-probe': 'bench/ledger/heap-probe.ts',
  sim: 'chain-node/sim/index.ts',
};
const SOURCES = [
  'domain',
  'platform',
  'activities',
  'workflows',
  'workers',
  'api',
  'chain-node',
  'verifier',
  'ops',
  'bench',
];
const dist = path.join(root, 'dist');

function newest(dir) {
  let time = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const where = path.join(dir, entry.name);
    time = Math.max(time, entry.isDirectory() ? newest(where) : statSync(where).mtimeMs);
  }
  return time;
}

/** Runs a step unless its stamp is newer than all of its sources. */
async function unlessFresh(name, sources, build) {
  const stamp = path.join(dist, `.${name}.stamp`);
  const changed = Math.max(
    ...sources.map((source) => newest(path.join(root, source))),
    statSync(path.join(root, 'package-lock.json')).mtimeMs,
  );
  if (existsSync(stamp) && statSync(stamp).mtimeMs > changed) return;
  process.stderr.write(`building ${name}\n`);
  mkdirSync(dist, { recursive: true });
  await build();
  writeFileSync(stamp, '');
}

/** Bundles the processes and commands into dist/, packages left out. */
const buildProcesses = () =>
  unlessFresh('processes', SOURCES, async () => {
    const { build } = await import('esbuild');
    for (const [name, entry] of Object.entries(ENTRIES)) {
      if (!existsSync(path.join(root, entry))) continue;
      const isProcess = ['api', 'worker', 'chain-node'].includes(name);
      const contents = ['checker', 'heap-probe', 'watermark'].includes(name)
        ? `import { main } from './${entry}'; main();`
        : isProcess
          ? `import { fail, main } from './${entry}'; main().catch(fail);`
          : `import { main } from './${entry}'; void main(process.argv.slice(2)).then((code) => { process.exitCode = code; });`;
      await build({
        stdin: { contents, resolveDir: root, sourcefile: `${name}-entry.ts`, loader: 'ts' },
        absWorkingDir: root,
        bundle: true,
        platform: 'node',
        target: 'node20',
        format: 'cjs',
        packages: 'external',
        sourcemap: 'linked',
        outfile: path.join(dist, `${name}.cjs`),
        logLevel: 'warning',
      });
    }
  });

/** Bundles the workflows for Temporal's sandbox. */
const buildWorkflows = () =>
  unlessFresh('workflows', ['workflows', 'domain'], async () => {
    const { bundleWorkflowCode, DefaultLogger } = await import('@temporalio/worker');
    const logger = new DefaultLogger('WARN');
    const { code } = await bundleWorkflowCode({ workflowsPath: path.join(root, 'workflows', 'index.ts'), logger });
    writeFileSync(path.join(dist, 'workflows.js'), code);
  });

/** Builds the pages. */
const buildWeb = () =>
  unlessFresh('web', ['web', 'domain', 'verifier'], async () => {
    if (!existsSync(path.join(root, 'web', 'vite.config.ts'))) return;
    const { build } = await import('vite');
    await build({ configFile: path.join(root, 'web', 'vite.config.ts'), logLevel: 'warn' });
  });

/** Builds the explorer, which the ledger nodes serve. */
const buildExplorer = () =>
  unlessFresh('explorer', ['web', 'verifier'], async () => {
    const { build } = await import('vite');
    await build({ configFile: path.join(root, 'web', 'explorer', 'vite.config.ts'), logLevel: 'warn' });
  });

/** Builds what has changed since the last time. */
export async function buildAll() {
  await buildProcesses();
  await buildWorkflows();
  await buildWeb();
  await buildExplorer();
}

export { buildProcesses };
