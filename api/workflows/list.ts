import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { WORKFLOW_NAMES, WORKFLOW_STATES, type WorkflowState } from '../../domain/workflows.ts';
import type { Found } from '../exports/export.ts';

const types = Object.keys(WORKFLOW_NAMES) as [string, ...string[]];
const states = Object.keys(WORKFLOW_STATES) as [WorkflowState, ...WorkflowState[]];
/** Asked of Temporal at once, where all are read. */
const MOST_AT_ONCE = 500;

/** The same filter for a list and for an export. */
export const workflowFilter = z.object({ type: z.enum(types).optional(), state: z.enum(states).optional() });
type WorkflowFilter = z.infer<typeof workflowFilter>;
export const shownWorkflow = z.object({
  workflowId: z.string(),
  type: z.string(),
  state: z.enum(states),
  startedAt: z.string().optional(),
  closedAt: z.string().optional(),
});
export type ShownWorkflow = z.infer<typeof shownWorkflow>;

/** By Temporal's number of it. */
export const stateOf = (status: number | null | undefined): WorkflowState => states[(status ?? 1) - 1] ?? 'Running';
const iso = (at: { seconds?: unknown } | null | undefined) =>
  at == null ? undefined : new Date(Number(at.seconds) * 1000).toISOString();

/** As Temporal's visibility store is asked. Both come from closed lists: nothing that someone typed gets into it. */
const queryOf = ({ type, state }: WorkflowFilter): string =>
  [
    type === undefined ? `WorkflowType IN (${types.map((name) => `'${name}'`).join(',')})` : `WorkflowType = '${type}'`,
    ...(state === undefined ? [] : [`ExecutionStatus = '${state}'`]),
  ].join(' AND ');

/** One page of workflows, the latest first, and where the next begins (null at the end). */
export async function listWorkflows(
  temporal: Client,
  filter: WorkflowFilter,
  from: Uint8Array | '' | null | undefined,
  limit: number,
): Promise<{ items: ShownWorkflow[]; next: Uint8Array | null }> {
  const { executions, nextPageToken } = await temporal.workflowService.listWorkflowExecutions({
    namespace: temporal.options.namespace,
    query: queryOf(filter),
    pageSize: limit,
    ...(from && { nextPageToken: from }),
  });
  const items = (executions ?? []).map(({ execution, type: named, status, startTime, closeTime }) => ({
    workflowId: execution?.workflowId ?? '',
    type: named?.name ?? '',
    state: stateOf(status),
    startedAt: iso(startTime),
    closedAt: iso(closeTime),
  }));
  return { items, next: nextPageToken && nextPageToken.length > 0 ? nextPageToken : null };
}

/** All workflows that the list would show, page by page. */
export async function allWorkflows(
  temporal: Client,
  filter: WorkflowFilter,
  limit: number,
): Promise<Found<ShownWorkflow>> {
  const { namespace } = temporal.options;
  const answer = await temporal.workflowService.countWorkflowExecutions({ namespace, query: queryOf(filter) });
  const counted = Number(answer.count ?? 0);
  const rows = async function* () {
    let from: Uint8Array | null = null;
    do {
      const { items, next } = await listWorkflows(temporal, filter, from, MOST_AT_ONCE);
      yield items;
      from = next;
    } while (from !== null);
  };
  return { count: Math.min(counted, limit), isCut: counted > limit, rows: rows() };
}
