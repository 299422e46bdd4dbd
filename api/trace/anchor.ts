import { TRACE_ATTEST_WITHIN_MS } from '../../domain/trace.ts';
import {
  ANCHORING_IDLE_MS,
  anchoringWorkflowId,
  backlogSignal,
  TaskQueue,
  WorkflowName,
} from '../../workflows/shared.ts';
import type { ApiDeps } from '../deps.ts';

/** Has rows of the trace attested a while after the first of them was written; gives what stops it. */
export function anchorTrace({
  store,
  temporal,
  memberId,
  logger,
}: Pick<ApiDeps, 'store' | 'temporal' | 'memberId' | 'logger'>): () => void {
  let timer: NodeJS.Timeout | undefined;
  const tell = async () => {
    timer = undefined;
    try {
      await temporal.workflow.signalWithStart(WorkflowName.anchoring, {
        workflowId: anchoringWorkflowId(memberId),
        taskQueue: TaskQueue.archiving,
        args: [{ memberId, idleMs: ANCHORING_IDLE_MS }],
        signal: backlogSignal,
      });
    } catch (error) {
      // The Schedule starts anchoring every few minutes in any case; the rows wait in order.
      logger.warn({ err: error }, 'anchoring was not told of the trace');
    }
  };
  store.trace.onWritten = () => {
    timer ??= setTimeout(() => void tell(), TRACE_ATTEST_WITHIN_MS);
    timer.unref();
  };
  return () => clearTimeout(timer);
}
