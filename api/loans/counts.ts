import type { PipelineStage } from 'mongoose';
import { dueWithin, SOON_DAYS } from '../../domain/loan/due.ts';
import { type LoanState, READING_STATES } from '../../domain/loan/state.ts';
import { LOAN_INDEXES, type Store } from '../../platform/store/index.ts';
import type { Filter } from '../ordered.ts';
import { HANDED_IN, type Powers, taskFilter, visibleFilter } from './powers.ts';

/** Those that have ended grow without end, and are counted by nobody; `open` tells them apart. */
const OPEN: Filter = { open: true };
const ALL = 2 ** 31 - 1;
const COUNT: PipelineStage[] = [{ $count: 'n' }];
const BY_STATE: PipelineStage[] = [{ $group: { _id: '$state', n: { $sum: 1 } } }];
type Counted = 'tasks' | 'tasksOverdue' | 'dueSoon' | 'mine' | 'all';

export type LoanCounts = Record<'tasks' | 'tasksOverdue' | 'dueSoon', number> &
  Record<'mine' | 'all', Partial<Record<LoanState, number>>>;

/** The stages of each count, and the index that holds all that it asks: no loan is read for it. */
export function countStages(
  powers: Powers,
  now = Date.now(),
): Record<Counted, { stages: PipelineStage[]; hint: Record<string, 1> }> {
  const own = { applicant: powers.self.username };
  const { from, before } = dueWithin(SOON_DAYS, now);
  const soon = { state: { $in: READING_STATES }, dueAt: { $gte: from, $lt: before } };
  const late = { $and: [taskFilter(powers), { 'task.escalateAt': { $lte: now } }] };
  // Who manages may know of all that were handed in. For others the filter stands apart: together, the planner would try
  // every index that it names.
  const isKnown = powers.manages ? [] : [{ $limit: ALL }, { $match: { $and: [HANDED_IN, visibleFilter(powers)] } }];
  return {
    tasks: { stages: [{ $match: taskFilter(powers) }, ...COUNT], hint: LOAN_INDEXES.waiting },
    tasksOverdue: { stages: [{ $match: late }, ...COUNT], hint: LOAN_INDEXES.late },
    dueSoon: powers.manages
      ? { stages: [{ $match: soon }, ...COUNT], hint: LOAN_INDEXES.due }
      : { stages: [{ $match: { ...own, ...soon } }, ...COUNT], hint: LOAN_INDEXES.ownDue },
    mine: { stages: [{ $match: { ...own, ...OPEN } }, ...BY_STATE], hint: LOAN_INDEXES.own },
    all: { stages: [{ $match: OPEN }, ...isKnown, ...BY_STATE], hint: LOAN_INDEXES.open },
  };
}

/**
 * How many loans wait for someone, how many fall due soon (of all, for who manages them; else own ones), and how those
 * stand that have not ended: own ones, and all one may know of, drafts apart.
 */
export async function countLoans({ models: { Loan } }: Store, powers: Powers): Promise<LoanCounts> {
  const asked = countStages(powers);
  const run = (name: Counted) =>
    Loan.aggregate<{ _id?: LoanState; n: number }>(asked[name].stages).hint(asked[name].hint);
  const count = async (name: Counted) => (await run(name))[0]?.n ?? 0;
  const byState = async (name: Counted): Promise<LoanCounts['all']> =>
    Object.fromEntries((await run(name)).map(({ _id, n }) => [_id, n]));
  const [tasks, tasksOverdue, dueSoon, mine, { draft: _nobodys, ...all }] = await Promise.all([
    count('tasks'),
    count('tasksOverdue'),
    count('dueSoon'),
    byState('mine'),
    byState('all'),
  ]);
  return { tasks, tasksOverdue, dueSoon, mine, all };
}
