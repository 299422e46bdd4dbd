import { STEP_NAMES } from '../../domain/timeline.ts';
import { Attention, type AttentionItem, WORKFLOW_NAMES, WORKFLOW_STATES } from '../../domain/workflows.ts';
import type { ApiDeps } from '../deps.ts';
import { atMinute, columns } from '../exports/columns.ts';
import { exportRoute, type Found } from '../exports/export.ts';
import type { Route } from '../route.ts';
import { attentionFilter, attentionList } from './attention.ts';
import { allWorkflows, type ShownWorkflow, workflowFilter } from './list.ts';

const nameOf = (type: string) => WORKFLOW_NAMES[type]?.zh ?? type;

async function attentionFound(
  deps: ApiDeps,
  filter: Parameters<typeof attentionList>[1],
  limit: number,
): Promise<Found<AttentionItem>> {
  const { items, isCapped } = await attentionList(deps, filter);
  const some = items.slice(0, limit);
  const rows = async function* () {
    yield some;
  };
  return { count: some.length, isCut: isCapped || items.length > limit, rows: rows() };
}

/** 导出流程: all of them, and those that need someone. */
export const workflowExports = (deps: ApiDeps): Route[] => [
  exportRoute(deps, {
    path: '/workflows',
    permission: 'workflow:read',
    action: 'workflow.export',
    sheet: '流程',
    filter: workflowFilter,
    columns: columns<ShownWorkflow>({
      workflow: ({ type }) => nameOf(type),
      state: ({ state }) => WORKFLOW_STATES[state].zh,
      since: ({ startedAt }) => atMinute(startedAt),
      closed: ({ closedAt }) => atMinute(closedAt),
      workflowId: ({ workflowId }) => workflowId,
    }),
    find: (filter, limit) => allWorkflows(deps.temporal, filter, limit),
  }),
  exportRoute(deps, {
    path: '/workflows/attention',
    permission: 'workflow:read',
    action: 'workflow.export',
    sheet: '待处理流程',
    filter: attentionFilter,
    columns: columns<AttentionItem>({
      workflow: ({ type }) => nameOf(type),
      attention: ({ attention }) => Attention[attention].zh,
      step: ({ step }) => step && (STEP_NAMES[step]?.zh ?? step),
      attempts: ({ attempts }) => attempts,
      cause: ({ cause }) => cause,
      advice: ({ advice }) => advice.zh,
      since: ({ since }) => atMinute(since),
      care: ({ care }) => care,
      workflowId: ({ workflowId }) => workflowId,
    }),
    find: (filter, limit) => attentionFound(deps, filter, limit),
  }),
];
