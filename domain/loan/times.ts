import { dayOf, startOfDay } from '../calendar.ts';
import type { Instant, Loan, LoanTerms, ReviewTask } from './loan.ts';
import { READING_STATES } from './state.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Reminders go out in the morning. †ours. */
const REMINDER_HOUR = 9;

/** When a task that opens now is reminded of, escalated, and expires. */
export function taskTimes(
  openedAt: Instant,
  isEmergency: boolean,
  { policy, calendar }: LoanTerms,
): Pick<ReviewTask, 'remindAt' | 'escalateAt' | 'expireAt' | 'isSure'> {
  if (isEmergency) {
    const { remindMinutes, escalateMinutes, expireMinutes } = policy.emergencySla;
    const after = (minutes: number) => openedAt + minutes * MINUTE_MS;
    return {
      remindAt: after(remindMinutes),
      escalateAt: after(escalateMinutes),
      expireAt: after(expireMinutes),
      isSure: true,
    };
  }
  const { remindHours, escalateHours, expireHours } = policy.sla;
  const expireAt = calendar.addWorkingHours(openedAt, expireHours);
  return {
    remindAt: calendar.addWorkingHours(openedAt, remindHours),
    escalateAt: calendar.addWorkingHours(openedAt, escalateHours),
    expireAt,
    isSure: calendar.isSure(dayOf(expireAt)),
  };
}

/** The end of the due day, `days` after the day of `from`; if that is not worked, of the next that is. */
export function dueAfter(
  from: Instant,
  days: number,
  place: Loan['request']['place'],
  { policy, calendar }: LoanTerms,
): { dueAt: Instant; shiftedFrom?: Instant } {
  if (policy.terms[place].unit === 'workingDay') return { dueAt: calendar.endOfWorkingDayAfter(from, days) };
  const dueAt = calendar.endOfDayAfter(from, days);
  if (!policy.holidayShift) return { dueAt };
  const shifted = startOfDay(calendar.workingDayFrom(dayOf(dueAt - 1))) + DAY_MS;
  return shifted === dueAt ? { dueAt } : { dueAt: shifted, shiftedFrom: dueAt };
}

/** Reminders around the due day, in order. */
function reminders({ dueAt }: Loan, days: readonly number[], sign: -1 | 1): Instant[] {
  const morning = startOfDay(dayOf(dueAt! - 1)) + REMINDER_HOUR * HOUR_MS;
  return days.map((n) => morning + sign * n * DAY_MS).sort((a, b) => a - b);
}

export type LoanTimer =
  'remind' | 'escalate' | 'release' | 'expireReview' | 'start' | 'lapse' | 'dueSoon' | 'due' | 'stillOverdue';

/** What time alone will bring next; null if it brings nothing. Of what is due at one instant, the end comes last. */
export function nextTimer(loan: Loan, { policy }: LoanTerms): { at: Instant; timer: LoanTimer } | null {
  const timers: { at: Instant; timer: LoanTimer }[] = [];
  const add = (at: Instant | undefined, timer: LoanTimer) => {
    if (at !== undefined) timers.push({ at, timer });
  };
  const { task, state, lastReminderAt = 0 } = loan;
  if (task !== undefined) {
    if (!task.reminded) add(task.remindAt, 'remind');
    if (task.escalatedTo === undefined) add(task.escalateAt, 'escalate');
    add(task.releaseAt, 'release');
    if (task.kind === 'application') add(task.expireAt, 'expireReview');
  }
  if (state === 'approved') {
    if (loan.request.startAt !== undefined) add(Math.max(loan.request.startAt, loan.approvedAt!), 'start');
    add(loan.startBy, 'lapse');
  }
  if (READING_STATES.includes(state)) {
    const before = reminders(loan, policy.reminders.daysBeforeDue, -1).filter((at) => at < loan.dueAt!);
    add(
      before.find((at) => at > Math.max(lastReminderAt, loan.startedAt!)),
      'dueSoon',
    );
    add(loan.dueAt, 'due');
  }
  if (state === 'overdue')
    add(
      reminders(loan, policy.reminders.daysAfterDue, 1).find((at) => at > Math.max(lastReminderAt, loan.dueAt!)),
      'stillOverdue',
    );
  return timers.sort((a, b) => a.at - b.at)[0] ?? null;
}
