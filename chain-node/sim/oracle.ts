import { blockHash, decodeProposal, decodeVote, type Header } from '../codec/block.ts';
import { Frame, splitFrame } from '../p2p/frames.ts';

/** What a run must never show; the first that it does ends it. */
export class Violation extends Error {
  override readonly name = 'Violation';

  constructor(
    readonly property:
      'agreement' | 'validity' | 'durability' | 'equivocation' | 'refusal' | 'fatal' | 'evidence' | 'progress',
    readonly detail: string,
  ) {
    super(`${property}: ${detail}`);
  }
}

const short = (hash: Buffer) => hash.subarray(0, 4).toString('hex');

/** Sees all that correct nodes decide and say, across their crashes, and compares it. */
export class Oracle {
  readonly #decided = new Map<number, { hash: Buffer; by: string }>();
  readonly #heightOf = new Map<string, number>();
  readonly #txs = new Map<string, number>();
  readonly #submitted = new Set<string>();
  readonly #said = new Map<string, string>();
  /** The highest that any correct node decided. */
  height = 0;

  submitted(txId: string): void {
    this.#submitted.add(txId);
  }

  isFinal(txId: string): boolean {
    return this.#txs.has(txId);
  }

  /** Agreement and validity of a decision. */
  decided(by: string, header: Header, txIds: readonly string[]): void {
    const { height } = header;
    const hash = blockHash(header);
    const known = this.#decided.get(height);
    if (known !== undefined && !known.hash.equals(hash))
      throw new Violation(
        'agreement',
        `height ${height}: ${by} has ${short(hash)}, ${known.by} has ${short(known.hash)}`,
      );
    if (height !== (this.#heightOf.get(by) ?? 0) + 1)
      throw new Violation('agreement', `${by} goes from height ${this.#heightOf.get(by) ?? 0} to ${height}`);
    this.#heightOf.set(by, height);
    this.height = Math.max(this.height, height);
    if (known !== undefined) return;
    this.#decided.set(height, { hash, by });
    for (const txId of txIds) {
      if (!this.#submitted.has(txId)) throw new Violation('validity', `height ${height}: nobody sent ${txId}`);
      const before = this.#txs.get(txId);
      if (before !== undefined) throw new Violation('validity', `${txId} is final at ${before} and at ${height}`);
      this.#txs.set(txId, height);
    }
  }

  /** A node is back: nothing that it decided may be gone. */
  restarted(by: string, height: number, head: Buffer): void {
    const known = this.#heightOf.get(by) ?? 0;
    if (height < known) throw new Violation('durability', `${by} had height ${known} and comes back with ${height}`);
    const decided = this.#decided.get(height);
    if (height > 0 && decided !== undefined && !decided.hash.equals(head))
      throw new Violation('agreement', `${by} comes back with another block at ${height}`);
    this.#heightOf.set(by, height);
  }

  /** Whatever a correct member signs, it signs once for each height, round and step. */
  sent(by: string, bytes: Buffer, proposerOf: (height: number, round: number) => string | undefined): void {
    const { kind, payload } = splitFrame(bytes);
    let key: string;
    let hash: Buffer;
    if (kind === Frame.vote) {
      const vote = decodeVote(payload);
      if (vote.voter !== by) return;
      [key, hash] = [`${by}/${vote.height}/${vote.round}/${vote.type}`, vote.blockHash];
    } else if (kind === Frame.proposal) {
      const { height, round, block } = decodeProposal(payload);
      if (proposerOf(height, round) !== by) return;
      [key, hash] = [`${by}/${height}/${round}/0`, blockHash(block.header)];
    } else return;
    const said = this.#said.get(key);
    const now = hash.toString('hex');
    if (said !== undefined && said !== now) throw new Violation('equivocation', `${key} (height/round/step)`);
    this.#said.set(key, now);
  }
}
