import { heartbeat } from '@temporalio/activity';
import { PartState } from '../domain/status.ts';
import { type ObjectKind, refreshCompleteness } from '../platform/store/index.ts';
import type { ActivityDeps } from './deps.ts';

/** How far back a sweep looks for what nothing names: further than any pause between two sweeps. */
const LOOK_BACK_MS = 30 * 86_400_000;

/** What sweepWorkflow does to the world. Of objects, nothing that a batch or a version names, and that is whole, is touched. */
export function createSweepingActivities({ store, logger }: Pick<ActivityDeps, 'store' | 'logger'>) {
  const { ArchiveVersion, Batch, FrontPage } = store.models;

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

  /** What a try that broke off leaves behind, by kind: whether anything names it. */
  const NAMED: [ObjectKind, (objectId: string) => Promise<boolean>][] = [
    ['package', async (objectId) => (await ArchiveVersion.exists({ 'package.objectId': objectId })) !== null],
    [
      'frontPage',
      async (objectId) =>
        (await FrontPage.exists({ objectId })) !== null || (await Batch.exists({ frontPage: objectId })) !== null,
    ],
  ];

  async function sweepOrphans(before: Date): Promise<number> {
    let swept = 0;
    const from = new Date(before.getTime() - LOOK_BACK_MS);
    for (const [kind, isNamed] of NAMED)
      for await (const objectId of store.objects.made(from, before, { state: 'sealed', kind })) {
        heartbeat();
        if (await isNamed(objectId)) continue;
        await store.objects.remove(objectId);
        swept += 1;
      }
    return swept;
  }

  return {
    /** Removes unfinished uploads, packages that no version names and front pages that nothing names, older than said; tells how many. */
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
