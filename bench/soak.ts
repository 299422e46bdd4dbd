import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../chain-node/sim/random.ts';
import { readGenesis } from '../chain-node/genesis.ts';
import { chainStart, checkChain, get, nodeAt } from '../ops/fsck/ledger.ts';
import { Collections, type CollectedSample } from './ledger/collected.ts';
import { Localnet } from './ledger/localnet.ts';
import { Namespaces } from './ledger/namespaces.ts';
import { type Sample, sampleOf, slopePerHour } from './ledger/samples.ts';
import { Traffic } from './ledger/traffic.ts';
import { report } from './report.ts';

const USAGE = 'usage: npm run soak -- [--minutes N] [--rate TX_A_SECOND] [--seed N] [--every SECONDS]\n';
const SAMPLE_EVERY_MS = 10_000;
/** Forced collections in a run, at even spans, beside the one at its end. */
const COLLECTIONS = 8;
const BATCHED_SHARE = 0.2;
const BATCH = 32;
const SPLIT_MS = 20_000;
const SLOW_MS = 30_000;
const SLOW = { delayMs: 200, jitterMs: 50, loss: 0.05 };

interface Parts {
  net: Localnet;
  namespaces: Namespaces | null;
  random: Random;
  /** The run is to end now, and to be checked. */
  signal: AbortSignal;
}

/** Waits, or until the run is to end. */
const pause = (ms: number, signal: AbortSignal) => delay(Math.max(ms, 0), undefined, { signal }).catch(() => {});

const say = (text: string) => process.stderr.write(`${new Date().toISOString()} ${text}\n`);
/** The first is never killed: its memory is watched over the whole run. */
const mortal = (random: Random) => 1 + random.int(0, 2);

const FAULTS: Record<string, (parts: Parts) => Promise<void>> = {
  kill: async ({ net, random }) => {
    const victim = mortal(random);
    say(`kill -9 of node ${victim + 1}`);
    process.kill(net.parts[victim]!.pid!, 'SIGKILL');
  },
  'split 1|3': async ({ namespaces, random, signal }) => {
    const alone = random.int(0, 3);
    await namespaces!.split(
      [alone],
      [0, 1, 2, 3].filter((node) => node !== alone),
    );
    await pause(SPLIT_MS, signal);
    await namespaces!.heal();
  },
  'split 2|2': async ({ namespaces, random, signal }) => {
    const mate = random.int(1, 3);
    await namespaces!.split(
      [0, mate],
      [1, 2, 3].filter((node) => node !== mate),
    );
    await pause(SPLIT_MS, signal);
    await namespaces!.heal();
  },
  slow: async ({ namespaces, signal }) => {
    await namespaces!.set(() => SLOW);
    await pause(SLOW_MS, signal);
    await namespaces!.heal();
  },
};

/** Until it is time to end: a fault every so often. Gives how many there were. */
async function harm(parts: Parts, everyMs: number, until: number): Promise<number> {
  const kinds = Object.keys(FAULTS).filter((kind) => kind === 'kill' || parts.namespaces !== null);
  let faults = 0;
  for (let due = Date.now() + everyMs; due + SLOW_MS < until; due += everyMs) {
    await pause(due - Date.now(), parts.signal);
    if (parts.signal.aborted) return faults;
    const kind = kinds[faults % kinds.length]!;
    say(kind);
    await FAULTS[kind]!(parts);
    faults += 1;
  }
  await pause(until - Date.now(), parts.signal);
  return faults;
}

/** Samples all nodes until it is stopped. */
function watch(net: Localnet): { samples: Sample[]; stop(): void } {
  const samples: Sample[] = [];
  const firstSeen = new Map<number, number>();
  const began = Date.now();
  const timer = setInterval(() => {
    for (const [node, { pid, isRunning }] of net.parts.entries()) {
      const now = isRunning ? sampleOf(pid!, net.where.member(net.keys[node]!.memberId).ledger) : null;
      if (now === null) continue;
      const atS = (Date.now() - began) / 1000;
      if (!firstSeen.has(pid!)) firstSeen.set(pid!, atS);
      samples.push({ node, pid: pid!, atS, ageS: atS - firstSeen.get(pid!)!, ...now });
    }
    const last = samples.slice(-net.parts.length);
    const words = ({ rssMib, anonymousMib, handles, storeMib }: Sample) =>
      `${rssMib.toFixed(0)} MiB (${anonymousMib.toFixed(0)} its own) ${handles} fd ${storeMib.toFixed(0)} MiB`;
    say(last.map(words).join(' · '));
  }, SAMPLE_EVERY_MS);
  return { samples, stop: () => clearInterval(timer) };
}

/** What is wrong with what the four nodes hold in the end; nothing if all is well. */
async function faultsOf(
  { net }: Parts,
  traffic: Traffic,
): Promise<{ wrong: string[]; blocks: number; records: number }> {
  const start = chainStart(readGenesis(net.where.genesis));
  const wrong = traffic.refused.map((reason) => `refused: ${reason}`);
  const sent = new Set(traffic.final.flatMap(({ digests }) => digests));
  let [blocks, records] = [0, 0];
  let first: string[] | undefined;
  for (const [node, url] of net.rpcUrls.entries()) {
    const chain = await checkChain(nodeAt(url), start);
    wrong.push(...chain.findings.map(({ where, reason }) => `${where}: ${reason}`));
    const digests = chain.records.filter(({ stream }) => stream === 'archive').map(({ digest }) => digest);
    if (new Set(digests).size !== digests.length) wrong.push(`node ${node + 1}: a record twice`);
    const held = new Set(digests);
    const missing = [...sent].filter((digest) => !held.has(digest)).length;
    if (missing > 0) wrong.push(`node ${node + 1}: ${missing} records that were final are not there`);
    first ??= chain.hashes;
    if (chain.hashes.some((own, i) => first![i] !== undefined && first![i] !== own))
      wrong.push(`node ${node + 1}: a fork`);
    const evidence = await get<unknown[]>(url, '/v1/evidence');
    if (evidence.length > 0) wrong.push(`node ${node + 1}: ${evidence.length} findings against members`);
    [blocks, records] = [Math.max(blocks, chain.hashes.length), Math.max(records, digests.length)];
  }
  return { wrong, blocks, records };
}

function tell(figure: string, value: number, unit: string, note?: string): void {
  report({ bench: 'soak', figure: `soak.${figure}`, value, unit, ...(note !== undefined && { note }) });
}

function tellMemory(samples: readonly Sample[]): void {
  for (const node of new Set(samples.map((sample) => sample.node))) {
    const own = samples.filter((sample) => sample.node === node);
    const lives = new Set(own.map(({ pid }) => pid)).size;
    const note = `node ${node + 1}; lives: ${lives}`;
    for (const [figure, of] of [
      ['rss.slope', (sample: Sample) => sample.rssMib],
      ['anonymous.slope', (sample: Sample) => sample.anonymousMib],
    ] as const)
      tell(figure, slopePerHour(own, of), 'MiB/h', note);
    tell('rss.most', Math.max(...own.map(({ rssMib }) => rssMib)), 'MiB', note);
    tell('handles.most', Math.max(...own.map(({ handles }) => handles)), 'handles', note);
    tell('store', own.at(-1)!.storeMib, 'MiB', note);
  }
}

/** What is left after forced collections: that it is flat is a figure, where resident memory holds garbage too. */
function tellCollected(samples: readonly CollectedSample[]): void {
  for (const node of new Set(samples.map((sample) => sample.node))) {
    const own = samples.filter((sample) => sample.node === node);
    const [first, last] = [own[0]!, own.at(-1)!];
    const note = `node ${node + 1}; after a forced collection, ${own.length} of them`;
    tell('heap.first', first.heapMib, 'MiB', `${note}, at ${first.atS.toFixed(0)} s`);
    tell('heap.last', last.heapMib, 'MiB', `${note}, at ${last.atS.toFixed(0)} s`);
    tell(
      'heap.slope',
      slopePerHour(own, ({ heapMib }) => heapMib),
      'MiB/h',
      note,
    );
    for (const what of ['reserved', 'external', 'rss'] as const) {
      tell(`${what}.collected.first`, first[`${what}Mib`], 'MiB', note);
      tell(`${what}.collected.last`, last[`${what}Mib`], 'MiB', note);
    }
  }
}

/** Collects at even spans until it is stopped. */
function collect(collections: Collections, net: Localnet, everyMs: number): { stop(): Promise<void> } {
  const ending = new AbortController();
  const running = (async () => {
    for (await pause(everyMs, ending.signal); !ending.signal.aborted; await pause(everyMs, ending.signal))
      await collections.take(net);
  })();
  return {
    async stop() {
      ending.abort();
      await running;
    },
  };
}

/** Ctrl-C once ends the load, and what is there is checked; twice ends it all. */
function interrupted(): AbortController {
  const ending = new AbortController();
  process.once('SIGINT', () => {
    say('interrupted: the load ends, and all is checked');
    ending.abort();
  });
  return ending;
}

/** `npm run soak -- --minutes 30`: four node processes under load and faults; memory, handles and store over time. Throws if anything was lost or forked. */
export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '30' },
      rate: { type: 'string', default: '100' },
      seed: { type: 'string', default: String(Date.now() % 1e6) },
      every: { type: 'string', default: '180' },
    },
  });
  const [minutes, rate, seed, every] = [values.minutes, values.rate, values.seed, values.every].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  if (![minutes, rate, seed, every].every((n) => n > 0)) throw new Error(USAGE);
  const random = new Random(seed);
  const obstacle = Namespaces.obstacle();
  const namespaces = obstacle === null ? await Namespaces.create(4) : null;
  say(`seed ${seed}; ${obstacle ?? 'each node in a network namespace'}`);
  const collections = new Collections();
  const { signal } = interrupted();
  const began = Date.now();
  let net: Localnet | undefined;
  try {
    const { nodeArgs } = collections;
    net = await Localnet.start({ nodeArgs, ...(namespaces !== null && { namespaces }) });
    const parts = { net, namespaces, random, signal };
    const traffic = new Traffic(net, { random: new Random(seed + 1), rate, batchedShare: BATCHED_SHARE, batch: BATCH });
    const { samples, stop } = watch(net);
    const collecting = collect(collections, net, (minutes * 60_000) / COLLECTIONS);
    traffic.start();
    const faults = await harm(parts, every * 1000, Date.now() + minutes * 60_000);
    const ran = (Date.now() - began) / 60_000;
    await traffic.stop();
    await collecting.stop();
    stop();
    await collections.take(net);
    tell('minutes', ran, 'min', `seed ${seed}${signal.aborted ? `; interrupted, ${minutes} were meant` : ''}`);
    tell('faults', faults, 'faults', `one each ${every} s`);
    tellMemory(samples);
    tellCollected(collections.samples);
    say('the load is over; every chain is checked');
    await Promise.all(net.parts.map((part) => part.waitReady()));
    const { wrong, blocks, records } = await faultsOf(parts, traffic);
    tell('blocks', blocks, 'blocks');
    tell('transactions', traffic.final.length, 'tx', `${records} records`);
    tell(
      'wrong',
      wrong.length,
      'findings',
      wrong.slice(0, 5).join('; ') || 'nothing lost, nothing twice, no fork, nobody accused',
    );
    if (wrong.length > 0) throw new Error(wrong.join('\n'));
  } finally {
    await net?.stop();
    namespaces?.remove();
    collections.end();
  }
}
