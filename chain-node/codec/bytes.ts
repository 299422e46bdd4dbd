import { LedgerError } from '../errors.ts';

const FIRST_BYTES = 256;

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
    const at = this.#grow(8);
    this.#data.writeBigUInt64BE(BigInt(value), at);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#data.set(bytes, at);
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

  /** The next bytes as they lie in what is read: a view, not a copy. */
  view(length: number): Buffer {
    if (length > this.#data.length - this.#at) throw new LedgerError('encoding-invalid', 'cut short');
    const part = this.#data.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  u8(): number {
    return this.view(1)[0]!;
  }

  u32(): number {
    return this.view(4).readUInt32BE();
  }

  /** Up to 2^53 − 1, as heights, sizes and times never exceed it. */
  u64(): number {
    const value = this.view(8).readBigUInt64BE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new LedgerError('encoding-invalid', 'number too large');
    return Number(value);
  }

  raw(length: number): Buffer {
    return Buffer.from(this.view(length));
  }

  /** `bytes` as a view. */
  bytesView(max: number): Buffer {
    const length = this.u32();
    if (length > max) throw new LedgerError('encoding-invalid', `${length} bytes where at most ${max} go`);
    return this.view(length);
  }

  bytes(max: number): Buffer {
    return Buffer.from(this.bytesView(max));
  }

  str(max: number): string {
    const bytes = this.bytesView(max);
    const text = bytes.toString('utf8');
    if (!Buffer.from(text, 'utf8').equals(bytes)) throw new LedgerError('encoding-invalid', 'text is not UTF-8');
    return text;
  }

  list<T>(max: number, read: (reader: Reader) => T): T[] {
    const count = this.u32();
    if (count > max) throw new LedgerError('encoding-invalid', `${count} items where at most ${max} go`);
    const items: T[] = [];
    for (let i = 0; i < count; i += 1) items.push(read(this));
    return items;
  }

  /** Refuses bytes after the end: a value has one encoding. */
  end(): void {
    if (this.#at !== this.#data.length) throw new LedgerError('encoding-invalid', 'bytes after the end');
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
