import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { DocumentType } from '../domain/catalog.ts';

/** Names on the wire between api, workers and Temporal: changing one breaks what runs. */
export const WorkflowName = {
  dischargeArchiving: 'dischargeArchivingWorkflow',
  anchoring: 'anchoringWorkflow',
  sweep: 'sweepWorkflow',
} as const;

/** `archiving` runs workflows and what needs the database only; `card` whatever calls the crypto card. */
export const TaskQueue = { archiving: 'archiving', card: 'card' } as const;

export const archivingWorkflowId = (memberId: string, archiveId: string) => `archive:${memberId}:${archiveId}`;
export const anchoringWorkflowId = (memberId: string) => `anchoring:${memberId}`;
export const anchoringScheduleId = (memberId: string) => `anchoring-schedule:${memberId}`;
export const sweepWorkflowId = (memberId: string) => `sweep:${memberId}`;
export const sweepScheduleId = (memberId: string) => `sweep-schedule:${memberId}`;

export type ArchivingState =
  'checking' | 'awaitingDocuments' | 'cataloguing' | 'packing' | 'anchoring' | 'attested' | 'refused' | 'failed';

export interface ArchivingStatus {
  state: ArchivingState;
  version: number | null;
  missing: DocumentType[];
  /** Why it waits for a person: the code of the error. */
  failure?: string;
}

/** All parts of a batch are in, and it was committed. */
export const batchCommittedSignal = defineSignal<[{ batchId: string }]>('batchCommitted');
/** The version is final on the ledger and its receipt is written. */
export const attestedSignal = defineSignal<[{ version: number }]>('attested');
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
  /** A sealed package that no version names after this long was left behind by a try that was killed. */
  orphanedMs: number;
}
