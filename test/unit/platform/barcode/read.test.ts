import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { ZXING_WASM_SHA256 } from 'zxing-wasm/reader';
import { readBarcodes } from '../../../../platform/barcode/read.ts';
import { barcodePage, pdfOfPages, tiffOfPages } from '../../../fixtures/barcodes.ts';
import { jpegScan, pdf, tiffScan } from '../../../fixtures/documents.ts';
import { ofdOfPages } from '../../../fixtures/ofd.ts';

/** Drawing and reading large pages takes its time; this is a bound for a hang, not a measure. */
jest.setTimeout(60_000);

const texts = async (original: Buffer, page?: number) => (await readBarcodes(original, page)).map(({ text }) => text);

describe('a page says what its barcodes say', () => {
  test.each([
    ['Code128', 'FORM/BA-01'],
    ['Code39', 'VISIT/P0001234/2'],
    ['QRCode', '病案号 P0001234 第 2 次'],
    ['DataMatrix', 'VISIT/P0001234/2'],
    ['PDF417', 'FORM/BA-01'],
  ] as const)('%s', async (format, text) => {
    const [found, ...more] = await readBarcodes(await barcodePage([{ format, text }]));
    expect(found).toMatchObject({ text });
    expect(found!.format).toContain(format);
    expect(more).toEqual([]);
  });

  test.each([90, 180, 270, 2])('turned by %i degrees', async (turned) => {
    const page = await barcodePage([{ format: 'Code128', text: 'VISIT/P7/1' }], { turned, format: 'jpeg' });
    expect(await texts(page)).toEqual(['VISIT/P7/1']);
  });

  test('two on one page; none on a page without; each page of a TIFF, of a PDF and of an OFD', async () => {
    const both = await barcodePage([
      { format: 'Code128', text: 'VISIT/P7/1' },
      { format: 'QRCode', text: 'FORM/BA-01' },
    ]);
    expect((await texts(both)).sort()).toEqual(['FORM/BA-01', 'VISIT/P7/1']);
    expect(await texts(await jpegScan(1))).toEqual([]);
    expect(await texts(await pdf(1))).toEqual([]);
    const stack = [both, await barcodePage([]), await barcodePage([{ format: 'Code39', text: 'FORM/B' }])];
    for (const original of [await tiffOfPages(stack), await pdfOfPages(stack), ofdOfPages(stack)]) {
      expect((await texts(original, 0)).sort()).toEqual(['FORM/BA-01', 'VISIT/P7/1']);
      expect(await texts(original, 1)).toEqual([]);
      expect(await texts(original, 2)).toEqual(['FORM/B']);
    }
  });

  test('the reader is the file of its package', () => {
    const file = readFileSync(require.resolve('zxing-wasm/reader/zxing_reader.wasm'));
    expect(createHash('sha256').update(file).digest('hex')).toBe(ZXING_WASM_SHA256);
  });
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
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', Buffer.alloc(10)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('what is no page is refused, and the next one is read', () => {
  test.each<[string, number, () => Promise<Buffer> | Buffer]>([
    ['document-type-unsupported', 0, () => Buffer.alloc(0)],
    ['document-type-unsupported', 0, () => Buffer.from('GIF89a, and more')],
    ['document-damaged', 0, async () => (await jpegScan(1)).subarray(0, 600)],
    ['document-damaged', 0, () => hugePng(100, 100)],
    ['document-damaged', 1, () => pdf(1)],
    ['document-damaged', 1, () => tiffScan(1)],
    ['document-damaged', 0, () => Buffer.from('%PDF-1.7 nothing\n%%EOF')],
    ['document-too-large', 0, () => hugePng(30_000, 30_000)],
  ])('%s at page %i', async (code, page, make) => {
    await expect(readBarcodes(await make(), page)).rejects.toMatchObject({ code, data: { field: expect.any(String) } });
    expect(await texts(await barcodePage([{ format: 'Code128', text: 'A-1' }]))).toEqual(['A-1']);
  });

  test('any damage to a page ends in what it says, or in a refusal by code', async () => {
    const page = await barcodePage([{ format: 'QRCode', text: 'FORM/BA-01' }], { format: 'jpeg' });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(page.length - 1), fc.nat(255)), { maxLength: 20 }), async (damage) => {
        const bytes = Buffer.from(page);
        for (const [at, value] of damage) bytes[at] = value;
        const answer = await readBarcodes(bytes).catch((error: { code?: string }) => error.code);
        if (Array.isArray(answer)) for (const { text } of answer) expect(typeof text).toBe('string');
        else expect(answer).toMatch(/^document-/);
      }),
      { numRuns: 30 },
    );
  });
});
