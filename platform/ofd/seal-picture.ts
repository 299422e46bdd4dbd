import sharp from 'sharp';

const SIDE = 512;
export const SEAL_MM = 40;

/** A round red seal with a star: two rings, no words, as fonts differ from machine to machine; its name is in the seal's data. */
export function sealPicture(): Promise<Buffer> {
  const star = Array.from({ length: 10 }, (_, i) => {
    const [radius, angle] = [i % 2 === 0 ? 130 : 50, (i * Math.PI) / 5 - Math.PI / 2];
    return `${(SIDE / 2 + radius * Math.cos(angle)).toFixed(1)},${(SIDE / 2 + radius * Math.sin(angle)).toFixed(1)}`;
  }).join(' ');
  const ring = (radius: number, width: number) =>
    `<circle cx="${SIDE / 2}" cy="${SIDE / 2}" r="${radius}" fill="none" stroke="#d81e06" stroke-width="${width}"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${SIDE}">${ring(236, 16)}${ring(200, 4)}<polygon points="${star}" fill="#d81e06"/></svg>`;
  return sharp(Buffer.from(svg)).png().toBuffer();
}
