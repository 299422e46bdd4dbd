import { keyOf } from '../codec/bytes.ts';
import { LedgerError } from '../errors.ts';
import { Batcher } from '../mempool/batcher.ts';
import type { Intake } from '../mempool/intake.ts';
import type { Mempool } from '../mempool/mempool.ts';
import type { CheckedTx } from '../mempool/checker.ts';
import { leafHash } from '../state/merkle.ts';
import type { Links, World } from '../world.ts';
import { encodeHashes, Frame, frame, MAX_HASHES, txsFrame } from './frames.ts';
import { TokenBuckets } from './limits.ts';

/** Under load new ones are told together, so often. */
const TELL_EVERY_MS = 10;
/** One that is as small as the question for it travels in place of its announcement. */
const SMALL_BYTES = 1024;
/** Unasked ones that a peer may send: a second, and at once. */
const UNASKED_A_SECOND = 10_000;
const UNASKED_AT_ONCE = 5000;
/** Wrong signatures that a peer may pass on where its sender may have another key by now: a second, and at once. */
const EXCUSED_A_SECOND = 100;
const EXCUSED_AT_ONCE = 1000;
/** What came from a peer is told on only if it still waits after this: in a full mesh all have it by then. */
const PASS_ON_AFTER_MS = 150;
/** Who was asked and did not answer within this gives way to another. */
const ANSWER_WITHIN_MS = 500;
const MAX_WANTED = 50_000;
/** Of a frame of transactions: a vote on the same link waits for no more than one, and 64 KiB. */
const MAX_ANSWER_BYTES = 256 * 1024;

export interface GossipOptions {
  links: Links;
  mempool: Mempool;
  intake: Intake;
  world: Pick<World, 'now' | 'after'>;
  /** A transaction of a block under way. */
  txOfBlock(hash: Buffer): CheckedTx | undefined;
  /** One that was asked for is no good. */
  onBad(hash: Buffer): void;
  /** Whether a correct peer may have sent one with this wrong signature. */
  isExcused(from: string, encoded: Buffer): boolean;
}

/**
 * Passes transactions on: each is announced by its hash, and pulled once by whoever has not seen it. A small one is sent
 * at once, by the node that an application gave it to.
 */
export class Gossip {
  readonly #own: Batcher<CheckedTx>;
  #passed: Buffer[] = [];
  readonly #wanted = new Map<string, { from: string; at: number }>();
  readonly #unasked: TokenBuckets;
  /** With a wrong signature: to check them costs us, and who floods us may say that it is ahead. */
  readonly #excused: TokenBuckets;

  constructor(private readonly options: GossipOptions) {
    const { world } = options;
    this.#unasked = new TokenBuckets(UNASKED_A_SECOND, UNASKED_AT_ONCE, world.now);
    this.#excused = new TokenBuckets(EXCUSED_A_SECOND, EXCUSED_AT_ONCE, world.now);
    this.#own = new Batcher({ world, pauseMs: TELL_EVERY_MS, most: 64 }, (txs) => this.#tellAll(txs));
  }

  /** A transaction that came from an application. */
  tell(tx: CheckedTx): void {
    this.#own.add(tx);
  }

  #tellAll(txs: readonly CheckedTx[]): void {
    const isSmall = ({ encoded }: CheckedTx) => encoded.length <= SMALL_BYTES;
    const small = txs.filter(isSmall).map(({ encoded }) => encoded);
    if (small.length > 0) this.options.links.broadcast(txsFrame(small));
    this.#announce(txs.filter((one) => !isSmall(one)).map(({ hash }) => hash));
  }

  /** A transaction that came from a peer. */
  passOn(tx: CheckedTx): void {
    this.#passed.push(tx.hash);
    if (this.#passed.length > 1) return;
    this.options.world.after(PASS_ON_AFTER_MS, () =>
      this.#announce(this.#passed.splice(0).filter((hash) => this.options.mempool.byHash(hash) !== undefined)),
    );
  }

  #announce(hashes: Buffer[]): void {
    for (const message of this.#announcements(hashes)) this.options.links.broadcast(message);
  }

  *#announcements(hashes: Buffer[]): Generator<Buffer> {
    for (let i = 0; i < hashes.length; i += MAX_HASHES)
      yield frame(Frame.announce, encodeHashes(hashes.slice(i, i + MAX_HASHES)));
  }

  /** What waits, to a peer that is new: some of each sender's. */
  greet(peer: string): void {
    const { links, mempool } = this.options;
    const hashes = mempool.take(MAX_HASHES, Infinity).map(({ hash }) => hash);
    for (const message of this.#announcements(hashes)) links.send(peer, message);
  }

  onAnnounce(from: string, hashes: readonly Buffer[]): void {
    this.want(
      from,
      hashes.filter((hash) => !this.options.mempool.isKnown(hash)),
    );
  }

  /** Asks a peer for these, but for what is being checked, and what another was asked for just now. */
  want(from: string, hashes: readonly Buffer[]): void {
    const { intake, links, world } = this.options;
    const now = world.now();
    const asked = hashes.filter((hash) => {
      if (intake.isPending(hash)) return false;
      const wanted = this.#wanted.get(keyOf(hash));
      if (wanted !== undefined && now - wanted.at < ANSWER_WITHIN_MS && links.isConnected(wanted.from)) return false;
      this.#wanted.set(keyOf(hash), { from, at: now });
      return true;
    });
    for (const key of this.#wanted.keys()) {
      if (this.#wanted.size <= MAX_WANTED) break;
      this.#wanted.delete(key);
    }
    for (let i = 0; i < asked.length; i += MAX_HASHES)
      links.send(from, frame(Frame.want, encodeHashes(asked.slice(i, i + MAX_HASHES))));
  }

  onWant(from: string, hashes: readonly Buffer[]): void {
    const { links, mempool, txOfBlock } = this.options;
    let found: Buffer[] = [];
    let bytes = 0;
    const send = () => {
      const isTaken = found.length === 0 || links.send(from, txsFrame(found));
      found = [];
      bytes = 0;
      return isTaken;
    };
    // Once each: a list that names one a thousand times must not make us send it so often.
    for (const key of new Set(hashes.map(keyOf))) {
      const hash = Buffer.from(key, 'latin1');
      const tx = mempool.byHash(hash) ?? txOfBlock(hash);
      if (tx === undefined) continue;
      // It does not read what it asked for: what is left it asks for again.
      if (bytes + tx.encoded.length > MAX_ANSWER_BYTES && !send()) return;
      found.push(tx.encoded);
      bytes += tx.encoded.length;
    }
    send();
  }

  /** Whether to take one that was not asked for. */
  #takesUnasked(from: string, encoded: Buffer, hash: Buffer): boolean {
    const { mempool, intake } = this.options;
    if (encoded.length > SMALL_BYTES || mempool.isKnown(hash) || intake.isPending(hash)) return false;
    return this.#unasked.take(from);
  }

  /** What was asked for, and small ones, come in; the rest is let fall. Rejects with what no correct peer would send. */
  async onTransactions(from: string, list: readonly Buffer[]): Promise<void> {
    const { intake, onBad, isExcused } = this.options;
    const taken = list
      .map((encoded) => ({ encoded, hash: leafHash(encoded) }))
      .filter(({ encoded, hash }) => this.#wanted.delete(keyOf(hash)) || this.#takesUnasked(from, encoded, hash));
    await Promise.all(
      taken.map(async ({ encoded, hash }) => {
        try {
          await intake.submit(encoded, hash, from);
        } catch (error) {
          if (!(error instanceof LedgerError)) throw error;
          // A full mempool, or a race for a nonce, is nobody's fault, and a block may name it all the same.
          if (error.code === 'mempool-full' || error.code === 'transaction-invalid') return;
          onBad(hash);
          if (error.code !== 'signature-invalid' || !isExcused(from, encoded) || !this.#excused.take(from)) throw error;
        }
      }),
    );
  }
}
