import {
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { onCard, onRebuilds } from './activities.ts';
import {
  type CatalogRebuildInput,
  pauseSignal,
  type RebuildProgress,
  rebuildProgressQuery,
  resumeSignal,
} from './shared.ts';

/** Archives that are asked for at once, and of them those that are looked at side by side. */
const PAGE = 50;
const AT_ONCE = 3;

/**
 * 目录重建: goes through the archives of a range, each with a result of its own. It pauses between archives, and goes on
 * where it stood; a long one goes on as a new run.
 */
export async function catalogRebuildWorkflow(input: CatalogRebuildInput): Promise<RebuildProgress> {
  const { rebuildId, pagesPerRun } = input;
  const progress: RebuildProgress = input.progress ?? {
    changed: 0,
    unchanged: 0,
    skipped: 0,
    failed: 0,
    paused: false,
  };
  setHandler(pauseSignal, () => void (progress.paused = true));
  setHandler(resumeSignal, () => void (progress.paused = false));
  setHandler(rebuildProgressQuery, () => progress);

  /** Waits while it is paused, and shows it. */
  async function gate(): Promise<void> {
    while (progress.paused) {
      await onRebuilds.recordRebuild({ rebuildId, state: 'paused' });
      await condition(() => !progress.paused);
      await onRebuilds.recordRebuild({ rebuildId, state: 'running' });
    }
  }

  let after = input.after ?? null;
  try {
    for (let pages = 0; ; pages += 1) {
      await gate();
      if (pages >= pagesPerRun || workflowInfo().continueAsNewSuggested)
        return await continueAsNew<typeof catalogRebuildWorkflow>({ rebuildId, pagesPerRun, after, progress });
      const next = await onRebuilds.nextOfRebuild({ rebuildId, after, limit: PAGE });
      const waiting = [...next.archiveIds];
      while (waiting.length > 0) {
        await gate();
        const outcomes = await Promise.all(
          waiting.splice(0, AT_ONCE).map((archiveId) => onCard.rebuildArchive({ rebuildId, archiveId })),
        );
        for (const outcome of outcomes) progress[outcome] += 1;
      }
      after = next.after;
      if (after === null) break;
    }
  } catch (error) {
    if (isCancellation(error))
      await CancellationScope.nonCancellable(() => onRebuilds.recordRebuild({ rebuildId, state: 'cancelled' }));
    throw error;
  }
  await onRebuilds.recordRebuild({ rebuildId, state: 'done' });
  return progress;
}
