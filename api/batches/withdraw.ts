import { SealfolioError } from '../../domain/errors.ts';
import { BatchState } from '../../domain/status.ts';
import type { Batch } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import type { Actor } from '../route.ts';
import { ownBatch } from './own.ts';

/** Nothing of it is in an archive yet. */
const OPEN: Batch['state'][] = [BatchState.receiving, BatchState.parked];

/**
 * 撤回: a batch of which nothing is in an archive yet, and what was sent of it goes; who withdrew it and why stay. Done again it
 * is the same. Throws batch-not-found, batch-of-another, batch-not-open.
 */
export async function withdrawBatch(deps: ApiDeps, batchId: string, reason: string, actor: Actor): Promise<Batch> {
  const { models, objects } = deps.store;
  await ownBatch(deps, batchId, actor);
  const withdrawn = { by: actor.id, reason, at: new Date() };
  await models.Batch.updateOne({ batchId, state: { $in: OPEN } }, { $set: { state: BatchState.withdrawn, withdrawn } });
  const batch = (await models.Batch.findOne({ batchId }).lean<Batch>())!;
  if (batch.state !== BatchState.withdrawn)
    throw new SealfolioError('batch-not-open', { field: 'batchId', reason: batch.state });
  for (const objectId of [batch.frontPage, ...batch.parts.map((part) => part.objectId)])
    if (objectId !== undefined) await objects.remove(objectId);
  return batch;
}
