import { z } from 'zod';
import { MergeKind } from '../../domain/merge.ts';
import type { PatientMerge, Store } from '../../platform/store/index.ts';
import { askedShown, shownAsked } from '../corrections/asked.ts';

export const shownMerge = z.object({
  ...shownAsked,
  archiveId: z.string().describe('Of the retired number: where it was asked for'),
  mergeId: z.string(),
  kind: z.enum(MergeKind),
  retired: z.string().describe('原病案号'),
  surviving: z.string().describe('现病案号'),
  stands: z.boolean().describe('A merge in force that no split has undone'),
});
export type ShownMerge = z.infer<typeof shownMerge>;

/** Merges as people read them. */
export const mergesShown = (store: Store, found: readonly PatientMerge[]): Promise<ShownMerge[]> =>
  askedShown(store, found, ({ mergeId, kind, retired, surviving, stands = false }) => ({
    ...{ mergeId, kind, retired, surviving, stands },
  }));
