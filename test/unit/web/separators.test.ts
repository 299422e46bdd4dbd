import fc from 'fast-check';
import sharp from 'sharp';
import { type Separator, SEPARATOR_MARK, separatorText } from '../../../domain/separator.ts';
import { readSheet } from '../../../ops/ingest/stack.ts';
import { readBarcodes } from '../../../platform/barcode/read.ts';
import { qrPath } from '../../../web/src/qr.ts';

/** Drawing and reading pages takes its time; this is a bound for a hang, not a measure. */
jest.setTimeout(120_000);

/** The codes of a sheet as a scanner sees it, half as sharp as is usual. */
async function scanned(separator: Separator): Promise<Buffer> {
  const code = ({ path, size }: { path: string; size: number }, x: number, y: number, mm: number) =>
    `<svg x="${x}" y="${y}" width="${mm}" height="${mm}" viewBox="0 0 ${size} ${size}"><path d="${path}"/></svg>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="1240" height="1754" viewBox="0 0 210 297"><rect width="210" height="297" fill="#fff"/>${code(qrPath(SEPARATOR_MARK, 'H'), 18, 18, 34)}${code(qrPath(separatorText(separator), 'Q'), 50, 66, 110)}</svg>`;
  return sharp(Buffer.from(svg)).rotate(1, { background: '#fff' }).jpeg({ quality: 60 }).toBuffer();
}

const printable = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0x21, max: 0x7e }).filter((point) => point !== 0x2f) },
  { weight: 2, arbitrary: fc.integer({ min: 0x4e00, max: 0x9fa5 }) },
);
const words = (most: number) =>
  fc.array(printable, { minLength: 1, maxLength: most }).map((points) => String.fromCodePoint(...points));
const separators: fc.Arbitrary<Separator> = fc.oneof(
  fc.record({ kind: fc.constant('visit' as const), patientNo: words(64), visitNo: words(64) }),
  fc.record({ kind: fc.constant('form' as const), code: words(40) }),
);

test('what a sheet is made of is read back as exactly that separator', async () => {
  await fc.assert(
    fc.asyncProperty(separators, async (separator) => {
      const texts = (await readBarcodes(await scanned(separator))).map(({ text }) => text);
      const { isSeparator, visit, form } = readSheet(texts, { sheet: 'x', page: 1 });
      expect(isSeparator).toBe(true);
      expect(visit === undefined ? { kind: 'form', code: form } : { kind: 'visit', ...visit }).toEqual(separator);
    }),
    { numRuns: 60 },
  );
});

test.each<[Separator, string, string]>([
  [{ kind: 'visit', patientNo: '', visitNo: '1' }, 'patientNo', 'empty'],
  [{ kind: 'visit', patientNo: 'P1', visitNo: '' }, 'visitNo', 'empty'],
  [{ kind: 'visit', patientNo: 'P/1', visitNo: '1' }, 'patientNo', 'slash'],
  [{ kind: 'visit', patientNo: 'P1', visitNo: '1/2' }, 'visitNo', 'slash'],
  [{ kind: 'visit', patientNo: 'P'.repeat(65), visitNo: '1' }, 'patientNo', 'too-long'],
  [{ kind: 'visit', patientNo: 'P\n1', visitNo: '1' }, 'patientNo', 'characters'],
  [{ kind: 'visit', patientNo: ' P1', visitNo: '1' }, 'patientNo', 'characters'],
  [{ kind: 'form', code: '' }, 'code', 'empty'],
  [{ kind: 'form', code: 'MR/01' }, 'code', 'slash'],
  [{ kind: 'form', code: 'M'.repeat(41) }, 'code', 'too-long'],
  [{ kind: 'form', code: 'MR-é' }, 'code', 'characters'],
])('%j is refused: %s %s', (separator, field, reason) => {
  expect(() => separatorText(separator)).toThrow(
    expect.objectContaining({ code: 'separator-invalid', data: { field, reason } }),
  );
});
