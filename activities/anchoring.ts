import { randomBytes } from 'node:crypto';
import { heartbeat } from '@temporalio/activity';
import { ARCHIVE_STREAM, RECEIPT_FORMAT } from '../domain/attestation.ts';
import { SealfolioError } from '../domain/errors.ts';
import { AttestationState, BatchState } from '../domain/status.ts';
import { jcs, sm2, sm3 } from '../platform/crypto/index.ts';
import { type LedgerPlace, makeTransaction } from '../platform/ledger/client.ts';
import type { AnchoringTx, ArchiveVersion, OutboxItem } from '../platform/store/index.ts';
import { verifyReceipt } from '../verifier/index.ts';
import type { ActivityDeps } from './deps.ts';

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

/** What anchoringWorkflow does to the world. */
export function createAnchoringActivities({ memberId, trust, store, keys, ledger, signals, logger }: ActivityDeps) {
  const { Archive, ArchiveVersion, AnchoringTx, Batch, OutboxItem } = store.models;

  /** The transaction on its way, or a new one of what waits; null if nothing does. It is kept before anybody sees it. */
  async function nextTransaction(): Promise<AnchoringTx | null> {
    const known = await AnchoringTx.findOne({ state: 'pending' }).lean<AnchoringTx>();
    if (known !== null) return known;
    const items = await OutboxItem.find({ state: 'pending' })
      .sort({ createdAt: 1 })
      .limit(MAX_RECORDS)
      .lean<(OutboxItem & { _id: unknown })[]>();
    if (items.length === 0) return null;
    const records = items.map(({ key, digest }) => ({
      stream: ARCHIVE_STREAM,
      key: Buffer.from(key, 'hex'),
      digest: Buffer.from(digest, 'hex'),
      note: Buffer.alloc(0),
    }));
    const nonce = randomBytes(NONCE_BYTES);
    const request = { chainId: trust.chainId, sender: memberId, nonce, records };
    const { txId, encoded } = makeTransaction(request, await keys.get('ledger'));
    const made = { txId, encoded, records: items.length, state: 'pending' as const, createdAt: new Date() };
    await store.connection.transaction(async (session) => {
      await AnchoringTx.create([made], { session });
      await OutboxItem.bulkWrite(
        items.map(({ _id }, indexInTx) => ({
          updateOne: { filter: { _id, state: 'pending' }, update: { $set: { state: 'reserved', txId, indexInTx } } },
        })) as never,
        { session },
      );
    });
    return made;
  }

  /** Sends it as often as need be, and waits until it is final. */
  async function finality({ txId, encoded }: AnchoringTx): Promise<LedgerPlace> {
    for (;;) {
      heartbeat(txId);
      await ledger.submit(Buffer.isBuffer(encoded) ? encoded : Buffer.from((encoded as { buffer: Buffer }).buffer));
      const place = await ledger.place(txId, WAIT_MS);
      if (place !== null) return place;
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

  return {
    /** Takes one transaction's worth of the outbox to its receipts; tells how much still waits. */
    async anchorBacklog(): Promise<{ anchored: number; remaining: number }> {
      const tx = await nextTransaction();
      if (tx === null) return { anchored: 0, remaining: 0 };
      const place = await finality(tx);
      const items = await OutboxItem.find({ txId: tx.txId, state: 'reserved' }).lean<OutboxItem[]>();
      await inParallel(items, async (item) => {
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
