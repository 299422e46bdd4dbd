import { heartbeat } from '@temporalio/activity';
import { PartState } from '../domain/status.ts';
import { ObjectKind, refreshCompleteness } from '../platform/store/index.ts';
import type { ActivityDeps } from './deps.ts';

/** How far back a sweep looks for packages without a version: further than any pause between two sweeps. */
const LOOK_BACK_MS = 30 * 86_400_000;

/** What sweepWorkflow does to the world. Of objects, nothing that a batch or a version names, and that is whole, is touched. */
export function createSweepingActivities({ store, logger }: Pick<ActivityDeps, 'store' | 'logger'>) {
  const { ArchiveVersion, Batch } = store.models;

  /** An upload nobody finished: its file is expected again, and the bytes go. */
  async function sweepUnfinished(before: Date): Promise<number> {
    let swept = 0;
    for await (const objectId of store.objects.made(new Date(0), before, { state: 'open' })) {
      heartbeat();
      await Batch.updateOne(
        { parts: { $elemMatch: { objectId, state: PartState.receiving } } },
        { $set: { 'parts.$.state': PartState.expected }, $unset: { 'parts.$.objectId': 1 } },
      );
      await store.objects.remove(objectId);
      swept += 1;
    }
    return swept;
  }

  async function sweepOrphans(before: Date): Promise<number> {
    let swept = 0;
    const from = new Date(before.getTime() - LOOK_BACK_MS);
    const packages = store.objects.made(from, before, { state: 'sealed', kind: ObjectKind.package });
    for await (const objectId of packages) {
      heartbeat();
      if ((await ArchiveVersion.exists({ 'package.objectId': objectId })) !== null) continue;
      await store.objects.remove(objectId);
      swept += 1;
    }
    return swept;
  }

  return {
    /** Removes unfinished uploads and packages that no version names, older than said; tells how many. */
    async sweepObjects({
      unfinishedMs,
      orphanedMs,
    }: {
      unfinishedMs: number;
      orphanedMs: number;
    }): Promise<{ unfinished: number; orphaned: number }> {
      const now = Date.now();
      const swept = {
        unfinished: await sweepUnfinished(new Date(now - unfinishedMs)),
        orphaned: await sweepOrphans(new Date(now - orphanedMs)),
      };
      logger.info(swept, 'swept');
      return swept;
    },

    /** How archives stand, where it is not known, or another template has become that of their visit; tells of how many. */
    async refreshCompleteness(): Promise<{ written: number }> {
      const refreshed = { written: await refreshCompleteness(store.models, heartbeat) };
      logger.info(refreshed, 'completeness refreshed');
      return refreshed;
    },
  };
}

export type SweepingActivities = ReturnType<typeof createSweepingActivities>;
