import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { Signals } from '../activities/deps.ts';
import { updateWorkflow } from '../platform/temporal/update.ts';
import {
  anchoringRun,
  archivingWorkflowId,
  attestedSignal,
  backlogSignal,
  classificationRun,
  loanActUpdate,
  loanWorkflowId,
  noticeDeliveryRun,
  WorkflowName,
} from '../workflows/shared.ts';

/** Tells of a backlog that come while one is on its way are told by the next, together. */
function coalesced(tell: () => Promise<unknown>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  const run = async (): Promise<void> => {
    await tell();
  };
  return () => {
    if (running === null) {
      running = run().finally(() => (running = null));
      return running;
    }
    next ??= running
      .catch(() => {})
      .then(() => {
        next = null;
        running = run().finally(() => (running = null));
        return running;
      });
    return next;
  };
}

/** Tells workflows through Temporal. */
export function createSignals(client: Client, memberId: string): Signals {
  return {
    backlog: coalesced(() =>
      client.workflow.signalWithStart(WorkflowName.anchoring, { ...anchoringRun(memberId), signal: backlogSignal }),
    ),
    notices: coalesced(() =>
      client.workflow.signalWithStart(WorkflowName.noticeDelivery, {
        ...noticeDeliveryRun(memberId),
        signal: backlogSignal,
      }),
    ),
    actOnLoan: (loanId, act, key) => updateWorkflow(client, loanWorkflowId(memberId, loanId), loanActUpdate, act, key),
    async classify(archiveId, version) {
      const start = client.workflow.start(WorkflowName.classification, {
        ...classificationRun(memberId, { archiveId, version }),
        workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
      });
      await start.catch((error: unknown) => {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
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
