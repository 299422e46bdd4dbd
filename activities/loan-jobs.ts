import { heartbeat } from '@temporalio/activity';
import { isPermitted, type Permission } from '../domain/access.ts';
import { isSealfolioError } from '../domain/errors.ts';
import type { LoanAct } from '../domain/loan/acts.ts';
import { SYSTEM } from '../domain/loan/loan.ts';
import { powerOver } from '../domain/loan/powers.ts';
import { type DeputyTerm, isActing } from '../domain/people.ts';
import { type BulkRow, type LoanRow, projectLoan, refusalOfEnded, type User } from '../platform/store/index.ts';
import type { BulkLoanInput, LoanClosingInput } from '../workflows/shared.ts';
import type { ActivityDeps } from './deps.ts';

/** Loans that are acted upon side by side. */
const AT_ONCE = 8;
/** What whoever does it must hold, as the routes of one loan state it (api/loans/routes.ts). */
const NEEDED: Partial<Record<LoanAct['act'], Permission>> = {
  claim: 'loan:decide',
  release: 'loan:decide',
  approve: 'loan:decide',
  refuse: 'loan:decide',
  sendBack: 'loan:decide',
  withdraw: 'loan:apply',
  start: 'loan:apply',
  recall: 'loan:manage',
};
const neededFor = (what: LoanAct): Permission =>
  what.act === 'return' && what.cause === 'archivist' ? 'loan:manage' : (NEEDED[what.act] ?? 'loan:read');
/** Codes that waiting may put right: the row is not failed by them, the activity is tried again. */
const TRANSIENT = new Set(['temporal-unavailable']);

type JobDeps = Pick<ActivityDeps, 'store' | 'signals' | 'logger'>;

/** What jobs over many loans do: each loan is one act of its own, with its own result. */
export function createLoanJobActivities({ store, signals, logger }: JobDeps) {
  const { BulkJob, BulkRow, Deputy, Loan, User } = store.models;

  /** Null if it was done, else the refusal. The same key acts once, however often it is tried. */
  async function act(loanId: string, what: LoanAct, key: string): Promise<Pick<BulkRow, 'code' | 'data'> | null> {
    try {
      await projectLoan(store.models, await signals.actOnLoan(loanId, what, key));
      return null;
    } catch (error) {
      if (!isSealfolioError(error) || TRANSIENT.has(error.code)) throw error;
      const row = error.code === 'workflow-not-running' ? await Loan.findOne({ loanId }).lean<LoanRow>() : null;
      if (row !== null) return refusalOfEnded(row, what);
      return { code: error.code, data: error.data };
    }
  }

  const personOf = (username: string) => User.findOne({ username, disabled: false }).lean<User>();

  /** What the person could do when the job was made may have ended meanwhile: it is asked again, as the api asks for one loan. */
  async function lostPower(loanId: string, what: LoanAct): Promise<Pick<BulkRow, 'code'> | null> {
    const person = await personOf(what.by);
    if (person === null || !isPermitted(person.roles, neededFor(what))) return { code: 'permission-denied' };
    if (!('taskId' in what)) return null;
    const { actingFor } = what;
    if (actingFor !== undefined) {
      const terms = await Deputy.find({ principal: actingFor, deputy: what.by }).lean<DeputyTerm[]>();
      if (!terms.some((term) => isActing(term, new Date()))) return { code: 'loan-deputy-ended' };
    }
    const [self, row] = await Promise.all([
      actingFor === undefined ? person : personOf(actingFor),
      Loan.findOne({ loanId }).select('task departmentId').lean<LoanRow>(),
    ]);
    if (self === null) return { code: 'loan-not-reviewer' };
    // Of a task that has passed the workflow says what became of it.
    if (row?.task?.taskId !== what.taskId) return null;
    return powerOver({ self, principals: [] }, row) === null ? { code: 'loan-not-reviewer' } : null;
  }

  async function inParallel<T>(next: () => Promise<T | null>, run: (item: T) => Promise<void>): Promise<void> {
    const worker = async () => {
      for (let item = await next(); item !== null; item = await next()) await run(item);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  return {
    /** Ends what is open of a person or an archive. */
    async closeLoans({ filter, cause, reason }: LoanClosingInput, closingId: string): Promise<{ closed: number }> {
      const rows = await Loan.find({ ...filter, open: true }).lean<LoanRow[]>();
      const waiting = [...rows];
      let closed = 0;
      await inParallel(
        async () => waiting.shift() ?? null,
        async ({ loanId, state }) => {
          if (state === 'draft') await Loan.deleteOne({ loanId, state: 'draft' });
          else if ((await act(loanId, { act: 'close', by: SYSTEM, cause, reason }, closingId)) === null) closed += 1;
          heartbeat(closed);
        },
      );
      logger.info({ closed, cause }, 'loans closed');
      return { closed };
    },

    /** Goes through the rows of a job that have no result yet. */
    async runBulk({ jobId }: BulkLoanInput): Promise<void> {
      const rows = await BulkRow.find({ jobId, state: 'waiting' }).sort({ n: 1 }).lean<BulkRow[]>();
      await inParallel(
        async () => rows.shift() ?? null,
        async ({ n, loanId, act: meant }) => {
          const what = meant as unknown as LoanAct;
          const refusal = (await lostPower(loanId, what)) ?? (await act(loanId, what, `${jobId}/${n}`));
          const state = refusal === null ? 'done' : 'failed';
          const { modifiedCount } = await BulkRow.updateOne(
            { jobId, n, state: 'waiting' },
            { $set: { state, ...refusal } },
          );
          if (modifiedCount === 1) await BulkJob.updateOne({ jobId }, { $inc: { [state]: 1 } });
          heartbeat(n);
        },
      );
      await BulkJob.updateOne({ jobId }, { $set: { state: 'done', endedAt: new Date() } });
    },
  };
}

export type LoanJobActivities = ReturnType<typeof createLoanJobActivities>;
