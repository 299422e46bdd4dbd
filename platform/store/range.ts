import type { RebuildRange } from '../../domain/catalog/rebuild.ts';

/** Bounds of an instant: from the first on, before the second (ISO); none where neither is given. */
export const between = (from: string | undefined, before: string | undefined): { $gte?: Date; $lt?: Date } => ({
  ...(from !== undefined && { $gte: new Date(from) }),
  ...(before !== undefined && { $lt: new Date(before) }),
});

/** Archives of a range, but for its `templateVersion`, which their catalogues tell. */
export function archivesIn({ archiveId, department, dischargedFrom, dischargedTo }: RebuildRange) {
  const time = between(dischargedFrom, dischargedTo);
  return {
    ...(archiveId !== undefined && { archiveId }),
    ...(department !== undefined && { department }),
    ...(Object.keys(time).length > 0 && { dischargedAt: time }),
  };
}
