import type { z } from 'zod';
import type { ArchiveVersion, CatalogEdit, Store } from '../../platform/store/index.ts';
import { displayNames } from '../people/names.ts';
import type { shownEdit } from './schemas.ts';

export type ShownEdit = z.infer<typeof shownEdit>;

/** Who made which catalogue of an archive, when and why, newest first; of one version or place, if that is asked for. */
export async function editsShown(
  store: Store,
  archiveId: string,
  version?: number,
  edit?: number,
): Promise<ShownEdit[]> {
  const { models } = store;
  const of = { archiveId, ...(version !== undefined && { version }) };
  const [packed, edits] = await Promise.all([
    models.ArchiveVersion.find(of)
      .select('version reason createdAt attestation')
      .lean<Pick<ArchiveVersion, 'version' | 'reason' | 'createdAt' | 'attestation'>[]>(),
    models.CatalogEdit.find({ ...of, ...(edit !== undefined && { edit }) })
      .select('-catalog -manifest')
      .lean<Omit<CatalogEdit, 'catalog' | 'manifest'>[]>(),
  ]);
  const names = await displayNames(
    store,
    edits.map(({ by }) => by),
  );
  const proof = ({ attestation }: { attestation?: { height: number; txId: string } }) =>
    attestation === undefined ? {} : { attestation: { height: attestation.height, txId: attestation.txId } };
  const shown: ShownEdit[] = [
    ...(edit === undefined || edit === 0 ? packed : []).map(({ version: number, reason, createdAt, ...rest }) => ({
      place: { version: number, edit: 0 },
      ...(reason !== undefined && { reason }),
      at: createdAt.toISOString(),
      ...proof(rest),
    })),
    ...edits.map(({ version: number, edit: nth, by, reason, at, restores, ...rest }) => ({
      place: { version: number, edit: nth },
      by,
      byName: names[by] ?? by,
      reason,
      at: at.toISOString(),
      ...(restores !== undefined && { restores }),
      ...proof(rest),
    })),
  ];
  return shown.sort((a, b) => b.place.version - a.place.version || b.place.edit - a.place.edit);
}
