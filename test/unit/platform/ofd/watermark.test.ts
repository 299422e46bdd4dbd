import sharp from 'sharp';
import { zipEntries } from '../../../../platform/ofd/entries.ts';
import { packOfd, pageName } from '../../../../platform/ofd/package.ts';
import { watermark } from '../../../../platform/ofd/watermark.ts';
import { collect, makeContent, makeSealer } from '../../../fixtures/package.ts';

const blank = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: '#fff' } })
    .jpeg()
    .toBuffer();
/** Pixels of each quarter that are not white. */
async function marks(image: Buffer): Promise<number[]> {
  const { data, info } = await sharp(image).greyscale().raw().toBuffer({ resolveWithObject: true });
  const quarters = [0, 0, 0, 0];
  for (let i = 0; i < data.length; i += 1) {
    const [x, y] = [i % info.width, Math.floor(i / info.width)];
    if (data[i]! < 245) quarters[2 * Number(y * 2 >= info.height) + Number(x * 2 >= info.width)]! += 1;
  }
  return quarters;
}

test.each([
  [2480, 3508, 1654, 2340],
  [1240, 1754, 1240, 1754],
  [300, 200, 300, 200],
])('a page of %i × %i carries it in every quarter, at %i × %i', async (width, height, w, h) => {
  const marked = await watermark(
    await blank(width, height),
    ['云州市第一人民医院 周启明（doctor）', '借阅 ln_x'],
    'screen',
  );
  const metadata = await sharp(marked).metadata();
  expect([metadata.format, metadata.width, metadata.height]).toEqual(['jpeg', w, h]);
  for (const count of await marks(marked)) expect(count).toBeGreaterThan(50);
});

test('another reader is another picture; what is typed in a name is text, and nothing else', async () => {
  const page = await blank(800, 1000);
  const of = (name: string) => watermark(page, [name], 'screen');
  expect((await of('周启明')).equals(await of('何柏年'))).toBe(false);
  expect((await of('周启明')).equals(await of('周启明'))).toBe(true);
  await expect(of('</text><image href="file:///etc/passwd"/><text>')).resolves.toBeInstanceOf(Buffer);
});

test('one page of a package is read without the others, and is the page that was packed', async () => {
  const content = await makeContent(3);
  const whole = await collect(packOfd(content, await makeSealer()));
  let bytes = 0;
  const read = async ({ start, end }: { start: number; end: number }) => {
    bytes += end - start;
    return whole.subarray(start, end);
  };
  const entries = await zipEntries(whole.length, read);
  const entry = entries.get(pageName(1, content.pages[1]!.format))!;
  expect((await read(entry)).equals((await content.pages[1]!.image()).data)).toBe(true);
  expect(bytes).toBeLessThan(whole.length);
  await expect(zipEntries(whole.length - 1, read)).rejects.toMatchObject({ code: 'object-integrity' });
});
