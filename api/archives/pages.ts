import { LRUCache } from 'lru-cache';
import { SealfolioError } from '../../domain/errors.ts';
import { type ZipEntry, zipEntries } from '../../platform/ofd/entries.ts';
import type { MediaType } from '../../platform/ofd/media.ts';
import { pageName } from '../../platform/ofd/package.ts';
import { type PageImage, pageImage, thumbnail } from '../../platform/ofd/render.ts';
import { type ArchiveVersion, CHUNK_BYTES, type Store } from '../../platform/store/index.ts';

/** Bytes of thumbnails kept in memory; a member's screen shows the same few archives again and again. */
const CACHE_BYTES = 48 * 1024 * 1024;
/** Packages whose directory is remembered: where each page lies. */
const MOST_PACKAGES = 200;
/** Chunks of packages that stay open for a while: some pages lie in one, and who reads one page reads the next. */
const MOST_CHUNKS = 32;
const OPEN_MS = 30_000;

/** Images of pages, by their number in the package; only the bytes of the page that is looked at are opened. */
export class Pages {
  readonly #thumbnails = new LRUCache<string, PageImage>({
    maxSize: CACHE_BYTES,
    sizeCalculation: ({ data }) => data.length,
  });
  readonly #directories = new LRUCache<string, Promise<Map<string, ZipEntry>>>({ max: MOST_PACKAGES });
  readonly #chunks = new LRUCache<string, Promise<Buffer>>({
    max: MOST_CHUNKS,
    ttl: OPEN_MS,
    ttlAutopurge: true,
  });

  constructor(private readonly store: Store) {}

  /** Page `number` counts from 1. Throws page-not-found. */
  async image(version: ArchiveVersion, number: number): Promise<PageImage> {
    const reference = version.catalog.nodes.flatMap(({ pages }) => pages)[number - 1];
    if (reference === undefined) throw new SealfolioError('page-not-found', { field: 'page', reason: `${number}` });
    const packed = await this.#packed(version, number);
    if (packed !== null) return packed;
    const { objectId, page } = reference;
    const { mediaType } = version.documents.find((document) => document.objectId === objectId)!;
    return pageImage(await this.store.objects.readAll(objectId), mediaType as MediaType, page);
  }

  /** A small picture of it. Throws page-not-found. */
  async thumbnail(version: ArchiveVersion, number: number): Promise<PageImage> {
    const key = `${version.archiveId}/${version.version}/${number}`;
    const known = this.#thumbnails.get(key);
    if (known !== undefined) return known;
    const small = await thumbnail((await this.image(version, number)).data);
    this.#thumbnails.set(key, small);
    return small;
  }

  /** From the sealed package, where the page lies ready; null while there is none. */
  async #packed({ package: packed }: ArchiveVersion, number: number): Promise<PageImage | null> {
    if (packed === undefined) return null;
    const { objectId, bytes } = packed;
    const read = (range: ZipEntry) => this.#read(objectId, bytes, range);
    let directory = this.#directories.get(objectId);
    if (directory === undefined) {
      directory = zipEntries(bytes, read);
      this.#directories.set(objectId, directory);
      directory.catch(() => this.#directories.delete(objectId));
    }
    const entries = await directory;
    for (const [format, mediaType] of [
      ['JPEG', 'image/jpeg'],
      ['PNG', 'image/png'],
    ] as const) {
      const entry = entries.get(pageName(number - 1, format));
      if (entry !== undefined) return { data: await read(entry), mediaType };
    }
    return null;
  }

  /** Bytes of a package of `length`, by its chunks. */
  async #read(objectId: string, length: number, { start, end }: { start: number; end: number }): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let from = start - (start % CHUNK_BYTES); from < end; from += CHUNK_BYTES) {
      const chunk = await this.#chunk(objectId, from, Math.min(from + CHUNK_BYTES, length));
      pieces.push(chunk.subarray(Math.max(0, start - from), end - from));
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  #chunk(objectId: string, start: number, end: number): Promise<Buffer> {
    const key = `${objectId}/${start}`;
    const known = this.#chunks.get(key);
    if (known !== undefined) return known;
    const opened = this.store.objects.readAll(objectId, { start, end });
    this.#chunks.set(key, opened);
    opened.catch(() => this.#chunks.delete(key));
    return opened;
  }
}
