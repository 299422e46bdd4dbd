import { type PDFiumDocument, PDFiumLibrary } from '@hyzyla/pdfium';
import sharp from 'sharp';
import { isSealfolioError, SealfolioError } from '../../domain/errors.ts';

const POINTS_PER_INCH = 72;
/** A1 at 150 dots an inch, and more; each takes four bytes. */
const MAX_DRAWN_PIXELS = 20_000_000;
let library: Promise<PDFiumLibrary> | undefined;
/** PDFium is one WebAssembly instance: one document at a time. */
let queue: Promise<unknown> = Promise.resolve();

/** Opens a PDF for a task. Throws document-encrypted or document-damaged. */
export function withPdf<T>(data: Buffer, task: (document: PDFiumDocument) => Promise<T>): Promise<T> {
  const result = queue.then(async () => {
    library ??= PDFiumLibrary.init();
    const opened = await library;
    let document: PDFiumDocument;
    try {
      document = await opened.loadDocument(data);
    } catch (error) {
      const isEncrypted = /password|security/i.test(String(error)) || data.includes('/Encrypt');
      const code = isEncrypted ? 'document-encrypted' : 'document-damaged';
      throw new SealfolioError(code, {
        field: 'bytes',
        reason: isEncrypted ? 'the PDF asks for a password' : 'no PDF that can be read',
      });
    }
    try {
      const done = await task(document);
      document.destroy();
      return done;
    } catch (error) {
      if (isSealfolioError(error)) {
        document.destroy();
        throw error;
      }
      library = undefined; // an instance that broke off is not asked again
      throw new SealfolioError(
        'document-damaged',
        { field: 'bytes', reason: 'the reader broke off' },
        { cause: error },
      );
    }
  });
  queue = result.catch(() => {});
  return result;
}

export interface PdfPageSize {
  widthMm: number;
  heightMm: number;
}

/** Sizes of the pages, in millimetres. */
export const pdfPages = (data: Buffer, maxPages: number): Promise<PdfPageSize[]> =>
  withPdf(data, async (document) => {
    const count = document.getPageCount();
    if (count > maxPages)
      throw new SealfolioError('document-too-many-pages', { field: 'pageCount', reason: `${count}` });
    return Array.from({ length: count }, (_, i) => {
      const { originalWidth, originalHeight } = document.getPage(i).getOriginalSize();
      return { widthMm: toMm(originalWidth), heightMm: toMm(originalHeight) };
    });
  });

const toMm = (points: number) => (points / POINTS_PER_INCH) * 25.4;

/** One page as JPEG at this many dots an inch; at fewer if it is so large that drawing it would take too much memory. */
export const renderPdfPage = (data: Buffer, page: number, dpi: number): Promise<Buffer> =>
  withPdf(data, async (document) => {
    const drawn = document.getPage(page);
    const { originalWidth, originalHeight } = drawn.getOriginalSize();
    const scale = Math.min(dpi / POINTS_PER_INCH, Math.sqrt(MAX_DRAWN_PIXELS / (originalWidth * originalHeight)));
    const { data: pixels, width, height } = await drawn.render({ scale });
    return sharp(pixels, { raw: { width, height, channels: 4 } })
      .removeAlpha()
      .jpeg({ quality: 88 })
      .toBuffer();
  });
