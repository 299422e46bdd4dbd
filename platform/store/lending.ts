import { CALENDAR, type CalendarYear, WorkCalendar } from '../../domain/calendar.ts';
import { type LoanAct, refusalOf } from '../../domain/loan/acts.ts';
import type { Refusal } from '../../domain/loan/eligibility.ts';
import type { Loan } from '../../domain/loan/loan.ts';
import { DEFAULT_LOAN_POLICY } from '../../domain/loan/policy.ts';
import { waitsFor } from '../../domain/loan/powers.ts';
import { isEnded } from '../../domain/loan/state.ts';
import type { Models } from './index.ts';
import type { CalendarRow, LoanPolicyRow } from './models/loan.ts';
import { isOfPaper } from './volumes.ts';

/** Rows that were written before they told for whom their task waits. */
export async function tellWaiting({ Loan }: Models): Promise<void> {
  const roles = ['$task.role', { $ifNull: ['$task.escalatedTo', '$task.role'] }];
  await Loan.collection.updateMany({ 'task.expireAt': { $gt: 0 }, waitsFor: { $exists: false } }, [
    { $set: { waitsFor: { $setUnion: [roles] } } },
  ]);
}

/** Shows a loan as it is now, unless something later is shown already. What is absent of it is absent in the row. */
export async function projectLoan({ Loan }: Models, loan: Loan): Promise<void> {
  const optional = ['task', 'granted', 'approvedAt', 'startBy', 'startedAt', 'dueAt', 'shiftedFrom', 'closed'] as const;
  const gone: string[] = optional.filter((name) => loan[name] === undefined);
  if (isEnded(loan.state) || !isOfPaper(loan)) gone.push('volume');
  await Loan.updateOne(
    { loanId: loan.loanId, seq: { $lt: loan.seq } },
    {
      $set: { ...loan, open: !isEnded(loan.state), waitsFor: waitsFor(loan), updatedAt: Date.now() },
      ...(gone.length > 0 && { $unset: Object.fromEntries(gone.map((name) => [name, 1])) }),
    },
  );
}

/** Version 1: in force until someone has made another. */
export const FIRST_POLICY: LoanPolicyRow = {
  version: 1,
  policy: DEFAULT_LOAN_POLICY,
  by: 'system',
  reason: '默认借阅制度',
  createdAt: new Date(0),
};

/** The policy in force: the latest version. */
export async function currentPolicy({ LoanPolicy }: Models): Promise<LoanPolicyRow> {
  const found = await LoanPolicy.findOne().sort({ version: -1 }).lean<LoanPolicyRow>();
  return found ?? FIRST_POLICY;
}

/** Calendar years: what was entered, else what the product knows. */
export async function calendarYears({ CalendarYear }: Models): Promise<CalendarYear[]> {
  const rows = await CalendarYear.find().sort({ year: 1 }).lean<CalendarRow[]>();
  const entered = rows.map(({ year, status, source, holidays, workdays }) => ({
    year,
    status,
    source,
    holidays,
    workdays,
  }));
  const known = CALENDAR.filter(({ year }) => !entered.some((one) => one.year === year));
  return [...entered, ...known].sort((a, b) => a.year - b.year);
}

/** Why an act comes too late for a loan whose workflow has ended; what it ran by makes no difference then. */
export function refusalOfEnded(loan: Loan, act: LoanAct): Refusal {
  const terms = { policy: DEFAULT_LOAN_POLICY, calendar: new WorkCalendar([]), claimsEnd: false };
  return (
    refusalOf(loan, act, Date.now(), terms) ?? {
      code: 'loan-move-invalid',
      data: { state: loan.state, act: act.act },
    }
  );
}
