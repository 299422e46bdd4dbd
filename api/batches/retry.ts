import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import { BatchState, PartState } from '../../domain/status.ts';
import { jcs, sm3 } from '../../platform/crypto/index.ts';
import type { Batch } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import type { Actor } from '../route.ts';
import { refuseIfFull } from '../system/disk.ts';
import { ownBatch } from './own.ts';
import { openBatch, sameBatch } from './register.ts';
import { batchIdSchema, partsSchema, scannerIdSchema, text } from './schemas.ts';

/** 重发登记: files that stand in for refused ones of a batch, under their numbers, as a batch of its own. */
export const retrySchema = z.strictObject({
  batchId: batchIdSchema,
  scannerId: scannerIdSchema.optional(),
  reason: text(200),
  parts: partsSchema,
});
export type Retry = z.infer<typeof retrySchema>;

/** Throws batch-nothing-refused, part-not-refused or part-retried, naming the file. */
function checkRefused(parent: Batch, { parts }: Retry): void {
  const refused = new Set(parent.parts.filter(({ state }) => state === PartState.refused).map(({ partNo }) => partNo));
  const hasEnded = parent.state === BatchState.partlyFailed || parent.state === BatchState.refused;
  if (!hasEnded || refused.size === 0)
    throw new SealfolioError('batch-nothing-refused', { field: 'batchId', reason: parent.state });
  for (const [i, { partNo }] of parts.entries()) {
    const field = `parts/${i}/partNo`;
    if (!refused.has(partNo))
      throw new SealfolioError('part-not-refused', { field, reason: `file ${partNo} was not refused` });
    const by = parent.retried?.find((one) => one.partNo === partNo);
    if (by !== undefined)
      throw new SealfolioError('part-retried', { field, reason: `file ${partNo} was sent again as ${by.batchId}` });
  }
}

/**
 * 重发: registers what was refused of a batch once more, alone; the batch itself and its histories stay as they are. The same
 * again is the same answer. Throws batch-not-found, batch-of-another, batch-conflict, disk-full, and what checkRefused throws.
 */
export async function registerRetry(
  deps: ApiDeps,
  parentId: string,
  retry: Retry,
  actor: Actor,
): Promise<{ batch: Batch; isNew: boolean }> {
  const parent = await ownBatch(deps, parentId, actor);
  const registrationSm3 = sm3(Buffer.from(jcs({ retryOf: parentId, ...retry }))).toString('hex');
  const known = await deps.store.models.Batch.findOne({ batchId: retry.batchId }).lean<Batch>();
  if (known !== null) return sameBatch(known, registrationSm3);
  checkRefused(parent, retry);
  await refuseIfFull(deps);
  const { archiveId, documentsComplete } = parent;
  const opened = await openBatch(deps, {
    ...retry,
    archiveId,
    documentsComplete,
    registrationSm3,
    sender: actor.id,
    retryOf: parentId,
  });
  if (opened.batch.state === BatchState.duplicate) await takeOverRefused(deps, opened.batch);
  return opened;
}

/** From here on these files of the batch before are this batch's to bring in. Done again it is the same. Throws part-retried if another batch has them. */
export async function takeOverRefused({ store }: Pick<ApiDeps, 'store'>, batch: Batch): Promise<void> {
  const { batchId, retryOf } = batch;
  if (retryOf === undefined) return;
  const partNos = batch.parts.map(({ partNo }) => partNo);
  const byAnother = { $elemMatch: { partNo: { $in: partNos }, batchId: { $ne: batchId } } };
  const parent = await store.models.Batch.findOneAndUpdate(
    { batchId: retryOf, retried: { $not: byAnother } },
    { $addToSet: { retried: { $each: partNos.map((partNo) => ({ partNo, batchId })) } } },
    { returnDocument: 'after' },
  ).lean<Batch>();
  if (parent === null)
    throw new SealfolioError('part-retried', { field: 'parts', reason: 'another batch brings one of these files in' });
  const retried = new Set(parent.retried?.map(({ partNo }) => partNo));
  const isRetried = parent.parts.every(({ partNo, state }) => state !== PartState.refused || retried.has(partNo));
  if (isRetried) await store.models.Batch.updateOne({ batchId: retryOf }, { $set: { isRetried } });
}
