import { Context } from '@temporalio/activity';
import { isSealfolioError } from '../domain/errors.ts';
import { STUCK_ATTEMPTS } from '../domain/workflows.ts';
import type { ActivityDeps } from './deps.ts';

type Activity = (...args: never[]) => Promise<unknown>;

/** Writes down steps that are tried again and again, with the cause, for those who look after workflows; and when they succeed. What ends in another way is for who reads it to see (api/workflows/stuck.ts). */
export function withTroubles<T extends Record<keyof T, Activity>>(
  { store, logger }: Pick<ActivityDeps, 'store' | 'logger'>,
  activities: T,
): T {
  const { WorkflowTrouble } = store.models;
  const wrap =
    (activity: Activity): Activity =>
    async (...args) => {
      const { attempt, activityType, workflowExecution, workflowType, scheduledTimestampMs } = Context.current().info;
      const isStuck = attempt >= STUCK_ATTEMPTS;
      const workflowId = workflowExecution?.workflowId ?? '';
      const key = { workflowId, activity: activityType };
      const write = (what: () => Promise<unknown>) =>
        // Telling of it must not change how the step itself went.
        what().catch((error: unknown) =>
          logger.warn({ err: error, activity: activityType }, 'trouble not written down'),
        );
      try {
        const result = await activity(...args);
        if (isStuck) await write(() => WorkflowTrouble.deleteOne(key));
        return result;
      } catch (error) {
        if (isStuck) {
          const code = isSealfolioError(error) ? error.code : 'internal';
          const now = { workflowType: workflowType ?? '', code, attempt, at: new Date() };
          const since = new Date(scheduledTimestampMs);
          await write(() => WorkflowTrouble.updateOne(key, { $set: now, $setOnInsert: { since } }, { upsert: true }));
        }
        throw error;
      }
    };
  const entries = Object.entries(activities) as [string, Activity][];
  return Object.fromEntries(entries.map(([name, activity]) => [name, wrap(activity)])) as T;
}
