import { SealfolioError } from '../../domain/errors.ts';
import type { MediaType } from '../../platform/ofd/media.ts';
import { type PageImage, pageImage, thumbnail } from '../../platform/ofd/render.ts';
import type { ArchiveVersion, Store } from '../../platform/store/index.ts';

/** Bytes of thumbnails kept in memory; a member's screen shows the same few archives again and again. */
const CACHE_BYTES = 48 * 1024 * 1024;

/** Images of pages, by their number in the package; originals are opened only for what is looked at. */
export class Pages {
  readonly #thumbnails = new Map<string, PageImage>();
  #bytes = 0;

  constructor(private readonly store: Store) {}

  /** Page `number` counts from 1. Throws page-not-found. */
  async image({ catalog, documents }: ArchiveVersion, number: number, size: 'full' | 'thumbnail'): Promise<PageImage> {
    const reference = catalog.nodes.flatMap(({ pages }) => pages)[number - 1];
    if (reference === undefined) throw new SealfolioError('page-not-found', { field: 'page', reason: `${number}` });
    const { objectId, page } = reference;
    const key = `${objectId}/${page}`;
    const known = size === 'thumbnail' ? this.#thumbnails.get(key) : undefined;
    if (known !== undefined) return known;
    const { mediaType } = documents.find((document) => document.objectId === objectId)!;
    const full = await pageImage(await this.store.objects.readAll(objectId), mediaType as MediaType, page);
    if (size === 'full') return full;
    const small = await thumbnail(full.data);
    this.#keep(key, small);
    return small;
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
