import { randomBytes } from 'node:crypto';
import { SALT_BYTES } from '../../domain/attestation.ts';
import type { FrontPage } from '../../domain/front-page.ts';
import { checkFrontPage } from '../../domain/front-page/quality.ts';
import type { Models, Store } from './index.ts';
import type { FrontPageRow } from './models/front-page.ts';
import { archiveInTurn } from './in-turn.ts';
import type { SealedObjects } from './objects.ts';

/** What is sealed: the database keeps the digest of an object, and under a salt nobody guesses an id number by it. */
interface Sealed {
  salt: string;
  page: FrontPage;
}

/** Keeps what a front page says as a sealed object; gives its id. */
export async function sealFrontPage(objects: SealedObjects, page: FrontPage): Promise<string> {
  const sealed: Sealed = { salt: randomBytes(SALT_BYTES).toString('hex'), page };
  const what = { kind: 'frontPage', mediaType: 'application/json' } as const;
  return (await objects.write(once(Buffer.from(JSON.stringify(sealed))), what)).objectId;
}
async function* once(data: Buffer): AsyncGenerator<Buffer> {
  yield data;
}

/** What a front page says. Throws what reading a sealed object throws. */
export async function openFrontPage(objects: SealedObjects, objectId: string): Promise<FrontPage> {
  return (JSON.parse((await objects.readAll(objectId)).toString('utf8')) as Sealed).page;
}

/** Checks of an archive's front pages, the last first. */
export const frontPageChecks = (models: Models, archiveId: string, limit: number): Promise<FrontPageRow[]> =>
  models.FrontPage.find({ archiveId }).sort({ check: -1 }).limit(limit).select('-_id').lean<FrontPageRow[]>();

type Taken = Pick<FrontPageRow, 'objectId' | 'by' | 'batchId' | 'correction'>;

/**
 * Checks a front page against what its archive is registered with, keeps the result, and shows it in lists: all of it or
 * nothing. Null if another check came after `base` (0: none was there). What came with a batch is taken once: then the check of then.
 */
export async function keepFrontPage(
  { models, connection, objects }: Store,
  archiveId: string,
  taken: Taken,
  base?: number,
): Promise<FrontPageRow | null> {
  const page = await openFrontPage(objects, taken.objectId);
  return connection.transaction(async (session) => {
    const archive = (await archiveInTurn(models, archiveId, session))!;
    const find = (filter: object) =>
      models.FrontPage.findOne(filter).sort({ check: -1 }).session(session).select('-_id').lean<FrontPageRow>();
    const known = taken.batchId === undefined ? null : await find({ batchId: taken.batchId });
    if (known !== null) return known;
    const last = (await find({ archiveId }))?.check ?? 0;
    if (base !== undefined && base !== last) return null;
    const made: FrontPageRow = {
      ...{ archiveId, check: last + 1, ...taken, at: new Date() },
      ...checkFrontPage(page, archive),
    };
    await models.FrontPage.create([made], { session });
    await models.Archive.updateOne({ archiveId }, { $set: { frontPage: made.state } }, { session });
    return made;
  });
}

/** What an archive is registered with was corrected: its front page, if there is one, is held against that. */
export async function recheckFrontPage(store: Store, archiveId: string, by: string, correction: number): Promise<void> {
  const [last] = await frontPageChecks(store.models, archiveId, 1);
  if (last === undefined) return;
  // One that came after it was held against what is corrected already.
  await keepFrontPage(store, archiveId, { objectId: last.objectId, by, correction }, last.check);
}

/** Archives that were made before their front pages were checked. */
export async function tellFrontPages({ Archive }: Models): Promise<void> {
  await Archive.updateMany({ frontPage: null } as never, { $set: { frontPage: 'unchecked' } });
}
