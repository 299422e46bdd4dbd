import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { inspect } from '../../../../platform/ofd/inspect.ts';
import { MAX_PAGES } from '../../../../platform/ofd/limits.ts';
import { pageImage, thumbnail } from '../../../../platform/ofd/render.ts';
import { jpegScan, multiPageTiff, pdf, pngScan, tiffScan } from '../../../fixtures/documents.ts';

describe('an original is what its bytes say', () => {
  test.each([
    ['image/jpeg', () => jpegScan(1), 1],
    ['image/png', () => pngScan(1), 1],
    ['image/tiff', () => tiffScan(1), 1],
    ['image/tiff', () => multiPageTiff(3), 3],
    ['application/pdf', () => pdf(4), 4],
  ])('%s', async (mediaType, make, pages) => {
    const inspection = await inspect(await make(), mediaType);
    expect(inspection.mediaType).toBe(mediaType);
    expect(inspection.pages).toHaveLength(pages);
    for (const { widthMm, heightMm } of inspection.pages) {
      expect(Math.round(widthMm)).toBe(210);
      expect(Math.round(heightMm)).toBe(297);
    }
  });

  test('each page is an image; a JPEG is its original bytes', async () => {
    const jpeg = await jpegScan(2);
    expect((await pageImage(jpeg, 'image/jpeg', 0)).data).toBe(jpeg);
    const second = await pageImage(await multiPageTiff(3), 'image/tiff', 1);
    expect(second.mediaType).toBe('image/png');
    expect((await sharp(second.data).metadata()).height).toBe(1169);
    const drawn = await pageImage(await pdf(2), 'application/pdf', 1);
    expect((await sharp(drawn.data).metadata()).format).toBe('jpeg');
    expect((await sharp((await thumbnail(jpeg)).data).metadata()).width).toBe(220);
  });

  test('a page of a PDF that is metres wide is drawn at fewer dots an inch', async () => {
    const drawn = await pageImage(await pdf(1, [14_400, 7200]), 'application/pdf', 0);
    const { width, height } = await sharp(drawn.data).metadata();
    expect(width / height).toBeCloseTo(2, 2);
    expect(width * height).toBeLessThan(21_000_000);
    expect(width * height).toBeGreaterThan(18_000_000);
  }, 30_000);
});

/** A PNG header that claims a size; no such pixels follow. */
function hugePng(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    crc.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, crc]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', Buffer.alloc(10)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const ENCRYPTED = Buffer.from(
  '%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n' +
    'trailer<</Root 1 0 R/Encrypt<</Filter/Standard/V 1/R 2/O<' +
    '41'.repeat(32) +
    '>/U<' +
    '42'.repeat(32) +
    '>/P -4>>/ID[<00><00>]>>\n%%EOF\n',
);

describe('what is no document is refused, with the field and the reason', () => {
  test.each<[string, string, string, () => Promise<Buffer> | Buffer]>([
    ['document-empty', 'bytes', 'image/jpeg', () => Buffer.alloc(0)],
    ['document-type-unsupported', 'mediaType', 'image/jpeg', () => Buffer.from('GIF89a, and more')],
    ['document-type-unsupported', 'mediaType', 'image/jpeg', () => Buffer.from('PK\x03\x04 a zip')],
    ['document-type-mismatch', 'mediaType', 'image/png', () => jpegScan(1)],
    ['document-truncated', 'bytes', 'image/jpeg', async () => (await jpegScan(1)).subarray(0, -100)],
    ['document-truncated', 'bytes', 'image/png', async () => (await pngScan(1)).subarray(0, -100)],
    ['document-damaged', 'bytes', 'image/png', async () => flip(await pngScan(1), 500)],
    ['document-truncated', 'bytes', 'application/pdf', async () => (await pdf(1)).subarray(0, -100)],
    ['document-damaged', 'bytes', 'application/pdf', () => Buffer.from('%PDF-1.7 nothing\n%%EOF')],
    ['document-encrypted', 'bytes', 'application/pdf', () => ENCRYPTED],
    ['document-too-large', 'pixels', 'image/png', () => hugePng(30_000, 30_000)],
    ['document-too-many-pages', 'pageCount', 'application/pdf', () => pdf(MAX_PAGES + 1)],
  ])('%s (%s)', async (code, field, mediaType, make) => {
    await expect(inspect(await make(), mediaType)).rejects.toMatchObject({ code, data: { field } });
  });

  test('a page that is not there: refused, and the reader goes on with the next', async () => {
    const code = 'document-damaged';
    await expect(pageImage(await pdf(2), 'application/pdf', 7)).rejects.toMatchObject({
      code,
      data: { field: 'bytes' },
    });
    await expect(pageImage(await pdf(2), 'application/pdf', 1)).resolves.toMatchObject({ mediaType: 'image/jpeg' });
  });

  test('a cut TIFF', async () => {
    const tiff = await tiffScan(1);
    const code = expect.stringMatching(/^document-(truncated|damaged)$/);
    await expect(inspect(tiff.subarray(0, tiff.length - 4000), 'image/tiff')).rejects.toMatchObject({ code });
  });

  test('any bytes end in an inspection or a refusal, never in another error', async () => {
    const starts = ['ffd8ff', '89504e470d0a1a0a', '49492a00', '255044462d'];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 200 }), async (start, rest) => {
        const data = Buffer.concat([Buffer.from(start, 'hex'), rest]);
        for (const type of ['image/jpeg', 'image/png', 'image/tiff', 'application/pdf'])
          await inspect(data, type).catch((error: { name: string }) => expect(error.name).toBe('SealfolioError'));
      }),
      { numRuns: 60 },
    );
  });
});

function flip(data: Buffer, at: number): Buffer {
  const changed = Buffer.from(data);
  changed[at]! ^= 1;
  return changed;
}
