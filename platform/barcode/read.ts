import { readFileSync } from 'node:fs';
import sharp, { type Sharp } from 'sharp';
import { prepareZXingModule, purgeZXingModule, type ReaderOptions, readBarcodes as read } from 'zxing-wasm/reader';
import { SealfolioError } from '../../domain/errors.ts';
import { ofdPageSize, renderOfdPage } from '../ofd/foreign/index.ts';
import { MAX_PAGES, MAX_PIXELS } from '../ofd/limits.ts';
import { MediaType, sniff } from '../ofd/media.ts';
import { pdfPages, renderPdfPage } from '../ofd/pdf.ts';

/** 条码: what one says, and of which kind it is. */
export interface Barcode {
  format: string;
  text: string;
}

/** The longer side of A4 at 300 dots an inch: bars that are finer no scanner sees. */
const MOST_PX = 3508;
const DRAWN_DPI = 300;
const MM_PER_INCH = 25.4;
/** The kinds that forms and wristbands carry. Left out: those that a table's lines are taken for (ITF, Codabar), and the reading of Code 39 that makes other characters of pairs. */
const OPTIONS: ReaderOptions = {
  formats: ['Code128', 'Code39Std', 'QRCode', 'DataMatrix', 'PDF417'],
  tryInvert: false,
  minLineCount: 3,
  maxNumberOfSymbols: 16,
  textMode: 'Plain',
};

const damaged = (reason: string, cause?: unknown) =>
  new SealfolioError('document-damaged', { field: 'bytes', reason }, { cause });

let isPrepared = false;

/** The package's reader as it lies in node_modules; left to itself it would ask the network for it. */
function prepare(): void {
  if (isPrepared) return;
  const { buffer, byteOffset, byteLength } = readFileSync(require.resolve('zxing-wasm/reader/zxing_reader.wasm'));
  prepareZXingModule({ overrides: { wasmBinary: buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer } });
  isPrepared = true;
}

/** A page of a PDF or an OFD: drawn. */
async function drawnPage(data: Buffer, mediaType: MediaType, page: number): Promise<Sharp> {
  const [size, render] =
    mediaType === MediaType.pdf
      ? [(await pdfPages(data, MAX_PAGES))[page], renderPdfPage]
      : [await ofdPageSize(data, page), renderOfdPage];
  if (size === undefined) throw damaged(`no page ${page + 1}`);
  const dpi = Math.min(DRAWN_DPI, (MOST_PX * MM_PER_INCH) / Math.max(size.widthMm, size.heightMm));
  return sharp(await render(data, page, dpi));
}

async function opened(data: Buffer, page: number): Promise<Sharp> {
  const mediaType = sniff(data);
  if (mediaType === null)
    throw new SealfolioError('document-type-unsupported', {
      field: 'mediaType',
      reason: 'not a JPEG, PNG, TIFF, PDF or OFD',
    });
  if (mediaType === MediaType.pdf || mediaType === MediaType.ofd) return drawnPage(data, mediaType, page);
  const image = sharp(data, { page, limitInputPixels: MAX_PIXELS });
  const { width, pageHeight, height } = await sharp(data, { page, limitInputPixels: false })
    .metadata()
    .catch((error: unknown) => {
      throw damaged(`page ${page + 1} cannot be read`, error);
    });
  if (width * (pageHeight ?? height) > MAX_PIXELS)
    throw new SealfolioError('document-too-large', {
      field: 'pixels',
      reason: `${width} × ${pageHeight ?? height} pixels`,
    });
  return image;
}

/**
 * The barcodes on one page of an original (JPEG, PNG, TIFF, PDF or OFD; pages count from 0), turned any way; none if there is
 * none. The bytes are taken as hostile. Throws document-type-unsupported, document-damaged, document-encrypted or
 * document-too-large, and for an OFD document-unsafe or document-content-unsupported, each with `field` and `reason`.
 */
export async function readBarcodes(original: Uint8Array, page = 0): Promise<Barcode[]> {
  const image = await opened(
    Buffer.isBuffer(original) ? original : Buffer.from(original.buffer, original.byteOffset, original.byteLength),
    page,
  );
  const { data, info } = await image
    .flatten({ background: '#fff' })
    .resize(MOST_PX, MOST_PX, { fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((error: unknown) => {
      throw damaged(`page ${page + 1} cannot be read`, error);
    });
  prepare();
  const pixels = new Uint8ClampedArray(data.buffer, data.byteOffset, data.byteLength);
  try {
    const found = await read({ data: pixels, width: info.width, height: info.height }, OPTIONS);
    return found.map(({ format, text }) => ({ format, text }));
  } catch (error) {
    purgeZXingModule(); // an instance that broke off is not asked again
    isPrepared = false;
    throw damaged('the reader of barcodes broke off', error);
  }
}
