import type { Client } from '@temporalio/client';
import { STUCK_ATTEMPTS } from '../../domain/workflows.ts';
import type { Store, WorkflowTrouble } from '../../platform/store/index.ts';
import { isNotFound } from '../archives/timeline.ts';

/** Names of the steps of a workflow that are tried again and again now; none if it has ended. */
async function retriedSteps(temporal: Client, workflowId: string): Promise<Set<string>> {
  try {
    const { raw } = await temporal.workflow.getHandle(workflowId).describe();
    const stuck = (raw.pendingActivities ?? []).filter(({ attempt }) => (attempt ?? 1) >= STUCK_ATTEMPTS);
    return new Set(stuck.map(({ activityType }) => activityType?.name ?? ''));
  } catch (error) {
    if (isNotFound(error)) return new Set();
    throw error;
  }
}

/**
 * Steps that are tried again and again, the longest first. What is written down goes with the step's success; of a step that
 * ended in another way (its workflow was cancelled or terminated, or gave it up) it goes here, where Temporal knows of no retry.
 */
export async function stuckSteps(
  { models: { WorkflowTrouble } }: Store,
  temporal: Client,
  type: string | undefined,
  limit: number,
): Promise<WorkflowTrouble[]> {
  const rows = await WorkflowTrouble.find(type === undefined ? {} : { workflowType: type })
    .sort({ since: 1 })
    .limit(limit)
    .lean<WorkflowTrouble[]>();
  const ids = [...new Set(rows.map(({ workflowId }) => workflowId))];
  const retried = new Map(await Promise.all(ids.map(async (id) => [id, await retriedSteps(temporal, id)] as const)));
  const isStuck = ({ workflowId, activity }: WorkflowTrouble) => retried.get(workflowId)!.has(activity);
  // `at`: a row that was written again meanwhile stays.
  const gone = rows
    .filter((row) => !isStuck(row))
    .map(({ workflowId, activity, at }) => ({ workflowId, activity, at }));
  if (gone.length > 0) await WorkflowTrouble.deleteMany({ $or: gone });
  return rows.filter(isStuck);
}
