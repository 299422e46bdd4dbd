import { dayOf, plusDays, startOfDay } from '../calendar.ts';
import type { Instant } from './loan.ts';

/** What the workbench calls due soon, in days, today among them. */
export const SOON_DAYS = 3;

/** When a term ends that ends within so many days in China, today among them: at `from` or later, and before `before`. */
export function dueWithin(days: number, now: Instant): { from: Instant; before: Instant } {
  const today = dayOf(now);
  // A term ends at 24:00: that is the instant at which the next day begins.
  return { from: startOfDay(today), before: startOfDay(plusDays(today, days)) + 1 };
}
