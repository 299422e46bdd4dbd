import { parseArgs } from 'node:util';
import { MUTANTS } from './mutants.ts';
import { Violation } from './oracle.ts';
import { type Outcome, Simulation } from './simulation.ts';

const USAGE = 'usage: npm run sim -- [--seeds N] [--from SEED] [--trace] [--mutants]\n';

/** Runs one seed; the violation that it shows, or what came of it. */
export async function runSeed(
  seed: number,
  trace: ((line: string) => void) | null = null,
): Promise<Outcome | Violation> {
  try {
    return await new Simulation(seed, trace).run();
  } catch (error) {
    if (error instanceof Violation) return error;
    throw error;
  }
}

/** Looks for each mutant's first seed; 0 if all are caught. */
async function hunt(count: number, from: number, say: (line: string) => void): Promise<number> {
  const { buildMutant } = await import('./mutation.ts');
  let missed = 0;
  for (const mutant of MUTANTS) {
    const run = await buildMutant(process.cwd(), mutant);
    let caught: string | null = null;
    for (let seed = from; seed < from + count && caught === null; seed += 1) {
      const outcome = await run(seed);
      if ('property' in outcome) caught = `seed ${seed}, ${outcome.property}`;
    }
    if (caught === null) missed += 1;
    say(`${caught === null ? 'MISSED' : 'caught'}  ${mutant.name}${caught === null ? '' : `: ${caught}`}`);
  }
  say(`${MUTANTS.length - missed} of ${MUTANTS.length} mutants caught`);
  return missed === 0 ? 0 : 1;
}

/** `npm run sim`: 0 if no seed shows a violation. The first that does is run again with its trace, which any machine gives again. */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string' },
      from: { type: 'string' },
      trace: { type: 'boolean' },
      mutants: { type: 'boolean' },
    },
  });
  const [count, from] = [Number(values.seeds ?? '200'), Number(values.from ?? '1')];
  if (!Number.isInteger(count) || !Number.isInteger(from)) {
    process.stderr.write(USAGE);
    return 2;
  }
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  if (values.mutants === true) return hunt(count, from, say);
  const total = { heights: 0, txs: 0, crashes: 0, events: 0 };
  const started = performance.now();
  for (let seed = from; seed < from + count; seed += 1) {
    const outcome = await runSeed(seed, values.trace === true ? say : null);
    if (outcome instanceof Violation) {
      if (values.trace !== true) await runSeed(seed, say);
      say(`seed ${seed}: ${outcome.message}`);
      say(`again: npm run sim -- --from ${seed} --seeds 1 --trace`);
      return 1;
    }
    total.heights += outcome.height;
    total.txs += outcome.txs;
    total.crashes += outcome.crashes;
    total.events += outcome.events;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  say(
    `${count} seeds in ${seconds} s: ${total.heights} heights, ${total.txs} transactions, ${total.crashes} crashes, ` +
      `${total.events} events; no violation`,
  );
  return 0;
}
