import { keyOf } from '../codec/bytes.ts';
import type { Proposal } from '../codec/proposal.ts';
import type { CheckedTx } from '../mempool/checker.ts';
import type { Prepared } from '../state/ledger.ts';

/** Proposals that wait for transactions, of one height; only a faulty proposer makes more. */
const MAX_WAITING = 16;

interface Waiting {
  proposal: Proposal;
  hash: Buffer;
  missing: Set<string>;
}

/** Blocks that were proposed at the present height: those that wait for transactions, and those that were checked. */
export class Candidates {
  /** By block hash; null: may not follow the head. */
  readonly #checked = new Map<string, Prepared | null>();
  readonly #waiting: Waiting[] = [];
  /** Transactions that a proposal names and the mempool does not have. */
  readonly #loose = new Map<string, CheckedTx>();
  /** Those of all checked blocks by hash, once somebody has asked for one. */
  #inBlocks: Map<string, CheckedTx> | null = null;

  constructor(private readonly inMempool: (hash: Buffer) => CheckedTx | undefined) {}

  /** Undefined if it was not checked yet. */
  checked(hash: Buffer): Prepared | null | undefined {
    return this.#checked.get(keyOf(hash));
  }

  setChecked(hash: Buffer, prepared: Prepared | null): void {
    this.#checked.set(keyOf(hash), prepared);
    this.#inBlocks = null;
  }

  #find(hash: Buffer): CheckedTx | undefined {
    return this.inMempool(hash) ?? this.#loose.get(keyOf(hash));
  }

  /** The transactions that a proposal names, if all are here; else it waits for those that are not. */
  gather(proposal: Proposal, hash: Buffer): CheckedTx[] | null {
    const txs = proposal.txHashes.map((txHash) => this.#find(txHash));
    const missing = new Set(proposal.txHashes.filter((_, i) => txs[i] === undefined).map(keyOf));
    if (missing.size === 0) return txs as CheckedTx[];
    const isNew = !this.#waiting.some((one) => one.proposal.round === proposal.round && one.hash.equals(hash));
    if (isNew && this.#waiting.length < MAX_WAITING) this.#waiting.push({ proposal, hash, missing });
    return null;
  }

  /** Whether a proposal waits for this transaction. */
  waitsFor(txHash: Buffer): boolean {
    return this.#waiting.length > 0 && this.#waiting.some(({ missing }) => missing.has(keyOf(txHash)));
  }

  /** A transaction came: the proposals that wait for nothing more. */
  supply(tx: CheckedTx): Proposal[] {
    if (!this.waitsFor(tx.hash)) return [];
    const key = keyOf(tx.hash);
    this.#loose.set(key, tx);
    for (const { missing } of this.#waiting) missing.delete(key);
    return this.#release(({ missing }) => missing.size === 0);
  }

  /** A transaction that is no good came: the proposals that name it, which are none. */
  spoil(txHash: Buffer): Proposal[] {
    return this.#release(({ missing }) => missing.has(keyOf(txHash)));
  }

  #release(isDone: (waiting: Waiting) => boolean): Proposal[] {
    const done = this.#waiting.filter(isDone);
    for (const one of done) this.#waiting.splice(this.#waiting.indexOf(one), 1);
    return done.map(({ proposal }) => proposal);
  }

  /** Hashes of transactions that proposals wait for. */
  missing(): Buffer[] {
    return [...new Set(this.#waiting.flatMap(({ missing }) => [...missing]))].map((key) => Buffer.from(key, 'latin1'));
  }

  /** A transaction of a block of this height, for who asks for it. */
  tx(hash: Buffer): CheckedTx | undefined {
    const key = keyOf(hash);
    this.#inBlocks ??= new Map(
      [...this.#checked.values()].flatMap((prepared) => (prepared?.txs ?? []).map((tx) => [keyOf(tx.hash), tx])),
    );
    return this.#loose.get(key) ?? this.#inBlocks.get(key);
  }

  clear(): void {
    this.#checked.clear();
    this.#waiting.length = 0;
    this.#loose.clear();
    this.#inBlocks = null;
  }
}
