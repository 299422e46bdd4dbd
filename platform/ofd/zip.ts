import { crc32 } from 'node:zlib';
import { SealfolioError } from '../../domain/errors.ts';

/** 1980-01-01 00:00 in MS-DOS form: the same content is the same bytes. */
const DOS_DATE = 0x0021;
const UTF8_NAMES = 0x0800;
const VERSION = 20;
const MAX = 0xffffffff;

interface Written {
  name: Buffer;
  crc: number;
  size: number;
  offset: number;
}

function fields({ crc, size, name }: Written): Buffer {
  const bytes = Buffer.alloc(26);
  bytes.writeUInt16LE(VERSION, 0);
  bytes.writeUInt16LE(UTF8_NAMES, 2);
  bytes.writeUInt16LE(0, 4); // stored: page images are compressed already
  bytes.writeUInt16LE(0, 6);
  bytes.writeUInt16LE(DOS_DATE, 8);
  bytes.writeUInt32LE(crc, 10);
  bytes.writeUInt32LE(size, 14);
  bytes.writeUInt32LE(size, 18);
  bytes.writeUInt16LE(name.length, 22);
  return bytes;
}

/**
 * Writes a ZIP (APPNOTE 6.2.0, as GB/T 33190 §7.1 asks) of stored entries, one whole entry at a time, sizes in the local
 * headers: readers that unpack as they read (Java's ZipInputStream) take no stored entry with a data descriptor, which
 * is what streaming ZIP libraries write. Deterministic.
 */
export class ZipWriter {
  readonly #entries: Written[] = [];
  #offset = 0;

  /** The bytes of one entry. */
  entry(name: string, data: Buffer): Buffer[] {
    const written = { name: Buffer.from(name, 'utf8'), crc: crc32(data), size: data.length, offset: this.#offset };
    this.#entries.push(written);
    return this.#count([Buffer.from('PK\x03\x04', 'latin1'), fields(written), written.name, data]);
  }

  /** The central directory. Throws package-too-large beyond 4 GiB or 65,535 entries, where ZIP64 begins. */
  end(): Buffer[] {
    const start = this.#offset;
    const directory = this.#entries.flatMap((written) => {
      const tail = Buffer.alloc(16);
      tail.writeUInt32LE(written.offset, 12);
      return [Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fields(written), tail.subarray(2), written.name];
    });
    this.#count(directory);
    if (this.#offset > MAX || this.#entries.length > 0xffff)
      throw new SealfolioError('package-too-large', { bytes: this.#offset, entries: this.#entries.length });
    const end = Buffer.alloc(22);
    end.write('PK\x05\x06', 'latin1');
    end.writeUInt16LE(this.#entries.length, 8);
    end.writeUInt16LE(this.#entries.length, 10);
    end.writeUInt32LE(this.#offset - start, 12);
    end.writeUInt32LE(start, 16);
    return [...directory, end];
  }

  #count(parts: Buffer[]): Buffer[] {
    for (const part of parts) this.#offset += part.length;
    return parts;
  }
}
