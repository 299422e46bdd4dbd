import { SealfolioError } from '../../domain/errors.ts';
import type { Archive } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import type { Registration } from './schemas.ts';

const FIELDS = ['patientName', 'dischargedAt'] as const;
type Said = Pick<Archive, (typeof FIELDS)[number]>;
const MINUTE_MS = 60_000;
/** People type a discharge to the minute. */
const comparable = (value: string | Date) =>
  typeof value === 'string' ? value : Math.floor(value.getTime() / MINUTE_MS);

/** Whether both speak of one visit, by who it is of and when it ended. */
export const isSameVisit = (one: Said, other: Said): boolean =>
  FIELDS.every((field) => comparable(one[field]) === comparable(other[field]));

/** It never says what the archive holds: who sends files need not be one who reads it. */
function refuseIfOther(known: Partial<Said>, said: Said): void {
  for (const field of FIELDS) {
    const value = known[field] ?? null;
    if (value !== null && comparable(value) !== comparable(said[field]))
      throw new SealfolioError('visit-conflict', { field, reason: 'the visit is registered with another one' });
  }
}

/**
 * Sees that a batch speaks of its visit as the archive does; what the archive does not say yet is taken from the batch. Throws
 * visit-conflict, naming the field.
 */
export async function agreeOnVisit(
  { store }: Pick<ApiDeps, 'store'>,
  archive: Archive,
  { patientName, dischargedAt }: Registration,
): Promise<void> {
  const { Archive } = store.models;
  const { archiveId } = archive;
  const said: Said = { patientName, dischargedAt: new Date(dischargedAt) };
  const known: Partial<Archive> = archive;
  refuseIfOther(known, said);
  const absent = FIELDS.filter((field) => (known[field] ?? null) === null);
  if (absent.length === 0) return;
  // Each only while nobody else has said it.
  for (const field of absent) await Archive.updateOne({ archiveId, [field]: null }, { $set: { [field]: said[field] } });
  refuseIfOther((await Archive.findOne({ archiveId }).lean<Archive>())!, said);
}
