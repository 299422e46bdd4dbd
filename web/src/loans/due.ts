import { dayOf, startOfDay } from '../../../domain/calendar.ts';

const DAY_MS = 86_400_000;
/** What the workbench calls due soon. */
export const SOON_DAYS = 3;

/** Loans that are read and fall due within so many days, today among them, as `/loans` is asked for them. */
export function dueWithin(days: number, now: number): { state: string; dueAfter: string; dueBefore: string } {
  const today = startOfDay(dayOf(now));
  return {
    state: 'onLoan,renewalReview',
    dueAfter: new Date(today).toISOString(),
    // A term ends at 24:00: that is the instant at which the next day begins.
    dueBefore: new Date(today + days * DAY_MS + 1).toISOString(),
  };
}
