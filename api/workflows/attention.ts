import { z } from 'zod';
import { AttestationState } from '../../domain/status.ts';
import { adviceOf, adviceOnBroken, Attention, type AttentionItem, WORKFLOW_NAMES } from '../../domain/workflows.ts';
import type { Archive, LoanRow, Store, TraceEntry, WorkflowCare } from '../../platform/store/index.ts';
import { archivingWorkflowId, loanWorkflowId, WorkflowName } from '../../workflows/shared.ts';
import type { ApiDeps } from '../deps.ts';
import { brokenWorkflows } from './broken.ts';
import { stuckSteps } from './stuck.ts';

const MOST = 200;

export const ATTENTION_KINDS = Object.keys(Attention) as [Attention, ...Attention[]];
/** The same filter for a list and for an export. */
export const attentionFilter = z.object({
  type: z.enum(Object.keys(WORKFLOW_NAMES) as [string, ...string[]]).optional(),
  attention: z.enum(ATTENTION_KINDS).optional(),
});

/** Archives that wait for a person, each with the code of what made it fail, as the trace tells it. */
async function waitingArchives({ models: { Archive, TraceEntry } }: Store) {
  const archives = await Archive.find({ state: AttestationState.failed })
    .sort({ dischargedAt: -1 })
    .limit(MOST)
    .lean<Archive[]>();
  const failures = await TraceEntry.find({
    archiveId: { $in: archives.map(({ archiveId }) => archiveId) },
    action: 'archiving.failed',
  })
    .sort({ seq: 1 })
    .select({ archiveId: 1, 'details.code': 1 })
    .lean<TraceEntry[]>();
  const codes = new Map(failures.map(({ archiveId, details }) => [archiveId, details?.code]));
  return archives.map(({ archiveId, updatedAt }) => {
    const code = codes.get(archiveId);
    return { archiveId, updatedAt, cause: typeof code === 'string' ? code : 'archiving-failed' };
  });
}

/**
 * What needs someone: stuck steps, workflows that broke off, archives that wait for a person, decisions past their time; the
 * longest first.
 */
export async function attentionList(
  { store, temporal, memberId }: Pick<ApiDeps, 'store' | 'temporal' | 'memberId'>,
  { type, attention }: z.infer<typeof attentionFilter>,
): Promise<{ items: AttentionItem[]; isCapped: boolean }> {
  const isAsked = (kind: Attention, of?: string) =>
    (attention === undefined || attention === kind) && (type === undefined || of === undefined || type === of);
  const { Loan, WorkflowCare } = store.models;
  const [troubles, broken, archives, loans] = await Promise.all([
    isAsked('retrying') ? stuckSteps(store, temporal, type, MOST) : [],
    // Asked for the others too: nothing waits or is late any more whose workflow broke off.
    attention === 'retrying'
      ? { items: [], isCapped: false }
      : brokenWorkflows(temporal, type === undefined ? Object.keys(WORKFLOW_NAMES) : [type]),
    isAsked('waiting', WorkflowName.dischargeArchiving) ? waitingArchives(store) : [],
    isAsked('late', WorkflowName.archiveLoan)
      ? Loan.find({ 'task.escalateAt': { $lte: Date.now() } })
          .sort({ 'task.escalateAt': 1 })
          .limit(MOST)
          .lean<LoanRow[]>()
      : [],
  ]);
  const brokenIds = new Set(broken.items.map(({ workflowId }) => workflowId));
  const items: AttentionItem[] = [
    ...troubles.map(({ workflowId, workflowType, activity, code, attempt, since }) => ({
      workflowId,
      type: workflowType,
      attention: 'retrying' as const,
      cause: code,
      advice: adviceOf(code),
      since: since.toISOString(),
      step: activity,
      attempts: attempt,
    })),
    ...(isAsked('broken') ? broken.items : []).map((one) => ({
      ...one,
      attention: 'broken' as const,
      advice: adviceOnBroken(one.type),
    })),
    ...archives
      .map(({ archiveId, ...one }) => ({ ...one, workflowId: archivingWorkflowId(memberId, archiveId) }))
      .filter(({ workflowId }) => !brokenIds.has(workflowId))
      .map(({ workflowId, updatedAt, cause }) => ({
        workflowId,
        type: WorkflowName.dischargeArchiving,
        attention: 'waiting' as const,
        cause,
        advice: adviceOf(cause),
        since: updatedAt.toISOString(),
      })),
    ...loans
      .map(({ loanId, task }) => ({ workflowId: loanWorkflowId(memberId, loanId), task }))
      .filter(({ workflowId }) => !brokenIds.has(workflowId))
      .map(({ workflowId, task }) => ({
        workflowId,
        type: WorkflowName.archiveLoan,
        attention: 'late' as const,
        cause: 'loan-late',
        advice: adviceOf('loan-late'),
        since: new Date(task!.escalateAt).toISOString(),
      })),
  ];
  items.sort((a, b) => (a.since < b.since ? -1 : 1));
  const page = items.slice(0, MOST);
  const ids = page.map(({ workflowId }) => workflowId);
  const cares = await WorkflowCare.find({ workflowId: { $in: ids } }).lean<WorkflowCare[]>();
  const byId = new Map(cares.map((care) => [care.workflowId, care.username]));
  return {
    items: page.map((item) => {
      const care = byId.get(item.workflowId);
      return { ...item, ...(care !== undefined && { care }) };
    }),
    isCapped: items.length > MOST || (isAsked('broken') && broken.isCapped),
  };
}
