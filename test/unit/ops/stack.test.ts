import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { visitsIn } from '../../../ops/ingest/scan-folder.ts';
import { readSheet } from '../../../ops/ingest/stack.ts';
import { barcodePage, tiffOfPages } from '../../fixtures/barcodes.ts';
import { jpegScan, pngScan } from '../../fixtures/documents.ts';

/** Drawing and reading large pages takes its time; this is a bound for a hang, not a measure. */
jest.setTimeout(120_000);

const dirs: string[] = [];
afterAll(() => dirs.forEach((dir) => rmSync(dir, { recursive: true, force: true })));

const visit = (patientNo: string) => ({
  patientNo,
  visitNo: '1',
  patientName: '样例甲',
  dischargedAt: '2026-11-24T08:00:00Z',
});
/** The second is a newborn that died, whose mother the first is of. */
const STACK = {
  visits: [visit('P1'), { ...visit('P2'), motherPatientNo: 'P1', died: true }],
  forms: { 'MR-01': 'frontPage', 'MR-04': 'orders' },
};
/** A sheet as it is printed: the mark as a QR code, what it says as Code 128. */
const separator = (...texts: string[]) =>
  barcodePage([{ format: 'QRCode', text: 'SEP' }, ...texts.map((text) => ({ format: 'Code128' as const, text }))]);
const labelled = (text: string) => barcodePage([{ format: 'Code128', text }]);

async function split(files: Record<string, Buffer>, stack: object = STACK) {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-stack-'));
  dirs.push(dir);
  writeFileSync(path.join(dir, 'stack.json'), JSON.stringify(stack));
  for (const [name, data] of Object.entries(files)) writeFileSync(path.join(dir, name), data);
  return visitsIn(Buffer.from(dir), 'stack');
}

test('separator sheets tell visits and documents apart, and go in with them as separators', async () => {
  const [p1, p2] = STACK.visits;
  const documents = {
    visits: [
      { ...p1, documents: ['MR-01', 'MR-04'] },
      { ...p2, documents: ['MR-04'] },
    ],
  };
  const files = {
    '01.png': await separator('SEP/V/P1/1', 'SEP/F/MR-01'),
    '02.jpg': await jpegScan(1),
    '03.png': await separator('SEP/F/MR-04'),
    '04.png': await labelled('PAT/P1/1'),
    '05.png': await labelled('LAB-7712'),
    '06.png': await separator('SEP/V/P2/1'),
    '07 检验.jpg': await jpegScan(2),
    '08.tif': await tiffOfPages([await separator('SEP/F/MR-04'), await barcodePage([]), await labelled('PAT/P2/1')]),
  };
  const visits = await split(files);
  // The documents that stack.json names change nothing where each was begun.
  expect(await split(files, { ...STACK, ...documents })).toEqual(
    visits.map((one) => ({ ...one, files: one.files.map((file) => ({ ...file, location: expect.anything() })) })),
  );
  expect(visits.map(({ motherPatientNo, died }) => [motherPatientNo, died])).toEqual([
    [undefined, undefined],
    ['P1', true],
  ]);
  expect(
    visits.map(({ patientNo, files }) => [
      patientNo,
      files.map(({ fileName, documentType, separatorFirst = false }) => [fileName, documentType, separatorFirst]),
    ]),
  ).toEqual([
    [
      'P1',
      [
        ['01.png', 'other', true],
        ['02.jpg', 'frontPage', false],
        ['03.png', 'other', true],
        ['04.png', 'orders', false],
        ['05.png', 'orders', false],
      ],
    ],
    [
      'P2',
      [
        ['06.png', 'other', true],
        ['07 检验.jpg', 'labReport', false],
        ['08.tif', 'orders', true],
      ],
    ],
  ]);
});

describe('what could put a page under another patient is refused, naming the sheet', () => {
  const begin = () => separator('SEP/V/P1/1');
  const one = { ...STACK, visits: [visit('P1')] };
  test.each<[string, object, object, () => Promise<Record<string, Buffer>>]>([
    [
      'separator-unreadable',
      { sheet: '2.png', page: 1 },
      one,
      async () => ({ '1.png': await begin(), '2.png': await separator() }),
    ],
    [
      'separator-unknown',
      { sheet: '2.png' },
      one,
      async () => ({ '1.png': await begin(), '2.png': await separator('SEP/X/1') }),
    ],
    [
      'separator-ambiguous',
      { sheet: '1.png' },
      STACK,
      async () => ({ '1.png': await separator('SEP/V/P1/1', 'SEP/V/P2/1') }),
    ],
    ['visit-unknown', { sheet: '1.png' }, STACK, async () => ({ '1.png': await separator('SEP/V/P3/1') })],
    [
      'form-unknown',
      { sheet: '2.png' },
      one,
      async () => ({ '1.png': await begin(), '2.png': await separator('SEP/F/MR-99') }),
    ],
    [
      'form-missing',
      { field: 'visits/0/documents/1', sheet: '2.png', page: 1 },
      { ...one, visits: [{ ...visit('P1'), documents: ['MR-01', 'MR-04', 'MR-01'] }] },
      async () => ({
        '1.png': await begin(),
        '2.png': await separator('SEP/F/MR-01'),
        '3.jpg': await jpegScan(9),
        '4.png': await barcodePage([]),
        '5.jpg': await jpegScan(10),
        '6.png': await separator('SEP/F/MR-01'),
        '7.jpg': await jpegScan(11),
      }),
    ],
    [
      'form-missing',
      { field: 'visits/0/documents/0', sheet: '1.png', page: 1 },
      { ...one, visits: [{ ...visit('P1'), documents: ['MR-04'] }] },
      async () => ({ '1.png': await begin(), '2.jpg': await jpegScan(12) }),
    ],
    [
      'form-unexpected',
      { sheet: '2.png', page: 1 },
      { ...one, visits: [{ ...visit('P1'), documents: ['MR-01'] }] },
      async () => ({ '1.png': await begin(), '2.png': await separator('SEP/F/MR-04'), '3.jpg': await jpegScan(13) }),
    ],
    [
      'page-without-visit',
      { sheet: '1.jpg', page: 1 },
      one,
      async () => ({ '1.jpg': await jpegScan(3), '2.png': await begin() }),
    ],
    [
      'patient-mismatch',
      { sheet: '3.png', page: 1 },
      one,
      async () => ({ '1.png': await begin(), '2.jpg': await jpegScan(4), '3.png': await labelled('PAT/P2/1') }),
    ],
    [
      'patient-mismatch',
      { sheet: '1.tif', page: 2 },
      one,
      async () => ({ '1.tif': await tiffOfPages([await begin(), await labelled('PAT/P1/2')]) }),
    ],
    [
      'separator-inside-file',
      { sheet: '2.tif', page: 2 },
      STACK,
      async () => ({
        '1.png': await begin(),
        '2.tif': await tiffOfPages([await barcodePage([]), await separator('SEP/V/P2/1')]),
      }),
    ],
    [
      'visit-missing',
      { field: 'visits/1' },
      STACK,
      async () => ({ '1.png': await begin(), '2.jpg': await jpegScan(5) }),
    ],
    ['visit-empty', { sheet: '1.png' }, one, async () => ({ '1.png': await begin() })],
    [
      'document-damaged',
      { sheet: '2.png' },
      one,
      async () => ({ '1.png': await begin(), '2.png': (await pngScan(6)).subarray(0, 300) }),
    ],
    [
      'sidecar-invalid',
      { file: 'stack.json', field: 'visits' },
      { visits: [visit('P1'), visit('P1')] },
      async () => ({ '1.jpg': await jpegScan(7) }),
    ],
    [
      'sidecar-invalid',
      { file: 'stack.json', field: 'visits/0/documents/1' },
      { ...one, visits: [{ ...visit('P1'), documents: ['MR-01', 'MR-99'] }] },
      async () => ({ '1.jpg': await jpegScan(14) }),
    ],
    [
      'sidecar-invalid',
      { field: 'forms/MR-01' },
      { ...one, forms: { 'MR-01': 'poem' } },
      async () => ({ '1.jpg': await jpegScan(8) }),
    ],
  ])('%s %j', async (code, data, stack, files) => {
    await expect(split(await files(), stack)).rejects.toMatchObject({ code, data });
  });
});

test('a sheet is what its barcodes say; those of others say nothing', () => {
  const place = { sheet: 'x', page: 1 };
  expect(readSheet([], place)).toEqual({ isSeparator: false });
  expect(readSheet(['6901234567892', 'SEPIA', 'https://x/SEP/V/1/2'], place)).toEqual({ isSeparator: false });
  expect(readSheet(['SEP', 'SEP/V/P1/2', 'SEP/V/P1/2'], place)).toEqual({
    isSeparator: true,
    visit: { patientNo: 'P1', visitNo: '2' },
  });
  expect(() => readSheet(['SEP/V/P1'], place)).toThrow('separator-unknown');
});
