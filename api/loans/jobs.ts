import { ulid } from 'ulid';
import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import { Right } from '../../domain/loan/policy.ts';
import { powerOver } from '../../domain/loan/powers.ts';
import type { BulkJob, BulkRow, LoanRow } from '../../platform/store/index.ts';
import { bulkLoanWorkflowId, TaskQueue, WorkflowName } from '../../workflows/shared.ts';
import { traced } from '../traced.ts';
import { text } from '../batches/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { refusalShown } from './calls.ts';
import { filterOf, loanFilter } from './list.ts';
import { powersOf } from './powers.ts';

/** Rows of one job: what finds more is refused. */
const MAX_ROWS = 10_000;
const reason = text(500);
const jobId = z.string().regex(/^jb_[a-z0-9]{1,40}$/);
const what = z.discriminatedUnion('act', [
  z.strictObject({ act: z.literal('claim') }),
  z.strictObject({ act: z.literal('release') }),
  z.strictObject({
    act: z.literal('approve'),
    days: z.int().min(1).max(365).optional(),
    rights: z.array(z.enum(Right)).min(1).max(3).optional(),
    conditions: text(500).optional(),
  }),
  z.strictObject({ act: z.literal('refuse'), reason }),
  z.strictObject({ act: z.literal('sendBack'), reason }),
  z.strictObject({ act: z.literal('withdraw') }),
  z.strictObject({ act: z.literal('start') }),
  z.strictObject({ act: z.literal('return'), reason: reason.optional() }),
  z.strictObject({ act: z.literal('recall'), reason }),
]);
const shownJob = z.object({
  jobId: z.string(),
  act: z.string(),
  total: z.number(),
  done: z.number(),
  failed: z.number(),
  state: z.enum(['running', 'done']),
  createdAt: z.string(),
  endedAt: z.string().optional(),
});
const shown = ({ jobId: id, act, total, done, failed, state, createdAt, endedAt }: BulkJob) => ({
  jobId: id,
  act: String(act.act),
  total,
  done,
  failed,
  state,
  createdAt: createdAt.toISOString(),
  ...(endedAt !== undefined && { endedAt: endedAt.toISOString() }),
});

/** Jobs over many loans: on the rows that were chosen, or on all that a filter finds; with a result for each row. */
export function jobRoutes(deps: ApiDeps): Route[] {
  const { store, temporal, memberId } = deps;
  const { BulkJob, BulkRow, Loan } = store.models;

  async function jobOf(id: string, by: string): Promise<BulkJob> {
    const found = await BulkJob.findOne({ jobId: id, by }).lean<BulkJob>();
    if (found === null) throw new SealfolioError('job-not-found', { jobId: id });
    return found;
  }

  return [
    route({
      method: 'post',
      path: '/loan-jobs',
      permission: 'loan:read',
      summary: 'Do one thing to many loans: those named, or all that the filter finds',
      body: z.strictObject({
        what,
        loanIds: z.array(z.string().max(64)).min(1).max(MAX_ROWS).optional(),
        filter: loanFilter.optional(),
        expected: z
          .int()
          .optional()
          .describe('How many rows the person saw: if there are more or fewer now, nothing is done'),
      }),
      answer: shownJob,
      status: 202,
      async handle({ body, ...call }) {
        const { id: by } = call.actor;
        const powers = powersOf(call.actor);
        const filter = body.filter ?? { view: 'all' as const };
        const named = body.loanIds === undefined ? {} : { loanId: { $in: body.loanIds } };
        const asked = { $and: [filterOf(filter, powers), named] };
        const rows = await Loan.find(asked)
          .sort({ createdAt: 1, loanId: 1 })
          .limit(MAX_ROWS + 1)
          .lean<LoanRow[]>();
        if (rows.length === 0) throw new SealfolioError('job-empty');
        if (rows.length > MAX_ROWS)
          throw new SealfolioError('job-limit', { limit: MAX_ROWS, found: await Loan.countDocuments(asked) });
        const expected = body.loanIds?.length ?? body.expected;
        if (expected !== undefined && expected !== rows.length)
          throw new SealfolioError('job-changed', { expected, found: rows.length });
        const id = `jb_${ulid().toLowerCase()}`;
        await traced(
          store,
          call,
          'loan.bulk',
          { type: 'loanJob', id },
          { details: { act: body.what.act, loans: rows.length } },
        );
        const made = rows.map((row, n): BulkRow => {
          const isReview = ['claim', 'release', 'approve', 'refuse', 'sendBack'].includes(body.what.act);
          const isManaging = body.what.act === 'recall' && !powers.manages;
          const power = powerOver(powers, row);
          const base = { jobId: id, n, loanId: row.loanId };
          if ((isReview && power === null) || isManaging)
            return { ...base, state: 'failed', code: isReview ? 'loan-not-reviewer' : 'permission-denied' };
          const cause = powers.manages && row.applicant !== by ? 'archivist' : 'borrower';
          const act = {
            ...body.what,
            by,
            ...(isReview && { ...power, taskId: row.task?.taskId ?? 'none' }),
            ...(body.what.act === 'return' && { cause }),
          };
          return { ...base, state: 'waiting', act };
        });
        const failed = made.filter(({ state }) => state === 'failed').length;
        const job: BulkJob = {
          jobId: id,
          by,
          act: body.what,
          total: rows.length,
          done: 0,
          failed,
          state: 'running',
          createdAt: new Date(),
        };
        await BulkRow.insertMany(made);
        await BulkJob.create(job);
        await temporal.workflow.start(WorkflowName.bulkLoan, {
          workflowId: bulkLoanWorkflowId(memberId, id),
          taskQueue: TaskQueue.loans,
          args: [{ jobId: id }],
        });
        call.response.set('Location', `/api/v1/loan-jobs/${id}`);
        return shown(job);
      },
    }),
    route({
      method: 'get',
      path: '/loan-jobs',
      permission: 'loan:read',
      trace: 'job.search',
      summary: 'My jobs, latest first',
      answer: z.object({ items: z.array(shownJob) }),
      async handle({ actor }) {
        const found = await BulkJob.find({ by: actor.id }).sort({ createdAt: -1 }).limit(50).lean<BulkJob[]>();
        return { items: found.map(shown) };
      },
    }),
    route({
      method: 'get',
      path: '/loan-jobs/{jobId}',
      permission: 'loan:read',
      trace: 'job.open',
      summary: 'A job, and its rows: those that failed with the reason',
      params: z.object({ jobId }),
      query: z.object({
        state: z.enum(['waiting', 'done', 'failed']).optional(),
        after: z.coerce.number().int().min(-1).default(-1),
        limit: z.coerce.number().int().min(1).max(200).default(100),
      }),
      answer: z.object({
        job: shownJob,
        rows: z.array(z.record(z.string(), z.unknown())),
        nextAfter: z.number().nullable(),
      }),
      async handle({ params: { jobId: id }, query: { state, after, limit }, actor }) {
        const job = await jobOf(id, actor.id);
        const found = await BulkRow.find({ jobId: id, n: { $gt: after }, ...(state !== undefined && { state }) })
          .sort({ n: 1 })
          .limit(limit + 1)
          .lean<BulkRow[]>();
        const page = found.slice(0, limit);
        const loans = await Loan.find({ loanId: { $in: page.map(({ loanId }) => loanId) } }).lean<LoanRow[]>();
        const rows = page.map(({ n, loanId, state: now, code, data }) => {
          const loan = loans.find((one) => one.loanId === loanId);
          return {
            n,
            loanId,
            state: now,
            patientName: loan?.patientName,
            patientNo: loan?.patientNo,
            ...(code !== undefined && { refusal: refusalShown({ code, data: data ?? {} }) }),
          };
        });
        return { job: shown(job), rows, nextAfter: found.length > limit ? page.at(-1)!.n : null };
      },
    }),
  ];
}
