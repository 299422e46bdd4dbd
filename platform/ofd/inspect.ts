import sharp from 'sharp';
import { SealfolioError } from '../../domain/errors.ts';
import { inspectOfd } from './foreign/index.ts';
import { MAX_PAGES, MAX_PIXELS } from './limits.ts';
import { checkComplete, MediaType, sniff } from './media.ts';
import { pdfPages } from './pdf.ts';

/** One page of an original: its box on paper. */
export interface PageBox {
  widthMm: number;
  heightMm: number;
}

export interface Inspection {
  mediaType: MediaType;
  pages: PageBox[];
}

const MAX_SIDE_MM = 2000;
const MM_PER_INCH = 25.4;
/** Without a resolution that can be, a page is as wide as A4. */
const [MIN_DPI, MAX_DPI, A4_WIDTH_MM] = [50, 2400, 210];

const refuse = (code: string, field: string, reason: string, cause?: unknown) =>
  new SealfolioError(code, { field, reason }, { cause });

function box(width: number, height: number, density: number | undefined): PageBox {
  const scale =
    density !== undefined && density >= MIN_DPI && density !== 72 && density <= MAX_DPI
      ? MM_PER_INCH / density
      : A4_WIDTH_MM / Math.min(width, height);
  const fit = Math.min(1, MAX_SIDE_MM / (Math.max(width, height) * scale));
  const toMm = (pixels: number) => Math.round(pixels * scale * fit * 100) / 100;
  return { widthMm: toMm(width), heightMm: toMm(height) };
}

async function inspectImage(data: Buffer, mediaType: MediaType, onPage: () => void): Promise<PageBox[]> {
  const options = { limitInputPixels: MAX_PIXELS, failOn: 'truncated' as const };
  const first = await sharp(data, { ...options, limitInputPixels: false })
    .metadata()
    .catch((error: unknown) => {
      throw refuse('document-damaged', 'bytes', 'no image that can be read', error);
    });
  const { width, height, pages = 1 } = first;
  if (width * (first.pageHeight ?? height) > MAX_PIXELS)
    throw refuse('document-too-large', 'pixels', `${width} × ${height} pixels`);
  if (pages > MAX_PAGES) throw refuse('document-too-many-pages', 'pageCount', `${pages} pages`);
  const boxes: PageBox[] = [];
  for (let page = 0; page < pages; page += 1) {
    const metadata = page === 0 ? Promise.resolve(first) : sharp(data, { ...options, page }).metadata();
    const frame = await metadata.catch((error: unknown) => {
      throw refuse('document-damaged', 'bytes', `page ${page + 1} cannot be read`, error);
    });
    const { width: w, pageHeight: h = frame.height, density } = frame;
    if (w * h > MAX_PIXELS) throw refuse('document-too-large', 'pixels', `${w} × ${h} pixels`);
    if (mediaType === MediaType.tiff)
      await sharp(data, { ...options, page })
        .stats()
        .catch((error: unknown) => {
          throw refuse('document-truncated', 'bytes', `page ${page + 1} is cut off`, error);
        });
    boxes.push(box(w, h, density));
    onPage();
  }
  return boxes;
}

/**
 * Looks at an original as hostile input: its type by its bytes, whether it is whole, its pages. Throws document-empty,
 * document-type-unsupported, document-type-mismatch, document-truncated, document-damaged, document-encrypted,
 * document-too-large, document-too-many-pages, document-unsafe or document-content-unsupported, each with `field` and
 * `reason`. `onPage` is told after each page that is looked at.
 */
export async function inspect(
  data: Buffer,
  declared: string,
  onPage: () => void = () => undefined,
): Promise<Inspection> {
  if (data.length === 0) throw refuse('document-empty', 'bytes', 'the file has no bytes');
  const mediaType = sniff(data);
  if (mediaType === null) throw refuse('document-type-unsupported', 'mediaType', 'not a JPEG, PNG, TIFF, PDF or OFD');
  if (mediaType !== declared)
    throw refuse('document-type-mismatch', 'mediaType', `announced ${declared}, is ${mediaType}`);
  checkComplete(data, mediaType);
  if (mediaType === MediaType.ofd) return { mediaType, pages: await inspectOfd(data, onPage) };
  if (mediaType !== MediaType.pdf) return { mediaType, pages: await inspectImage(data, mediaType, onPage) };
  const pages = await pdfPages(data, MAX_PAGES);
  if (pages.length === 0) throw refuse('document-damaged', 'bytes', 'the PDF has no pages');
  return { mediaType, pages };
}
