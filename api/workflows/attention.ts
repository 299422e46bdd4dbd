import { AttestationState } from '../../domain/status.ts';
import { adviceOf, type AttentionItem } from '../../domain/workflows.ts';
import type { Archive, LoanRow, Store, WorkflowCare, WorkflowTrouble } from '../../platform/store/index.ts';
import { archivingWorkflowId, loanWorkflowId, WorkflowName } from '../../workflows/shared.ts';

const MOST = 200;

/** What needs someone: stuck steps, archives that wait for a person, decisions past their time; the longest first. */
export async function attentionList(
  { models }: Store,
  memberId: string,
  type: string | undefined,
): Promise<{ items: AttentionItem[]; isCapped: boolean }> {
  const isAsked = (name: string) => type === undefined || type === name;
  const { Archive, Loan, WorkflowCare, WorkflowTrouble } = models;
  const [troubles, archives, loans] = await Promise.all([
    WorkflowTrouble.find(type === undefined ? {} : { workflowType: type })
      .sort({ since: 1 })
      .limit(MOST)
      .lean<WorkflowTrouble[]>(),
    isAsked(WorkflowName.dischargeArchiving)
      ? Archive.find({ state: AttestationState.failed }).sort({ dischargedAt: -1 }).limit(MOST).lean<Archive[]>()
      : [],
    isAsked(WorkflowName.archiveLoan)
      ? Loan.find({ 'task.escalateAt': { $lte: Date.now() } })
          .sort({ 'task.escalateAt': 1 })
          .limit(MOST)
          .lean<LoanRow[]>()
      : [],
  ]);
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
    ...archives.map(({ archiveId, updatedAt }) => ({
      workflowId: archivingWorkflowId(memberId, archiveId),
      type: WorkflowName.dischargeArchiving,
      attention: 'waiting' as const,
      cause: 'archiving-failed',
      advice: adviceOf('archiving-failed'),
      since: updatedAt.toISOString(),
    })),
    ...loans.map(({ loanId, task }) => ({
      workflowId: loanWorkflowId(memberId, loanId),
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
    isCapped: items.length > MOST,
  };
}
