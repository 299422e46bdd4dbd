import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { runSeed } from '../../chain-node/sim/index.ts';
import { Simulation } from '../../chain-node/sim/simulation.ts';
import { MUTANTS } from '../../chain-node/sim/mutants.ts';

/** The built command, as `npm run sim` runs it: its compiler does not run inside Jest's own realm. */
const sim = (...args: string[]) =>
  spawnSync(process.execPath, [path.join('dist', 'sim.cjs'), ...args], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  });

test('200 seeds of delay, loss, partitions, crashes and faulty members show no violation', () => {
  // Other tests run beside this one.
  const { status, stdout } = sim('--seeds', '200', '--jobs', '1');
  expect(stdout).toMatch(/^200 seeds in .*no violation\n$/);
  expect(status).toBe(0);
});

test('every fault that is put into the sources is caught', () => {
  const { status, stdout } = sim('--mutants', '--seeds', '3000');
  process.stderr.write(stdout);
  expect(stdout.match(/^caught /gm)).toHaveLength(MUTANTS.length);
  expect(stdout).not.toContain('MISSED');
  expect(status).toBe(0);
}, 600_000);

test('a seed is the same run every time', async () => {
  const traceOf = async () => {
    const lines: string[] = [];
    await runSeed(7, (line) => lines.push(line));
    return lines;
  };
  const first = await traceOf();
  expect(first.length).toBeGreaterThan(20);
  expect(await traceOf()).toEqual(first);
});

test('with f + 1 faulty members the chain forks, and each correct node holds both certificates and who signed both', async () => {
  for (let seed = 1; seed <= 5; seed += 1) {
    const nodes = await Simulation.fork(seed);
    expect(nodes.map(({ id }) => id)).toEqual(['m2', 'm3']);
    for (const { forks } of nodes) {
      expect(forks.length).toBeGreaterThan(0);
      for (const fork of forks) {
        expect(fork.accused).toEqual(['m0', 'm1']);
        const { certificates } = fork as Extract<typeof fork, { certificates: unknown }>;
        expect(new Set(certificates.map(({ blockHash }) => blockHash)).size).toBe(2);
        for (const { signers } of certificates) expect(signers).toHaveLength(3);
      }
    }
  }
});

test('an unknown argument is a usage error', () => {
  expect(sim('--seeds', 'many').status).toBe(2);
});
