import path from 'node:path';
import { crc32 } from 'node:zlib';
import iconv from 'iconv-lite';
import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { isSealfolioError } from '../../../domain/errors.ts';
import { refuse } from './refuse.ts';

const UTF8_NAMES = 0x0800;
const MAX_ENTRIES = 50_000;
const MAX_NAME_BYTES = 1024;
const MIB = 1024 * 1024;
/** All of a package together, and one entry of it, unpacked. */
const [MAX_BYTES, MAX_ENTRY_BYTES] = [1024 * MIB, 128 * MIB];
/** What packs more than this is no document; deflate itself ends at 1032 to one. Small ones may, a line of blanks does. */
const [MAX_RATIO, ANY_RATIO_BYTES] = [200, 16 * MIB];

/** UTF-8 where the flag says so, else GBK, in which Chinese software writes names. */
function nameOf({ fileNameRaw: raw, generalPurposeBitFlag: flags }: Entry): string {
  const name = (flags & UTF8_NAMES) === 0 ? iconv.decode(raw, 'gbk') : raw.toString('utf8');
  const isSafe =
    raw.length <= MAX_NAME_BYTES &&
    !/^[/\\]|^[A-Za-z]:|\0|(^|[/\\])\.\.([/\\]|$)/.test(name) &&
    !/^[/\\]|\0|(^|[/\\])\.\.([/\\]|$)/.test(raw.toString('latin1'));
  if (!isSafe) throw refuse('document-unsafe', 'the name of an entry leads out of the package');
  return path.posix.normalize(name.replaceAll('\\', '/'));
}

/** A ZIP that anyone may have made, in memory: what it says of itself is checked before anything is unpacked. */
export class Unzip {
  readonly #entries = new Map<string, Entry>();
  readonly #zip: ZipFile;

  private constructor(zip: ZipFile) {
    this.#zip = zip;
  }

  /** Throws document-damaged, document-encrypted, document-unsafe or document-too-large. */
  static async open(data: Buffer): Promise<Unzip> {
    try {
      const zip = await yauzl.fromBufferPromise(data, { lazyEntries: true, decodeStrings: false });
      if (zip.entryCount > MAX_ENTRIES) throw refuse('document-unsafe', `${zip.entryCount} entries`);
      const opened = new Unzip(zip);
      let [bytes, packed] = [0, 0];
      for await (const entry of zip.eachEntry()) {
        opened.#add(entry);
        bytes += entry.uncompressedSize;
        packed += entry.compressedSize;
        if (bytes > MAX_BYTES) throw refuse('document-unsafe', 'unpacks to more than 1 GiB');
      }
      if (bytes > ANY_RATIO_BYTES && (bytes > MAX_RATIO * packed || packed > data.length))
        throw refuse('document-unsafe', `${data.length} bytes unpack to ${bytes}`);
      return opened;
    } catch (error) {
      throw isSealfolioError(error) ? error : refuse('document-damaged', 'no ZIP that can be read', 'bytes', error);
    }
  }

  #add(entry: Entry): void {
    const name = nameOf(entry);
    if (entry.isEncrypted()) throw refuse('document-encrypted', 'an entry is encrypted');
    if (name.endsWith('/')) return;
    // Of two entries with one name each reader takes another.
    if (this.#entries.has(name)) throw refuse('document-unsafe', 'an entry is there twice');
    if (entry.uncompressedSize > MAX_ENTRY_BYTES)
      throw refuse('document-unsafe', 'an entry unpacks to more than 128 MiB');
    this.#entries.set(name, entry);
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** The bytes of an entry; `what` it is to the document is told where it fails, as names may be of persons. Throws document-damaged. */
  async read(name: string, what: string): Promise<Buffer> {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw refuse('document-damaged', `${what} is missing`);
    const parts: Buffer[] = [];
    try {
      // yauzl ends the stream with an error where more comes than the entry says.
      for await (const part of await this.#zip.openReadStreamPromise(entry)) parts.push(part as Buffer);
    } catch (error) {
      throw refuse('document-damaged', `${what} cannot be unpacked`, 'bytes', error);
    }
    const data = Buffer.concat(parts);
    if (crc32(data) !== entry.crc32) throw refuse('document-damaged', `${what} is not what its checksum says`);
    return data;
  }
}
