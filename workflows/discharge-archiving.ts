import { condition, isCancellation, setHandler } from '@temporalio/workflow';
import { onCard, onDatabase } from './activities.ts';
import { failureCode } from './failure.ts';
import {
  archivingStatusQuery,
  type ArchivingStatus,
  attestedSignal,
  batchCommittedSignal,
  type DischargeArchivingInput,
  retrySignal,
} from './shared.ts';

/**
 * 出院归档: from the batches of one visit to an attested version. Starts with the first committed batch; waits for the
 * mandatory documents by the deadline; a batch that comes later makes the next version.
 */
export async function dischargeArchivingWorkflow({
  archiveId,
  documentDeadlineMs,
}: DischargeArchivingInput): Promise<ArchivingStatus> {
  const status: ArchivingStatus = { state: 'checking', version: null, missing: [] };
  const committed: string[] = [];
  const attested = new Set<number>();
  let retries = 0;
  setHandler(batchCommittedSignal, ({ batchId }) => {
    if (!committed.includes(batchId)) committed.push(batchId);
  });
  setHandler(attestedSignal, ({ version }) => void attested.add(version));
  setHandler(retrySignal, () => void (retries += 1));
  setHandler(archivingStatusQuery, () => status);

  /** Runs a step; what cannot be repaired by waiting is handed to a person, and tried again at their word. */
  async function step<T>(state: ArchivingStatus['state'], run: () => Promise<T>): Promise<T> {
    for (;;) {
      status.state = state;
      delete status.failure;
      try {
        return await run();
      } catch (error) {
        if (isCancellation(error)) throw error;
        status.state = 'failed';
        status.failure = failureCode(error);
        const seen = retries;
        await onDatabase.recordFailure({ archiveId, code: status.failure });
        await condition(() => retries > seen);
      }
    }
  }

  await condition(() => committed.length > 0);
  while (committed.length > 0) {
    const batchIds: string[] = [];
    do {
      const fresh = committed.splice(0);
      const checked = await step('checking', () => onCard.checkBatches({ archiveId, batchIds: fresh }));
      batchIds.push(...fresh);
      status.missing = checked.missing;
      if (checked.missing.length === 0 || checked.documentsComplete) break;
      status.state = 'awaitingDocuments';
    } while (await condition(() => committed.length > 0, documentDeadlineMs));

    const version = await step('cataloguing', () => onCard.buildCatalog({ archiveId, batchIds }));
    if (version === null) {
      status.state = 'refused';
      continue;
    }
    status.version = version;
    await step('packing', () => onCard.packArchive({ archiveId, version }));
    const requested = await step('anchoring', () => onDatabase.requestAttestation({ archiveId, version }));
    if (!requested.attested) await condition(() => attested.has(version));
    status.state = 'attested';
  }
  return status;
}
