import { SealfolioError } from '../../domain/errors.ts';
import { BatchState } from '../../domain/status.ts';
import type { Archive, Batch, ParkedVisit } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import type { Actor } from '../route.ts';
import { beginArchiving } from './begin.ts';
import { ownBatch } from './own.ts';
import { archiveIdOf, type EndedVisit, ensureArchive, refuseMerged } from './visit.ts';

/** Of a version that a batch makes which was announced before the discharge, and committed after others were archived. */
const ANNOUNCED_BEFORE = '出院前登记的文书';

/** A visit that has ended is not in hospital. Throws visit-conflict. */
export async function requireNotEnded(
  { store }: Pick<ApiDeps, 'store'>,
  { patientNo, visitNo }: ParkedVisit,
): Promise<void> {
  if ((await store.models.Archive.exists({ patientNo, visitNo })) !== null)
    throw new SealfolioError('visit-conflict', { field: 'inHospital', reason: 'the visit is registered as ended' });
}

/** 未出院暂存: the files of a visit that has not ended wait; not if its discharge came while they were sent. */
export async function park(deps: ApiDeps, batch: Batch & { visit: ParkedVisit }): Promise<Batch> {
  const { Archive, Batch } = deps.store.models;
  const { batchId, committedAt } = batch;
  const { patientNo, visitNo } = batch.visit;
  const state = BatchState.parked;
  await Batch.updateOne({ batchId, state: BatchState.receiving }, { $set: { state, committedAt } });
  // Looked for after it is parked: whoever makes the archive looks for what is parked after that.
  const archive = await Archive.findOne({ patientNo, visitNo }).lean<Archive>();
  if (archive !== null) await releaseParked(deps, archive);
  return (await Batch.findOne({ batchId }).lean<Batch>())!;
}

/** The visit has ended: what waits of it is archived. What was announced under another name goes on waiting, for a person. */
export async function releaseParked(deps: ApiDeps, archive: Archive): Promise<void> {
  const { Batch } = deps.store.models;
  const { archiveId, patientNo, visitNo, patientName, currentVersion } = archive;
  const of = { 'visit.patientNo': patientNo, 'visit.visitNo': visitNo, 'visit.patientName': patientName };
  const waiting = await Batch.find({ ...of, state: BatchState.parked } as never).lean<Batch[]>();
  for (const { batchId, reason = ANNOUNCED_BEFORE } of waiting) {
    const late = currentVersion > 0 ? { isLate: true, reason } : {};
    const released = { $set: { state: BatchState.checking, archiveId, ...late }, $unset: { visit: 1 } } as const;
    // Whose it is may have been corrected meanwhile.
    const as = { ...of, batchId, state: BatchState.parked };
    const { matchedCount } = await Batch.updateOne(as as never, released);
    if (matchedCount === 1) await beginArchiving(deps, { archiveId, batchId });
  }
}

const FIELDS = ['patientNo', 'visitNo', 'patientName', 'department', 'motherPatientNo', 'admittedAt'] as const;

/**
 * 更正待出院批次: whose files wait was said wrongly. If the visit that it is of has ended, they are archived with it. Throws
 * batch-not-found, batch-of-another, batch-not-parked, correction-unchanged, patient-merged, visit-conflict if that visit is of
 * another name.
 */
export async function correctParked(
  deps: ApiDeps,
  batchId: string,
  visit: ParkedVisit,
  { actor, reason }: { actor: Actor; reason: string },
  trace: (fields: string[]) => Promise<unknown>,
): Promise<Batch> {
  const { Archive, Batch } = deps.store.models;
  const { visit: before, state } = await ownBatch(deps, batchId, actor);
  const notParked = (reason: string) => new SealfolioError('batch-not-parked', { field: 'batchId', reason });
  if (before === undefined || state === BatchState.withdrawn) throw notParked(state);
  const fields = FIELDS.filter((field) => before[field] !== visit[field]);
  if (fields.length === 0) throw new SealfolioError('correction-unchanged', { batchId });
  const { patientNo, visitNo, patientName } = visit;
  const archiveOf = () => Archive.findOne({ patientNo, visitNo }).lean<Archive>();
  const known = await archiveOf();
  if (known !== null && known.patientName !== patientName)
    throw new SealfolioError('visit-conflict', {
      field: 'patientName',
      reason: 'the visit is registered with another',
    });
  if (known === null && (patientNo !== before.patientNo || visitNo !== before.visitNo)) await refuseMerged(deps, visit);
  await trace(fields);
  const archiveId = known?.archiveId ?? (await archiveIdOf(deps, visit, 0));
  const { matchedCount } = await Batch.updateOne(
    { batchId, visit: before, state: { $in: [BatchState.receiving, BatchState.parked] } },
    { $set: { visit, archiveId }, $push: { corrected: { before, by: actor.id, reason, at: new Date() } } },
  );
  // It was released, withdrawn or corrected meanwhile.
  if (matchedCount === 0) throw notParked('changed meanwhile');
  // Looked for after it is written: whoever makes the archive looks for what is parked after that.
  const archive = await archiveOf();
  if (archive !== null) await releaseParked(deps, archive);
  return (await Batch.findOne({ batchId }).lean<Batch>())!;
}

/**
 * 登记出院: the visit of a batch has ended (HL7 v2 ADT A03); all that waits of it is archived. Throws batch-not-found,
 * batch-of-another, batch-not-parked, request-invalid for a discharge before the admission, and what ensureArchive throws.
 */
export async function dischargeVisit(
  deps: ApiDeps,
  batchId: string,
  { dischargedAt, died }: Pick<EndedVisit, 'dischargedAt' | 'died'>,
  actor: Actor,
): Promise<Batch> {
  const { Archive, Batch } = deps.store.models;
  const { visit, state } = await ownBatch(deps, batchId, actor);
  if (visit === undefined || state === BatchState.withdrawn)
    throw new SealfolioError('batch-not-parked', { field: 'batchId', reason: state });
  if (visit.admittedAt !== undefined && Date.parse(dischargedAt) < Date.parse(visit.admittedAt))
    throw new SealfolioError('request-invalid', {
      errors: [{ pointer: '/dischargedAt', rule: 'order', message: 'is before admittedAt' }],
    });
  const archiveId = await ensureArchive(deps, { ...visit, dischargedAt, died });
  await releaseParked(deps, (await Archive.findOne({ archiveId }).lean<Archive>())!);
  return (await Batch.findOne({ batchId }).lean<Batch>())!;
}
