import { ANCHORING_IDLE_MS, anchoringWorkflowId, backlogSignal, TaskQueue, WorkflowName } from '../workflows/shared.ts';
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
