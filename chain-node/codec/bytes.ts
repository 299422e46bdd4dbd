import { LedgerError } from '../errors.ts';

const FIRST_BYTES = 256;
/** What a bit of the upper half of a u64 is worth. */
const HIGH = 2 ** 32;
const MAX_HIGH = Math.floor(Number.MAX_SAFE_INTEGER / HIGH);
/** Up to here a loop copies sooner than a call into the engine. */
const SHORT_BYTES = 64;
/** What stands for bytes that are no character (Unicode, U+FFFD). */
const UNREADABLE = '\ufffd';

function copy(from: Uint8Array, start: number, to: Uint8Array, at: number, length: number): void {
  if (length > SHORT_BYTES) to.set(from.subarray(start, start + length), at);
  else for (let i = 0; i < length; i += 1) to[at + i] = from[start + i]!;
}

/** Writes the ledger's encoding (docs/receipt-format.md, Bytes): big-endian, length-prefixed, one form for each value. */
export class Writer {
  #data: Buffer;
  #at = 0;

  /** `size`: how long it is going to be, where that is known and large. */
  constructor(size = FIRST_BYTES) {
    this.#data = Buffer.allocUnsafe(size);
  }

  /** Makes room for `length` more bytes, and gives where they go. */
  #grow(length: number): number {
    const at = this.#at;
    this.#at += length;
    if (this.#at > this.#data.length) {
      const next = Buffer.allocUnsafe(Math.max(2 * this.#data.length, this.#at));
      this.#data.copy(next, 0, 0, at);
      this.#data = next;
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#data.writeUInt8(value, at);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#data.writeUInt32BE(value, at);
    return this;
  }

  u64(value: number): this {
    if (!Number.isInteger(value)) throw new RangeError(`${value} is not a whole number`);
    const at = this.#grow(8);
    const high = Math.floor(value / HIGH);
    this.#data.writeUInt32BE(high, at);
    this.#data.writeUInt32BE(value - high * HIGH, at + 4);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const { length } = bytes;
    const at = this.#grow(length);
    copy(bytes, 0, this.#data, at, length);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  str(text: string): this {
    return this.bytes(Buffer.from(text, 'utf8'));
  }

  list<T>(items: readonly T[], write: (writer: Writer, item: T) => void): this {
    this.u32(items.length);
    for (const item of items) write(this, item);
    return this;
  }

  /** What was written; the writer is used up. */
  done(): Buffer {
    return this.#data.subarray(0, this.#at);
  }
}

/** Reads it back, bounding every length before it allocates; throws encoding-invalid. */
export class Reader {
  #at = 0;
  readonly #data: Buffer;

  constructor(data: Uint8Array) {
    this.#data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  }

  /** Where it is, in bytes from the start. */
  get at(): number {
    return this.#at;
  }

  /** Goes on by `length` bytes, and gives where they begin. */
  #take(length: number): number {
    const at = this.#at;
    if (length > this.#data.length - at) throw new LedgerError('encoding-invalid', 'cut short');
    this.#at = at + length;
    return at;
  }

  /** The next bytes as they lie in what is read: a view, not a copy. */
  view(length: number): Buffer {
    const at = this.#take(length);
    return this.#data.subarray(at, at + length);
  }

  u8(): number {
    return this.#data[this.#take(1)]!;
  }

  /** `u8`, 0 or 1. */
  flag(): boolean {
    const value = this.u8();
    if (value > 1) throw new LedgerError('encoding-invalid', 'neither yes nor no');
    return value === 1;
  }

  u32(): number {
    return this.#data.readUInt32BE(this.#take(4));
  }

  /** Up to 2^53 − 1, as heights, sizes and times never exceed it. */
  u64(): number {
    const high = this.u32();
    const low = this.u32();
    if (high > MAX_HIGH) throw new LedgerError('encoding-invalid', 'number too large');
    return high * HIGH + low;
  }

  raw(length: number): Buffer {
    const at = this.#take(length);
    const own = Buffer.allocUnsafe(length);
    copy(this.#data, at, own, 0, length);
    return own;
  }

  #length(max: number): number {
    const length = this.u32();
    if (length > max) throw new LedgerError('encoding-invalid', `${length} bytes where at most ${max} go`);
    return length;
  }

  /** `bytes` as a view. */
  bytesView(max: number): Buffer {
    return this.view(this.#length(max));
  }

  bytes(max: number): Buffer {
    return this.raw(this.#length(max));
  }

  str(max: number): string {
    const length = this.#length(max);
    const at = this.#take(length);
    const end = at + length;
    const text = this.#data.toString('utf8', at, end);
    // A character for each byte: ASCII, or what cannot be read.
    const isAscii = text.length === length && !text.includes(UNREADABLE);
    const isSame = isAscii || Buffer.from(text, 'utf8').equals(this.#data.subarray(at, end));
    if (!isSame) throw new LedgerError('encoding-invalid', 'text is not UTF-8');
    return text;
  }

  list<T>(max: number, read: (reader: Reader) => T): T[] {
    const count = this.u32();
    if (count > max) throw new LedgerError('encoding-invalid', `${count} items where at most ${max} go`);
    const items: T[] = [];
    for (let i = 0; i < count; i += 1) items.push(read(this));
    return items;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#data.length;
  }

  /** Refuses bytes after the end: a value has one encoding. */
  end(): void {
    if (!this.isAtEnd) throw new LedgerError('encoding-invalid', 'bytes after the end');
  }
}

/** Reads a whole value from bytes that hold nothing else. */
export function decode<T>(data: Uint8Array, read: (reader: Reader) => T): T {
  const reader = new Reader(data);
  const value = read(reader);
  reader.end();
  return value;
}

/** A domain tag: ASCII and one zero byte. */
export const tag = (name: string) => Buffer.from(`${name}\0`, 'ascii');

/** A hash as the key of a map: one character a byte. */
export const keyOf = (hash: Buffer): string => hash.toString('latin1');
