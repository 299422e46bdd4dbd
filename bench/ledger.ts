import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { ACCELERATOR_VARIABLE } from '../platform/crypto/index.ts';
import { catchUp } from './ledger/catch-up.ts';
import { type CometOptions, runComet } from './ledger/comet.ts';
import { load, type LoadOptions, type LoadResult } from './ledger/load.ts';
import { Localnet } from './ledger/localnet.ts';
import { scale } from './ledger/scale.ts';
import { type Figure, report } from './report.ts';
import { median } from './statistics.ts';

const PARTS = ['single', 'batched', 'latency', 'idle', 'catch-up', 'scale'] as const;
const USAGE = `usage: npm run bench -- ledger [--only ${PARTS.join(',')}] [--seconds N] [--rounds N] [--records N] [--peer DIR]\n`;
/** Bytes of a transaction as the peer sends it: 250 and a signature; 256 hashes and a signature. */
const PEER_SINGLE_BYTES = 347;
const PEER_BATCHED_BYTES = 8500;
const OPENSSL_SPEED = 5;
const ASSEMBLY_SPEED = 1;
const IDLE_SECONDS = 20;
/** So long a JIT compiles what it finds hot, on cores that the nodes need. */
const LATENCY_WARM_UP_S = 15;

interface Bench {
  seconds: number;
  rounds: number;
  peer: string | undefined;
}

/** One load on a fresh consortium, with the accelerator or without. */
async function ours(options: LoadOptions, isAccelerated: boolean): Promise<LoadResult> {
  const library = process.env[ACCELERATOR_VARIABLE];
  const net = await Localnet.start({ accelerator: isAccelerated ? library : undefined });
  try {
    return await load(net, options);
  } finally {
    await net.stop();
  }
}

interface Measured {
  ours: LoadResult[];
  peer: { perSecond: number; p50: number; p99: number }[];
}

/** Ours and the peer by turns, on the same machine, one right after the other. */
async function alternate(
  { rounds, peer }: Bench,
  options: LoadOptions,
  isAccelerated: boolean,
  comet: Omit<CometOptions, 'seconds' | 'repeat'>,
): Promise<Measured> {
  const measured: Measured = { ours: [], peer: [] };
  for (let i = 0; i < rounds; i += 1) {
    measured.ours.push(await ours(options, isAccelerated));
    process.stderr.write(`${JSON.stringify(measured.ours.at(-1))}\n`);
    if (peer === undefined) continue;
    const repeat = isAccelerated ? ASSEMBLY_SPEED : OPENSSL_SPEED;
    const result = await runComet(peer, { ...comet, seconds: options.seconds, repeat });
    measured.peer.push({ perSecond: result.committed_tps, p50: result.lat_ms_p50, p99: result.lat_ms_p99 });
    process.stderr.write(`${JSON.stringify(result)}\n`);
  }
  return measured;
}

const split = (results: readonly LoadResult[]) => {
  const of = (part: 'cpuNodes' | 'cpuLoad' | 'cpuOther') => median(results.map((one) => one[part])).toFixed(2);
  return `cores: nodes ${of('cpuNodes')}, load ${of('cpuLoad')}, other ${of('cpuOther')}`;
};

function tell(
  figure: string,
  unit: string,
  { ours: results, peer }: Measured,
  part: 'perSecond' | 'p50' | 'p99',
  { times = 1, note = '' } = {},
): void {
  const value = times * median(results.map((one) => one[part]));
  const line: Figure = { bench: 'ledger', figure, value, unit, note: `${note}${split(results)}` };
  if (peer.length > 0) {
    const peerValue = times * median(peer.map((one) => one[part]));
    Object.assign(line, { peer: 'CometBFT 0.38.17', peerValue, ratio: value / peerValue });
  }
  report(line);
}

/** By OpenSSL always; with the accelerator too, beside a peer that checks as fast, where its library is named. */
const speeds = (): { suffix: string; isAccelerated: boolean }[] => [
  { suffix: '', isAccelerated: false },
  ...(process.env[ACCELERATOR_VARIABLE] === undefined ? [] : [{ suffix: '.accelerated', isAccelerated: true }]),
];

async function single(bench: Bench): Promise<void> {
  for (const { suffix, isAccelerated } of speeds()) {
    const inFlight = isAccelerated ? 4000 : 1000;
    const atMost = isAccelerated ? 4500 : 1600;
    const options = { records: 1, rate: null, inFlight, atMost, warmUpSeconds: 4, seconds: bench.seconds };
    const comet = { bytes: PEER_SINGLE_BYTES, rate: 0, inFlight };
    tell(`ledger.single${suffix}`, 'tx/s', await alternate(bench, options, isAccelerated, comet), 'perSecond');
  }
}

async function batched(bench: Bench): Promise<void> {
  for (const { suffix, isAccelerated } of speeds()) {
    const options = { records: 256, rate: null, inFlight: 200, atMost: 450, warmUpSeconds: 4, seconds: bench.seconds };
    const comet = { bytes: PEER_BATCHED_BYTES, rate: 0, inFlight: 500 };
    const measured = await alternate(bench, options, isAccelerated, comet);
    const note = 'the peer carries its leaves as opaque bytes; ';
    tell(`ledger.batched${suffix}`, 'records/s', measured, 'perSecond', { times: 256, note });
  }
}

async function latency(bench: Bench): Promise<void> {
  for (const rate of [500, 1000]) {
    // At 1,000 a second four nodes that check by OpenSSL are near their limit here.
    const isAccelerated = rate > 500 && process.env[ACCELERATOR_VARIABLE] !== undefined;
    const options = { records: 1, rate, inFlight: Infinity, warmUpSeconds: LATENCY_WARM_UP_S, seconds: bench.seconds };
    const comet = { bytes: PEER_SINGLE_BYTES, rate, inFlight: 4000 };
    const measured = await alternate(bench, options, isAccelerated, comet);
    const suffix = rate === 1000 ? '' : `.at${rate}`;
    const note = isAccelerated ? 'accelerated; ' : '';
    for (const part of ['p50', 'p99'] as const) tell(`ledger.latency.${part}${suffix}`, 'ms', measured, part, { note });
    if (rate === 1000)
      report({
        bench: 'ledger',
        figure: 'ledger.rss',
        value: median(measured.ours.map((one) => one.rssMib)),
        unit: 'MiB',
      });
  }
}

async function idle(): Promise<void> {
  const net = await Localnet.start();
  try {
    await delay(5000);
    const before = net.cpuSeconds();
    await delay(IDLE_SECONDS * 1000);
    const share = (net.cpuSeconds() - before) / IDLE_SECONDS / net.parts.length;
    report({ bench: 'ledger', figure: 'ledger.idle', value: 100 * share, unit: '% of a core a node' });
  } finally {
    await net.stop();
  }
}

/** `npm run bench -- ledger`: four real nodes under load, beside CometBFT where `--peer` names the folder of its bench. */
export async function bench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: PARTS.join(',') },
      seconds: { type: 'string', default: '20' },
      rounds: { type: 'string', default: '3' },
      records: { type: 'string', default: '10000000' },
      peer: { type: 'string' },
    },
  });
  const [seconds, rounds, records] = [values.seconds, values.rounds, values.records].map(Number) as [
    number,
    number,
    number,
  ];
  const only = values.only.split(',');
  const isNamed = only.every((part) => PARTS.some((known) => known === part));
  if (!isNamed || ![seconds, rounds, records].every((n) => Number.isInteger(n) && n > 0)) throw new Error(USAGE);
  if (values.peer !== undefined && !existsSync(values.peer)) throw new Error(`${values.peer} is not there`);
  const run: Record<(typeof PARTS)[number], () => Promise<void>> = {
    single: () => single({ seconds, rounds, peer: values.peer }),
    batched: () => batched({ seconds, rounds, peer: values.peer }),
    latency: () => latency({ seconds, rounds, peer: values.peer }),
    idle,
    'catch-up': () => catchUp(seconds),
    scale: () => scale(records),
  };
  for (const part of PARTS) if (only.includes(part)) await run[part]();
}
