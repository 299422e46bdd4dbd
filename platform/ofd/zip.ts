import { pipeline, Readable } from 'node:stream';
import { crc32, createDeflateRaw } from 'node:zlib';
import { SealfolioError } from '../../domain/errors.ts';

/** 1980-01-01 00:00 in MS-DOS form: the same content is the same bytes. */
const DOS_DATE = 0x0021;
const UTF8_NAMES = 0x0800;
/** CRC and sizes come after the data. */
const DESCRIBED = 0x0008;
const STORED = 0;
const DEFLATED = 8;
const VERSION = 20;
const MAX = 0xffffffff;

interface Written {
  name: Buffer;
  flags: number;
  method: typeof STORED | typeof DEFLATED;
  crc: number;
  /** As it lies in the archive, and as it is. */
  packed: number;
  size: number;
  offset: number;
}

function fields({ name, flags, method, crc, packed, size }: Written): Buffer {
  const bytes = Buffer.alloc(26);
  bytes.writeUInt16LE(VERSION, 0);
  bytes.writeUInt16LE(flags, 2);
  bytes.writeUInt16LE(method, 4);
  bytes.writeUInt16LE(0, 6);
  bytes.writeUInt16LE(DOS_DATE, 8);
  bytes.writeUInt32LE(crc, 10);
  bytes.writeUInt32LE(packed, 14);
  bytes.writeUInt32LE(size, 18);
  bytes.writeUInt16LE(name.length, 22);
  return bytes;
}

const head = (written: Written): Buffer[] => [Buffer.from('PK\x03\x04', 'latin1'), fields(written), written.name];

/**
 * Writes a ZIP (APPNOTE 6.2.0, as GB/T 33190 §7.1 asks). Deterministic. Entries are stored (page images are compressed
 * already), one whole entry at a time, sizes in the local headers: readers that unpack as they read (Java's
 * ZipInputStream) take no stored entry with a data descriptor, which is what streaming ZIP libraries write. What is not
 * known whole is deflated, as those readers do take a deflated one.
 */
export class ZipWriter {
  readonly #entries: Written[] = [];
  #offset = 0;

  /** The bytes of one entry. */
  entry(name: string, data: Buffer): Buffer[] {
    const { length: size } = data;
    const kind = { flags: UTF8_NAMES, method: STORED } as const;
    const written = { ...kind, name: Buffer.from(name), crc: crc32(data), packed: size, size, offset: this.#offset };
    this.#entries.push(written);
    return this.#count([...head(written), data]);
  }

  /** The bytes of one entry, deflated while it is made: no more of it is in memory than what is on its way. */
  async *deflated(name: string, data: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const kind = { flags: UTF8_NAMES | DESCRIBED, method: DEFLATED } as const;
    const written: Written = { ...kind, name: Buffer.from(name), crc: 0, packed: 0, size: 0, offset: this.#offset };
    yield* this.#count(head(written));
    let [crc, size] = [0, 0];
    const counted = async function* () {
      for await (const part of data) {
        crc = crc32(part, crc);
        size += part.length;
        yield part;
      }
    };
    const deflate = createDeflateRaw();
    // What fails in `data` ends the loop below: nobody waits for it here.
    pipeline(Readable.from(counted()), deflate, () => undefined);
    for await (const part of deflate as AsyncIterable<Buffer>) {
      written.packed += part.length;
      yield* this.#count([part]);
    }
    Object.assign(written, { crc, size });
    this.#entries.push(written);
    const descriptor = Buffer.alloc(16);
    descriptor.write('PK\x07\x08', 'latin1');
    descriptor.writeUInt32LE(crc, 4);
    descriptor.writeUInt32LE(written.packed, 8);
    descriptor.writeUInt32LE(size, 12);
    yield* this.#count([descriptor]);
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
