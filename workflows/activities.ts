import { proxyActivities } from '@temporalio/workflow';
import type { AnchoringActivities } from '../activities/anchoring.ts';
import type { ArchivingActivities } from '../activities/archiving.ts';
import type { CataloguingActivities } from '../activities/cataloguing.ts';
import type { ClassifyingActivities } from '../activities/classifying.ts';
import type { LendingActivities } from '../activities/lending.ts';
import type { LoanJobActivities } from '../activities/loan-jobs.ts';
import type { NoticeActivities } from '../activities/notices.ts';
import type { SweepingActivities } from '../activities/sweeping.ts';
import { TaskQueue } from './shared.ts';

/**
 * Retries and timeouts by class. Whatever can be put right by waiting (the card, the ledger, the database, a worker that
 * died) is tried again for ever, at most every 10 s; what cannot is thrown as not retryable by the activity.
 */
const retry = { initialInterval: '500 ms', backoffCoefficient: 2, maximumInterval: '10 s' } as const;

/** Calls the card, streams files: minutes, with heartbeats. */
export const onCard = proxyActivities<ArchivingActivities & AnchoringActivities & CataloguingActivities>({
  taskQueue: TaskQueue.card,
  startToCloseTimeout: '30 min',
  heartbeatTimeout: '30 s',
  retry,
});

/** A few database round trips. */
export const onDatabase = proxyActivities<ArchivingActivities>({
  taskQueue: TaskQueue.archiving,
  startToCloseTimeout: '30 s',
  retry,
});

/** A page of archives, and how a job stands. */
export const onRebuilds = proxyActivities<CataloguingActivities>({
  taskQueue: TaskQueue.archiving,
  startToCloseTimeout: '1 min',
  retry,
});

/**
 * Reads the pages of an archive: seconds a page, with heartbeats. Nothing hangs on it, so that an archive which fails again
 * and again is given up after three hours, and does not keep the others waiting.
 */
export const onClassification = proxyActivities<ClassifyingActivities>({
  taskQueue: TaskQueue.classification,
  startToCloseTimeout: '6 h',
  heartbeatTimeout: '2 min',
  retry: { initialInterval: '5 s', backoffCoefficient: 2, maximumInterval: '10 min', maximumAttempts: 25 },
});

/** Goes through much of the database: as long as it takes, with heartbeats. */
export const overDatabase = proxyActivities<SweepingActivities>({
  taskQueue: TaskQueue.archiving,
  startToCloseTimeout: '6 h',
  heartbeatTimeout: '30 s',
  retry,
});

/** A few database round trips, that people wait for. */
export const onLoans = proxyActivities<LendingActivities>({
  taskQueue: TaskQueue.loans,
  startToCloseTimeout: '30 s',
  retry,
});

/** Goes through many loans: as long as it takes, with heartbeats. */
export const overLoans = proxyActivities<LoanJobActivities>({
  taskQueue: TaskQueue.loans,
  startToCloseTimeout: '6 h',
  heartbeatTimeout: '2 min',
  retry,
});

/** Asks servers outside the member, a hundred at most, each for ten seconds at most. */
export const onNotices = proxyActivities<NoticeActivities>({
  taskQueue: TaskQueue.loans,
  startToCloseTimeout: '20 min',
  retry,
});
