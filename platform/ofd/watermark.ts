import { LRUCache } from 'lru-cache';
import sharp from 'sharp';
import { MAX_PIXELS } from './limits.ts';
import { escape } from './xml.ts';

/** A page on the screen is at most this wide and high: A4 at 200 dots an inch; in print at 300. */
const MOST_PX = { screen: 1654, print: 2480 } as const;
const ASPECT = 2;
const QUALITY = 82;
const TILE = { width: 620, height: 300 } as const;
/** Tiles that are kept: one for each reader, loan and minute. */
const MOST_TILES = 64;
const tiles = new LRUCache<string, Promise<Tile>>({ max: MOST_TILES });

/** The pixels of a tile that are not clear: where each is, what share is kept of the page under it, and what is added. */
interface Tile {
  width: number;
  height: number;
  x: Uint16Array;
  y: Uint16Array;
  kept: Float32Array;
  added: Float32Array;
}

/** What is drawn over and over: grey, so that it is seen on white and on dark, and the text under it stays legible. */
function tileOf(lines: readonly string[], scale: number): Promise<Tile> {
  const key = `${scale}\0${lines.join('\0')}`;
  const known = tiles.get(key);
  if (known !== undefined) return known;
  const [width, height] = [Math.round(TILE.width * scale), Math.round(TILE.height * scale)];
  const size = 26 * scale;
  const text = lines.map(
    (line, i) => `<text x="50%" y="${height / 2 + i * size * 1.4}" text-anchor="middle">${escape(line)}</text>`,
  );
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `<g transform="rotate(-18 ${width / 2} ${height / 2})" font-family="Noto Sans CJK SC, Noto Serif CJK SC, sans-serif"` +
    ` font-size="${size}" fill="#555" fill-opacity="0.26" stroke="#fff" stroke-opacity="0.18" stroke-width="0.6">` +
    `${text.join('')}</g></svg>`;
  const made = sharp(Buffer.from(svg))
    .ensureAlpha()
    .raw()
    .toBuffer()
    .then((pixels) => sparse(pixels, width, height));
  tiles.set(key, made);
  return made;
}

function sparse(rgba: Buffer, width: number, height: number): Tile {
  const drawn = Array.from({ length: width * height }, (_, i) => i).filter((i) => rgba[4 * i + 3]! > 0);
  return {
    width,
    height,
    x: Uint16Array.from(drawn, (i) => i % width),
    y: Uint16Array.from(drawn, (i) => Math.floor(i / width)),
    kept: Float32Array.from(drawn, (i) => 1 - rgba[4 * i + 3]! / 255),
    added: Float32Array.from(drawn, (i) => (rgba[4 * i]! * rgba[4 * i + 3]!) / 255),
  };
}

/** Draws the tile over all of the page, in its pixels: a tenth of them, where blending by libvips goes through all, as floats. */
function draw(page: Buffer, width: number, height: number, channels: number, tile: Tile): void {
  const { x, y, kept, added } = tile;
  const pixels = new Uint8ClampedArray(page.buffer, page.byteOffset, page.length);
  for (let top = 0; top < height; top += tile.height)
    for (let left = 0; left < width; left += tile.width)
      for (let i = 0; i < x.length; i += 1) {
        const [column, row] = [left + x[i]!, top + y[i]!];
        if (column >= width || row >= height) continue;
        const at = (row * width + column) * channels;
        for (let c = at; c < at + channels; c += 1) pixels[c] = pixels[c]! * kept[i]! + added[i]!;
      }
}

/**
 * A page with who reads it, under what, and when burnt into its pixels, as JPEG: what is shown, copied or photographed
 * carries it. Turned as its EXIF says, then by `rotation` degrees clockwise.
 */
export async function watermark(
  image: Buffer,
  lines: readonly string[],
  use: keyof typeof MOST_PX,
  rotation: 0 | 90 | 180 | 270 = 0,
): Promise<Buffer> {
  const { data, info } = await sharp(image, { limitInputPixels: MAX_PIXELS })
    .autoOrient()
    .rotate(rotation)
    .resize(MOST_PX[use], MOST_PX[use] * ASPECT, { fit: 'inside', withoutEnlargement: true })
    .flatten({ background: '#fff' })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const scale = Math.min(width / MOST_PX.screen, width / TILE.width, height / TILE.height);
  const steps = Math.max(0.05, Math.floor(scale * 20) / 20);
  draw(data, width, height, channels, await tileOf(lines, steps));
  // Without the second pass that finds the best codes: a few percent more bytes in a third of the time.
  return sharp(data, { raw: { width, height, channels } }).jpeg({ quality: QUALITY, optimiseCoding: false }).toBuffer();
}
