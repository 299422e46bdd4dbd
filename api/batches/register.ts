import { SealfolioError } from '../../domain/errors.ts';
import { BatchState, PartState } from '../../domain/status.ts';
import { hmacSm3, jcs, sm3 } from '../../platform/crypto/index.ts';
import {
  type Archive,
  type ArchiveVersion,
  type Batch,
  keepFrontPage,
  type ParkedVisit,
  sealFrontPage,
} from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { refuseIfFull } from '../system/disk.ts';
import { wakeArchiving } from '../waking.ts';
import { releaseParked, requireNotEnded } from './parking.ts';
import { archiveIdOf, ensureArchive, refuseMerged } from './visit.ts';
import type { Registration } from './schemas.ts';

const DUPLICATE_KEY = 11_000;

/** The batch that is known under the id, if it is the same one. Throws batch-conflict. */
export function sameBatch(batch: Batch, registrationSm3: string): { batch: Batch; isNew: boolean } {
  if (batch.registrationSm3 !== registrationSm3)
    throw new SealfolioError('batch-conflict', { field: 'batchId', reason: 'registered with other content' });
  return { batch, isNew: false };
}

/**
 * Registers a batch: the same one again is the same answer. Throws batch-conflict if the id is another batch's, disk-full,
 * visit-conflict, visit-renumbered, patient-merged, and reason-required if the visit is archived already and the files are new.
 */
export async function registerBatch(
  deps: ApiDeps,
  registration: Registration,
  sender: string,
): Promise<{ batch: Batch; isNew: boolean }> {
  const { batchId, scannerId, reason, documentsComplete, parts } = registration;
  const registrationSm3 = await digestOf(deps, registration);
  const known = await deps.store.models.Batch.findOne({ batchId }).lean<Batch>();
  if (known !== null) return sameBatch(known, registrationSm3);
  await refuseIfFull(deps);
  const { frontPage: page } = registration;
  const frontPage = page && (await sealFrontPage(deps.store.objects, page));
  const opening = { batchId, scannerId, reason, documentsComplete, parts, registrationSm3, sender, frontPage };
  const { patientNo, visitNo, patientName, department, motherPatientNo, admittedAt } = registration;
  const { dischargedAt, died } = registration;
  const visit: ParkedVisit = {
    ...{ patientNo, visitNo, patientName },
    ...(department !== undefined && { department }),
    ...(motherPatientNo !== undefined && { motherPatientNo }),
    ...(admittedAt !== undefined && { admittedAt }),
  };
  if (dischargedAt === undefined) {
    await requireNotEnded(deps, visit);
    await refuseMerged(deps, visit);
    return openBatch(deps, { ...opening, archiveId: await archiveIdOf(deps, visit, 0), visit });
  }
  const archiveId = await ensureArchive(deps, { ...visit, dischargedAt, died });
  await releaseParked(deps, (await deps.store.models.Archive.findOne({ archiveId }).lean<Archive>())!);
  const opened = await openBatch(deps, { ...opening, archiveId });
  // Of files that are all there already nothing is committed.
  if (opened.batch.state === BatchState.duplicate && frontPage !== undefined) {
    await keepFrontPage(deps.store, archiveId, { objectId: frontPage, by: sender, batchId });
    await wakeArchiving(deps, archiveId);
  }
  return opened;
}

/** What front pages say is guessed from a plain digest: it goes in under a key of the member's own. */
async function digestOf({ keys }: Pick<ApiDeps, 'keys'>, { frontPage, ...rest }: Registration): Promise<string> {
  const keyed = frontPage && hmacSm3(await keys.get('locator'), Buffer.from(jcs(frontPage))).toString('hex');
  return sm3(Buffer.from(jcs({ ...rest, ...(keyed && { frontPage: keyed }) }))).toString('hex');
}

type Opening = Pick<
  Batch,
  'batchId' | 'archiveId' | 'documentsComplete' | 'registrationSm3' | 'sender' | 'retryOf' | 'visit'
> & {
  scannerId?: string | undefined;
  reason?: string | undefined;
  frontPage?: string | undefined;
  parts: Registration['parts'];
};

/** Begins a batch of a known archive. Throws batch-conflict and reason-required. */
export async function openBatch(
  deps: ApiDeps,
  { scannerId, reason, frontPage, parts, ...opening }: Opening,
): Promise<{ batch: Batch; isNew: boolean }> {
  const { Batch, Archive, ArchiveVersion } = deps.store.models;
  const { batchId, archiveId, registrationSm3 } = opening;
  const archive = opening.visit === undefined ? await Archive.findOne({ archiveId }).lean<Archive>() : null;
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
    ...(frontPage !== undefined && { frontPage }),
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
