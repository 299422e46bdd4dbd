import { sm4gcm } from '../../../platform/crypto/index.ts';
import { OverlayError } from '../errors.ts';
import { dataBytesIn, endsPart } from './bodies.ts';
import { nonceOf } from './keys.ts';
import { nextTally, type Tally, tallied } from './tally.ts';

/** Records ahead of the next that are kept until it comes. */
const MAX_AHEAD = 1024;

interface Arrived {
  epoch: number;
  head: Buffer;
  sealed: Buffer;
}

export interface InboxOptions {
  first: Tally;
  maxAheadBytes: number;
  /** A body, in its order; `whole` is what of its part had come with it. Throws on what no correct end sends. */
  onBody(body: Buffer, whole: Tally): void;
  onError(error: unknown): void;
}

/** Opens records, each once and in their order; what is forged, repeated or out of place changes nothing. */
export class Inbox {
  #key: Buffer;
  #epoch = 0;
  #following: Buffer | null = null;
  /** Of the next record to give out, and of the next to begin to open. */
  #next = 0;
  #opening = 0;
  /** Goes up when what was begun is void. */
  #round = 0;
  #ahead = new Map<number, Arrived>();
  #aheadBytes = 0;
  #chain: Promise<void> = Promise.resolve();
  #isClosed = false;
  received: Tally;
  epochRecords = 0;
  epochBytes = 0;
  forged = 0;

  constructor(
    private readonly options: InboxOptions,
    key: Buffer,
  ) {
    this.#key = key;
    this.received = options.first;
  }

  /** All before this has come. */
  get next(): number {
    return this.#next;
  }

  /** The key of the epoch that the other end begins when it has ours. */
  followBy(key: Buffer): void {
    this.#following = key;
  }

  /** The other end has sent its last record of the present epoch. */
  switch(): void {
    if (this.#following === null) throw new OverlayError('protocol', 'no key follows');
    this.#key.fill(0);
    this.#key = this.#following;
    this.#following = null;
    this.#epoch += 1;
    this.epochRecords = this.epochBytes = 0;
  }

  /** Takes a record. What to tell the other end: nothing now, what we have, or that something is missing. */
  take(seq: number, record: Arrived): 'taken' | 'old' | 'gap' | 'far' {
    if (this.#isClosed || seq < this.#opening) return 'old';
    if (seq > this.#opening) {
      const { length } = record.sealed;
      if (seq - this.#opening > MAX_AHEAD || this.#aheadBytes + length > this.options.maxAheadBytes) return 'far';
      if (!this.#ahead.has(seq)) {
        this.#ahead.set(seq, record);
        this.#aheadBytes += length;
      }
      return 'gap';
    }
    this.#begin(seq, record);
    for (;;) {
      const waiting = this.#ahead.get(this.#opening);
      if (waiting === undefined) break;
      this.#ahead.delete(this.#opening);
      this.#aheadBytes -= waiting.sealed.length;
      this.#begin(this.#opening, waiting);
    }
    return 'taken';
  }

  close(): void {
    this.#isClosed = true;
    this.#ahead.clear();
    void this.#chain.then(() => {
      this.#key.fill(0);
      this.#following?.fill(0);
    });
  }

  #begin(seq: number, record: Arrived): void {
    const round = this.#round;
    this.#opening = seq + 1;
    const { epoch, head, sealed } = record;
    const open = (key: Buffer) => sm4gcm.open(key, nonceOf(epoch, seq), head, sealed).catch(() => null);
    // A record of the next epoch waits until all before it are out: its key may come with them.
    const opened = epoch === this.#epoch ? open(this.#key) : null;
    this.#chain = this.#chain.then(async () => {
      if (this.#isClosed || round !== this.#round) return;
      if (opened === null) {
        const key = epoch === this.#epoch ? this.#key : epoch === this.#epoch + 1 ? this.#following : null;
        const body = key === null ? null : await open(key);
        if (body === null) return this.#void(seq);
        if (epoch !== this.#epoch) this.switch();
        return this.#give(seq, record, body);
      }
      const body = await opened;
      if (body === null || epoch !== this.#epoch) return this.#void(seq);
      this.#give(seq, record, body);
    });
  }

  #give(seq: number, { head, sealed }: Arrived, body: Buffer): void {
    this.#next = seq + 1;
    this.epochRecords += 1;
    this.epochBytes += body.length;
    const whole = tallied(this.received, dataBytesIn(body), head, sealed);
    this.received = endsPart(body) ? nextTally(whole) : whole;
    try {
      this.options.onBody(body, whole);
    } catch (error) {
      this.options.onError(error);
    }
  }

  /** What claimed to be this record is not: it is awaited again, with all that was begun after it. */
  #void(seq: number): void {
    this.forged += 1;
    this.#round += 1;
    this.#opening = seq;
  }
}
