import { SealfolioError } from '../../domain/errors.ts';
import { AttestationState, BatchState, PartState } from '../../domain/status.ts';
import { hmacSm3, jcs, sm3 } from '../../platform/crypto/index.ts';
import type { Archive, ArchiveVersion, Batch, Correction } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { refuseIfFull } from '../system/disk.ts';
import { agreeOnVisit, isSameVisit } from './visit.ts';
import type { Registration } from './schemas.ts';

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const DUPLICATE_KEY = 11_000;

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
async function archiveIdOf({ keys }: ApiDeps, { patientNo, visitNo }: Registration, nth: number): Promise<string> {
  const named = [patientNo, visitNo, ...(nth === 0 ? [] : [nth])].join('\0');
  const mac = hmacSm3(await keys.get('locator'), Buffer.from(named));
  return `ar_${base32(mac).slice(0, 26)}`;
}

/** The batch that is known under the id, if it is the same one. Throws batch-conflict. */
export function sameBatch(batch: Batch, registrationSm3: string): { batch: Batch; isNew: boolean } {
  if (batch.registrationSm3 !== registrationSm3)
    throw new SealfolioError('batch-conflict', { field: 'batchId', reason: 'registered with other content' });
  return { batch, isNew: false };
}

/**
 * Registers a batch: the same one again is the same answer. Throws batch-conflict if the id is another batch's, disk-full,
 * visit-conflict, visit-renumbered, and reason-required if the visit is archived already and the files are new.
 */
export async function registerBatch(
  deps: ApiDeps,
  registration: Registration,
  sender: string,
): Promise<{ batch: Batch; isNew: boolean }> {
  const { batchId, scannerId, reason, documentsComplete, parts } = registration;
  const registrationSm3 = sm3(Buffer.from(jcs(registration))).toString('hex');
  const known = await deps.store.models.Batch.findOne({ batchId }).lean<Batch>();
  if (known !== null) return sameBatch(known, registrationSm3);
  await refuseIfFull(deps);
  const archiveId = await ensureArchive(deps, registration);
  return openBatch(deps, { batchId, scannerId, reason, documentsComplete, parts, archiveId, registrationSm3, sender });
}

type Opening = Pick<Batch, 'batchId' | 'archiveId' | 'documentsComplete' | 'registrationSm3' | 'sender' | 'retryOf'> & {
  scannerId?: string | undefined;
  reason?: string | undefined;
  parts: Registration['parts'];
};

/** Begins a batch of a known archive. Throws batch-conflict and reason-required. */
export async function openBatch(
  deps: ApiDeps,
  { scannerId, reason, parts, ...opening }: Opening,
): Promise<{ batch: Batch; isNew: boolean }> {
  const { Batch, Archive, ArchiveVersion } = deps.store.models;
  const { batchId, archiveId, registrationSm3 } = opening;
  const archive = await Archive.findOne({ archiveId }).lean<Archive>();
  let state: Batch['state'] = BatchState.receiving;
  const isLate = archive !== null && archive.currentVersion > 0;
  if (isLate) {
    const current = await ArchiveVersion.findOne({ archiveId, version: archive.currentVersion }).lean<ArchiveVersion>();
    const digests = new Set(current!.documents.map((document) => document.sm3));
    if (parts.every((part) => digests.has(part.sm3))) state = BatchState.duplicate;
    else if (reason === undefined)
      throw new SealfolioError('reason-required', {
        field: 'reason',
        reason: 'the visit is archived, and these files are new',
      });
  }
  const batch: Batch = {
    ...opening,
    ...(scannerId !== undefined && { scannerId }),
    ...(reason !== undefined && { reason }),
    ...(isLate && { isLate }),
    state,
    parts: parts.map((part) => ({ ...part, state: PartState.expected })) as Batch['parts'],
    createdAt: new Date(),
  };
  try {
    await Batch.create(batch);
  } catch (error) {
    if ((error as { code?: number }).code !== DUPLICATE_KEY) throw error;
    return sameBatch((await Batch.findOne({ batchId }).lean<Batch>())!, registrationSm3);
  }
  return { batch, isNew: true };
}

/** The archive that has the visit's number today; it is there from here on. Throws visit-conflict and visit-renumbered. */
async function ensureArchive(deps: ApiDeps, registration: Registration): Promise<string> {
  const { Archive } = deps.store.models;
  const { patientNo, visitNo } = registration;
  for (let nth = 0; ; nth += 1) {
    const known = await Archive.findOne({ patientNo, visitNo }).lean<Archive>();
    if (known !== null) {
      await agreeOnVisit(deps, known, registration);
      return known.archiveId;
    }
    await refuseRenumbered(deps, registration);
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

function firstOf(archiveId: string, registration: Registration): Archive {
  const { patientNo, visitNo, patientName, department = '', admittedAt, dischargedAt } = registration;
  const now = new Date();
  return {
    ...{ archiveId, patientNo, visitNo, patientName, department },
    ...(admittedAt !== undefined && { admittedAt: new Date(admittedAt) }),
    dischargedAt: new Date(dischargedAt),
    currentVersion: 0,
    state: AttestationState.pending,
    pageCount: 0,
    documentTypes: [],
    marks: [],
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
  { patientNo, visitNo, ...registration }: Registration,
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
