import { workbook } from '../../../../platform/xlsx/workbook.ts';
import { unzip } from '../../../fixtures/zip.ts';

const COLUMNS = [{ title: '编号', width: 10, value: (n: number) => n }];
const collect = async (parts: AsyncIterable<Buffer>) => {
  const all: Buffer[] = [];
  for await (const part of parts) all.push(part);
  return Buffer.concat(all);
};
async function* pagesOf(count: number, of: number, onPage: (n: number) => void = () => undefined) {
  for (let n = 0; n < count; n += 1) {
    onPage(n);
    yield Array.from({ length: of }, (_, i) => n * of + i);
  }
}

test('a workbook holds all rows, in order, under the heads, with its mark', async () => {
  const files = await unzip(await collect(workbook('表', COLUMNS, pagesOf(40, 500), '某院 某人')));
  const sheet = files.get('xl/worksheets/sheet1.xml')!.toString('utf8');
  expect([...sheet.matchAll(/<v>(\d+)<\/v>/g)].map(([, n]) => Number(n))).toEqual(
    Array.from({ length: 20_000 }, (_, i) => i),
  );
  expect(sheet).toContain('<oddHeader>&amp;C某院 某人</oddHeader>');
  expect(sheet.endsWith('</worksheet>')).toBe(true);
});

test('rows are asked for as the bytes are taken; who leaves before the end closes what they are read from', async () => {
  let asked = 0;
  let isClosed = false;
  const rows = async function* () {
    try {
      yield* pagesOf(1000, 500, () => (asked += 1));
    } finally {
      isClosed = true;
    }
  };
  let taken = 0;
  for await (const part of workbook('表', COLUMNS, rows(), '')) {
    taken += part.length;
    if (taken > 200_000) break;
  }
  await new Promise((done) => setImmediate(done));
  expect(asked).toBeGreaterThan(0);
  expect(asked).toBeLessThan(500);
  expect(isClosed).toBe(true);
});

test('what breaks off while rows are read ends the workbook by its error; nothing whole is left', async () => {
  const broken = async function* () {
    yield [1];
    throw new Error('the database went away');
  };
  await expect(collect(workbook('表', COLUMNS, broken(), ''))).rejects.toThrow('the database went away');
});
