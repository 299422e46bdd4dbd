import type { ClientSession } from 'mongoose';
import type { Models } from './index.ts';
import type { Archive } from './models/archive.ts';

/**
 * An archive, read to copy what it says into another row of the same transaction. A reader alone would not meet a correction
 * that is written beside it, and its copy would keep what was corrected: so it writes the archive too, and one comes
 * first, and the other sees it. Null if there is none.
 */
export const archiveInTurn = (
  { Archive }: Models,
  archiveId: string,
  session: ClientSession,
): Promise<Archive | null> =>
  Archive.findOneAndUpdate({ archiveId }, { $inc: { turns: 1 } }, { session, returnDocument: 'after' }).lean<Archive>();
