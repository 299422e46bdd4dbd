import sharp, { type Sharp } from 'sharp';
import { MAX_PIXELS } from '../limits.ts';
import { checkComplete, MediaType, sniff } from '../media.ts';
import { readBmp } from './bmp.ts';
import { refuse } from './refuse.ts';

/** A picture is taken no larger than a page is drawn: A4 at 300 dots an inch, and some more. */
const MOST_PX = 4000;

export interface Pixels {
  width: number;
  height: number;
  /** Three bytes a pixel. */
  rgb: Buffer;
  /** One byte a pixel, where something shows through. */
  alpha?: Buffer;
}

const MAGIC: readonly [string, RegExp][] = [
  ['jpeg', /^ffd8ff/],
  ['png', /^89504e470d0a1a0a/],
  ['gif', /^47494638/],
  ['tiff', /^(49492a00|4d4d002a)/],
  ['bmp', /^424d/],
];

/** What the picture is by its bytes, whatever the document says; others of sharp's formats are not for documents. Throws document-content-unsupported. */
function formatOf(data: Buffer): string {
  const start = data.toString('hex', 0, 8);
  const format = MAGIC.find(([, magic]) => magic.test(start))?.[0];
  if (format === undefined)
    throw refuse('document-content-unsupported', 'a picture that is no JPEG, PNG, BMP, TIFF or GIF');
  return format;
}

function opened(data: Buffer, failOn: 'none' | 'truncated'): Sharp {
  if (formatOf(data) !== 'bmp') return sharp(data, { limitInputPixels: MAX_PIXELS, failOn });
  const { width, height, channels, pixels } = readBmp(data);
  return sharp(pixels, { raw: { width, height, channels } });
}

const damaged = (error: unknown) => refuse('document-damaged', 'a picture cannot be read', 'bytes', error);

/**
 * Throws document-truncated, document-damaged, document-too-large or document-content-unsupported for a picture that cannot
 * be shown. Decodes none that tells by its form whether it is whole.
 */
export async function checkPicture(data: Buffer): Promise<void> {
  const image = opened(data, 'truncated');
  const { width, height } = await image.metadata().catch((error: unknown) => {
    throw damaged(error);
  });
  if (width * height > MAX_PIXELS) throw refuse('document-too-large', `a picture of ${width} × ${height}`, 'pixels');
  const type = sniff(data);
  if (type === MediaType.jpeg || type === MediaType.png) checkComplete(data, type);
  else
    await image.stats().catch((error: unknown) => {
      throw damaged(error);
    });
}

/** The pixels of a picture, as far as they can be read: it was checked when it came in. Throws document-damaged or document-content-unsupported. */
export async function decodePicture(data: Buffer): Promise<Pixels> {
  const image = opened(data, 'none')
    .resize(MOST_PX, MOST_PX, { fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb');
  try {
    const { hasAlpha } = await image.metadata();
    if (!hasAlpha) {
      const { data: rgb, info } = await image.raw().toBuffer({ resolveWithObject: true });
      return { width: info.width, height: info.height, rgb };
    }
    const { data: rgba, info } = await image.raw().toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    const raw = { raw: { width, height, channels: 4 as const } };
    const [rgb, alpha] = await Promise.all([
      sharp(rgba, raw).removeAlpha().raw().toBuffer(),
      sharp(rgba, raw).extractChannel(3).raw().toBuffer(),
    ]);
    return { width, height, rgb, alpha };
  } catch (error) {
    throw damaged(error);
  }
}
