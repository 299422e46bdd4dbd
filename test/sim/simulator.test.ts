import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { runSeed } from '../../chain-node/sim/index.ts';
import { MUTANTS } from '../../chain-node/sim/mutants.ts';

/** The built command, as `npm run sim` runs it: its compiler does not run inside Jest's own realm. */
const sim = (...args: string[]) =>
  spawnSync(process.execPath, [path.join('dist', 'sim.cjs'), ...args], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  });

test('200 seeds of delay, loss, partitions, crashes and faulty members show no violation', () => {
  const { status, stdout } = sim('--seeds', '200');
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

test('an unknown argument is a usage error', () => {
  expect(sim('--seeds', 'many').status).toBe(2);
});
