import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { PROBLEMS } from '../../../api/problems.ts';
import { FILE_REFUSALS, REFUSED_FIELDS, refusalWords } from '../../../domain/refusals.ts';

const read = (...names: string[]) =>
  names.map((name) => readFileSync(path.join(process.cwd(), name), 'utf8')).join('\n');
const inFolder = (folder: string) =>
  readdirSync(path.join(process.cwd(), folder), { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => `${folder}/${name}`);
const found = (text: string, pattern: RegExp) =>
  [...new Set([...text.matchAll(pattern)].map(([, one]) => one!))].sort();

/** Where a file is looked into, and where what was found is kept with it. */
const inspection = read(
  ...['platform/ofd', 'platform/ofd/foreign'].flatMap(inFolder),
  'activities/archiving.ts',
  'api/uploads/uploads.ts',
);
const registration = read(...inFolder('api/batches'), ...inFolder('api/uploads'), 'api/system/disk.ts');
const codes = found(inspection, /'((?:document|page-count|sm3)-[a-z-]+)'/g);
const thrown = found(registration, /SealfolioError\(\s*'([a-z0-9-]+)'/g);
const HAN = /\p{Script=Han}/u;
const inBoth = { zh: expect.stringMatching(HAN), en: expect.not.stringMatching(HAN) };

test('inspection gives the codes that have words, and no others', () => {
  expect(codes).toEqual(Object.keys(FILE_REFUSALS).sort());
});

test.each(codes)('%s is told in Chinese and in English', (code) => {
  expect(FILE_REFUSALS[code as keyof typeof FILE_REFUSALS]).toMatchObject(inBoth);
});

test('registration and upload throw codes', () => expect(thrown.length).toBeGreaterThan(8));

test.each(thrown)('%s is told in Chinese and in English', (code) => {
  expect(PROBLEMS[code]).toMatchObject(inBoth);
});

test('each field that a refusal of a file names is told in both', () => {
  const fields = [
    ...found(inspection, /refuse\('document-[a-z-]+', '(\w+)'/g),
    ...found(inspection, /refuse\(\s*'document-[^;]*?,\s*'(\w+)',?\s*\);/g),
    ...found(inspection, /field: '(\w+)', reason/g),
    ...found(inspection, /field: '(pageCount)'/g),
  ];
  // What an upload is refused for is told to who uploads, and not kept with the file.
  const kept = new Set(fields.filter((field) => !['batchId', 'partNo'].includes(field)));
  expect([...kept].sort()).toEqual(Object.keys(REFUSED_FIELDS).sort());
  for (const words of Object.values(REFUSED_FIELDS)) expect(words.en).not.toMatch(HAN);
});

test('a refusal is read with its field; one that is not known by its code', () => {
  expect(refusalWords({ code: 'page-count-mismatch', field: 'pageCount' })).toEqual({
    zh: '实际页数与登记的页数不符（页数）',
    en: 'The file has not the announced number of pages (pages)',
  });
  expect(refusalWords({ code: 'not-known', field: 'x' })).toEqual({ zh: 'not-known（x）', en: 'not-known (x)' });
});
