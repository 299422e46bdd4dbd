import {
  allHandlersFinished,
  ApplicationFailure,
  condition,
  continueAsNew,
  patched,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { WorkCalendar } from '../domain/calendar.ts';
import { carryOut, type LoanAct, onTimer, refusalOf } from '../domain/loan/acts.ts';
import type { Loan, LoanEvent, LoanTerms, Outcome } from '../domain/loan/loan.ts';
import { isEnded, type LoanState } from '../domain/loan/state.ts';
import { submitDraft } from '../domain/loan/submit.ts';
import { nextTimer } from '../domain/loan/times.ts';
import { onLoans } from './activities.ts';
import { type ArchiveLoanInput, loanActUpdate, loanQuery } from './shared.ts';

/** The rest goes on in a new run, so that no loan takes long to be replayed: one that is claimed and released again and again. */
const MOST_EVENTS = 1000;
const QUIET_MS = 60_000;
const isLong = () => workflowInfo().continueAsNewSuggested || workflowInfo().historyLength > MOST_EVENTS;

/**
 * 借阅: from the submission to the return, one archive a workflow. The rules are in domain/loan; this waits, for people and
 * for instants, and has what happened written down before it goes on waiting.
 */
export async function archiveLoanWorkflow(input: ArchiveLoanInput): Promise<LoanState> {
  const { policy, calendar } = input;
  // Claims of loans that began before claims had an end last until they are released.
  const claimsEnd = input.claimsEnd ?? patched('claims-end');
  const terms: LoanTerms = { policy, calendar: new WorkCalendar(calendar), claimsEnd };
  let loan: Loan = input.loan;
  let unwritten: LoanEvent[] = [];
  const take = (outcome: Outcome) => {
    loan = outcome.loan;
    unwritten.push(...outcome.events);
  };
  const check = (act: LoanAct) => {
    const refusal = refusalOf(loan, act, Date.now(), terms);
    if (refusal !== null)
      throw ApplicationFailure.create({
        message: refusal.code,
        type: refusal.code,
        nonRetryable: true,
        details: [refusal.data],
      });
  };
  // Before the handlers: what came with the start is handled as soon as they are set.
  if (loan.state === 'draft') take(submitDraft(loan, terms));
  setHandler(loanQuery, () => loan);
  setHandler(
    loanActUpdate,
    (act) => {
      // Another act of the same task may have been accepted between the validator and here.
      check(act);
      take(carryOut(loan, act, Date.now(), terms));
      return loan;
    },
    { validator: check },
  );

  for (;;) {
    if (unwritten.length > 0) {
      const events = unwritten;
      unwritten = [];
      await onLoans.recordLoan({ loan, events });
      continue;
    }
    if (isEnded(loan.state)) break;
    const { seq } = loan;
    const hasChanged = () => loan.seq !== seq;
    const next = nextTimer(loan, terms);
    const waitMs = next === null ? Infinity : next.at - Date.now();
    if (next !== null && waitMs <= 0) take(onTimer(loan, next.timer, Date.now(), terms));
    else if (isLong() && waitMs > QUIET_MS) {
      // Once nobody acts: an act that comes within the same task as the end of this run would be answered by neither run.
      const isQuiet = !(await condition(hasChanged, QUIET_MS));
      if (isQuiet && allHandlersFinished())
        await continueAsNew<typeof archiveLoanWorkflow>({ ...input, loan, claimsEnd });
    } else if (next === null) await condition(hasChanged);
    else await condition(hasChanged, waitMs);
  }
  await condition(allHandlersFinished);
  return loan.state;
}
