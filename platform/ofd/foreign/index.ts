import { renderPdfPage } from '../pdf.ts';
import { checkPage, ofdPageAsPdf } from './draw.ts';
import { OfdPackage, type PageSize } from './package.ts';

/** Opened once for all pages, while its bytes are held. */
const opened = new WeakMap<Buffer, Promise<OfdPackage>>();

function open(data: Buffer): Promise<OfdPackage> {
  const known = opened.get(data) ?? OfdPackage.open(data);
  opened.set(data, known);
  return known;
}

/**
 * Looks at an OFD as hostile input, and tries each page: what could not be drawn later is refused now. Throws
 * document-truncated, document-damaged, document-encrypted, document-unsafe, document-too-large, document-too-many-pages or
 * document-content-unsupported, each with `field` and `reason`. `onPage` is told after each page.
 */
export async function inspectOfd(data: Buffer, onPage: () => void): Promise<PageSize[]> {
  const ofd = await open(data);
  const sizes: PageSize[] = [];
  for (let i = 0; i < ofd.pageCount; i += 1) {
    sizes.push(await checkPage(ofd, i));
    onPage();
  }
  return sizes;
}

/** How large a page is; pages count from 0. Throws as `inspectOfd` does. */
export const ofdPageSize = async (data: Buffer, page: number): Promise<PageSize> => (await open(data)).page(page);

/**
 * One page as JPEG at this many dots an inch: it becomes a PDF, fonts and all, and what draws PDFs draws it. Throws as
 * `inspectOfd` does.
 */
export const renderOfdPage = async (data: Buffer, page: number, dpi: number): Promise<Buffer> =>
  renderPdfPage(await ofdPageAsPdf(await open(data), page), 0, dpi);
