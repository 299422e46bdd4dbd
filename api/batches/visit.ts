import { SealfolioError } from '../../domain/errors.ts';
import { Mark } from '../../domain/loan/policy.ts';
import { AttestationState, BatchState } from '../../domain/status.ts';
import { hmacSm3 } from '../../platform/crypto/index.ts';
import { allNumbersOf, type Archive, type Correction, type ParkedVisit } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const DUPLICATE_KEY = 11_000;
const FIELDS = ['patientName', 'dischargedAt'] as const;
/** A visit that has ended, as it is announced. `died`: 离院方式 5; left out, nothing is said of it. */
export type EndedVisit = ParkedVisit & { dischargedAt: string; died?: true | undefined };
type Said = Pick<Archive, (typeof FIELDS)[number]>;
const MINUTE_MS = 60_000;
/** People type a discharge to the minute. */
const comparable = (value: string | Date) =>
  typeof value === 'string' ? value : Math.floor(value.getTime() / MINUTE_MS);

/** Whether both speak of one visit, by who it is of and when it ended. */
export const isSameVisit = (one: Said, other: Said): boolean =>
  FIELDS.every((field) => comparable(one[field]) === comparable(other[field]));

/** It never says what the archive holds: who sends files need not be one who reads it. */
function refuseIfOther(known: Partial<Said>, said: Said): void {
  for (const field of FIELDS) {
    const value = known[field] ?? null;
    if (value !== null && comparable(value) !== comparable(said[field]))
      throw new SealfolioError('visit-conflict', { field, reason: 'the visit is registered with another one' });
  }
}

/**
 * Sees that a batch speaks of its visit as the archive does; what the archive does not say yet is taken from the batch. Throws
 * visit-conflict, naming the field.
 */
export async function agreeOnVisit(
  { store }: Pick<ApiDeps, 'store'>,
  archive: Archive,
  { patientName, dischargedAt }: EndedVisit,
): Promise<void> {
  const { Archive } = store.models;
  const { archiveId } = archive;
  const said: Said = { patientName, dischargedAt: new Date(dischargedAt) };
  const known: Partial<Archive> = archive;
  refuseIfOther(known, said);
  const absent = FIELDS.filter((field) => (known[field] ?? null) === null);
  if (absent.length === 0) return;
  // Each only while nobody else has said it.
  for (const field of absent) await Archive.updateOne({ archiveId, [field]: null }, { $set: { [field]: said[field] } });
  refuseIfOther((await Archive.findOne({ archiveId }).lean<Archive>())!, said);
}

/**
 * Who a newborn's mother is, is taken from the first batch that says it; once a person has asked for a correction, from no
 * batch. Throws visit-conflict.
 */
async function agreeOnMother(
  { store }: Pick<ApiDeps, 'store'>,
  { archiveId, motherPatientNo }: Archive,
  { motherPatientNo: said }: EndedVisit,
): Promise<void> {
  if (said === undefined || said === motherPatientNo) return;
  const { Archive, Correction } = store.models;
  const asked = await Correction.exists({ archiveId, state: { $in: ['proposed', 'inForce'] } });
  const unsaid = { archiveId, motherPatientNo: { $exists: false } };
  if (asked === null) await Archive.updateOne(unsaid, { $set: { motherPatientNo: said } });
  const numbers = await allNumbersOf(store.models, [said]);
  if ((await Archive.exists({ archiveId, motherPatientNo: { $in: numbers } })) === null)
    throw new SealfolioError('visit-conflict', {
      field: 'motherPatientNo',
      reason: 'the visit is registered with another one',
    });
}

function base32(bytes: Buffer): string {
  let [text, bits, value] = ['', 0, 0];
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += ALPHABET[(value >>> (bits - 5)) & 31];
    value &= (1 << bits) - 1;
  }
  return text;
}

/**
 * Opaque: made by a key of the member's own, so that nobody else can tell the visit from it. `nth`: how many archives were
 * made under this number before, and have another today.
 */
export async function archiveIdOf(
  { keys }: Pick<ApiDeps, 'keys'>,
  { patientNo, visitNo }: ParkedVisit,
  nth: number,
): Promise<string> {
  const named = [patientNo, visitNo, ...(nth === 0 ? [] : [nth])].join('\0');
  const mac = hmacSm3(await keys.get('locator'), Buffer.from(named));
  return `ar_${base32(mac).slice(0, 26)}`;
}

/**
 * The archive that has the visit's number today; it is there from here on. Throws visit-conflict, visit-renumbered and
 * patient-merged.
 */
export async function ensureArchive(deps: ApiDeps, registration: EndedVisit): Promise<string> {
  const { Archive } = deps.store.models;
  const { patientNo, visitNo } = registration;
  for (let nth = 0; ; nth += 1) {
    const known = await Archive.findOne({ patientNo, visitNo }).lean<Archive>();
    if (known !== null) {
      await agreeOnVisit(deps, known, registration);
      await agreeOnMother(deps, known, registration);
      if (registration.died === true)
        await Archive.updateOne({ archiveId: known.archiveId }, { $addToSet: { marks: Mark.death } });
      return known.archiveId;
    }
    await refuseRenumbered(deps, registration);
    await refuseMerged(deps, registration);
    const archiveId = await archiveIdOf(deps, registration, nth);
    try {
      await Archive.create(firstOf(archiveId, registration));
      return archiveId;
    } catch (error) {
      // Someone else has made it meanwhile; or the id is that of an archive whose number was corrected.
      if ((error as { code?: number }).code !== DUPLICATE_KEY) throw error;
    }
  }
}

/**
 * A visit that nobody has heard of yet is announced under the number that its patient goes by today: which stay it is by that
 * one only who sends it knows. One that waits for its discharge, on paper that bears the old number, goes on under it. Throws
 * patient-merged.
 */
export async function refuseMerged(
  { store }: Pick<ApiDeps, 'store'>,
  { patientNo, visitNo }: Pick<ParkedVisit, 'patientNo' | 'visitNo'>,
): Promise<void> {
  const { Batch, PatientMerge } = store.models;
  if ((await PatientMerge.exists({ retired: patientNo, stands: true })) === null) return;
  const parked = { 'visit.patientNo': patientNo, 'visit.visitNo': visitNo, state: BatchState.parked };
  if ((await Batch.exists(parked as never)) === null)
    throw new SealfolioError('patient-merged', { field: 'patientNo', reason: 'the number was merged into another' });
}

function firstOf(archiveId: string, registration: EndedVisit): Archive {
  const { patientNo, visitNo, patientName, department = '' } = registration;
  const { motherPatientNo, admittedAt, dischargedAt, died } = registration;
  const now = new Date();
  return {
    ...{ archiveId, patientNo, visitNo, patientName, department },
    ...(motherPatientNo !== undefined && { motherPatientNo }),
    ...(admittedAt !== undefined && { admittedAt: new Date(admittedAt) }),
    dischargedAt: new Date(dischargedAt),
    currentVersion: 0,
    state: AttestationState.pending,
    pageCount: 0,
    documentTypes: [],
    frontPage: 'unchecked',
    marks: died === true ? [Mark.death] : [],
    createdAt: now,
    updatedAt: now,
  };
}

/**
 * Who sends still has the number from before a correction: taken, it would be a second archive of the same visit. Another
 * visit, to which the number belongs, is let in. Throws visit-renumbered.
 */
async function refuseRenumbered(
  { store }: ApiDeps,
  { patientNo, visitNo, ...registration }: EndedVisit,
): Promise<void> {
  const { Archive, Correction } = store.models;
  const before = { 'before.patientNo': patientNo, 'before.visitNo': visitNo };
  const said = { patientName: registration.patientName, dischargedAt: new Date(registration.dischargedAt) };
  for (const one of await Correction.find({ ...before, state: 'inForce' } as never).lean<Correction[]>()) {
    const now = (await Archive.findOne({ archiveId: one.archiveId }).lean<Archive>())!;
    const then = { ...one.before, dischargedAt: new Date(one.before.dischargedAt) };
    if (isSameVisit(then, said) || isSameVisit(now, said))
      throw new SealfolioError('visit-renumbered', {
        field: 'patientNo',
        reason: 'the number of this visit was corrected to another',
      });
  }
}
