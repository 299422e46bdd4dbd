import { Duplex } from 'node:stream';
import { decode, Writer } from '../../codec/bytes.ts';
import { CODE_NUMBERS, codeOfNumber, OverlayError } from '../errors.ts';
import { Body, STREAM_HEAD_BYTES } from './bodies.ts';

/** Data in one record. */
export const MAX_DATA_BYTES = 128 * 1024;
/** What a stream takes before its reader has taken it away. */
export const STREAM_WINDOW_BYTES = 1024 * 1024;
const MAX_STREAMS = 512;
const MAX_REASON_BYTES = 256;

/** What the streams of a session need of its channel. */
export interface Carrier {
  send(body: Buffer): Promise<void>;
  sendNow(body: Buffer): Promise<unknown>;
}

const withId = (type: Body, id: number) => new Writer().u8(type).u32(id);

/** A two-way stream of bytes to the other end of a session, half-closed as TCP is. */
export class OverlayStream extends Duplex {
  #credit: number;
  #waiting: (() => void) | undefined;
  #queue: Buffer[] = [];
  #wantsData = false;
  #unread = 0;
  #taken = 0;
  #isEndedThere = false;
  #isEndedHere = false;
  /** The other end knows that it is over. */
  #isReset = false;

  constructor(
    readonly id: number,
    private readonly carrier: Carrier,
    private readonly windowBytes: number,
    private readonly onGone: (id: number) => void,
  ) {
    super({ allowHalfOpen: true, highWaterMark: MAX_DATA_BYTES });
    this.#credit = windowBytes;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send(chunk).then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#isEndedHere = true;
    this.carrier.send(withId(Body.end, this.id).done()).then(() => done(), done);
  }

  override _read(): void {
    this.#wantsData = true;
    this.#give();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#waiting?.();
    this.#queue = [];
    this.onGone(this.id);
    const isOver = this.#isReset || (this.#isEndedHere && this.#isEndedThere);
    if (!isOver) {
      const { code, reason } =
        error instanceof OverlayError ? error : { code: 'cancelled' as const, reason: error?.message ?? '' };
      const words = Buffer.from(reason, 'utf8')
        .subarray(0, MAX_REASON_BYTES)
        .toString('utf8')
        .replace(/\uFFFD+$/, '');
      void this.carrier.sendNow(withId(Body.reset, this.id).u8(CODE_NUMBERS[code]).str(words).done());
    }
    done(error);
  }

  async #send(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length && !this.destroyed;) {
      if (this.#credit === 0) {
        await new Promise<void>((go) => (this.#waiting = go));
        continue;
      }
      const length = Math.min(this.#credit, MAX_DATA_BYTES, chunk.length - at);
      this.#credit -= length;
      const body = Buffer.allocUnsafe(STREAM_HEAD_BYTES + length);
      body[0] = Body.data;
      body.writeUInt32BE(this.id, 1);
      chunk.copy(body, STREAM_HEAD_BYTES, at, at + length);
      at += length;
      await this.carrier.send(body);
    }
  }

  /** Data of the other end. Throws `protocol` if it sends more than it may. */
  onData(data: Buffer): void {
    this.#unread += data.length;
    if (this.#isEndedThere || this.#unread > this.windowBytes)
      throw new OverlayError('protocol', 'more data than the stream takes');
    if (data.length === 0) return;
    this.#queue.push(data);
    this.#give();
  }

  onCredit(bytes: number): void {
    if (this.#credit + bytes > this.windowBytes) throw new OverlayError('protocol', 'more credit than the window');
    this.#credit += bytes;
    this.#waiting?.();
    this.#waiting = undefined;
  }

  onEnd(): void {
    this.#isEndedThere = true;
    this.#give();
  }

  onReset(error: OverlayError): void {
    this.#isReset = true;
    this.destroy(error);
  }

  /** Hands on what came, as far as it is wanted; only then may the other end send as much again. */
  #give(): void {
    while (this.#wantsData && this.#queue.length > 0) {
      const data = this.#queue.shift()!;
      this.#unread -= data.length;
      this.#taken += data.length;
      this.#wantsData = this.push(data);
    }
    if (this.#isEndedThere && this.#queue.length === 0 && this.#wantsData) {
      this.#wantsData = false;
      this.push(null);
    }
    if (this.#taken < this.windowBytes / 4 || this.#isEndedThere || this.destroyed) return;
    void this.carrier.sendNow(withId(Body.credit, this.id).u32(this.#taken).done());
    this.#taken = 0;
  }
}

/** The streams of one session. Only its initiator opens them. */
export class Streams {
  readonly #streams = new Map<number, OverlayStream>();
  #last = 0;

  constructor(
    private readonly carrier: Carrier,
    /** At the end that offers the service: what to do with a new stream. */
    private readonly onStream: ((stream: OverlayStream) => void) | null,
    private readonly windowBytes = STREAM_WINDOW_BYTES,
  ) {}

  get size(): number {
    return this.#streams.size;
  }

  /** Opens a stream; it may be written to at once. Throws `busy`. */
  open(): OverlayStream {
    if (this.#streams.size >= MAX_STREAMS) throw new OverlayError('busy', `${MAX_STREAMS} streams are open`);
    this.#last += 1;
    const stream = this.#make(this.#last);
    void this.carrier.sendNow(withId(Body.open, stream.id).done());
    return stream;
  }

  /** What came for one of them. Throws `protocol`, encoding-invalid. */
  onBody(type: Body, body: Buffer): void {
    if (body.length < STREAM_HEAD_BYTES) throw new OverlayError('protocol', 'stream frame cut short');
    const id = body.readUInt32BE(1);
    const rest = body.subarray(STREAM_HEAD_BYTES);
    if (type === Body.open) return this.#onOpen(id);
    if (id === 0 || id > this.#last) throw new OverlayError('protocol', 'a stream that nobody opened');
    const stream = this.#streams.get(id);
    // What was sent before the end of it was known there.
    if (stream === undefined) return;
    if (type === Body.data) stream.onData(rest);
    else if (type === Body.credit) stream.onCredit(decode(rest, (reader) => reader.u32()));
    else if (type === Body.end) stream.onEnd();
    else if (type === Body.reset) {
      const { code, reason } = decode(rest, (reader) => ({ code: reader.u8(), reason: reader.str(MAX_REASON_BYTES) }));
      stream.onReset(new OverlayError(codeOfNumber(code), reason));
    } else throw new OverlayError('protocol', `frame ${type} of a stream`);
  }

  /** The session is over. */
  closeAll(error: OverlayError): void {
    for (const stream of [...this.#streams.values()]) stream.onReset(error);
  }

  #make(id: number): OverlayStream {
    const stream = new OverlayStream(id, this.carrier, this.windowBytes, (gone) => this.#streams.delete(gone));
    // Until somebody listens, what goes wrong with it is nobody's error but its own.
    stream.on('error', () => {});
    this.#streams.set(id, stream);
    return stream;
  }

  #onOpen(id: number): void {
    if (this.onStream === null || id !== this.#last + 1) throw new OverlayError('protocol', 'a stream out of turn');
    this.#last = id;
    const stream = this.#make(id);
    if (this.#streams.size > MAX_STREAMS) stream.destroy(new OverlayError('busy', 'too many streams are open'));
    else this.onStream(stream);
  }
}
