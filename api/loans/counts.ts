import type { PipelineStage } from 'mongoose';
import { LOAN_INDEXES, type Store } from '../../platform/store/index.ts';
import type { Filter } from '../ordered.ts';
import { HANDED_IN, type Powers, taskFilter, visibleFilter } from './powers.ts';

/** Those that have ended grow without end, and are counted by nobody; `open` tells them apart. */
const OPEN: Filter = { open: true };
const ALL = 2 ** 31 - 1;

export interface LoanCounts {
  tasks: number;
  tasksOverdue: number;
  mine: Record<string, number>;
  all: Record<string, number>;
}

/** The stages of each count, and the index that holds all that it asks: no loan is read for it. */
export function countStages(
  powers: Powers,
): Record<'tasks' | 'open', { stages: PipelineStage[]; hint: Record<string, 1> }> {
  const isLate = { $lte: ['$task.escalateAt', Date.now()] };
  const { username } = powers.self;
  const isKnown = { $and: [HANDED_IN, visibleFilter(powers)] };
  return {
    tasks: {
      stages: [
        { $match: taskFilter(powers) },
        { $group: { _id: null, tasks: { $sum: 1 }, tasksOverdue: { $sum: { $cond: [isLate, 1, 0] } } } },
      ],
      hint: LOAN_INDEXES.waiting,
    },
    open: {
      stages: [
        // The filter apart: together, the planner would try every index that it names.
        { $match: OPEN },
        { $limit: ALL },
        { $match: { $or: [{ applicant: username }, isKnown] } },
        { $group: { _id: { state: '$state', isMine: { $eq: ['$applicant', username] } }, n: { $sum: 1 } } },
      ],
      hint: LOAN_INDEXES.open,
    },
  };
}

interface OpenCount {
  _id: { state: string; isMine: boolean };
  n: number;
}

/** How many loans wait for someone, and how those stand that have not ended: own ones, and all one may know of. */
export async function countLoans({ models: { Loan } }: Store, powers: Powers): Promise<LoanCounts> {
  const { tasks, open } = countStages(powers);
  const run = <T>({ stages, hint }: typeof tasks) => Loan.aggregate<T>(stages).hint(hint);
  const [[waiting], counts] = await Promise.all([
    run<Pick<LoanCounts, 'tasks' | 'tasksOverdue'>>(tasks),
    run<OpenCount>(open),
  ]);
  const mine: Record<string, number> = {};
  const all: Record<string, number> = {};
  for (const { _id, n } of counts) {
    if (_id.isMine) mine[_id.state] = n;
    if (_id.state !== 'draft') all[_id.state] = (all[_id.state] ?? 0) + n;
  }
  return { tasks: waiting?.tasks ?? 0, tasksOverdue: waiting?.tasksOverdue ?? 0, mine, all };
}
