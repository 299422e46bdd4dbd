import { SealfolioError } from '../../domain/errors.ts';
import type { Archive, ArchiveVersion, Store } from '../../platform/store/index.ts';

/** The archive. Throws archive-not-found. */
export async function archiveOf({ models }: Store, archiveId: string): Promise<Archive> {
  const found = await models.Archive.findOne({ archiveId }).lean<Archive>();
  if (found === null) throw new SealfolioError('archive-not-found', { archiveId });
  return found;
}

/** A version of it, the current one by default. Throws archive-not-found or version-not-found. */
export async function versionOf(store: Store, archiveId: string, version?: number): Promise<ArchiveVersion> {
  const { currentVersion } = await archiveOf(store, archiveId);
  const found = await store.models.ArchiveVersion.findOne({
    archiveId,
    version: version ?? currentVersion,
  }).lean<ArchiveVersion>();
  if (found === null) throw new SealfolioError('version-not-found', { archiveId });
  return found;
}
