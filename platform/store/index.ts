import { type Connection, createConnection } from 'mongoose';
import type { Card } from '../card/card.ts';
import { skewOf } from './clock.ts';
import { tellWaiting } from './lending.ts';
import { tellFrontPages } from './front-pages.ts';
import { tellVolumes } from './volumes.ts';
import { createAccessModels } from './models/access.ts';
import { createAnchoringModels } from './models/anchoring.ts';
import { createArchiveModels } from './models/archive.ts';
import { createBatchModels } from './models/batch.ts';
import { createCatalogModels } from './models/catalog.ts';
import { createFrontPageModels } from './models/front-page.ts';
import { createLoanModels } from './models/loan.ts';
import { createMergeModels } from './models/merge.ts';
import { createTraceModels } from './models/trace.ts';
import { createWorkflowModels } from './models/workflow.ts';
import { SealedObjects } from './objects.ts';
import { Trace } from './trace.ts';

export type {
  Archive,
  ArchiveVersion,
  CatalogEdit,
  CatalogTemplateRow,
  Correction,
  VersionDocument,
} from './models/archive.ts';
export type { CatalogJob, CatalogJobRow, CatalogSuggestion, SuggestedPage } from './models/catalog.ts';
export type { Batch, ParkedVisit, Part, Refusal, Station } from './models/batch.ts';
export type { App, Department, Deputy, IdempotentCall, Session, User } from './models/access.ts';
export type {
  BulkJob,
  BulkRow,
  CalendarRow,
  LoanEventRow,
  LoanPolicyRow,
  LoanRow,
  Notice,
  SavedFilter,
} from './models/loan.ts';
export { LOAN_INDEXES } from './models/loan.ts';
export type { Asked } from './models/asked.ts';
export type { PatientMerge } from './models/merge.ts';
export { calendarYears, currentPolicy, FIRST_POLICY, projectLoan, refusalOfEnded } from './lending.ts';
export { isVolumeOut, takeVolume, volumeOf } from './volumes.ts';
export { catalogAt, catalogTemplates, editSubject, latestCatalog, placeOf, templateFor } from './cataloguing.ts';
export { completenessBy, foreignOf, refreshCompleteness, suggestedOf } from './completeness.ts';
export { catalogDigest, editBlock, signEdit, writeEdit } from './edits.ts';
export { isNow, MAX_SKEW_MS, watchClock } from './clock.ts';
export { enact, registeredOf } from './corrections.ts';
export { frontPageChecks, keepFrontPage, openFrontPage, recheckFrontPage, sealFrontPage } from './front-pages.ts';
export type { FrontPageRow } from './models/front-page.ts';
export { archiveInTurn } from './in-turn.ts';
export { allNumbersOf, enactMerge, mergesAbout } from './merges.ts';
export { type News, settleNotices, writeNotices } from './notices.ts';
export { archivesIn, between } from './range.ts';
export { keepSuggestions, leavePages, numberSuggestions, recountSuggestions, withKept } from './suggestions.ts';
export type { PatientSalt, TraceBatch, TraceEntry } from './models/trace.ts';
export type { AnchoringTx, OutboxItem } from './models/anchoring.ts';
export { CHUNK_BYTES } from './chunks.ts';
export { SealedObjects, type ObjectDigests, type ObjectStat } from './objects.ts';
export type { WorkflowCare, WorkflowTrouble } from './models/workflow.ts';
export { ObjectKind } from './header.ts';
export { FIRST_HASH, traceDigest, type TraceEvent } from './trace.ts';

const createModels = (connection: Connection) => ({
  ...createBatchModels(connection),
  ...createArchiveModels(connection),
  ...createMergeModels(connection),
  ...createCatalogModels(connection),
  ...createFrontPageModels(connection),
  ...createAnchoringModels(connection),
  ...createAccessModels(connection),
  ...createLoanModels(connection),
  ...createTraceModels(connection),
  ...createWorkflowModels(connection),
});
export type Models = ReturnType<typeof createModels>;

export interface Store {
  models: Models;
  objects: SealedObjects;
  trace: Trace;
  connection: Connection;
  /** Whether the database answers. */
  ping(): Promise<boolean>;
  /** How far the clock of this process is ahead of the database's, in milliseconds; below 0: behind. */
  skew(): Promise<number>;
  close(): Promise<void>;
}

/** Opens one member's database: its models, its sealed objects and its trace; indexes are made first, unless it is only read. */
export async function openStore(
  mongo: { uri: string; db: string },
  card: Card,
  { readOnly = false } = {},
): Promise<Store> {
  const connection = await createConnection(mongo.uri, {
    dbName: mongo.db,
    autoIndex: false,
    serverSelectionTimeoutMS: 10_000,
    writeConcern: { w: 'majority', journal: true },
  }).asPromise();
  const models = createModels(connection);
  const objects = new SealedObjects(connection.db!, card);
  if (!readOnly) {
    await Promise.all([...Object.values(models).map((model) => model.createIndexes()), objects.createIndexes()]);
    await tellWaiting(models);
    await tellVolumes(models);
    await tellFrontPages(models);
  }
  return {
    models,
    objects,
    trace: new Trace(connection, models, card),
    connection,
    ping: () =>
      connection
        .db!.admin()
        .ping()
        .then(
          () => true,
          () => false,
        ),
    skew: () => skewOf(connection),
    close: () => connection.close(),
  };
}
