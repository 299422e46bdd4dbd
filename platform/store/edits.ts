import { randomBytes } from 'node:crypto';
import {
  ACTOR_TAG,
  ATTEST_TAG,
  CATALOG_STREAM,
  type CatalogManifest,
  KEY_TAG,
  REASON_TAG,
  SALT_BYTES,
} from '../../domain/attestation.ts';
import type { Catalog } from '../../domain/catalog.ts';
import type { CatalogPlace } from '../../domain/catalog/numbered.ts';
import { READING_STATES } from '../../domain/loan/state.ts';
import type { MemberKeys } from '../card/keys.ts';
import { jcs, sm2, sm3, taggedSm3 } from '../crypto/index.ts';
import { editSubject } from './cataloguing.ts';
import { completenessBy } from './completeness.ts';
import type { Models, Store } from './index.ts';
import type { Archive, CatalogEdit } from './models/archive.ts';

/** Digest of a catalogue, as it is signed. */
export const catalogDigest = (catalog: Catalog): string => sm3(Buffer.from(jcs(catalog))).toString('hex');

/** Why nothing may be arranged in it today: it is on hold, on loan, or files are being added; null if it may. */
export async function editBlock(
  { ArchiveVersion, Loan }: Models,
  { archiveId, legalHold, currentVersion }: Archive,
): Promise<'archive-held' | 'catalog-on-loan' | 'catalog-version-pending' | null> {
  if (legalHold !== undefined) return 'archive-held';
  const [lent, coming] = await Promise.all([
    Loan.exists({ archiveId, state: { $in: [...READING_STATES, 'overdue'] } }),
    ArchiveVersion.exists({ archiveId, version: { $gt: currentVersion } }),
  ]);
  if (lent !== null) return 'catalog-on-loan';
  return coming !== null || currentVersion === 0 ? 'catalog-version-pending' : null;
}

interface EditOf {
  archiveId: string;
  base: CatalogPlace;
  before: Catalog;
  catalog: Catalog;
  by: string;
  reason: string;
}

/** The next edit after `base`, signed by the member. */
export async function signEdit(
  { memberId, keys }: { memberId: string; keys: MemberKeys },
  { archiveId, base: { version, edit }, before, catalog, by, reason }: EditOf,
): Promise<CatalogEdit> {
  const salt = randomBytes(SALT_BYTES);
  const at = new Date();
  const { templateId, templateVersion } = catalog;
  const manifest: CatalogManifest = {
    format: 'sealfolio-catalog/1',
    memberId,
    archiveId,
    version,
    edit: edit + 1,
    at: at.toISOString(),
    actor: taggedSm3(ACTOR_TAG, salt, by).toString('hex'),
    reason: taggedSm3(REASON_TAG, salt, reason).toString('hex'),
    catalog: { templateId, templateVersion, sm3: catalogDigest(catalog) },
    previousSm3: catalogDigest(before),
  };
  const signature = sm2.sign(await keys.get('ledger'), Buffer.from(jcs(manifest))).toString('hex');
  const edited = { archiveId, version, edit: edit + 1, catalog, by, reason, at };
  return { ...edited, manifest, salt: salt.toString('hex'), signature };
}

/** Writes it and puts it into the outbox: all of it or nothing; false if the archive is no longer as it was looked at. */
export async function writeEdit({ models, connection }: Store, made: CatalogEdit, archive: Archive): Promise<boolean> {
  const { archiveId, version, edit, salt, manifest, at, catalog } = made;
  const { catalogEdit } = archive;
  const stands = await completenessBy(models, archive, catalog);
  const as = { archiveId, currentVersion: version, legalHold: { $exists: false } };
  const place = catalogEdit === undefined ? { catalogEdit: { $exists: false } } : { catalogEdit };
  let isWritten = false;
  await connection.transaction(async (session) => {
    const { matchedCount } = await models.Archive.updateOne(
      { ...as, ...place },
      { $set: { catalogEdit: edit, updatedAt: at, ...stands } },
      { session },
    );
    const newer = { archiveId, version: { $gt: version } };
    isWritten = matchedCount === 1 && (await models.ArchiveVersion.exists(newer).session(session)) === null;
    if (!isWritten) return session.abortTransaction();
    await models.CatalogEdit.create([made], { session });
    const item = {
      stream: CATALOG_STREAM,
      archiveId: editSubject(archiveId, version),
      version: edit,
      key: taggedSm3(KEY_TAG, archiveId).toString('hex'),
      digest: taggedSm3(ATTEST_TAG, Buffer.from(salt, 'hex'), jcs(manifest)).toString('hex'),
      state: 'pending' as const,
      createdAt: at,
    };
    await models.OutboxItem.create([item], { session });
    return undefined;
  });
  return isWritten;
}
