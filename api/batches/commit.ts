import { SealfolioError } from '../../domain/errors.ts';
import { BatchState, PartState } from '../../domain/status.ts';
import type { Batch } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import type { Actor } from '../route.ts';
import { beginArchiving } from './begin.ts';
import { ownBatch } from './own.ts';
import { park } from './parking.ts';
import { takeOverRefused } from './retry.ts';

/**
 * Hands a batch, whose files are all here or refused, to its workflow; one of a visit that has not ended is parked. Done again it is the same answer. Throws
 * batch-not-found, batch-of-another, batch-incomplete naming the parts that are missing, and part-retried.
 */
export async function commitBatch(deps: ApiDeps, batchId: string, actor: Actor): Promise<Batch> {
  const { store } = deps;
  const batch = await ownBatch({ store }, batchId, actor);
  const goesOn: Batch['state'][] = [BatchState.receiving, BatchState.parked, BatchState.checking];
  if (!goesOn.includes(batch.state)) return batch;
  const missing = batch.parts
    .filter(({ state }) => state === PartState.expected || state === PartState.receiving)
    .map(({ partNo }) => partNo);
  if (missing.length > 0)
    throw new SealfolioError('batch-incomplete', { field: 'parts', reason: 'not uploaded', missing });
  await takeOverRefused({ store }, batch);
  const committedAt = batch.committedAt ?? new Date();
  if (batch.visit !== undefined) return park(deps, { ...batch, visit: batch.visit, committedAt });
  await store.models.Batch.updateOne(
    { batchId, state: BatchState.receiving },
    { $set: { state: BatchState.checking, committedAt } },
  );
  await beginArchiving(deps, batch);
  return { ...batch, state: BatchState.checking, committedAt };
}
