import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { encodeTransaction, signAttestation, txIdOf } from '../../chain-node/codec/transaction.ts';
import { type Localnet, machineCpuSeconds } from './localnet.ts';

export interface LoadOptions {
  /** Records in a transaction. */
  records: number;
  /** Transactions a second, by the clock (open loop); null: as many as `inFlight` allows (closed loop). */
  rate: number | null;
  /** Sent and not yet final, at most. */
  inFlight: number;
  warmUpSeconds: number;
  seconds: number;
  /** Closed loop: more than the nodes take in a second, as all is signed before. */
  atMost?: number;
  /** Nodes that run; all if absent. */
  nodes?: number;
}

export interface LoadResult {
  /** Transactions that became final in the window, a second. */
  perSecond: number;
  /** Milliseconds from when each was due to be sent until the first node told it as final. */
  p50: number;
  p99: number;
  blocks: number;
  /** Between blocks, mean. */
  blockMs: number;
  rssMib: number;
  /** Of one core each, over the window. */
  cpuNodes: number;
  cpuLoad: number;
  cpuOther: number;
}

interface Signed {
  id: string;
  encoded: Buffer;
}

/** Records as an anchoring hospital sends them: an opaque key, a digest, no note. */
const record = () => ({ stream: 'archive', key: randomBytes(32), digest: randomBytes(32), note: Buffer.alloc(0) });

function sign(net: Localnet, node: number, records: number): Signed {
  const { memberId: sender, privateKey } = net.keys[node]!;
  const list = Array.from({ length: records }, record);
  const tx = signAttestation({ chainId: net.chainId, sender, nonce: randomBytes(16), records: list }, privateKey);
  return { id: txIdOf(tx).toString('hex'), encoded: encodeTransaction(tx) };
}

const opened = (ws: WebSocket) =>
  new Promise<void>((done, fail) => {
    ws.once('open', done);
    ws.once('error', fail);
  });

const inFlightOf = ({ inFlight }: LoadOptions) => (Number.isFinite(inFlight) ? inFlight : 0);

const percentile = (sorted: readonly number[], p: number) => sorted[Math.floor(p * (sorted.length - 1))] ?? NaN;

/**
 * Loads four nodes as the CometBFT bench does: one connection a node, unique signed transactions, a warm-up, a window;
 * latency from when a transaction was due, so that a node that stalls is not spared. Everything is signed before. The rate
 * of an open loop rises during the warm-up. Throws unless all that was taken became final, and the nodes agree.
 */
export async function load(net: Localnet, options: LoadOptions): Promise<LoadResult> {
  const { records, rate, inFlight, warmUpSeconds, seconds } = options;
  const urls = net.rpcUrls.slice(0, options.nodes);
  const whole = warmUpSeconds + seconds;
  const dueAt = new Map<string, number>();
  const blocks: { at: number; ids: string[] }[] = [];
  let [sent, refused, final] = [0, 0, 0];
  const reasons = new Map<string, number>();

  const observer = new WebSocket(`${urls[0]!.replace('http', 'ws')}/v1/subscribe?txs=1`);
  observer.on('message', (data) => {
    const { txIds } = JSON.parse(String(data)) as { txIds: string[] };
    const at = performance.now();
    blocks.push({ at, ids: txIds });
    final += txIds.length;
  });
  const senders = urls.map((url) => new WebSocket(`${url.replace('http', 'ws')}/v1/submit`));
  for (const ws of senders)
    ws.on('message', (data) => {
      const answer = JSON.parse(String(data)) as { txId?: string; code?: string };
      if (answer.txId !== undefined) return;
      refused += 1;
      reasons.set(answer.code!, (reasons.get(answer.code!) ?? 0) + 1);
    });
  await Promise.all([observer, ...senders].map(opened));

  // Signing meanwhile would hold a closed loop up.
  const ready = Array.from({ length: Math.ceil((rate ?? options.atMost ?? 0) * whole) + inFlightOf(options) }, (_, i) =>
    sign(net, i % senders.length, records),
  );

  const t0 = performance.now();
  const [from, to] = [t0 + warmUpSeconds * 1000, t0 + whole * 1000];
  const send = (due: number) => {
    const ws = senders[sent % senders.length]!;
    const { id, encoded } = ready[sent]!;
    dueAt.set(id, due);
    sent += 1;
    ws.send(encoded);
  };
  /** Of an open loop: its rate rises evenly during the warm-up, as a node's JIT compiles what it runs often. */
  const dueMs = (n: number): number => {
    const rising = (rate! * warmUpSeconds) / 2;
    const after = n < rising ? Math.sqrt((2 * warmUpSeconds * n) / rate!) : warmUpSeconds + (n - rising) / rate!;
    return 1000 * after;
  };
  let start: { nodes: number; load: number; all: number } | undefined;
  const usage = () => {
    const { user, system } = process.cpuUsage();
    return { nodes: net.cpuSeconds(), load: (user + system) / 1e6, all: machineCpuSeconds() };
  };
  for (let now = performance.now(); now < to; now = performance.now()) {
    if (start === undefined && now >= from) start = usage();
    if (rate === null)
      while (sent - refused - final < inFlight && sent < ready.length && performance.now() < to)
        send(performance.now());
    else for (let due = t0 + dueMs(sent); due <= now && due < to; due = t0 + dueMs(sent)) send(due);
    await delay(1);
  }
  const [end, rssMib] = [usage(), net.rssMib()];
  for (let i = 0; i < 400 && final < sent - refused; i += 1) await delay(50);
  for (const ws of [observer, ...senders]) ws.close();
  if (refused > 0 && rate !== null)
    throw new Error(`${refused} of ${sent} refused: ${JSON.stringify(Object.fromEntries(reasons))}`);
  if (final !== sent - refused) throw new Error(`${sent - refused} taken, ${final} final`);
  if (sent === ready.length && rate === null) throw new Error('the load was too small for the nodes');
  if (!(await net.agree(urls))) throw new Error('the nodes do not agree');

  // Block edge to block edge: what the first block of the window holds was sent before it.
  const inWindow = blocks.filter(({ at }) => at >= from && at <= to);
  const [first, last] = [inWindow[0]!, inWindow.at(-1)!];
  const counted = inWindow.slice(1).flatMap(({ at, ids }) => ids.map((id) => at - dueAt.get(id)!));
  const latencies = counted.sort((a, b) => a - b);
  const span = (last.at - first.at) / 1000;
  const spent = (part: keyof typeof end) => (end[part] - start![part]) / seconds;
  return {
    perSecond: counted.length / span,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    blocks: inWindow.length - 1,
    blockMs: (span * 1000) / (inWindow.length - 1),
    rssMib,
    cpuNodes: spent('nodes'),
    cpuLoad: spent('load'),
    cpuOther: spent('all') - spent('nodes') - spent('load'),
  };
}
