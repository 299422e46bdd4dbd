import type { Correction, Store } from '../../platform/store/index.ts';
import { displayNames } from '../people/names.ts';
import type { ShownCorrection } from './schemas.ts';

/** Corrections as people read them, with the names of those who asked and decided. */
export async function correctionsShown(store: Store, found: readonly Correction[]): Promise<ShownCorrection[]> {
  const names = await displayNames(
    store,
    found.flatMap(({ by, decidedBy }) => (decidedBy === undefined ? [by] : [by, decidedBy])),
  );
  return found.map(({ archiveId, correction, state, before, after, by, reason, at, ...rest }) => {
    const { decidedBy, decidedAt, refusal, attestation } = rest;
    return {
      ...{ archiveId, correction, state, before, after, by, byName: names[by] ?? by, reason, at: at.toISOString() },
      ...(decidedBy !== undefined && { decidedBy, decidedByName: names[decidedBy] ?? decidedBy }),
      ...(decidedAt !== undefined && { decidedAt: decidedAt.toISOString() }),
      ...(refusal !== undefined && { refusal }),
      ...(attestation !== undefined && { attestation: { height: attestation.height, txId: attestation.txId } }),
    };
  });
}
