import { dueWithin } from '../../../../domain/loan/due.ts';

const at = (iso: string) => Date.parse(iso);

test.each([
  // 07:59 and 08:01 in Shanghai are one day, whatever day it is in London.
  ['2026-11-22T23:59:00Z', 1, '2026-11-22T16:00:00Z', '2026-11-23T16:00:00Z'],
  ['2026-11-23T00:01:00Z', 1, '2026-11-22T16:00:00Z', '2026-11-23T16:00:00Z'],
  ['2026-11-23T15:59:59Z', 3, '2026-11-22T16:00:00Z', '2026-11-25T16:00:00Z'],
])(
  'at %s, within %i days: a term that ends at 24:00 of the last of them is, a minute later is not',
  (now, days, begin, end) => {
    const { from, before } = dueWithin(days, at(now));
    const holds = (due: number) => due >= from && due < before;
    expect([at(begin) - 1, at(begin), at(end), at(end) + 60_000].map(holds)).toEqual([false, true, true, false]);
  },
);
