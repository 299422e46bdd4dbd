import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Client, ScheduleAlreadyRunning, type ScheduleOptions } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import { Worker, type WorkflowBundleOption } from '@temporalio/worker';
import { createAnchoringActivities } from '../activities/anchoring.ts';
import { createArchivingActivities } from '../activities/archiving.ts';
import { createCataloguingActivities } from '../activities/cataloguing.ts';
import { createClassifyingActivities } from '../activities/classifying.ts';
import type { ActivityDeps } from '../activities/deps.ts';
import { createLendingActivities } from '../activities/lending.ts';
import { createLoanJobActivities } from '../activities/loan-jobs.ts';
import { createNoticeActivities } from '../activities/notices.ts';
import { createSweepingActivities } from '../activities/sweeping.ts';
import { withFailures } from '../activities/failures.ts';
import { withTroubles } from '../activities/troubles.ts';
import {
  anchoringScheduleId,
  anchoringRun,
  noticeDeliveryScheduleId,
  noticeDeliveryRun,
  sweepScheduleId,
  sweepWorkflowId,
  TaskQueue,
  WorkflowName,
} from '../workflows/shared.ts';

export interface WorkersOptions {
  connection: NativeConnection;
  namespace: string;
  codec: PayloadCodec;
  deps: ActivityDeps;
  workflows: { workflowBundle: WorkflowBundleOption } | { workflowsPath: string };
}

/** The bundle that the build made, else the sources. */
export function workflowSource(root: string): WorkersOptions['workflows'] {
  const codePath = path.join(root, 'dist', 'workflows.js');
  return existsSync(codePath)
    ? { workflowBundle: { codePath } }
    : { workflowsPath: path.join(root, 'workflows', 'index.ts') };
}

/** One worker a task queue. */
export function createWorkers({ connection, namespace, codec, deps, workflows }: WorkersOptions): Promise<Worker[]> {
  const made = {
    ...createArchivingActivities(deps),
    ...createAnchoringActivities(deps),
    ...createCataloguingActivities(deps),
    ...createClassifyingActivities(deps),
    ...createSweepingActivities(deps),
    ...createLendingActivities(deps),
    ...createLoanJobActivities(deps),
    ...createNoticeActivities(deps),
  };
  const activities = withFailures(withTroubles(deps, made));
  const common = { connection, namespace, dataConverter: { payloadCodecs: [codec] }, shutdownGraceTime: '10 s' };
  return Promise.all([
    Worker.create({
      ...common,
      ...workflows,
      taskQueue: TaskQueue.archiving,
      activities,
      maxCachedWorkflows: 500,
      maxConcurrentActivityTaskExecutions: 20,
    }),
    // What people wait for, apart from what a full scanner brings; loans wait in the server, a few hundred are held.
    Worker.create({
      ...common,
      ...workflows,
      taskQueue: TaskQueue.loans,
      activities,
      maxCachedWorkflows: 300,
      maxConcurrentWorkflowTaskExecutions: 40,
      maxConcurrentActivityTaskExecutions: 40,
    }),
    // Packing is bound by the processor, not by waiting: a few at once.
    Worker.create({ ...common, taskQueue: TaskQueue.card, activities, maxConcurrentActivityTaskExecutions: 6 }),
    // To read a page costs a second of the processor, and nobody waits for it: one archive after the other.
    Worker.create({
      ...common,
      taskQueue: TaskQueue.classification,
      activities,
      maxConcurrentActivityTaskExecutions: 1,
    }),
  ]);
}

const DAY_MS = 86_400_000;

/** What runs by itself: anchoring and notices that a lost signal left behind, every few minutes; the sweep, at night. */
export async function ensureSchedules(client: Client, memberId: string): Promise<void> {
  await ensureSchedule(client, {
    scheduleId: anchoringScheduleId(memberId),
    spec: { intervals: [{ every: '5 minutes' }] },
    policies: { overlap: 'SKIP', catchupWindow: '1 minute' },
    action: { type: 'startWorkflow', workflowType: WorkflowName.anchoring, ...anchoringRun(memberId) },
  });
  await ensureSchedule(client, {
    scheduleId: noticeDeliveryScheduleId(memberId),
    spec: { intervals: [{ every: '15 minutes' }] },
    policies: { overlap: 'SKIP', catchupWindow: '1 minute' },
    action: { type: 'startWorkflow', workflowType: WorkflowName.noticeDelivery, ...noticeDeliveryRun(memberId) },
  });
  await ensureSchedule(client, {
    scheduleId: sweepScheduleId(memberId),
    spec: { calendars: [{ hour: 3, minute: 20 }], timezone: 'Asia/Shanghai' },
    policies: { overlap: 'SKIP', catchupWindow: '1 day' },
    action: {
      type: 'startWorkflow',
      workflowType: WorkflowName.sweep,
      workflowId: sweepWorkflowId(memberId),
      taskQueue: TaskQueue.archiving,
      args: [{ unfinishedMs: 7 * DAY_MS, orphanedMs: DAY_MS }],
    },
  });
}

async function ensureSchedule(client: Client, options: ScheduleOptions): Promise<void> {
  try {
    await client.schedule.create(options);
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
  }
}
