import { foreignBy } from '../../../../domain/catalog/foreign.ts';

const VISIT = { patientNo: 'YZ2026001', visitNo: '2' };
const line = (text: string, confidence = 0.95) => ({ text, confidence });

test.each<[string, string[], { text: string; confidence: number }[], string | null]>([
  ['nothing on it', [], [], null],
  ['the label of this visit', ['PAT/YZ2026001/2'], [], null],
  ['the label of another patient', ['PAT/YZ2026002/2'], [], 'barcode'],
  ['the label of another stay', ['PAT/YZ2026001/1'], [], 'barcode'],
  ['the separator of another visit', ['SEP', 'SEP/V/YZ2026009/1'], [], 'barcode'],
  ['the separator of this visit', ['SEP', ' SEP/V/YZ2026001/2 '], [], null],
  ['the separator of a form, and a form', ['SEP/F/MR-01', 'MR-01'], [], null],
  ['its own number', [], [line('姓名:样例甲 病案号:YZ2026001')], null],
  ['its own, in wide letters and small ones', [], [line('病案号：ｙｚ2026001')], null],
  ['its own, with a dash', [], [line('住院号: YZ-2026001')], null],
  ['another’s', [], [line('病案号:YZ2025777 科别:骨科')], 'text'],
  ['another’s, by the other label', [], [line('住院号：88812345')], 'text'],
  ['another’s, and the recogniser is not sure', [], [line('病案号:YZ2025777', 0.84)], null],
  ['a letter is misread', [], [line('病案号:YZ2O26001')], null],
  ['a letter is lost', [], [line('病案号:YZ202601')], null],
  ['a letter is too many', [], [line('病案号:YZ20260011')], null],
  ['two letters differ', [], [line('病案号:YZ2026O0I')], 'text'],
  ['a piece of it', [], [line('病案号:2026001')], null],
  ['a piece of something', [], [line('病案号:777')], null],
  ['no number after the label', [], [line('病案号:'), line('YZ2025777')], null],
  ['a number without the label', [], [line('电话:13800000000')], null],
  ['two numbers of a hospital that has two', [], [line('住院号:88812345'), line('病案号:YZ2026001')], null],
])('%s', (_name, barcodes, lines, expected) => {
  expect(foreignBy({ barcodes, lines }, VISIT)).toBe(expected);
});
