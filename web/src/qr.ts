import { encode, type QrCodeGenerateOptions } from 'uqr';

/** A QR code with its quiet zone, as one path of a square a dark module, in a picture of `size` × `size` modules. */
export function qrPath(text: string, ecc: NonNullable<QrCodeGenerateOptions['ecc']>): { path: string; size: number } {
  const { data, size } = encode(text, { ecc });
  const path = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : ''))).join('');
  return { path, size };
}
