import { crc32 } from 'node:zlib';
import { SealfolioError } from '../../domain/errors.ts';

/** 文件类型: what an original may be. */
export const MediaType = {
  jpeg: 'image/jpeg',
  png: 'image/png',
  tiff: 'image/tiff',
  pdf: 'application/pdf',
  ofd: 'application/ofd',
} as const;
export type MediaType = (typeof MediaType)[keyof typeof MediaType];
export const MEDIA_TYPES: readonly MediaType[] = Object.values(MediaType);

/** The end of a ZIP with the longest comment. */
const MAX_ZIP_END = 22 + 0xffff;
const PNG_SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

/** The type that the first bytes say, or null. */
export function sniff(data: Buffer): MediaType | null {
  if (data.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))) return MediaType.jpeg;
  if (data.subarray(0, 8).equals(PNG_SIGNATURE)) return MediaType.png;
  const four = data.subarray(0, 4).toString('latin1');
  if (['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(four)) return MediaType.tiff;
  // GB/T 33190 §7.1: a ZIP with this file at its root; names are not packed.
  if (four === 'PK\x03\x04' && data.includes('OFD.xml')) return MediaType.ofd;
  // ISO 32000-1 §7.5.2 and its note: readers take the header within the first 1024 bytes.
  return data.subarray(0, 1024).includes('%PDF-') ? MediaType.pdf : null;
}

const truncated = (reason: string) => new SealfolioError('document-truncated', { field: 'bytes', reason });

/** Throws document-truncated unless the file ends as its format ends (ITU-T T.81 §B.2.1; PNG §11.2; APPNOTE 6.2.0 §I). Decodes nothing. */
export function checkComplete(data: Buffer, mediaType: MediaType): void {
  if (mediaType === MediaType.jpeg) {
    let end = data.length;
    while (end > 0 && data[end - 1] === 0) end -= 1;
    if (data[end - 2] !== 0xff || data[end - 1] !== 0xd9) throw truncated('no end of image');
  }
  if (mediaType === MediaType.png) checkPng(data);
  if (mediaType === MediaType.ofd && !data.subarray(-MAX_ZIP_END).includes('PK\x05\x06'))
    throw truncated('no end of the ZIP');
  if (mediaType === MediaType.pdf && !data.subarray(-2048).includes('%%EOF')) throw truncated('no end of file');
}

function checkPng(data: Buffer): void {
  for (let at = PNG_SIGNATURE.length; ;) {
    if (at + 12 > data.length) throw truncated('a chunk is cut off');
    const end = at + 8 + data.readUInt32BE(at);
    if (end + 4 > data.length) throw truncated('a chunk is cut off');
    if (crc32(data.subarray(at + 4, end)) !== data.readUInt32BE(end))
      throw new SealfolioError('document-damaged', { field: 'bytes', reason: 'checksum of a chunk' });
    if (data.toString('latin1', at + 4, at + 8) === 'IEND') return;
    at = end + 4;
  }
}
