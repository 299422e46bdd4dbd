import fc from 'fast-check';
import { CALENDAR, dayOf, HOURS_A_DAY, startOfDay, WorkCalendar } from '../../../domain/calendar.ts';

const calendar = new WorkCalendar(CALENDAR);
const at = (local: string) => Date.parse(`${local}:00+08:00`);
const local = (instant: number) => new Date(instant + 8 * 3_600_000).toISOString().slice(0, 16);

test.each([
  ['2026-11-24', true, 'a Tuesday'],
  ['2026-11-28', false, 'a Saturday'],
  ['2026-01-01', false, '元旦'],
  ['2026-01-04', true, 'a Sunday that is worked for 元旦'],
  ['2026-02-14', true, 'a Saturday that is worked for 春节'],
  ['2026-02-23', false, 'the last day of 春节'],
  ['2026-09-20', true, 'a Sunday that is worked for 国庆'],
  ['2026-10-07', false, 'the last day of 国庆'],
  ['2027-02-08', false, '初三, provisional'],
  ['2028-05-01', true, 'a Monday of a year without data'],
])('%s is worked: %s (%s)', (day, isWorked) => {
  expect(calendar.isWorkingDay(day)).toBe(isWorked);
});

test('2026 is published; 2027 is provisional, and says so', () => {
  expect([calendar.isSure('2026-12-31'), calendar.isSure('2027-01-01'), calendar.isSure('2028-01-01')]).toEqual([
    true,
    false,
    false,
  ]);
});

test.each([
  ['2026-11-24T09:00', 2, '2026-11-24T11:00', 'within a morning'],
  ['2026-11-24T11:00', 2, '2026-11-24T15:00', 'over noon'],
  ['2026-11-24T17:00', 2, '2026-11-25T09:00', 'over night'],
  ['2026-11-27T17:30', 4, '2026-11-30T11:30', 'over a weekend'],
  ['2026-09-30T16:00', 8, '2026-10-08T16:00', 'over 国庆'],
  ['2026-02-13T17:00', 8, '2026-02-14T17:00', 'onto a Saturday that is worked'],
  ['2026-11-22T23:00', 1, '2026-11-23T09:00', 'from a Sunday night'],
])('from %s, %s working hours: %s (%s)', (from, hours, until) => {
  expect(local(calendar.addWorkingHours(at(from), hours))).toBe(until);
});

test.each([
  ['2026-11-24T10:00', 0, '2026-11-25T00:00'],
  ['2026-11-24T10:00', 30, '2026-12-25T00:00'],
  ['2026-11-24T00:00', 1, '2026-11-26T00:00'],
  ['2026-11-24T23:59', 1, '2026-11-26T00:00'],
])('from %s, the end of the day after %s days: %s', (from, days, end) => {
  expect(local(calendar.endOfDayAfter(at(from), days))).toBe(end);
});

test.each([
  ['2026-11-26T10:00', 3, '2026-12-02T00:00', 'over a weekend'],
  ['2026-09-29T10:00', 3, '2026-10-10T00:00', 'over 国庆'],
  ['2026-02-13T10:00', 1, '2026-02-15T00:00', 'the worked Saturday counts'],
])('from %s, the end of the %s. working day: %s (%s)', (from, days, end) => {
  expect(local(calendar.endOfWorkingDayAfter(at(from), days))).toBe(end);
});

const instants = fc.integer({ min: at('2025-12-01T00:00'), max: at('2027-12-31T00:00') });

test('working hours add up, never go back, and end within working hours', () => {
  fc.assert(
    fc.property(instants, fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 60 }), (from, a, b) => {
      const once = calendar.addWorkingHours(from, a + b);
      expect(once).toBeGreaterThanOrEqual(from);
      // What ends at 12:00 goes on at 12:00 or 14:00: the same hours are left either way.
      const twice = calendar.addWorkingHours(calendar.addWorkingHours(from, a), b);
      if (b > 0) expect(twice).toBe(once);
      if (a + b > 0) expect(calendar.isWorkingDay(dayOf(once - 1))).toBe(true);
    }),
  );
});

test('so many hours are so many working days', () => {
  fc.assert(
    fc.property(instants, fc.integer({ min: 1, max: 20 }), (from, days) => {
      const opening = startOfDay(calendar.workingDayFrom(dayOf(from))) + 8 * 3_600_000;
      const end = calendar.addWorkingHours(opening, days * HOURS_A_DAY);
      expect(calendar.endOfWorkingDayAfter(opening, days - 1)).toBe(startOfDay(dayOf(end)) + 86_400_000);
    }),
  );
});
