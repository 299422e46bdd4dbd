import type { ClientSession } from 'mongoose';
import { KEY_TAG, MERGE_STREAM, type MergeManifest, PATIENT_TAG } from '../../domain/attestation.ts';
import { SealfolioError } from '../../domain/errors.ts';
import { mergeFault, type Merges, numbersOf } from '../../domain/merge.ts';
import type { MemberKeys } from '../card/keys.ts';
import { taggedSm3 } from '../crypto/index.ts';
import type { Models, Store } from './index.ts';
import type { PatientMerge } from './models/merge.ts';
import { type News, settleNotices, writeNotices } from './notices.ts';
import { attestLater, signed } from './signed.ts';

/** The merges that stand of the people who have any of these numbers. */
export async function mergesAbout(
  { PatientMerge }: Pick<Models, 'PatientMerge'>,
  numbers: readonly string[],
  session: ClientSession | null = null,
): Promise<Merges> {
  const merges = new Map<string, string>();
  // Most people have one number: one look. Each further look is for numbers that the one before brought up.
  for (let asked = [...numbers]; asked.length > 0;) {
    const found = await PatientMerge.find({
      stands: true,
      $or: [{ retired: { $in: asked } }, { surviving: { $in: asked } }],
    })
      .session(session)
      .lean<PatientMerge[]>();
    const known = new Set([...numbers, ...merges.keys(), ...merges.values()]);
    for (const { retired, surviving } of found) merges.set(retired, surviving);
    asked = found.flatMap(({ retired, surviving }) => [retired, surviving]).filter((one) => !known.has(one));
  }
  return merges;
}

/** All numbers of the people who have any of these. */
export async function allNumbersOf(
  models: Pick<Models, 'PatientMerge'>,
  numbers: readonly string[],
): Promise<string[]> {
  const merges = await mergesAbout(models, numbers);
  return [...new Set(numbers.flatMap((one) => numbersOf(merges, one)))];
}

const sign = (
  deps: { memberId: string; keys: MemberKeys },
  { mergeId, kind, retired, surviving, by, decidedBy, reason }: PatientMerge,
  at: Date,
) =>
  signed<MergeManifest>(deps, { by, decidedBy, reason }, ({ actor, approver, reason: why, hash }) => ({
    format: 'sealfolio-merge/1',
    memberId: deps.memberId,
    mergeId,
    kind,
    at: at.toISOString(),
    actor,
    ...(approver !== undefined && { approver }),
    reason: why,
    retired: hash(PATIENT_TAG, retired),
    surviving: hash(PATIENT_TAG, surviving),
  }));

/**
 * Puts a merge or a split in force, one that waited or a new one, with the outbox and who is told of it: all of it or nothing.
 * False if someone has decided it meanwhile. Throws the code of mergeFault.
 */
export async function enactMerge(
  deps: { store: Store; memberId: string; keys: MemberKeys; noticeChannels: readonly string[] },
  wanted: PatientMerge,
  news: readonly News[],
): Promise<boolean> {
  const { models, connection } = deps.store;
  const { mergeId, archiveId, kind, retired, surviving } = wanted;
  const at = wanted.decidedAt ?? wanted.at;
  const made: PatientMerge & { manifest: MergeManifest; salt: string } = {
    ...wanted,
    ...(await sign(deps, wanted, at)),
    state: 'inForce',
    ...(kind === 'merge' && { stands: true }),
  };
  let isWritten = false;
  await connection.transaction(async (session) => {
    // Two merges that have a number in common come one after the other: else together they could make a circle.
    await models.Archive.updateMany({ patientNo: { $in: [retired, surviving] } }, { $inc: { turns: 1 } }, { session });
    const fault = mergeFault(await mergesAbout(models, [retired, surviving], session), kind, wanted);
    if (fault !== null) throw new SealfolioError(fault, { archiveId });
    isWritten =
      wanted.decidedBy === undefined ||
      (await models.PatientMerge.updateOne({ mergeId, state: 'proposed' }, { $set: made }, { session }))
        .matchedCount === 1;
    if (!isWritten) return;
    if (wanted.decidedBy === undefined) await models.PatientMerge.create([made], { session });
    if (kind === 'split')
      await models.PatientMerge.updateOne({ retired, stands: true }, { $unset: { stands: 1 } }, { session });
    const key = taggedSm3(KEY_TAG, mergeId).toString('hex');
    await attestLater(models, { stream: MERGE_STREAM, archiveId: mergeId, version: 1, key }, made, at, session);
    await settleNotices(models, { archiveId, kinds: ['mergeWaits'] }, session);
    await writeNotices(models, news, deps.noticeChannels, session);
  });
  return isWritten;
}
