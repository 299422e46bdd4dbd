import { SealfolioError } from '../../domain/errors.ts';
import { BatchState, PartState } from '../../domain/status.ts';
import type { Batch } from '../../platform/store/index.ts';
import { archivingWorkflowId, batchCommittedSignal, TaskQueue, WorkflowName } from '../../workflows/shared.ts';
import type { ApiDeps } from '../deps.ts';
import type { Actor } from '../route.ts';
import { ownBatch } from './own.ts';
import { takeOverRefused } from './retry.ts';

/** How long mandatory documents are waited for: policy, until policies are data of the member's own. */
const DOCUMENT_DEADLINE_MS = 7 * 86_400_000;

/**
 * Hands a batch, whose files are all here or refused, to its workflow. Done again it is the same answer. Throws
 * batch-not-found, batch-of-another, batch-incomplete naming the parts that are missing, and part-retried.
 */
export async function commitBatch(
  { store, temporal, memberId }: ApiDeps,
  batchId: string,
  actor: Actor,
): Promise<Batch> {
  const batch = await ownBatch({ store }, batchId, actor);
  if (batch.state !== BatchState.receiving && batch.state !== BatchState.checking) return batch;
  const missing = batch.parts
    .filter(({ state }) => state === PartState.expected || state === PartState.receiving)
    .map(({ partNo }) => partNo);
  if (missing.length > 0)
    throw new SealfolioError('batch-incomplete', { field: 'parts', reason: 'not uploaded', missing });
  await takeOverRefused({ store }, batch);
  const committedAt = batch.committedAt ?? new Date();
  await store.models.Batch.updateOne(
    { batchId, state: BatchState.receiving },
    { $set: { state: BatchState.checking, committedAt } },
  );
  const { archiveId } = batch;
  await temporal.workflow.signalWithStart(WorkflowName.dischargeArchiving, {
    workflowId: archivingWorkflowId(memberId, archiveId),
    taskQueue: TaskQueue.archiving,
    args: [{ archiveId, documentDeadlineMs: DOCUMENT_DEADLINE_MS }],
    signal: batchCommittedSignal,
    signalArgs: [{ batchId }],
  });
  return { ...batch, state: BatchState.checking, committedAt };
}
