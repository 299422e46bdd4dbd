import { WorkflowNotFoundError } from '@temporalio/client';
import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import { powerOver } from '../../domain/loan/powers.ts';
import { AttestationState } from '../../domain/status.ts';
import { CANCELLABLE } from '../../domain/workflows.ts';
import type { Archive, User, WorkflowCare } from '../../platform/store/index.ts';
import { archivingWorkflowId, retrySignal } from '../../workflows/shared.ts';
import { timelineOf } from '../archives/timeline.ts';
import { text } from '../batches/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { actOnLoan } from '../loans/act.ts';
import { keyOf } from '../loans/calls.ts';
import { powersOf } from '../loans/powers.ts';
import { type Principal, withPrincipals } from '../people/principals.ts';
import { type Route, route } from '../route.ts';
import { traced } from '../traced.ts';
import { assigneesOf, loanWithTask } from './assignees.ts';
import { ATTENTION_KINDS, attentionFilter, attentionList } from './attention.ts';
import { listWorkflows, shownWorkflow, stateOf, workflowFilter } from './list.ts';

const params = z.object({
  workflowId: z
    .string()
    .regex(/^[a-z-]+:[A-Za-z0-9._-]+(:[A-Za-z0-9._-]+)?$/)
    .max(160),
});
const withReason = z.strictObject({ reason: text(200) });
const both = z.object({ zh: z.string(), en: z.string() });
const object = (id: string) => ({ type: 'workflow', id });

/** Workflows for those who look after them (design §8); Temporal's own history is one link away. */
export function workflowRoutes(deps: ApiDeps): Route[] {
  const { store, temporal, codec, memberId, temporalUiUrl } = deps;
  const { Archive, User, WorkflowCare } = store.models;

  async function describe(workflowId: string) {
    try {
      return await temporal.workflow.getHandle(workflowId).describe();
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) throw new SealfolioError('workflow-not-found', { workflowId });
      throw error;
    }
  }
  const linkOf = (workflowId: string, runId: string) =>
    temporalUiUrl === null ? null : `${temporalUiUrl}/${encodeURIComponent(workflowId)}/${runId}/history`;

  /** The open task of a loan's workflow, and by whose power the person decides it; null if there is none. Throws loan-assignee-unfit. */
  async function assignmentOf(workflowId: string, username: string) {
    const loan = await loanWithTask(deps, workflowId);
    if (loan === null) return null;
    const { loanId } = loan;
    const [user] = await User.aggregate<User & { principals: Principal[] }>([
      { $match: { username, disabled: false } },
      withPrincipals(store),
    ]);
    const power = user === undefined ? null : powerOver(powersOf({ ...user, id: username }), loan);
    if (power === null) throw new SealfolioError('loan-assignee-unfit', { field: 'username', loanId });
    return { loanId, taskId: loan.task!.taskId, ...power };
  }

  return [
    route({
      method: 'get',
      path: '/workflows/attention',
      permission: 'workflow:read',
      summary:
        'What needs someone: stuck, broken off in the last days, waiting for a person, or late; with the cause and what to do',
      query: attentionFilter,
      answer: z.object({
        items: z.array(
          z.object({
            workflowId: z.string(),
            type: z.string(),
            attention: z.enum(ATTENTION_KINDS),
            cause: z.string(),
            advice: both,
            since: z.string(),
            step: z.string().optional(),
            attempts: z.number().optional(),
            care: z.string().optional(),
          }),
        ),
        isCapped: z.boolean(),
      }),
      trace: 'workflow.search',
      isFollowed: true,
      handle: ({ query }) => attentionList(deps, query),
    }),
    route({
      method: 'get',
      path: '/workflows',
      permission: 'workflow:read',
      summary: 'Workflows, the latest first, from Temporal’s visibility store',
      query: workflowFilter.extend({
        cursor: z.base64url().max(4000).optional(),
        limit: z.coerce.number().int().min(1).max(100).default(50),
      }),
      answer: z.object({
        items: z.array(shownWorkflow),
        nextCursor: z.string().nullable(),
      }),
      trace: 'workflow.search',
      isFollowed: true,
      async handle({ query: { cursor, limit, ...filter } }) {
        const { items, next } = await listWorkflows(
          temporal,
          filter,
          cursor && Buffer.from(cursor, 'base64url'),
          limit,
        );
        return { items, nextCursor: next === null ? null : Buffer.from(next).toString('base64url') };
      },
    }),
    route({
      method: 'get',
      path: '/workflows/{workflowId}',
      permission: 'workflow:read',
      summary: 'A workflow: its business timeline, what it waits for, and what may be done',
      params,
      answer: z.object({
        workflowId: z.string(),
        type: z.string(),
        state: z.string(),
        startedAt: z.string(),
        closedAt: z.string().optional(),
        steps: z.array(z.record(z.string(), z.unknown())),
        mayRetry: z.boolean(),
        mayCancel: z.boolean(),
        care: z.object({ username: z.string(), by: z.string(), reason: z.string(), at: z.string() }).optional(),
        uiUrl: z.string().nullable(),
      }),
      trace: 'workflow.read',
      async handle({ params: { workflowId } }) {
        const found = await describe(workflowId);
        const [steps, care, archive] = await Promise.all([
          timelineOf(temporal, codec, workflowId),
          WorkflowCare.findOne({ workflowId }).lean<WorkflowCare>(),
          Archive.findOne({ archiveId: workflowId.split(':')[2] ?? '' }).lean<Archive>(),
        ]);
        const isRunning = found.status.name === 'RUNNING';
        return {
          workflowId,
          type: found.type,
          state: stateOf(found.status.code),
          startedAt: found.startTime.toISOString(),
          ...(found.closeTime !== undefined && { closedAt: found.closeTime.toISOString() }),
          steps,
          mayRetry: isRunning && archive?.state === AttestationState.failed,
          mayCancel: isRunning && CANCELLABLE.includes(found.type),
          ...(care !== null && {
            care: { username: care.username, by: care.by, reason: care.reason, at: care.at.toISOString() },
          }),
          uiUrl: linkOf(workflowId, found.runId),
        };
      },
    }),
    route({
      method: 'post',
      path: '/workflows/{workflowId}/retry',
      permission: 'workflow:write',
      summary: 'What made it fail is put right: the step is tried again',
      params,
      body: withReason,
      async handle({ params: { workflowId }, body: { reason }, ...call }) {
        await describe(workflowId);
        const archiveId = workflowId.split(':')[2] ?? '';
        const archive = await Archive.findOne({ archiveId }).lean<Archive>();
        const isWaiting = archive?.state === AttestationState.failed;
        if (!isWaiting || workflowId !== archivingWorkflowId(memberId, archiveId))
          throw new SealfolioError('workflow-not-waiting', { workflowId });
        await traced(store, call, 'workflow.retry', object(workflowId), { reason, archiveId });
        await temporal.workflow.getHandle(workflowId).signal(retrySignal);
        return undefined;
      },
    }),
    route({
      method: 'post',
      path: '/workflows/{workflowId}/cancel',
      permission: 'workflow:write',
      summary: 'Ends a workflow whose rest may stay undone; loans and archiving end by their own acts',
      params,
      body: withReason,
      async handle({ params: { workflowId }, body: { reason }, ...call }) {
        const { type, status } = await describe(workflowId);
        if (status.name !== 'RUNNING' || !CANCELLABLE.includes(type))
          throw new SealfolioError('workflow-not-cancellable', { workflowId, type });
        await traced(store, call, 'workflow.cancel', object(workflowId), { reason });
        await temporal.workflow.getHandle(workflowId).cancel();
        return undefined;
      },
    }),
    route({
      method: 'get',
      path: '/workflows/{workflowId}/assignees',
      permission: 'workflow:write',
      summary: 'Colleagues whom it may be given to: those who may decide its open task, or who look after workflows',
      params,
      query: z.object({ q: z.string().max(64).optional().describe('Start of a user name or of a name') }),
      answer: z.object({ items: z.array(z.object({ username: z.string(), displayName: z.string() })) }),
      trace: 'workflow.read',
      handle: async ({ params: { workflowId }, query: { q } }) => ({ items: await assigneesOf(deps, workflowId, q) }),
    }),
    route({
      method: 'post',
      path: '/workflows/{workflowId}/reassign',
      permission: 'workflow:write',
      summary: 'Names who sees to it; the open task of a loan goes to that person, if it is theirs to decide',
      params,
      body: withReason.extend({ username: z.string().min(1).max(64) }),
      async handle({ params: { workflowId }, body: { reason, username }, ...call }) {
        await describe(workflowId);
        const user = await User.exists({ username, disabled: false });
        if (user === null) throw new SealfolioError('user-not-found', { field: 'username' });
        const assign = await assignmentOf(workflowId, username);
        await traced(store, call, 'workflow.reassign', object(workflowId), {
          reason,
          details: { to: username },
          ...(assign !== null && { loanId: assign.loanId }),
        });
        if (assign !== null) {
          const { loanId, ...task } = assign;
          await actOnLoan(
            deps,
            loanId,
            { act: 'assign', by: call.actor.id, to: username, reason, ...task },
            keyOf(call),
          );
        }
        const care = { username, by: call.actor.id, reason, at: new Date() };
        await WorkflowCare.updateOne({ workflowId }, { $set: care }, { upsert: true });
        return undefined;
      },
    }),
  ];
}
