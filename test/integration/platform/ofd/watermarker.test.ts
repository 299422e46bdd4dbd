import path from 'node:path';
import sharp from 'sharp';
import { watermark } from '../../../../platform/ofd/watermark.ts';
import { threadWatermark } from '../../../../platform/ofd/watermarker.ts';

const SCRIPT = path.resolve('dist/watermark.cjs');
const lines = ['云州市第一人民医院 周启明（doctor）', '借阅 ln_x'];
const draw = threadWatermark(SCRIPT);

const page = (background: string, width = 600) =>
  sharp({ create: { width, height: 800, channels: 3, background } })
    .jpeg()
    .toBuffer();

test('the thread draws what is drawn without it, each page for whom it was asked, many at once', async () => {
  const pages = await Promise.all(['#fff', '#eee', '#dfd'].map((colour) => page(colour)));
  const drawn = await Promise.all(pages.map((one, i) => draw(one, [...lines, `${i}`], 'screen', 90)));
  for (const [i, one] of pages.entries())
    expect(drawn[i]!.equals(await watermark(one, [...lines, `${i}`], 'screen', 90))).toBe(true);
});

test('a page that lies among others in one buffer is taken alone, and stays as it is', async () => {
  const one = await page('#fff');
  const among = Buffer.concat([Buffer.alloc(1000, 1), one, Buffer.alloc(1000, 2)]);
  const marked = await draw(among.subarray(1000, 1000 + one.length), lines, 'print');
  expect(marked.equals(await watermark(one, lines, 'print'))).toBe(true);
  expect(among.subarray(1000, 1000 + one.length).equals(one)).toBe(true);
});

test('what is no image is refused, and the next page is drawn', async () => {
  await expect(draw(Buffer.from('no image'), lines, 'screen')).rejects.toThrow(/unsupported image format/);
  await expect(draw(await page('#fff'), lines, 'screen')).resolves.toBeInstanceOf(Buffer);
});

test('a thread that cannot run fails what it was to draw', async () => {
  const broken = threadWatermark(path.resolve('dist/there-is-none.cjs'));
  await expect(broken(await page('#fff'), lines, 'screen')).rejects.toThrow(/there-is-none/);
  await expect(broken(await page('#fff'), lines, 'screen')).rejects.toThrow(/there-is-none/);
});
