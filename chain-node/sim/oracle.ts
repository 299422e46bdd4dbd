import { blockHash, type Header } from '../codec/block.ts';
import { validatorsOf } from '../codec/member.ts';
import { decodeProposal } from '../codec/proposal.ts';
import { decodeVote } from '../codec/vote.ts';
import { proposerOf } from '../consensus/core.ts';
import type { Genesis } from '../genesis.ts';
import { Frame, splitFrame } from '../p2p/frames.ts';
import { Reckoning } from './reckoning.ts';

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

/** What a proposer's clock may be ahead, and the clock of who checks it. */
const MAX_AHEAD_MS = 10_000 + 3000;

const short = (hash: Buffer) => hash.subarray(0, 4).toString('hex');

/** Sees all that correct nodes decide and say, across their crashes, and compares it. */
export class Oracle {
  readonly #decided = new Map<number, { hash: Buffer; timeMs: number; by: string }>();
  readonly #heightOf = new Map<string, number>();
  readonly #txs = new Map<string, number>();
  readonly #submitted = new Set<string>();
  readonly #said = new Map<string, string>();
  /** Frames that were looked at: the same one goes to each peer. */
  readonly #seen = new WeakSet<Buffer>();
  /** The highest that any correct node decided. */
  height = 0;

  /** Who votes, by the height from which; the first that decides says it, the others' headers must agree. */
  readonly #validators: { from: number; ids: readonly string[] }[];

  readonly #reckoning: Reckoning;

  constructor(genesis: Genesis) {
    this.#validators = [{ from: 0, ids: validatorsOf(genesis.members) }];
    this.#reckoning = new Reckoning(genesis);
  }

  validatorsAt(height: number): readonly string[] {
    return this.#validators.findLast(({ from }) => from <= height)!.ids;
  }

  submitted(txId: string, encoded: Buffer): void {
    this.#submitted.add(txId);
    this.#reckoning.sent(txId, encoded);
  }

  isFinal(txId: string): boolean {
    return this.#txs.has(txId);
  }

  /** Infinity: it is not final. */
  finalAt(txId: string): number {
    return this.#txs.get(txId) ?? Infinity;
  }

  get handovers(): number {
    return this.#validators.length - 1;
  }

  /** An observer begins with a snapshot. */
  begun(by: string, height: number): void {
    this.#heightOf.set(by, height);
  }

  /** What any block must be, whoever proposed it. */
  #checkForm({ height, previous, timeMs, proposer }: Header, nowMs: number): void {
    const before = this.#decided.get(height - 1);
    const fail = (what: string) => new Violation('validity', `height ${height}: ${what}`);
    if (before !== undefined && !previous.equals(before.hash)) throw fail('does not follow the block before');
    if (before !== undefined && timeMs <= before.timeMs) throw fail('time does not move on');
    if (timeMs > nowMs + MAX_AHEAD_MS) throw fail('time lies far ahead');
    if (!this.validatorsAt(height).includes(proposer)) throw fail('proposed by no validator');
  }

  /** Agreement and validity of a decision. */
  decided(
    by: string,
    header: Header,
    { txIds, next }: { txIds: readonly string[]; next: readonly string[] },
    nowMs: number,
  ): void {
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
    this.#checkForm(header, nowMs);
    if (!header.membersHash.equals(header.nextMembersHash)) this.#validators.push({ from: height + 1, ids: next });
    this.#decided.set(height, { hash, timeMs: header.timeMs, by });
    for (const txId of txIds) {
      if (!this.#submitted.has(txId)) throw new Violation('validity', `height ${height}: nobody sent ${txId}`);
      const before = this.#txs.get(txId);
      if (before !== undefined) throw new Violation('validity', `${txId} is final at ${before} and at ${height}`);
      this.#txs.set(txId, height);
    }
    const wrong = this.#reckoning.decided(header, txIds);
    if (wrong !== null) throw new Violation('validity', wrong);
  }

  /** A node is back: nothing that it decided may be gone, unless its disk has lost it. */
  restarted(by: string, height: number, head: Buffer, isForgetful: boolean): void {
    const known = this.#heightOf.get(by) ?? 0;
    if (height < known && !isForgetful)
      throw new Violation('durability', `${by} had height ${known} and comes back with ${height}`);
    const decided = this.#decided.get(height);
    if (height > 0 && decided !== undefined && !decided.hash.equals(head))
      throw new Violation('agreement', `${by} comes back with another block at ${height}`);
    this.#heightOf.set(by, height);
  }

  /** Whatever a correct member signs, it signs once for each height, round and step. */
  sent(by: string, bytes: Buffer): void {
    if (this.#seen.has(bytes)) return;
    this.#seen.add(bytes);
    const { kind, payload } = splitFrame(bytes);
    let key: string;
    let hash: Buffer;
    if (kind === Frame.vote) {
      const vote = decodeVote(payload);
      if (vote.voter !== by) return;
      [key, hash] = [`${by}/${vote.height}/${vote.round}/${vote.type}`, vote.blockHash];
    } else if (kind === Frame.proposal) {
      const { height, round, header } = decodeProposal(payload);
      if (proposerOf(this.validatorsAt(height), height, round) !== by) return;
      [key, hash] = [`${by}/${height}/${round}/0`, blockHash(header)];
    } else return;
    const said = this.#said.get(key);
    const now = hash.toString('hex');
    if (said !== undefined && said !== now) throw new Violation('equivocation', `${key} (height/round/step)`);
    this.#said.set(key, now);
  }
}
