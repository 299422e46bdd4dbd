import { linesOfTsv } from '../../../../platform/ocr/tsv.ts';

const HEAD = 'level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext';
const word = (line: number, text: string, conf: number | string = 90, block = 1) =>
  `5\t1\t${block}\t1\t${line}\t1\t0\t0\t10\t10\t${conf}\t${text}`;
const box = '4\t1\t1\t1\t1\t0\t0\t0\t10\t10\t-1\t';

test('words of a line together, as sure as their letters are', () => {
  expect(linesOfTsv([HEAD, box, word(1, '手术', 90), word(1, '记录', 70), word(2, '姓名', 50), ''].join('\n'))).toEqual(
    [
      { text: '手术记录', confidence: 0.8 },
      { text: '姓名', confidence: 0.5 },
    ],
  );
});

test('a space stays between Latin words only', () => {
  const tsv = [HEAD, word(1, 'CT'), word(1, 'report'), word(1, '检查'), word(1, '报告')].join('\n');
  expect(linesOfTsv(tsv)[0]!.text).toBe('CT report检查报告');
});

test('lines of two blocks stay two; carriage returns do no harm', () => {
  expect(linesOfTsv([HEAD, word(1, '甲'), word(1, '乙', 90, 2)].join('\r\n'))).toMatchObject([
    { text: '甲' },
    { text: '乙' },
  ]);
});

test.each([
  ['no word', [HEAD, box]],
  ['only spaces', [HEAD, word(1, ' ')]],
  ['no confidence', [HEAD, word(1, '甲', -1), word(1, '甲', 'x'), word(1, '甲', 101)]],
  ['a row cut off', [HEAD, '5\t1\t1']],
])('%s: no line', (_name, rows) => expect(linesOfTsv(rows.join('\n'))).toEqual([]));

test('what is kept of a page is bounded', () => {
  const many = Array.from({ length: 500 }, (_, i) => word(i, '甲'));
  expect(linesOfTsv([HEAD, ...many].join('\n'))).toHaveLength(40);
  const long = Array.from({ length: 500 }, () => word(1, '甲乙'));
  expect(linesOfTsv([HEAD, ...long].join('\n'))[0]!.text).toHaveLength(200);
});

test.each(['', 'Error: no image', 'level\ttext\n5\t甲'])('not its TSV: %j', (tsv) =>
  expect(() => linesOfTsv(tsv)).toThrow(RangeError),
);
