import type { ClientSession } from 'mongoose';
import { CORRECTION_STREAM, type CorrectionManifest, KEY_TAG, REGISTERED_TAG } from '../../domain/attestation.ts';
import type { Registered, RegisteredField } from '../../domain/correction.ts';
import type { MemberKeys } from '../card/keys.ts';
import { jcs, taggedSm3 } from '../crypto/index.ts';
import { catalogAt, placeOf } from './cataloguing.ts';
import { completenessBy } from './completeness.ts';
import type { Models, Store } from './index.ts';
import type { Archive, Correction } from './models/archive.ts';
import { type News, settleNotices, writeNotices } from './notices.ts';
import { attestLater, signed } from './signed.ts';

/** What the outbox calls the corrections of an archive. */
const correctionSubject = (archiveId: string): string => `${archiveId}/registration`;

/** What an archive is registered with today. */
export const registeredOf = ({
  patientNo,
  visitNo,
  patientName,
  department,
  motherPatientNo,
  admittedAt,
  dischargedAt,
}: Pick<Archive, RegisteredField>): Registered => ({
  patientNo,
  visitNo,
  patientName,
  department,
  motherPatientNo: motherPatientNo ?? null,
  admittedAt: admittedAt?.toISOString() ?? null,
  dischargedAt: dischargedAt.toISOString(),
});

const sign = (
  deps: { memberId: string; keys: MemberKeys },
  { archiveId, correction, before, after, by, decidedBy, reason }: Correction,
  at: Date,
) =>
  signed<CorrectionManifest>(deps, { by, decidedBy, reason }, ({ actor, approver, reason: why, hash }) => ({
    format: 'sealfolio-correction/1',
    memberId: deps.memberId,
    archiveId,
    correction,
    at: at.toISOString(),
    actor,
    ...(approver !== undefined && { approver }),
    reason: why,
    before: hash(REGISTERED_TAG, jcs(before)),
    after: hash(REGISTERED_TAG, jcs(after)),
  }));

/** The archive, what is copied from it into lists, and what waits to be attested. */
async function write(
  models: Models,
  { archiveId, correction, after, manifest, salt }: Correction & { manifest: CorrectionManifest; salt: string },
  { as, stands, at }: { as: object; stands: object; at: Date },
  session: ClientSession,
): Promise<boolean> {
  const { Archive, CatalogSuggestion, Loan } = models;
  const { admittedAt, department, motherPatientNo, patientName, patientNo, visitNo } = after;
  const named = {
    patientName,
    ...(patientNo !== undefined && { patientNo }),
    ...(visitNo !== undefined && { visitNo }),
  };
  const dischargedAt = new Date(after.dischargedAt);
  const { matchedCount } = await Archive.updateOne(
    as,
    {
      $set: {
        ...{ ...named, department, dischargedAt, corrected: correction, updatedAt: at, ...stands },
        ...(admittedAt !== null && { admittedAt: new Date(admittedAt) }),
        ...(typeof motherPatientNo === 'string' && { motherPatientNo }),
      },
      $unset: {
        ...(admittedAt === null && { admittedAt: 1 }),
        ...(motherPatientNo === null && { motherPatientNo: 1 }),
      },
    },
    { session },
  );
  if (matchedCount === 0) return false;
  await Loan.updateMany({ archiveId }, { $set: named }, { session });
  await CatalogSuggestion.updateOne({ archiveId }, { $set: { department, dischargedAt } }, { session });
  const item = {
    stream: CORRECTION_STREAM,
    archiveId: correctionSubject(archiveId),
    version: correction,
    key: taggedSm3(KEY_TAG, archiveId).toString('hex'),
  };
  await attestLater(models, item, { manifest, salt }, at, session);
  return true;
}

/**
 * Puts a correction in force, one that waited or a new one: the archive, the lists that copy from it and the outbox, and who
 * is told of it, all of it or nothing. False if the archive is no longer as it was looked at, or someone has decided it
 * meanwhile; an error of the unique index if its new number is another archive's.
 */
export async function enact(
  deps: { store: Store; memberId: string; keys: MemberKeys; noticeChannels: readonly string[] },
  archive: Archive,
  wanted: Correction,
  news: readonly News[],
): Promise<boolean> {
  const { models, connection } = deps.store;
  const { archiveId, corrected, currentVersion, catalogEdit } = archive;
  const at = wanted.decidedAt ?? wanted.at;
  const made = { ...wanted, ...(await sign(deps, wanted, at)), state: 'inForce' as const };
  const catalog = await catalogAt(models, archiveId, placeOf(archive));
  // The template of a visit follows its discharge, and how it stands follows the template.
  const dated = { archiveId, dischargedAt: new Date(made.after.dischargedAt) };
  const stands = catalog === null ? {} : await completenessBy(models, dated, catalog);
  const absent = { $exists: false };
  const as = {
    ...{ archiveId, currentVersion, legalHold: absent },
    ...{ corrected: corrected ?? absent, catalogEdit: catalogEdit ?? absent },
  };
  let isWritten = false;
  await connection.transaction(async (session) => {
    isWritten = await write(models, made, { as, stands, at }, session);
    if (isWritten && wanted.decidedBy === undefined) await models.Correction.create([made], { session });
    else if (isWritten) {
      const waiting = { archiveId, correction: wanted.correction, state: 'proposed' as const };
      isWritten = (await models.Correction.updateOne(waiting, { $set: made }, { session })).matchedCount === 1;
    }
    if (!isWritten) return session.abortTransaction();
    await settleNotices(models, { archiveId, kinds: ['correctionWaits'] }, session);
    await writeNotices(models, news, deps.noticeChannels, session);
    return undefined;
  });
  return isWritten;
}
