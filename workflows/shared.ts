import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { CalendarYear } from '../domain/calendar.ts';
import type { DocumentType } from '../domain/catalog.ts';
import type { RebuildOutcome } from '../domain/catalog/rebuild.ts';
import type { FrontPagePolicy, FrontPageState } from '../domain/front-page/quality.ts';
import type { LoanAct } from '../domain/loan/acts.ts';
import type { Loan } from '../domain/loan/loan.ts';
import type { LoanPolicy } from '../domain/loan/policy.ts';

/** Names on the wire between api, workers and Temporal: changing one breaks what runs. */
export const WorkflowName = {
  dischargeArchiving: 'dischargeArchivingWorkflow',
  anchoring: 'anchoringWorkflow',
  sweep: 'sweepWorkflow',
  archiveLoan: 'archiveLoanWorkflow',
  loanClosing: 'loanClosingWorkflow',
  bulkLoan: 'bulkLoanWorkflow',
  noticeDelivery: 'noticeDeliveryWorkflow',
  catalogRebuild: 'catalogRebuildWorkflow',
  classification: 'classificationWorkflow',
} as const;

/**
 * `archiving` runs workflows and what needs the database only; `card` whatever calls the crypto card; `loans` what people
 * wait for; `classification` what reads pages, which nobody waits for.
 */
export const TaskQueue = {
  archiving: 'archiving',
  card: 'card',
  loans: 'loans',
  classification: 'classification',
} as const;

export const archivingWorkflowId = (memberId: string, archiveId: string) => `archive:${memberId}:${archiveId}`;
export const anchoringScheduleId = (memberId: string) => `anchoring-schedule:${memberId}`;
export const sweepWorkflowId = (memberId: string) => `sweep:${memberId}`;
export const sweepScheduleId = (memberId: string) => `sweep-schedule:${memberId}`;

/** Anchoring, and the delivery of notices, end when nothing came for this long. */
const IDLE_MS = 60_000;
/** How a member's anchoring runs, for all who start it. */
export const anchoringRun = (memberId: string) => ({
  workflowId: `anchoring:${memberId}`,
  taskQueue: TaskQueue.archiving,
  args: [{ memberId, idleMs: IDLE_MS }],
});
/** How a member's delivery of notices runs, for all who start it. */
export const noticeDeliveryRun = (memberId: string) => ({
  workflowId: `notices:${memberId}`,
  taskQueue: TaskQueue.loans,
  args: [{ memberId, idleMs: IDLE_MS }],
});

export const loanWorkflowId = (memberId: string, loanId: string) => `loan:${memberId}:${loanId}`;
export const loanClosingWorkflowId = (memberId: string, closingId: string) => `loan-closing:${memberId}:${closingId}`;
export const bulkLoanWorkflowId = (memberId: string, jobId: string) => `bulk-loan:${memberId}:${jobId}`;
export const catalogRebuildWorkflowId = (memberId: string, rebuildId: string) =>
  `catalog-rebuild:${memberId}:${rebuildId}`;
export const classificationWorkflowId = (memberId: string, archiveId: string, version: number) =>
  `classification:${memberId}:${archiveId}.${version}`;
/** How the pages of a version are looked at, for all who start it. */
export const classificationRun = (memberId: string, { archiveId, version }: ClassificationInput) => ({
  workflowId: classificationWorkflowId(memberId, archiveId, version),
  taskQueue: TaskQueue.archiving,
  args: [{ archiveId, version }] as [ClassificationInput],
});
export const noticeDeliveryScheduleId = (memberId: string) => `notices-schedule:${memberId}`;

export type ArchivingState =
  'checking' | 'awaitingDocuments' | 'cataloguing' | 'packing' | 'anchoring' | 'attested' | 'refused' | 'failed';

/** What archiving is told of the front page. */
export interface AskedFrontPage {
  state: FrontPageState;
  policy: FrontPagePolicy;
  /** What is wrong with it, in words; it names fields, never what was filled in. */
  text: string;
}

export interface ArchivingStatus {
  state: ArchivingState;
  version: number | null;
  missing: DocumentType[];
  /** 首页质控, as archiving asked last: how the front page stands and what is wrong with it. */
  frontPage?: AskedFrontPage;
  /** Why it waits for a person: the code of the error. */
  failure?: string;
}

/** All parts of a batch are in, and it was committed. */
export const batchCommittedSignal = defineSignal<[{ batchId: string }]>('batchCommitted');
/** The version is final on the ledger and its receipt is written. */
export const attestedSignal = defineSignal<[{ version: number }]>('attested');
/** 首页质控: the front page of the archive was checked. */
export const frontPageCheckedSignal = defineSignal('frontPageChecked');
/** A person has put right what made it fail. */
export const retrySignal = defineSignal('retry');
export const archivingStatusQuery = defineQuery<ArchivingStatus>('archivingStatus');

/** Something waits in the outbox. */
export const backlogSignal = defineSignal('backlog');

export interface DischargeArchivingInput {
  archiveId: string;
  /** How long to wait for mandatory documents: policy data. */
  documentDeadlineMs: number;
}

export interface AnchoringInput {
  memberId: string;
  /** Ends when nothing came for this long; the next item or the Schedule starts it again. */
  idleMs: number;
}

export interface SweepInput {
  /** An upload that is not finished after this long is begun anew. */
  unfinishedMs: number;
  /** A sealed package or front page that nothing names after this long was left behind by a try that was killed. */
  orphanedMs: number;
}

/** What a loan runs by until it ends: policy and calendar as they were when it was submitted. */
export interface ArchiveLoanInput {
  loan: Loan;
  policy: LoanPolicy;
  calendar: CalendarYear[];
  /** Of a run that goes on from one before: what that one ran by. */
  claimsEnd?: boolean;
}

/** Something that a person does to a loan: refused by its code (domain/loan/acts.ts), else the loan as it is then. */
export const loanActUpdate = defineUpdate<Loan, [LoanAct]>('loanAct');
export const loanQuery = defineQuery<Loan>('loan');

/** The loans of a person who left or moved, or of an archive that is held, are to end. */
export interface LoanClosingInput {
  filter: { applicant: string } | { archiveId: string };
  cause: 'left' | 'hold';
  reason: string;
}

export interface BulkLoanInput {
  jobId: string;
}

export interface NoticeDeliveryInput {
  memberId: string;
  /** Ends when nothing waited for this long; the next notice or the Schedule starts it again. */
  idleMs: number;
}

export interface ClassificationInput {
  archiveId: string;
  version: number;
}

/** Between two archives of a job. */
export const pauseSignal = defineSignal('pause');
export const resumeSignal = defineSignal('resume');
export type RebuildProgress = Record<RebuildOutcome, number> & { paused: boolean };
export const rebuildProgressQuery = defineQuery<RebuildProgress>('rebuildProgress');

/** Pages of a range that one run goes through, before the next run goes on. */
export const REBUILD_PAGES_PER_RUN = 20;

export interface CatalogRebuildInput {
  rebuildId: string;
  pagesPerRun: number;
  /** Of a run that goes on from one before: where, and what there was. */
  after?: string | null;
  progress?: RebuildProgress;
}
