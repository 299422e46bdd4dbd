import fc from 'fast-check';
import { CALENDAR } from '../../../domain/calendar.ts';
import { isWeekend, readDays, writeDays } from '../../../web/src/loans/days.ts';

test.each([
  ['10-01~10-03', ['2027-10-01', '2027-10-02', '2027-10-03']],
  ['10月1日（周五）至3日（周日）', ['2027-10-01', '2027-10-02', '2027-10-03']],
  ['2027-01-01', ['2027-01-01']],
  ['1/31 到 2/1', ['2027-01-31', '2027-02-01']],
  ['10-02、10-01\n10-01~10-02', ['2027-10-01', '2027-10-02']],
  ['  ', []],
])('%j is read', (typed, days) => expect(readDays(typed, 2027)).toEqual(days));

test.each([
  ['01-01 国庆', 'unreadable', '国庆'],
  ['02-29', 'unreadable', '02-29'],
  ['13-01', 'unreadable', '13-01'],
  ['7', 'unreadable', '7'],
  ['10-01~10-02~10-03', 'unreadable', '10-01~10-02~10-03'],
  ['10-01~', 'unreadable', '10-01~'],
  ['2026-12-31', 'otherYear', '2026-12-31'],
  ['12-31~2028-01-02', 'otherYear', '12-31~2028-01-02'],
  ['10-07~10-01', 'reversed', '10-07~10-01'],
])('%j is refused as %s, and the part is named', (typed, why, text) =>
  expect(readDays(`05-01\n${typed}`, 2027)).toEqual({ why, text }),
);

test('29 February is one in a leap year', () => expect(readDays('2月29日', 2028)).toEqual(['2028-02-29']));

test('what is written of days is read as exactly these', () => {
  const day = fc
    .integer({ min: 0, max: 365 })
    .map((n) => new Date(Date.UTC(2028, 0, 1 + n)).toISOString().slice(0, 10));
  fc.assert(
    fc.property(fc.uniqueArray(day, { maxLength: 60 }), (days) =>
      expect(readDays(writeDays(days), 2028)).toEqual([...days].sort()),
    ),
  );
});

test('a run of days is one line', () =>
  expect(writeDays(CALENDAR[0]!.holidays).split('\n')).toEqual([
    '01-01~01-03',
    '02-15~02-23',
    '04-04~04-06',
    '05-01~05-05',
    '06-19~06-21',
    '09-25~09-27',
    '10-01~10-07',
  ]));

test('weekends are those of the calendar', () => {
  expect(CALENDAR[0]!.workdays.every(isWeekend)).toBe(true);
  expect(['2027-10-01', '2027-10-04'].some(isWeekend)).toBe(false);
});
