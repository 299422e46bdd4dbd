import { SealfolioError } from '../../domain/errors.ts';
import type { LoanAct } from '../../domain/loan/acts.ts';
import { powerOver } from '../../domain/loan/powers.ts';
import type { LoanRow } from '../../platform/store/index.ts';
import { traced } from '../traced.ts';
import type { ApiDeps } from '../deps.ts';
import { PROBLEMS } from '../problems.ts';
import type { Call } from '../route.ts';
import { actOnLoan } from './act.ts';
import { type Powers, powersOf, visibleLoan } from './powers.ts';
import { namesOf, shown } from './shown.ts';

export type Caller = Pick<Call<unknown, unknown, unknown>, 'actor' | 'requestId' | 'request'>;
type ReviewName = 'claim' | 'release' | 'approve' | 'refuse' | 'sendBack';

export const loanObject = (id: string) => ({ type: 'loan', id });
/** What makes a call the same call when it is sent again. */
export const keyOf = ({ request, requestId }: Caller): string => request.header('idempotency-key') ?? requestId;

/** A refusal of one of many, as a problem says it. */
export const refusalShown = ({ code, data }: { code: string; data: Record<string, unknown> }) => {
  const { zh, en } = PROBLEMS[code] ?? PROBLEMS.internal!;
  return { code, detail: { zh, en }, data };
};

/** What the routes of loans have in common: who may know of one, and acting on it by its workflow. */
export function loanCalls(deps: ApiDeps) {
  const { store } = deps;

  /** The loan, and what the person may do with it. Throws loan-not-found: also to who may not know of it. */
  async function find(id: string, { actor }: Caller): Promise<{ row: LoanRow; powers: Powers }> {
    const powers = powersOf(actor);
    const row = await visibleLoan(store, powers, id);
    if (row === null) throw new SealfolioError('loan-not-found', { loanId: id });
    return { row, powers };
  }

  const answer = async (row: LoanRow) => ({ loan: shown(row), names: await namesOf(store, [row]) });

  async function act(id: string, what: LoanAct, call: Caller) {
    const reason = 'reason' in what && what.reason ? what.reason : undefined;
    const actingFor = 'actingFor' in what ? what.actingFor : undefined;
    await traced(store, call, `loan.${what.act}`, loanObject(id), {
      ...(reason !== undefined && { reason }),
      ...(actingFor !== undefined && { details: { actingFor } }),
    });
    return answer(await actOnLoan(deps, id, what, keyOf(call)));
  }

  /** An act on a task: by own power, or that of whom one is the deputy. Throws loan-not-reviewer. */
  async function review(id: string, what: { act: ReviewName; taskId: string } & Record<string, unknown>, call: Caller) {
    const { row, powers } = await find(id, call);
    const power = powerOver(powers, row);
    if (power === null) throw new SealfolioError('loan-not-reviewer', { loanId: id });
    return act(id, { ...what, by: call.actor.id, ...power } as LoanAct, call);
  }

  return { find, answer, act, review };
}
