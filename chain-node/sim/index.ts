import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { MUTANTS } from './mutants.ts';
import { Violation } from './oracle.ts';
import { type Outcome, Simulation } from './simulation.ts';

const USAGE = 'usage: npm run sim -- [--seeds N] [--from SEED] [--jobs N] [--trace] [--mutants]\n';

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
    const seeds = Array.from({ length: count }, (_, i) => from + i);
    for (const seed of [mutant.seed ?? from, ...seeds]) {
      const outcome = await run(seed);
      if ('property' in outcome && (mutant.shows ?? outcome.property) === outcome.property)
        caught = `seed ${seed}, ${outcome.property}`;
      if (caught !== null) break;
    }
    if (caught === null) missed += 1;
    say(`${caught === null ? 'MISSED' : 'caught'}  ${mutant.name}${caught === null ? '' : `: ${caught}`}`);
  }
  say(`${MUTANTS.length - missed} of ${MUTANTS.length} mutants caught`);
  return missed === 0 ? 0 : 1;
}

interface Total {
  heights: number;
  txs: number;
  crashes: number;
  handovers: number;
  events: number;
}

/** Runs seeds one after the other; null if one shows a violation, which is then run again with its trace. */
async function runAll(
  { count, from, step }: Share,
  trace: boolean,
  say: (line: string) => void,
): Promise<Total | null> {
  const total: Total = { heights: 0, txs: 0, crashes: 0, handovers: 0, events: 0 };
  for (let seed = from; seed < from + count * step; seed += step) {
    const outcome = await runSeed(seed, trace ? say : null);
    if (outcome instanceof Violation) {
      if (!trace) await runSeed(seed, say);
      say(`seed ${seed}: ${outcome.message}`);
      say(`again: npm run sim -- --from ${seed} --seeds 1 --trace`);
      return null;
    }
    total.heights += outcome.height;
    total.txs += outcome.txs;
    total.crashes += outcome.crashes;
    total.handovers += outcome.handovers;
    total.events += outcome.events;
  }
  return total;
}

/** Seeds of one process: every `step`-th from one on. */
interface Share {
  count: number;
  from: number;
  step: number;
}

/** Has a share run by a process of its own; null, and what it said, if it shows a violation. */
async function runApart({ count, from, step }: Share, children: Set<ChildProcess>): Promise<Total | string> {
  const args = ['--seeds', `${count}`, '--from', `${from}`, '--step', `${step}`];
  const child = spawn(process.execPath, [__filename, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  let said = '';
  child.stdout.on('data', (data) => (said += String(data)));
  const [code] = (await once(child, 'close')) as [number | null];
  children.delete(child);
  return code === 0 ? (JSON.parse(said) as Total) : said;
}

/** Runs the seeds by so many processes; null if one shows a violation. */
async function runBeside({ count, from }: Share, jobs: number, say: (line: string) => void): Promise<Total | null> {
  const step = Math.min(jobs, count);
  const children = new Set<ChildProcess>();
  let failed: string | null = null;
  const shares = Array.from({ length: step }, (_, i) => ({
    count: Math.ceil((count - i) / step),
    from: from + i,
    step,
  }));
  const totals = await Promise.all(
    shares.map(async (share) => {
      const outcome = await runApart(share, children);
      if (typeof outcome !== 'string') return outcome;
      failed ??= outcome;
      for (const child of children) child.kill();
      return null;
    }),
  );
  if (failed !== null) say((failed as string).trimEnd());
  return totals.reduce((sum, one) => {
    if (sum === null || one === null) return null;
    for (const key of Object.keys(sum) as (keyof Total)[]) sum[key] += one[key];
    return sum;
  });
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
      // Processes; all processors if absent.
      jobs: { type: 'string' },
      // Of a process that runs a share of them.
      step: { type: 'string' },
    },
  });
  const [count, from, step] = [Number(values.seeds ?? '200'), Number(values.from ?? '1'), Number(values.step ?? '1')];
  const jobs = Number(values.jobs ?? availableParallelism());
  if (![count, from, step, jobs].every(Number.isInteger) || step < 1 || jobs < 1) {
    process.stderr.write(USAGE);
    return 2;
  }
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  if (values.mutants === true) return hunt(count, from, say);
  const share = { count, from, step };
  const started = performance.now();
  const isAlone = values.trace === true || values.step !== undefined || count === 1;
  const total = await (isAlone ? runAll(share, values.trace === true, say) : runBeside(share, jobs, say));
  if (total === null) return 1;
  if (values.step !== undefined) {
    say(JSON.stringify(total));
    return 0;
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  say(
    `${count} seeds in ${seconds} s: ${total.heights} heights, ${total.txs} transactions, ${total.crashes} crashes, ` +
      `${total.handovers} handovers, ${total.events} events; no violation`,
  );
  return 0;
}
