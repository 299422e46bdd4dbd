import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';
import type { runSeed } from './index.ts';
import type { Mutant } from './mutants.ts';

/** The simulator, built from the sources in `root` with the mutant's faults in them. Throws if a fault has no place there any more. */
export async function buildMutant(root: string, { name, edits }: Mutant): Promise<typeof runSeed> {
  const files = new Map<string, string>();
  for (const { file, find, replace } of edits) {
    const where = path.join(root, file);
    const source = files.get(where) ?? readFileSync(where, 'utf8');
    if (source.split(find).length !== 2) throw new Error(`${name}: ${file} does not hold once: ${find}`);
    files.set(
      where,
      source.replace(find, () => replace),
    );
  }
  const { outputFiles } = await build({
    entryPoints: [path.join(root, 'chain-node/sim/index.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
    external: ['*/mutation.ts'],
    plugins: [
      {
        name: 'mutant',
        setup: ({ onLoad }) =>
          onLoad({ filter: /\.ts$/ }, ({ path: file }) => {
            const contents = files.get(file);
            return contents === undefined ? undefined : { contents, loader: 'ts' };
          }),
      },
    ],
  });
  const dir = mkdtempSync(path.join(root, 'dist', 'mutant-'));
  try {
    const file = path.join(dir, 'sim.cjs');
    writeFileSync(file, outputFiles[0]!.contents);
    return (createRequire(file)(file) as { runSeed: typeof runSeed }).runSeed;
  } finally {
    rmSync(dir, { recursive: true });
  }
}
