import sharp from 'sharp';
import { renderOfdPage } from './foreign/index.ts';
import { MAX_PIXELS } from './limits.ts';
import { MediaType } from './media.ts';
import { renderPdfPage } from './pdf.ts';

/** What a page of a PDF or an OFD becomes in the package and on the screen. */
const DRAWN_DPI = 150;
const THUMBNAIL_PX = 220;

export interface PageImage {
  data: Buffer;
  mediaType: 'image/jpeg' | 'image/png' | 'image/webp';
}

/**
 * One page of an original as an image that OFD readers and browsers show: JPEG and PNG are the original bytes, a page of
 * a TIFF is PNG (nothing lost), a page of a PDF or an OFD is drawn.
 */
export async function pageImage(data: Buffer, mediaType: MediaType, page: number): Promise<PageImage> {
  switch (mediaType) {
    case MediaType.jpeg:
    case MediaType.png:
      return { data, mediaType };
    case MediaType.tiff: {
      const png = await sharp(data, { page, limitInputPixels: MAX_PIXELS }).png({ compressionLevel: 6 }).toBuffer();
      return { data: png, mediaType: 'image/png' };
    }
    case MediaType.pdf:
      return { data: await renderPdfPage(data, page, DRAWN_DPI), mediaType: 'image/jpeg' };
    case MediaType.ofd:
      return { data: await renderOfdPage(data, page, DRAWN_DPI), mediaType: 'image/jpeg' };
  }
}

/** The format that `pageImage` gives for pages of such originals. */
export const pageFormat = (mediaType: MediaType): 'JPEG' | 'PNG' =>
  mediaType === MediaType.png || mediaType === MediaType.tiff ? 'PNG' : 'JPEG';

/** A small picture of a page, turned as its EXIF says. */
export async function thumbnail(image: Buffer): Promise<PageImage> {
  const data = await sharp(image, { limitInputPixels: MAX_PIXELS })
    .rotate()
    .resize(THUMBNAIL_PX, THUMBNAIL_PX * 2, { fit: 'inside' })
    .webp({ quality: 70 })
    .toBuffer();
  return { data, mediaType: 'image/webp' };
}
