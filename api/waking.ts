import {
  ANCHORING_IDLE_MS,
  anchoringWorkflowId,
  backlogSignal,
  NOTICES_IDLE_MS,
  noticeDeliveryWorkflowId,
  TaskQueue,
  WorkflowName,
} from '../workflows/shared.ts';
import type { ApiDeps } from './deps.ts';

/** Tells anchoring that something waits. It looks by itself too (a Schedule): who wrote it is not refused for that. */
export async function wakeAnchoring({
  temporal,
  memberId,
  logger,
}: Pick<ApiDeps, 'temporal' | 'memberId' | 'logger'>): Promise<void> {
  await temporal.workflow
    .signalWithStart(WorkflowName.anchoring, {
      workflowId: anchoringWorkflowId(memberId),
      taskQueue: TaskQueue.archiving,
      args: [{ memberId, idleMs: ANCHORING_IDLE_MS }],
      signal: backlogSignal,
    })
    .catch((error: unknown) => logger.warn({ err: error }, 'anchoring was not told'));
}

/** Tells the delivery of notices that something waits, where there are other channels than the app; it looks by itself too. */
export async function wakeNotices({
  temporal,
  memberId,
  noticeChannels,
  logger,
}: Pick<ApiDeps, 'temporal' | 'memberId' | 'noticeChannels' | 'logger'>): Promise<void> {
  if (noticeChannels.length === 0) return;
  await temporal.workflow
    .signalWithStart(WorkflowName.noticeDelivery, {
      workflowId: noticeDeliveryWorkflowId(memberId),
      taskQueue: TaskQueue.loans,
      args: [{ memberId, idleMs: NOTICES_IDLE_MS }],
      signal: backlogSignal,
    })
    .catch((error: unknown) => logger.warn({ err: error }, 'the delivery of notices was not told'));
}
