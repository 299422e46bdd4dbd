import { condition, isCancellation, patched, setHandler } from '@temporalio/workflow';
import { onCard, onDatabase } from './activities.ts';
import { failureCode } from './failure.ts';
import {
  archivingStatusQuery,
  type ArchivingStatus,
  attestedSignal,
  batchCommittedSignal,
  type DischargeArchivingInput,
  frontPageCheckedSignal,
  retrySignal,
} from './shared.ts';

/** A wait of no time is none. */
const SHORTEST_MS = 1;

/**
 * 出院归档: from the batches of one visit to an attested version. Starts with the first committed batch; waits for the
 * mandatory documents, and for the front page where the template asks for it, by the deadline; a batch that comes later makes
 * the next version.
 */
export async function dischargeArchivingWorkflow({
  archiveId,
  documentDeadlineMs,
}: DischargeArchivingInput): Promise<ArchivingStatus> {
  const status: ArchivingStatus = { state: 'checking', version: null, missing: [] };
  const committed: string[] = [];
  const attested = new Set<number>();
  let retries = 0;
  let checks = 0;
  setHandler(batchCommittedSignal, ({ batchId }) => {
    if (!committed.includes(batchId)) committed.push(batchId);
  });
  setHandler(attestedSignal, ({ version }) => void attested.add(version));
  setHandler(frontPageCheckedSignal, () => void (checks += 1));
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

  /** 首页质控: whether archiving waits for the front page. */
  async function waitsForFrontPage(): Promise<boolean> {
    if (!asksFrontPage) return false;
    const asked = await step('checking', () => onDatabase.askFrontPage({ archiveId }));
    status.frontPage = asked;
    return asked.policy === 'required' && asked.state !== 'passed';
  }

  const asksFrontPage = patched('front-page');
  await condition(() => committed.length > 0);
  while (committed.length > 0) {
    const batchIds: string[] = [];
    let hasDocuments = false;
    let deadline = 0;
    let seen: number;
    do {
      seen = checks;
      const fresh = committed.splice(0);
      if (fresh.length > 0) {
        const checked = await step('checking', () => onCard.checkBatches({ archiveId, batchIds: fresh }));
        batchIds.push(...fresh);
        status.missing = checked.missing;
        hasDocuments ||= checked.missing.length === 0 || checked.documentsComplete;
      }
      // That no more files come says nothing of the front page.
      if (!(await waitsForFrontPage()) && hasDocuments) break;
      status.state = 'awaitingDocuments';
      // What comes in gives the rest of the documents as long again; a front page that is still not right does not.
      if (fresh.length > 0) deadline = Date.now() + documentDeadlineMs;
    } while (
      await condition(() => committed.length > 0 || checks > seen, Math.max(deadline - Date.now(), SHORTEST_MS))
    );

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
