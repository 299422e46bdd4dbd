import { cryptoError } from './errors.ts';

const bad = (reason: string) => cryptoError('encoding-invalid', `DER: ${reason}`);

/** One TLV. */
export interface Tlv {
  tag: number;
  content: Buffer;
  /** Head and content. */
  whole: Buffer;
}

/** Reads DER (X.690 §8, §10): definite lengths in their shortest form, single-byte tags. Throws encoding-invalid. */
export class DerReader {
  #at = 0;
  readonly #data: Buffer;

  constructor(data: Uint8Array) {
    this.#data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#data.length;
  }

  /** The next TLV, of this tag if one is given. */
  next(tag?: number): Tlv {
    const start = this.#at;
    const found = this.#byte();
    if ((found & 0x1f) === 0x1f) throw bad('tag of several bytes');
    if (tag !== undefined && found !== tag) throw bad(`tag ${found.toString(16)} where ${tag.toString(16)} goes`);
    const length = this.#length();
    if (length > this.#data.length - this.#at) throw bad('cut short');
    const content = this.#data.subarray(this.#at, this.#at + length);
    this.#at += length;
    return { tag: found, content, whole: this.#data.subarray(start, this.#at) };
  }

  /** Reader of what is inside the next TLV. */
  enter(tag: number): DerReader {
    return new DerReader(this.next(tag).content);
  }

  /** Whether the next TLV has this tag. */
  isNext(tag: number): boolean {
    return this.#data[this.#at] === tag;
  }

  end(): void {
    if (!this.isAtEnd) throw bad('bytes after the end');
  }

  #byte(): number {
    const byte = this.#data[this.#at];
    if (byte === undefined) throw bad('cut short');
    this.#at += 1;
    return byte;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw bad('form of a length');
    let length = 0;
    for (let i = 0; i < count; i += 1) length = length * 256 + this.#byte();
    if (length < 0x80 || length < 256 ** (count - 1)) throw bad('a length is not in its shortest form');
    return length;
  }
}

/** Reads one value that is all there is. */
export function readDer<T>(data: Uint8Array, read: (reader: DerReader) => T): T {
  const reader = new DerReader(data);
  const value = read(reader);
  reader.end();
  return value;
}

/** The dotted form of an OBJECT IDENTIFIER's content. */
export function oidOf(content: Buffer): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 128) throw bad('arc of an OID');
    if (byte >= 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  if (arcs.length === 0 || content.at(-1)! >= 0x80) throw bad('OID cut short');
  const first = Math.min(Math.floor(arcs[0]! / 40), 2);
  return [first, arcs[0]! - 40 * first, ...arcs.slice(1)].join('.');
}

/** The bytes of a BIT STRING that has no unused bits. */
export function bitsOf(content: Buffer): Buffer {
  if (content[0] !== 0) throw bad('bits that make no whole bytes');
  return content.subarray(1);
}
