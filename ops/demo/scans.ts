import sharp from 'sharp';

/** Numbers that look random and are the same in every run. */
function* numbers(seed: number): Generator<number> {
  let a = seed;
  for (;;) {
    a = (Math.imul(a, 1_103_515_245) + 12_345) & 0x7fffffff;
    yield a / 0x7fffffff;
  }
}

const escape = (text: string) => text.replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c]!);

/** One sheet as a scanner sees it: a heading, a form's lines, writing, a little noise. A4 at 150 dpi. */
export async function scanOf(
  heading: string,
  hospital: string,
  seed: number,
  format: 'jpeg' | 'png' = 'jpeg',
): Promise<Buffer> {
  const [width, height] = [1240, 1754];
  const random = numbers(seed);
  const next = () => random.next().value as number;
  const rows: string[] = [];
  for (let y = 320; y < 1600; y += 58) {
    rows.push(`<line x1="110" x2="1130" y1="${y + 18}" y2="${y + 18}" stroke="#9aa" stroke-width="1"/>`);
    for (let x = 120; x < 700 + next() * 420;) {
      const word = 20 + next() * 90;
      const [a, b, c] = [next() * 16, next() * 16, next() * 16].map((value) => value - 8);
      rows.push(
        `<path d="M${x} ${y} q${word / 4} ${a! - 8} ${word / 2} ${b!} t${word / 2} ${c!}" stroke="#1d2b4f" stroke-width="2.4" fill="none"/>`,
      );
      x += word + 14;
    }
  }
  const bars = Array.from(
    { length: 40 },
    (_, i) => `<rect x="${820 + i * 7}" y="70" width="${next() > 0.5 ? 4 : 2}" height="56"/>`,
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
<rect width="100%" height="100%" fill="#fdfcf8"/>${bars.join('')}
<text x="620" y="200" font-size="44" text-anchor="middle" font-family="sans-serif">${escape(hospital)}</text>
<text x="620" y="264" font-size="36" text-anchor="middle" font-family="sans-serif">${escape(heading)}</text>
<rect x="100" y="290" width="1040" height="1340" fill="none" stroke="#566" stroke-width="2"/>${rows.join('')}</svg>`;
  const page = sharp(Buffer.from(svg)).removeAlpha().withMetadata({ density: 150 });
  return format === 'png' ? page.png().toBuffer() : page.jpeg({ quality: 82 }).toBuffer();
}
