import { ulid } from 'ulid';
import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import { Mark } from '../../domain/loan/policy.ts';
import { type LoanClosingInput, loanClosingWorkflowId, TaskQueue, WorkflowName } from '../../workflows/shared.ts';
import { traced } from '../traced.ts';
import { text } from '../batches/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';

const params = z.object({ archiveId: z.string().regex(/^ar_[a-z0-9]{1,40}$/) });
const body = z.strictObject({ reason: text(500) });

/** Has what is open of a person or an archive ended, durably: it goes on whatever stops meanwhile. */
export async function closeLoans(
  { temporal, memberId }: Pick<ApiDeps, 'temporal' | 'memberId'>,
  input: LoanClosingInput,
): Promise<void> {
  await temporal.workflow.start(WorkflowName.loanClosing, {
    workflowId: loanClosingWorkflowId(memberId, ulid().toLowerCase()),
    taskQueue: TaskQueue.loans,
    args: [input],
  });
}

/** 封存, and the marks by which 医务科 decides on a loan. */
export function holdRoutes(deps: ApiDeps): Route[] {
  const { Archive } = deps.store.models;
  const object = (id: string) => ({ type: 'archive', id });

  async function update(archiveId: string, filter: object, change: object, refusal: string): Promise<void> {
    const { matchedCount } = await Archive.updateOne({ archiveId, ...filter }, change);
    if (matchedCount === 1) return;
    const isThere = (await Archive.exists({ archiveId })) !== null;
    throw new SealfolioError(isThere ? refusal : 'archive-not-found', { archiveId });
  }

  return [
    route({
      method: 'post',
      path: '/archives/{archiveId}/hold',
      permission: 'hold:write',
      summary: 'Put it on hold: its loans are recalled, and none are made',
      params,
      body,
      async handle({ params: { archiveId }, body: { reason }, ...call }) {
        await traced(deps.store, call, 'archive.hold', object(archiveId), { reason });
        const legalHold = { reason, by: call.actor.id, at: new Date() };
        await update(archiveId, { legalHold: { $exists: false } }, { $set: { legalHold } }, 'hold-present');
        await closeLoans(deps, { filter: { archiveId }, cause: 'hold', reason });
      },
    }),
    route({
      method: 'post',
      path: '/archives/{archiveId}/hold-release',
      permission: 'hold:write',
      summary: 'Release the hold',
      params,
      body,
      async handle({ params: { archiveId }, body: { reason }, ...call }) {
        await traced(deps.store, call, 'archive.holdRelease', object(archiveId), { reason });
        await update(archiveId, { legalHold: { $exists: true } }, { $unset: { legalHold: 1 } }, 'hold-absent');
      },
    }),
    route({
      method: 'put',
      path: '/archives/{archiveId}/marks',
      permission: 'hold:write',
      summary: 'What makes it one that medical affairs decides on',
      params,
      body: body.extend({ marks: z.array(z.enum(Mark)).max(2) }),
      async handle({ params: { archiveId }, body: { marks, reason }, ...call }) {
        await traced(deps.store, call, 'archive.marks', object(archiveId), { reason, details: { marks } });
        await update(archiveId, {}, { $set: { marks: [...new Set(marks)] } }, 'archive-not-found');
      },
    }),
  ];
}
