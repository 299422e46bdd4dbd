import { randomBytes } from 'node:crypto';
import type { AnyBulkWriteOperation } from 'mongodb';
import { heartbeat } from '@temporalio/activity';
import {
  ARCHIVE_STREAM,
  CATALOG_STREAM,
  CORRECTION_STREAM,
  MERGE_STREAM,
  LOAN_STREAM,
  RECEIPT_FORMAT,
} from '../domain/attestation.ts';
import { isSealfolioError, SealfolioError } from '../domain/errors.ts';
import { AttestationState, BatchState } from '../domain/status.ts';
import { TRACE_ATTEST_WITHIN_MS, TRACE_STREAM } from '../domain/trace.ts';
import { jcs, sm2, sm3 } from '../platform/crypto/index.ts';
import { type LedgerPlace, makeTransaction, signAnew } from '../platform/ledger/client.ts';
import type { AnchoringTx, ArchiveVersion, OutboxItem } from '../platform/store/index.ts';
import { verifyReceipt, verifyRecord } from '../verifier/index.ts';
import type { ActivityDeps } from './deps.ts';
import { sealTrace } from './tracing.ts';

/** Records in one transaction. */
const MAX_RECORDS = 256;
const NONCE_BYTES = 16;
const WAIT_MS = 10_000;
/** Receipts fetched and workflows told at once. */
const AT_ONCE = 16;

async function inParallel<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await run(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Records of a stream, and which one an item of the outbox is about. */
interface Placed {
  model: { bulkWrite(writes: AnyBulkWriteOperation[], options: { ordered: false }): Promise<unknown> };
  filterOf(item: OutboxItem): Record<string, unknown>;
}

const isWrongSignature = (error: unknown): boolean =>
  isSealfolioError(error, 'ledger-refused') && error.data.code === 'signature-invalid';

/** What anchoringWorkflow does to the world. */
export function createAnchoringActivities({ memberId, trust, store, keys, ledger, signals, logger }: ActivityDeps) {
  const {
    Archive,
    ArchiveVersion,
    AnchoringTx,
    Batch,
    CatalogEdit,
    Correction,
    LoanEvent,
    OutboxItem,
    PatientMerge,
    TraceBatch,
  } = store.models;

  /** One transaction of these, which are its own from then on; null if another try has taken some of them. */
  async function makeOf(items: readonly (OutboxItem & { _id: unknown })[]): Promise<AnchoringTx | null> {
    const records = items.map(({ stream = ARCHIVE_STREAM, key, digest, note = '' }) => ({
      stream,
      key: Buffer.from(key, 'hex'),
      digest: Buffer.from(digest, 'hex'),
      note: Buffer.from(note, 'hex'),
    }));
    const nonce = randomBytes(NONCE_BYTES);
    const request = { chainId: trust.chainId, sender: memberId, nonce, records };
    const { txId, encoded } = makeTransaction(request, await keys.get('ledger'));
    const made = { txId, encoded, records: items.length, state: 'pending' as const, createdAt: new Date() };
    return store.connection.transaction(async (session) => {
      const { modifiedCount } = await OutboxItem.bulkWrite(
        items.map(({ _id }, indexInTx) => ({
          updateOne: { filter: { _id, state: 'pending' }, update: { $set: { state: 'reserved', txId, indexInTx } } },
        })) as never,
        { session },
      );
      if (modifiedCount < items.length) {
        await session.abortTransaction();
        return null;
      }
      await AnchoringTx.create([made], { session });
      return made;
    });
  }

  /**
   * The transaction on its way, or a new one of what waits; null if nothing does. It is kept before anybody sees it. Of two
   * tries side by side (Temporal was away, and took the first for dead) one makes it, and the other finds that one.
   */
  async function nextTransaction(): Promise<AnchoringTx | null> {
    for (;;) {
      const known = await AnchoringTx.findOne({ state: 'pending' }).lean<AnchoringTx>();
      if (known !== null) return known;
      const items = await OutboxItem.find({ state: 'pending' })
        .sort({ createdAt: 1 })
        .limit(MAX_RECORDS)
        .lean<(OutboxItem & { _id: unknown })[]>();
      if (items.length === 0) return null;
      const made = await makeOf(items);
      if (made !== null) return made;
    }
  }

  /** Where it is in the log; null if the ledger has no such final one. */
  async function placeIfFinal(txId: string): Promise<LedgerPlace | null> {
    try {
      return await ledger.place(txId, 0);
    } catch (error) {
      if (isSealfolioError(error, 'ledger-refused')) return null;
      throw error;
    }
  }

  /**
   * The member's key was rotated on the chain after this was signed. If it became final before, that is its place; if not,
   * it cannot any more under the old signature, and is kept with one by the key of now. Throws the refusal if it has that.
   */
  async function afterRotation(txId: string, encoded: Buffer, refusal: unknown): Promise<LedgerPlace | Buffer> {
    const place = await placeIfFinal(txId);
    if (place !== null) return place;
    const anew = signAnew(encoded, await keys.get('ledger'));
    if (anew === null) throw refusal;
    await AnchoringTx.updateOne({ txId, state: 'pending' }, { $set: { encoded: anew } });
    logger.warn({ txId }, 'the ledger key was rotated: the transaction is signed anew');
    return anew;
  }

  /** Sends it as often as need be, and waits until it is final. */
  async function finality({ txId, encoded: kept }: AnchoringTx): Promise<LedgerPlace> {
    let encoded = Buffer.isBuffer(kept) ? kept : Buffer.from((kept as { buffer: Buffer }).buffer);
    for (;;) {
      heartbeat(txId);
      try {
        await ledger.submit(encoded);
        const place = await ledger.place(txId, WAIT_MS);
        if (place !== null) return place;
      } catch (error) {
        if (!isWrongSignature(error)) throw error;
        const now = await afterRotation(txId, encoded, error);
        if (!Buffer.isBuffer(now)) return now;
        encoded = now;
      }
    }
  }

  /** Fetches one receipt, checks it by the verifier's own code, and writes it down. */
  async function deliver({ archiveId, version, txId, indexInTx }: OutboxItem, place: LedgerPlace): Promise<void> {
    const found = await ArchiveVersion.findOne({ archiveId, version }).lean<ArchiveVersion>();
    const { manifest, salt } = found!;
    const receipt = jcs({
      format: RECEIPT_FORMAT,
      manifest,
      salt,
      ledger: await ledger.receipt(txId!, indexInTx!),
    });
    const { bytes, sm3: digest, sha256 } = manifest!.package;
    const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
    const { verdict, failed } = verifyReceipt(receipt, { bytes, sm3: digest, sha256 }, trust, crypto);
    if (verdict !== 'valid')
      throw new SealfolioError('receipt-invalid', { archiveId, version, layer: failed ?? verdict });
    const at = new Date();
    const attestation = { txId, indexInTx, height: place.height, logIndex: place.index + indexInTx!, at };
    await ArchiveVersion.updateOne(
      { archiveId, version },
      { $set: { receipt, attestation, state: AttestationState.attested } },
    );
    await Promise.all([
      ArchiveVersion.updateMany(
        { archiveId, version: { $lt: version }, state: AttestationState.attested },
        { $set: { state: AttestationState.superseded } },
      ),
      Archive.updateOne(
        { archiveId, currentVersion: version },
        { $set: { state: AttestationState.attested, attestedAt: at, updatedAt: at } },
      ),
      Batch.updateMany(
        { archiveId, version, state: BatchState.awaitingCatalog },
        { $set: { state: BatchState.archived } },
      ),
    ]);
    // Told before it is written off: a try that is killed in between tells it again.
    await signals.attested(archiveId, version);
    await OutboxItem.updateOne({ archiveId, version }, { $set: { state: 'final' } });
  }

  /** What is only told its place, and where the outbox's item says it is; its proof is asked of the node when someone wants to see it. */
  const placed: Record<string, Placed> = {
    [LOAN_STREAM]: { model: LoanEvent, filterOf: ({ archiveId: loanId, version: seq }) => ({ loanId, seq }) },
    [CATALOG_STREAM]: {
      model: CatalogEdit,
      filterOf: ({ archiveId: subject, version: edit }) => {
        const [archiveId, version] = subject.split('/');
        return { archiveId, version: Number(version), edit };
      },
    },
    [CORRECTION_STREAM]: {
      model: Correction,
      filterOf: ({ archiveId: subject, version: correction }) => ({ archiveId: subject.split('/')[0], correction }),
    },
    [MERGE_STREAM]: { model: PatientMerge, filterOf: ({ archiveId: mergeId }) => ({ mergeId }) },
  };

  /** Writes down where the records of a stream are. */
  async function deliverPlaces(
    { model, filterOf }: Placed,
    items: readonly OutboxItem[],
    { height, index }: LedgerPlace,
  ): Promise<void> {
    if (items.length === 0) return;
    const { txId, stream } = items[0]!;
    await model.bulkWrite(
      items.map((item) => {
        const attestation = { txId, indexInTx: item.indexInTx, height, logIndex: index + item.indexInTx! };
        return { updateOne: { filter: filterOf(item), update: { $set: { attestation } } } };
      }),
      { ordered: false },
    );
    await OutboxItem.updateMany({ txId: txId!, stream: stream! }, { $set: { state: 'final' } });
  }

  /** Writes down where batches of the trace are, once the ledger's own proof of each holds. */
  async function deliverTrace(items: readonly OutboxItem[], { height, index }: LedgerPlace): Promise<void> {
    const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
    await inParallel(items, async ({ version: from, digest, txId, indexInTx }) => {
      const { verdict, failed } = verifyRecord(await ledger.receipt(txId!, indexInTx!), digest, trust, crypto);
      if (verdict !== 'valid') throw new SealfolioError('receipt-invalid', { trace: from, layer: failed ?? verdict });
      const attestation = { txId, indexInTx, height, logIndex: index + indexInTx!, at: new Date() };
      await TraceBatch.updateOne({ from }, { $set: { attestation } });
      await OutboxItem.updateOne({ archiveId: TRACE_STREAM, version: from }, { $set: { state: 'final' } });
    });
  }

  return {
    /** Takes one transaction's worth of the outbox to its receipts; tells how much still waits. */
    async anchorBacklog(): Promise<{ anchored: number; remaining: number }> {
      await sealTrace(store, memberId, TRACE_ATTEST_WITHIN_MS / 2);
      const tx = await nextTransaction();
      if (tx === null) return { anchored: 0, remaining: 0 };
      const place = await finality(tx);
      const items = await OutboxItem.find({ txId: tx.txId, state: 'reserved' }).lean<OutboxItem[]>();
      const inStream = (name: string) => items.filter(({ stream = ARCHIVE_STREAM }) => stream === name);
      for (const [stream, to] of Object.entries(placed)) await deliverPlaces(to, inStream(stream), place);
      await deliverTrace(inStream(TRACE_STREAM), place);
      await inParallel(inStream(ARCHIVE_STREAM), async (item) => {
        await deliver(item, place);
        heartbeat(tx.txId);
      });
      await AnchoringTx.updateOne(
        { txId: tx.txId },
        { $set: { state: 'final', height: place.height, logIndex: place.index, finalAt: new Date() } },
      );
      logger.info({ txId: tx.txId, records: tx.records, height: place.height }, 'anchored');
      const remaining = await OutboxItem.countDocuments({ state: 'pending' });
      return { anchored: tx.records, remaining };
    },
  };
}

export type AnchoringActivities = ReturnType<typeof createAnchoringActivities>;
