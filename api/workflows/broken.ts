import type { Client } from '@temporalio/client';
import { temporal as proto } from '@temporalio/proto';
import { isNotFound, toIso } from '../archives/timeline.ts';

const { HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT } = proto.api.enums.v1.HistoryEventFilterType;
type Failure = proto.api.failure.v1.IFailure;

/** How far back it is looked for workflows that broke off, and how many of them. */
const DAYS = 7;
const MOST = 50;
const DAY_MS = 86_400_000;

/** A workflow that ended without having done its work. */
export interface Broken {
  workflowId: string;
  type: string;
  cause: string;
  since: string;
}

/** The stable code of what made a workflow fail: that of the innermost failure, where the activity threw it. */
function codeOfFailure(failure: Failure | null | undefined): string {
  let code = 'internal';
  for (let one = failure; one !== null && one !== undefined; one = one.cause)
    if (/^[a-z]+(-[a-z0-9]+)*$/.test(one.applicationFailureInfo?.type ?? '')) code = one.applicationFailureInfo!.type!;
  return code;
}

/** Why and when the last run of a workflow broke off; null if it did not: it runs again, or ended well after that. */
async function endOf(temporal: Client, workflowId: string): Promise<Pick<Broken, 'cause' | 'since'> | null> {
  try {
    const { history } = await temporal.workflowService.getWorkflowExecutionHistory({
      namespace: temporal.options.namespace,
      execution: { workflowId },
      historyEventFilterType: HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT,
    });
    const event = history?.events?.at(-1);
    const since = toIso(event?.eventTime);
    const failed = event?.workflowExecutionFailedEventAttributes;
    if (failed) return { cause: codeOfFailure(failed.failure), since };
    if (event?.workflowExecutionTimedOutEventAttributes) return { cause: 'workflow-timed-out', since };
    if (event?.workflowExecutionTerminatedEventAttributes) return { cause: 'workflow-terminated', since };
    return null;
  } catch (error) {
    // Past its retention between the two questions.
    if (isNotFound(error)) return null;
    throw error;
  }
}

/** Workflows of these types that failed, timed out or were terminated in the last days, the latest first, and were not begun again. */
export async function brokenWorkflows(
  temporal: Client,
  types: readonly string[],
): Promise<{ items: Broken[]; isCapped: boolean }> {
  const after = new Date(Date.now() - DAYS * DAY_MS).toISOString();
  const { executions, nextPageToken } = await temporal.workflowService.listWorkflowExecutions({
    namespace: temporal.options.namespace,
    query: [
      "ExecutionStatus IN ('Failed', 'TimedOut', 'Terminated')",
      `WorkflowType IN (${types.map((name) => `'${name}'`).join(', ')})`,
      `CloseTime > '${after}'`,
    ].join(' AND '),
    pageSize: MOST,
  });
  const typeById = new Map(
    (executions ?? []).map(({ execution, type }) => [execution?.workflowId ?? '', type?.name ?? '']),
  );
  const found = await Promise.all(
    [...typeById].map(async ([workflowId, type]) => {
      const end = await endOf(temporal, workflowId);
      return end === null ? [] : [{ workflowId, type, ...end }];
    }),
  );
  return { items: found.flat(), isCapped: (nextPageToken?.length ?? 0) > 0 };
}
