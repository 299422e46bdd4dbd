import { currentNumber, mergeFault, numbersOf } from '../../../domain/merge.ts';

const NONE = new Map<string, string>();
/** A into B into C, and D into C. */
const MERGES = new Map([
  ['A', 'B'],
  ['B', 'C'],
  ['D', 'C'],
]);

test('a number that was never merged is its own; merged, it goes on to the one of today, however many there are between', () => {
  expect([currentNumber(NONE, 'A'), currentNumber(MERGES, 'C'), currentNumber(MERGES, 'X')]).toEqual(['A', 'C', 'X']);
  expect([currentNumber(MERGES, 'A'), currentNumber(MERGES, 'B'), currentNumber(MERGES, 'D')]).toEqual(['C', 'C', 'C']);
});

test('all numbers of a person are found from each of them', () => {
  for (const one of ['A', 'B', 'C', 'D']) expect(numbersOf(MERGES, one)).toEqual(['C', 'A', 'B', 'D']);
  expect(numbersOf(MERGES, 'X')).toEqual(['X']);
});

test.each([
  [null, 'merge', 'X', 'C'],
  [null, 'merge', 'C', 'X'],
  ['merge-itself', 'merge', 'X', 'X'],
  ['merge-present', 'merge', 'A', 'X'],
  ['merge-circle', 'merge', 'C', 'B'],
  ['merge-circle', 'merge', 'C', 'A'],
  ['merge-into-retired', 'merge', 'X', 'A'],
  [null, 'split', 'A', 'B'],
  ['merge-absent', 'split', 'A', 'C'],
  ['merge-absent', 'split', 'C', 'X'],
] as const)('%s: %s %s, %s', (code, kind, retired, surviving) => {
  expect(mergeFault(MERGES, kind, { retired, surviving })).toBe(code);
});
