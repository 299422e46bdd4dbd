import {
  anchoringRun,
  archivingWorkflowId,
  backlogSignal,
  type ClassificationInput,
  classificationRun,
  frontPageCheckedSignal,
  noticeDeliveryRun,
  WorkflowName,
} from '../workflows/shared.ts';
import { isNotFound } from './archives/timeline.ts';
import type { ApiDeps } from './deps.ts';

type Deps = Pick<ApiDeps, 'temporal' | 'memberId' | 'logger'>;

/** Tells anchoring that something waits. It looks by itself too (a Schedule): who wrote it is not refused for that. */
export async function wakeAnchoring({ temporal, memberId, logger }: Deps): Promise<void> {
  await temporal.workflow
    .signalWithStart(WorkflowName.anchoring, { ...anchoringRun(memberId), signal: backlogSignal })
    .catch((error: unknown) => logger.warn({ err: error }, 'anchoring was not told'));
}

/** Tells the delivery of notices that something waits, where there are other channels than the app; it looks by itself too. */
export async function wakeNotices({
  temporal,
  memberId,
  noticeChannels,
  logger,
}: Deps & Pick<ApiDeps, 'noticeChannels'>): Promise<void> {
  if (noticeChannels.length === 0) return;
  await temporal.workflow
    .signalWithStart(WorkflowName.noticeDelivery, { ...noticeDeliveryRun(memberId), signal: backlogSignal })
    .catch((error: unknown) => logger.warn({ err: error }, 'the delivery of notices was not told'));
}

/** Has the pages of a version looked at once more, after a correction of its number; beside whoever looks at them already. */
export async function lookAgain(
  { temporal, memberId, logger }: Deps,
  { correction, ...looked }: ClassificationInput & { correction: number },
): Promise<void> {
  const { workflowId, ...run } = classificationRun(memberId, looked);
  await temporal.workflow
    .start(WorkflowName.classification, { ...run, workflowId: `${workflowId}.${correction}` })
    .catch((error: unknown) => logger.warn({ err: error }, 'pages are not looked at again'));
}

/** A front page was checked: archiving that waits for it asks again; untold, it asks at its deadline. Nothing happens if none is under way. */
export async function wakeArchiving({ temporal, memberId, logger }: Deps, archiveId: string): Promise<void> {
  await temporal.workflow
    .getHandle(archivingWorkflowId(memberId, archiveId))
    .signal(frontPageCheckedSignal)
    .catch((error: unknown) => {
      if (!isNotFound(error)) logger.warn({ err: error }, 'archiving was not told of a front page');
    });
}
