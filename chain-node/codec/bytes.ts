import { LedgerError } from '../errors.ts';

/** Writes the ledger's encoding (docs/receipt-format.md, Bytes): big-endian, length-prefixed, one form for each value. */
export class Writer {
  readonly #parts: Uint8Array[] = [];

  u8(value: number): this {
    return this.raw(Uint8Array.of(value));
  }

  u32(value: number): this {
    const bytes = Buffer.allocUnsafe(4);
    bytes.writeUInt32BE(value);
    return this.raw(bytes);
  }

  u64(value: number): this {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigUInt64BE(BigInt(value));
    return this.raw(bytes);
  }

  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes);
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

  done(): Buffer {
    return Buffer.concat(this.#parts);
  }
}

/** Reads it back, bounding every length before it allocates; throws encoding-invalid. */
export class Reader {
  #at = 0;
  readonly #data: Buffer;

  constructor(data: Uint8Array) {
    this.#data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  }

  #take(length: number): Buffer {
    if (length > this.#data.length - this.#at) throw new LedgerError('encoding-invalid', 'cut short');
    const part = this.#data.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  u8(): number {
    return this.#take(1)[0]!;
  }

  u32(): number {
    return this.#take(4).readUInt32BE();
  }

  /** Up to 2^53 − 1, as heights, sizes and times never exceed it. */
  u64(): number {
    const value = this.#take(8).readBigUInt64BE();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new LedgerError('encoding-invalid', 'number too large');
    return Number(value);
  }

  raw(length: number): Buffer {
    return Buffer.from(this.#take(length));
  }

  bytes(max: number): Buffer {
    const length = this.u32();
    if (length > max) throw new LedgerError('encoding-invalid', `${length} bytes where at most ${max} go`);
    return this.raw(length);
  }

  str(max: number): string {
    const bytes = this.bytes(max);
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
