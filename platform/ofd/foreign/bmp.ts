import { MAX_PIXELS } from '../limits.ts';
import { refuse } from './refuse.ts';

const HEADER = 14;
const [NOT_COMPRESSED, BY_MASKS] = [0, 3];

export interface Bitmap {
  width: number;
  height: number;
  channels: 3;
  pixels: Buffer;
}

/**
 * Reads a Windows bitmap of 1, 4, 8, 24 or 32 bits a pixel, not compressed: sharp takes none. Throws document-damaged,
 * document-too-large or document-content-unsupported.
 */
export function readBmp(data: Buffer): Bitmap {
  if (data.length < HEADER + 40) throw refuse('document-damaged', 'a bitmap is cut off');
  const [start, headerBytes] = [data.readUInt32LE(10), data.readUInt32LE(14)];
  const [width, signed] = [data.readInt32LE(18), data.readInt32LE(22)];
  const height = Math.abs(signed);
  const [bits, compression] = [data.readUInt16LE(28), data.readUInt32LE(30)];
  if (width < 1 || height < 1) throw refuse('document-damaged', 'a bitmap without pixels');
  if (width * height > MAX_PIXELS) throw refuse('document-too-large', `a picture of ${width} × ${height}`, 'pixels');
  const isPlain = compression === NOT_COMPRESSED || (compression === BY_MASKS && bits === 32);
  if (headerBytes < 40 || !isPlain || ![1, 4, 8, 24, 32].includes(bits))
    throw refuse('document-content-unsupported', `a bitmap of ${bits} bits, compressed by method ${compression}`);
  const row = Math.ceil((width * bits) / 32) * 4;
  if (start + row * height > data.length) throw refuse('document-damaged', 'a bitmap is cut off');
  const palette = HEADER + headerBytes;
  const pixels = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    const from = start + row * (signed > 0 ? height - 1 - y : y);
    for (let x = 0; x < width; x += 1) {
      let at = from + (x * bits) / 8;
      if (bits <= 8) {
        const byte = data[Math.floor(at)]!;
        at = palette + 4 * ((byte >> (8 - bits - ((x * bits) % 8))) & (2 ** bits - 1));
      }
      // Blue comes first.
      for (let c = 0; c < 3; c += 1) pixels[(y * width + x) * 3 + c] = data[at + 2 - c] ?? 0;
    }
  }
  return { width, height, channels: 3, pixels };
}
