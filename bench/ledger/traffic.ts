import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeTransaction, signAttestation, txIdOf } from '../../chain-node/codec/transaction.ts';
import type { Random } from '../../chain-node/sim/random.ts';
import type { Localnet } from './localnet.ts';

export interface TrafficOptions {
  random: Random;
  /** Transactions a second. */
  rate: number;
  /** Share of them that carry `batch` records; the others carry one. */
  batchedShare: number;
  batch: number;
}

export interface Sent {
  txId: string;
  /** Hex, one a record; each is sent once. */
  digests: string[];
}

const WAIT_MS = 2000;
const ANSWER_WITHIN_MS = 6000;
const RETRY_MS = 250;
/** More than a halt of half a minute brings at the usual rate: who waits for so many answers sends no more. */
const MOST_PENDING = 2000;
/** Refusals of a node that has too much to do, or has stopped before rules that it does not know: another takes it. */
const BUSY = ['mempool-full', 'rules-unknown'];

async function call(url: string, init?: RequestInit): Promise<{ state?: string; code?: string; reason?: string }> {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  return (await response.json()) as object;
}

/**
 * Applications that attest while nodes die and links fail: each transaction goes to a node chosen at random, and again,
 * the same bytes, to another, until one says that it is final.
 */
export class Traffic {
  /** What one node has called final, in the order of that. */
  readonly final: Sent[] = [];
  /** Refusals that no fault explains. */
  readonly refused: string[] = [];
  #pending = new Set<Promise<void>>();
  #running: Promise<void> | undefined;
  #isOn = false;

  constructor(
    private readonly net: Localnet,
    private readonly options: TrafficOptions,
  ) {}

  get pending(): number {
    return this.#pending.size;
  }

  start(): void {
    this.#isOn = true;
    this.#running = this.#run();
  }

  /** Sends no more, and waits until all that was sent is final. */
  async stop(): Promise<void> {
    this.#isOn = false;
    await this.#running;
    await Promise.all(this.#pending);
  }

  /** A transaction that nobody has seen yet. */
  signed(): Sent & { encoded: Buffer } {
    const { random, batchedShare, batch } = this.options;
    const { memberId: sender, privateKey } = random.pick(this.net.keys);
    const records = Array.from({ length: random.chance(batchedShare) ? batch : 1 }, () => ({
      stream: 'archive',
      key: randomBytes(32),
      digest: randomBytes(32),
      note: Buffer.alloc(0),
    }));
    const unsigned = { chainId: this.net.chainId, sender, nonce: randomBytes(16), records };
    const tx = signAttestation(unsigned, privateKey);
    const digests = records.map(({ digest }) => digest.toString('hex'));
    return { txId: txIdOf(tx).toString('hex'), digests, encoded: encodeTransaction(tx) };
  }

  /** Sends one now, and resolves when it is final. */
  async one(): Promise<void> {
    const { encoded, ...sent } = this.signed();
    await this.#deliver(sent.txId, encoded);
    this.final.push(sent);
  }

  async #run(): Promise<void> {
    for (let due = Date.now(); this.#isOn; due += 1000 / this.options.rate) {
      const one: Promise<void> = this.one().then(() => void this.#pending.delete(one));
      this.#pending.add(one);
      if (due > Date.now()) await delay(due - Date.now());
      while (this.#isOn && this.pending >= MOST_PENDING) {
        await delay(RETRY_MS);
        due = Date.now();
      }
    }
  }

  async #deliver(txId: string, encoded: Buffer): Promise<void> {
    const body = JSON.stringify({ tx: encoded.toString('base64') });
    const headers = { 'content-type': 'application/json' };
    for (;;) {
      const url = this.options.random.pick(this.net.rpcUrls);
      try {
        const taken = await call(`${url}/v1/transactions`, { method: 'POST', headers, body });
        if (taken.code !== undefined && !BUSY.includes(taken.code)) this.refused.push(`${taken.code}: ${taken.reason}`);
        const seen = await call(`${url}/v1/transactions/${txId}?wait=${WAIT_MS}`);
        if (seen.state === 'final') return;
      } catch {
        // The node is away, or does not answer: another may.
      }
      await delay(RETRY_MS);
    }
  }
}
