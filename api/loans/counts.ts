import type { PipelineStage } from 'mongoose';
import { LOAN_INDEXES, type Store } from '../../platform/store/index.ts';
import type { Filter } from '../ordered.ts';
import { HANDED_IN, HAS_TASK, type Powers, taskFilter, visibleFilter } from './powers.ts';

/** Those that have ended grow without end, and are counted by nobody; `open` tells them apart. */
const OPEN: Filter = { open: true };
const ALL = 2 ** 31 - 1;
const BY_STATE: PipelineStage[] = [{ $group: { _id: '$state', n: { $sum: 1 } } }];

/** An index that is read through, and the filter on its keys. Together, the planner would try every index that the filter names. */
const through = (index: Filter, filter: Filter): PipelineStage[] => [
  { $match: index },
  { $limit: ALL },
  { $match: filter },
];

export interface LoanCounts {
  tasks: number;
  tasksOverdue: number;
  mine: Record<string, number>;
  all: Record<string, number>;
}

/** The stages of each count, and the index that holds all that it asks: no loan is read for it. */
export function countStages(
  powers: Powers,
): Record<'tasks' | 'mine' | 'all', { stages: PipelineStage[]; hint: Record<string, 1> }> {
  const isLate = { $lte: ['$task.escalateAt', Date.now()] };
  return {
    tasks: {
      stages: [
        ...through(HAS_TASK, taskFilter(powers)),
        { $group: { _id: null, tasks: { $sum: 1 }, tasksOverdue: { $sum: { $cond: [isLate, 1, 0] } } } },
      ],
      hint: LOAN_INDEXES.tasks,
    },
    mine: {
      stages: [{ $match: { applicant: powers.self.username, ...OPEN } }, ...BY_STATE],
      hint: LOAN_INDEXES.ofApplicant,
    },
    all: {
      stages: [...through(OPEN, { $and: [HANDED_IN, visibleFilter(powers)] }), ...BY_STATE],
      hint: LOAN_INDEXES.open,
    },
  };
}

/** How many loans wait for someone, and how those stand that have not ended: own ones, and all one may know of. */
export async function countLoans({ models: { Loan } }: Store, powers: Powers): Promise<LoanCounts> {
  const { tasks, mine, all } = countStages(powers);
  const run = <T>({ stages, hint }: typeof tasks) => Loan.aggregate<T>(stages).hint(hint);
  const [[waiting], own, known] = await Promise.all([
    run<Pick<LoanCounts, 'tasks' | 'tasksOverdue'>>(tasks),
    run<{ _id: string; n: number }>(mine),
    run<{ _id: string; n: number }>(all),
  ]);
  const byState = (found: { _id: string; n: number }[]) => Object.fromEntries(found.map(({ _id, n }) => [_id, n]));
  return {
    tasks: waiting?.tasks ?? 0,
    tasksOverdue: waiting?.tasksOverdue ?? 0,
    mine: byState(own),
    all: byState(known),
  };
}
