import { condition, continueAsNew, setHandler, workflowInfo } from '@temporalio/workflow';
import { onNotices } from './activities.ts';
import { backlogSignal, type NoticeDeliveryInput } from './shared.ts';

/** 通知投递: one for each member; what a channel did not take is tried again when its time comes. */
export async function noticeDeliveryWorkflow(input: NoticeDeliveryInput): Promise<void> {
  let hasBacklog = true;
  setHandler(backlogSignal, () => {
    hasBacklog = true;
  });
  for (;;) {
    hasBacklog = false;
    const { nextInMs } = await onNotices.deliverNotices();
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof noticeDeliveryWorkflow>(input);
    const isOver = !(await condition(() => hasBacklog, Math.max(1, nextInMs ?? input.idleMs)));
    if (isOver && nextInMs === null) return;
  }
}
