import { z } from 'zod';
import { CorrectionState } from '../../domain/correction.ts';
import { MergeKind } from '../../domain/merge.ts';
import type { PatientMerge, Store } from '../../platform/store/index.ts';
import { displayNames } from '../people/names.ts';

export const shownMerge = z.object({
  mergeId: z.string(),
  archiveId: z.string().describe('Of the retired number: where it was asked for'),
  kind: z.enum(MergeKind),
  state: z.enum(CorrectionState),
  retired: z.string().describe('原病案号'),
  surviving: z.string().describe('现病案号'),
  stands: z.boolean().describe('A merge in force that no split has undone'),
  by: z.string(),
  byName: z.string(),
  reason: z.string(),
  at: z.string(),
  decidedBy: z.string().optional(),
  decidedByName: z.string().optional(),
  decidedAt: z.string().optional(),
  refusal: z.string().optional(),
  attestation: z.object({ height: z.number(), txId: z.string() }).optional(),
});
export type ShownMerge = z.infer<typeof shownMerge>;

/** Merges as people read them, with the names of those who asked and decided. */
export async function mergesShown(store: Store, found: readonly PatientMerge[]): Promise<ShownMerge[]> {
  const names = await displayNames(
    store,
    found.flatMap(({ by, decidedBy }) => (decidedBy === undefined ? [by] : [by, decidedBy])),
  );
  return found.map(({ mergeId, archiveId, kind, state, retired, surviving, by, reason, at, ...rest }) => {
    const { stands = false, decidedBy, decidedAt, refusal, attestation } = rest;
    return {
      ...{ mergeId, archiveId, kind, state, retired, surviving, stands },
      ...{ by, byName: names[by] ?? by, reason, at: at.toISOString() },
      ...(decidedBy !== undefined && { decidedBy, decidedByName: names[decidedBy] ?? decidedBy }),
      ...(decidedAt !== undefined && { decidedAt: decidedAt.toISOString() }),
      ...(refusal !== undefined && { refusal }),
      ...(attestation !== undefined && { attestation: { height: attestation.height, txId: attestation.txId } }),
    };
  });
}
