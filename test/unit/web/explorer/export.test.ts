import fc from 'fast-check';
import { csvCell, csvLine } from '../../../../web/explorer/export/csv.ts';
import { recordRow } from '../../../../web/explorer/export/rows.ts';

test.each([
  ['=1+1', "'=1+1"],
  ['+1', "'+1"],
  ['-archive', "'-archive"],
  ['@sum', "'@sum"],
  ['\t=1', "'\t=1"],
  ['a,b', '"a,b"'],
  ['say "x"', '"say ""x"""'],
  ['=a,"b"', '"\'=a,""b"""'],
  ['two\r\nlines', '"two\r\nlines"'],
  ['plain', 'plain'],
  [-5, '-5'],
])('%j is the cell %s', (value, cell) => {
  expect(csvCell(value)).toBe(cell);
});

/** Reads one line of RFC 4180. */
function parse(line: string): string[] {
  const cells = [...`,${line.slice(0, -2)}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^",]*))/g)];
  return cells.map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '');
}

test('any line reads back as it was, but for what keeps it from being a formula', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1, maxLength: 6 }), (cells) => {
      const read = parse(csvLine(cells));
      expect(read).toEqual(cells.map((cell) => (/^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell)));
      for (const cell of read) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
    }),
  );
});

test('a row of a record has every field under its name', () => {
  const record = { stream: 'archive', key: '01', digest: '02', note: '' };
  const row = { index: 3, height: 2, timeMs: 0, txId: 'aa', indexInTx: 1, sender: 'yz1', nonce: '00', record };
  expect(recordRow(row)).toEqual({
    index: 3,
    height: 2,
    time: '1970-01-01T00:00:00.000Z',
    txId: 'aa',
    indexInTx: 1,
    sender: 'yz1',
    ...record,
  });
});
