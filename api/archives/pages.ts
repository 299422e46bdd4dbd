import { SealfolioError } from '../../domain/errors.ts';
import { type ZipEntry, zipEntries } from '../../platform/ofd/entries.ts';
import type { MediaType } from '../../platform/ofd/media.ts';
import { pageName } from '../../platform/ofd/package.ts';
import { type PageImage, pageImage, thumbnail } from '../../platform/ofd/render.ts';
import type { ArchiveVersion, Store } from '../../platform/store/index.ts';

/** Bytes of thumbnails kept in memory; a member's screen shows the same few archives again and again. */
const CACHE_BYTES = 48 * 1024 * 1024;
/** Packages whose directory is remembered: where each page lies. */
const MOST_PACKAGES = 200;

/** Images of pages, by their number in the package; only the bytes of the page that is looked at are opened. */
export class Pages {
  readonly #thumbnails = new Map<string, PageImage>();
  readonly #directories = new Map<string, Promise<Map<string, ZipEntry>>>();
  #bytes = 0;

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
    this.#keep(key, small);
    return small;
  }

  /** From the sealed package, where the page lies ready; null while there is none. */
  async #packed({ package: packed }: ArchiveVersion, number: number): Promise<PageImage | null> {
    if (packed === undefined) return null;
    const { objectId, bytes } = packed;
    const read = async (range: ZipEntry) => {
      const pieces: Buffer[] = [];
      for await (const piece of await this.store.objects.read(objectId, range)) pieces.push(piece as Buffer);
      return Buffer.concat(pieces);
    };
    let directory = this.#directories.get(objectId);
    if (directory === undefined) {
      directory = zipEntries(bytes, read);
      this.#directories.set(objectId, directory);
      directory.catch(() => this.#directories.delete(objectId));
      if (this.#directories.size > MOST_PACKAGES) this.#directories.delete(this.#directories.keys().next().value!);
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

  #keep(key: string, image: PageImage): void {
    this.#thumbnails.set(key, image);
    this.#bytes += image.data.length;
    for (const [oldest, { data }] of this.#thumbnails) {
      if (this.#bytes <= CACHE_BYTES) break;
      this.#thumbnails.delete(oldest);
      this.#bytes -= data.length;
    }
  }
}
