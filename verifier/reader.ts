import { ShapeError } from './shape.ts';

/** Reads the ledger's encoding (docs/ledger-protocol.md) from bytes of others. Throws a ShapeError where it is cut short. */
export class ByteReader {
  #at = 0;

  constructor(private readonly data: Uint8Array) {}

  raw(length: number): Uint8Array {
    if (length > this.data.length - this.#at) throw new ShapeError('', 'cut short');
    const part = this.data.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  /** Big-endian, of 1, 4 or 8 bytes. */
  uint(bytes: 1 | 4 | 8): number {
    const value = this.raw(bytes).reduce((sum, byte) => sum * 256 + byte, 0);
    if (!Number.isSafeInteger(value)) throw new ShapeError('', 'number too large');
    return value;
  }

  bytes(): Uint8Array {
    return this.raw(this.uint(4));
  }

  str(): string {
    return new TextDecoder().decode(this.bytes());
  }

  /** Whether these are the next bytes; if so they are passed over. */
  takes(expected: Uint8Array): boolean {
    if (!expected.every((byte, i) => this.data[this.#at + i] === byte)) return false;
    this.#at += expected.length;
    return true;
  }

  end(): void {
    if (this.#at !== this.data.length) throw new ShapeError('', 'bytes after the end');
  }
}
