import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Signals } from '../activities/deps.ts';
import {
  anchoringWorkflowId,
  archivingWorkflowId,
  attestedSignal,
  backlogSignal,
  TaskQueue,
  WorkflowName,
} from '../workflows/shared.ts';

/** Anchoring ends when nothing came for this long. */
export const ANCHORING_IDLE_MS = 60_000;

/** Tells workflows through Temporal. */
export function createSignals(client: Client, memberId: string): Signals {
  return {
    async backlog() {
      await client.workflow.signalWithStart(WorkflowName.anchoring, {
        workflowId: anchoringWorkflowId(memberId),
        taskQueue: TaskQueue.archiving,
        args: [{ memberId, idleMs: ANCHORING_IDLE_MS }],
        signal: backlogSignal,
      });
    },
    async attested(archiveId, version) {
      const handle = client.workflow.getHandle(archivingWorkflowId(memberId, archiveId));
      await handle.signal(attestedSignal, { version }).catch((error: unknown) => {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      });
    },
  };
}
