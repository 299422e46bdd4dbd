import { SealfolioError } from '../../domain/errors.ts';
import { AttestationState, BatchState, PartState } from '../../domain/status.ts';
import { hmacSm3, jcs, sm3 } from '../../platform/crypto/index.ts';
import type { Archive, ArchiveVersion, Batch } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { refuseIfFull } from '../system/disk.ts';
import { agreeOnVisit } from './visit.ts';
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

/** Opaque, and the same for the same visit: made by a key of the member's own, so that nobody else can tell the visit from it. */
async function archiveIdOf({ keys }: ApiDeps, { patientNo, visitNo }: Registration): Promise<string> {
  const mac = hmacSm3(await keys.get('locator'), Buffer.from(`${patientNo}\0${visitNo}`));
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
 * visit-conflict, and reason-required if the visit is archived already and the files are new.
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
  const archiveId = await archiveIdOf(deps, registration);
  await ensureArchive(deps, archiveId, registration);
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

/** The archive of the visit is there from here on. Throws visit-conflict. */
async function ensureArchive({ store }: ApiDeps, archiveId: string, registration: Registration): Promise<void> {
  const { patientNo, visitNo, patientName, department = '', admittedAt, dischargedAt } = registration;
  const now = new Date();
  const archive = await store.models.Archive.findOneAndUpdate(
    { archiveId },
    {
      $setOnInsert: {
        patientNo,
        visitNo,
        patientName,
        department,
        ...(admittedAt !== undefined && { admittedAt: new Date(admittedAt) }),
        dischargedAt: new Date(dischargedAt),
        currentVersion: 0,
        state: AttestationState.pending,
        pageCount: 0,
        documentTypes: [],
        createdAt: now,
        updatedAt: now,
      },
    },
    { upsert: true, returnDocument: 'after' },
  ).lean<Archive>();
  await agreeOnVisit({ store }, archive!, registration);
}
