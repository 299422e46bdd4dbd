import type { Logger } from '../../../platform/observe/logger.ts';
import { decode, Writer } from '../../codec/bytes.ts';
import { HASH_BYTES } from '../../codec/record.ts';
import { OverlayError } from '../errors.ts';
import { MAX_CLOCK_DIFFERENCE_MS } from '../link/link.ts';
import { Body } from '../session/bodies.ts';
import type { Channel } from '../session/channel.ts';
import type { Established } from '../session/handshake.ts';
import type { Tally } from '../session/tally.ts';
import type { SessionBook } from './book.ts';
import { encodeSessionRecord, Ending, sessionDigest, sessionKey, type SessionRecord, type View } from './record.ts';

export interface PartsOptions {
  established: Established;
  isInitiator: boolean;
  /** Null: a session of the overlay's own, of which nothing is written down. */
  book: SessionBook | null;
  channel: Pick<Channel, 'received' | 'acked' | 'sendNow' | 'hold' | 'resume'>;
  logger: Logger;
  /** A part is on disk, and can be attested. */
  onSettled(key: string): void;
}

interface Asked {
  there: Tally;
  endMs: number;
  ending: Ending;
  agreed(): void;
}

/**
 * The parts of a session, each of which both ends attest. The initiator marks the end of one in what it sends, the
 * responder answers with its own mark; as records come in order, what is before the marks is the same for both.
 */
export class Parts {
  number = 0;
  startMs: number;
  /** When something last happened. */
  lastMs = Date.now();
  #asked: Asked | null = null;
  #agreed: { digest: Buffer; ending: Ending } | null = null;
  #written: Promise<unknown> = Promise.resolve();
  #settling: Promise<void> = Promise.resolve();
  #noted = -1;
  #isAbandoned = false;

  constructor(private readonly options: PartsOptions) {
    this.startMs = options.established.startMs;
  }

  get isSettling(): boolean {
    return this.#asked !== null;
  }

  /** What this end knows of the present part. */
  view(): View {
    const { received, acked } = this.options.channel;
    return { received, acked, startMs: this.startMs, lastMs: this.lastMs };
  }

  /** Writes down that the present part begins. */
  begin(): Promise<void> {
    const { book, established } = this.options;
    const { id: session, initiator, responder, service } = established;
    const part = { session, part: this.number, initiator, responder, service, view: this.view() };
    return this.#write(async () => void (await book?.begin(part)));
  }

  /** Writes down how far it is, if that is news. */
  note(): Promise<void> {
    const [key, view] = [sessionKey(this.options.established.id, this.number).toString('hex'), this.view()];
    const records = view.received.records + view.acked.records;
    if (records === this.#noted) return this.#write(() => undefined);
    this.#noted = records;
    return this.#write(async () => this.options.book?.note(key, view));
  }

  /** At the initiator: ends the present part in agreement; resolves once both have the same record. */
  settle(ending: Ending): Promise<void> {
    this.#settling = this.#settling.then(() => this.#ask(ending));
    return this.#settling;
  }

  async #ask(ending: Ending): Promise<void> {
    const { channel } = this.options;
    channel.hold();
    const endMs = Math.max(Date.now(), this.startMs);
    const there = await channel.sendNow(new Writer().u8(Body.settle).u64(endMs).u8(ending).done());
    if (this.#isAbandoned) return;
    await new Promise<void>((agreed) => (this.#asked = { there, endMs, ending, agreed }));
    channel.resume();
  }

  /** The session is over: nobody answers any more. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#asked?.agreed();
  }

  /** What the other end says of it. Gives whether the session is over by that. Throws on what no correct end says. */
  onBody(type: Body, body: Buffer, whole: Tally): boolean {
    if (type === Body.settle) this.#onSettle(body, whole);
    else if (type === Body.settled) this.#onSettled(whole);
    else return this.#onConfirm(body);
    return false;
  }

  #onSettle(body: Buffer, there: Tally): void {
    const { isInitiator, channel } = this.options;
    const { endMs, ending } = decode(body.subarray(1), (reader) => ({ endMs: reader.u64(), ending: reader.u8() }));
    if (isInitiator || (ending !== Ending.closed && ending !== Ending.continued))
      throw new OverlayError('protocol', 'end of a part');
    if (endMs < this.startMs || Math.abs(endMs - Date.now()) > MAX_CLOCK_DIFFERENCE_MS)
      throw new OverlayError('clock-differs', 'end of a part');
    void channel.sendNow(Buffer.of(Body.settled)).then((back) => this.#conclude(there, back, endMs, ending));
  }

  #onSettled(back: Tally): void {
    const asked = this.#asked;
    if (asked === null) throw new OverlayError('protocol', 'agreed to what was not asked');
    void this.#conclude(asked.there, back, asked.endMs, asked.ending).then((digest) => {
      this.#asked = null;
      void this.options.channel.sendNow(new Writer().u8(Body.confirm).raw(digest).done());
      asked.agreed();
    });
  }

  /** The initiator's digest of the record: that of an honest one is ours. */
  #onConfirm(body: Buffer): boolean {
    const { isInitiator, logger, established } = this.options;
    const digest = decode(body.subarray(1), (reader) => reader.raw(HASH_BYTES));
    const agreed = this.#agreed;
    if (isInitiator || agreed === null) throw new OverlayError('protocol', 'confirmed what was not settled');
    this.#agreed = null;
    if (!digest.equals(agreed.digest))
      logger.error({ session: established.id.toString('hex') }, 'the ends do not agree on a session');
    return agreed.ending === Ending.closed;
  }

  async #conclude(there: Tally, back: Tally, endMs: number, ending: Ending): Promise<Buffer> {
    const { established, book, onSettled } = this.options;
    const { chainId, id: session, initiator, responder, service } = established;
    const names = { chainId, session, part: this.number, initiator, responder, service };
    const record: SessionRecord = { ...names, there, back, startMs: this.startMs, endMs, ending };
    const key = sessionKey(session, this.number).toString('hex');
    const digest = sessionDigest(encodeSessionRecord(record));
    this.#agreed = { digest, ending };
    this.startMs = endMs;
    await this.#write(async () => void (await book?.conclude(key, record, 'settled')));
    if (book !== null) onSettled(key);
    if (ending === Ending.continued) {
      this.number += 1;
      this.#noted = -1;
      await this.begin();
    }
    return digest;
  }

  /** Writes follow one another: a part is begun before it is noted, and concluded after. */
  #write(write: () => Promise<unknown> | undefined): Promise<void> {
    const done = this.#written.then(write).then(() => {});
    this.#written = done.catch(() => {});
    return done;
  }
}
