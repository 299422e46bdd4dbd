import { SealfolioError } from '../../domain/errors.ts';
import type { Batch } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import type { Actor } from '../route.ts';

/**
 * A batch that this actor may go on with: the records room looks after all, a system after its own. Throws batch-not-found,
 * batch-of-another.
 */
export async function ownBatch(
  { store }: Pick<ApiDeps, 'store'>,
  batchId: string,
  { type, id }: Actor,
): Promise<Batch> {
  const batch = await store.models.Batch.findOne({ batchId }).lean<Batch>();
  if (batch === null) throw new SealfolioError('batch-not-found', { batchId });
  if (type === 'app' && batch.sender !== id)
    throw new SealfolioError('batch-of-another', { field: 'batchId', reason: 'another system sent it' });
  return batch;
}
