import type { Batch } from '../../platform/store/index.ts';
import { archivingWorkflowId, batchCommittedSignal, TaskQueue, WorkflowName } from '../../workflows/shared.ts';
import type { ApiDeps } from '../deps.ts';

/** How long mandatory documents are waited for: policy, until policies are data of the member's own. */
const DOCUMENT_DEADLINE_MS = 7 * 86_400_000;

/** Hands a batch to the workflow of its archive. Told again it is the same. */
export async function beginArchiving(
  { temporal, memberId }: Pick<ApiDeps, 'temporal' | 'memberId'>,
  { archiveId, batchId }: Pick<Batch, 'archiveId' | 'batchId'>,
): Promise<void> {
  await temporal.workflow.signalWithStart(WorkflowName.dischargeArchiving, {
    workflowId: archivingWorkflowId(memberId, archiveId),
    taskQueue: TaskQueue.archiving,
    args: [{ archiveId, documentDeadlineMs: DOCUMENT_DEADLINE_MS }],
    signal: batchCommittedSignal,
    signalArgs: [{ batchId }],
  });
}
