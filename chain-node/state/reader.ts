import { type Block, blockHash, type Certificate, txRootOf } from '../codec/block.ts';
import { decodeLogEntry, type LogEntry } from '../codec/record.ts';
import { decodeTransaction, messageIn } from '../codec/transaction.ts';
import { sm3 } from '../../platform/crypto/index.ts';
import { LedgerError } from '../errors.ts';
import { entryOf, marksIn } from '../mempool/examine.ts';
import type { BlockStore, TxPlace } from '../store/block-store.ts';
import { digestMark, keyMark } from '../store/marks.ts';
import { certificateJson, entryJson, headerJson, memberJson, signatureJson } from './json.ts';
import type { Ledger } from './ledger.ts';
import { leafHash, nodeHash } from './merkle.ts';

/** Marks of the records from `record` on, up to those of block `height`, for the record index. */
export async function* marksFrom(store: BlockStore, record: number, height: number): AsyncGenerator<Float64Array> {
  const { logSize } = (await store.certificate(height)).header;
  if (record >= logSize) return;
  const { height: firstHeight, first } = await store.placeOfRecord(record);
  let at = first;
  for (let h = firstHeight; h <= height; h += 1)
    for (const encoded of await store.txs(h)) {
      const marks = marksIn(decodeTransaction(encoded), sm3(messageIn(encoded)));
      const skipped = Math.max(record - at, 0);
      at += marks.length / 2;
      yield marks.subarray(2 * skipped);
    }
}

/** A record, and where it is. */
export interface FoundRecord {
  index: number;
  height: number;
  encoded: Buffer;
  entry: LogEntry;
}

/**
 * Reads the ledger for others. Whatever it gives was hashed again on the way out: what was changed in the store is named
 * (store-corrupt), never served.
 */
export class LedgerReader {
  constructor(private readonly ledger: Ledger) {}

  get #store(): BlockStore {
    return this.ledger.store;
  }

  /** Throws pruned for what lies before the snapshot that this node began with. */
  #need(isThere: boolean): void {
    const { height, logSize } = this.ledger.base;
    if (!isThere)
      throw new LedgerError('pruned', `this node has blocks after ${height} and records from ${logSize} only`);
  }

  /** Throws not-found, pruned. */
  async certificate(height: number): Promise<Certificate> {
    const { base, handovers } = this.ledger;
    if (height < 1 || height > this.ledger.height) throw new LedgerError('not-found', `block ${height}`);
    this.#need(height >= base.height || handovers.includes(height));
    const certificate = await this.#store.certificate(height);
    if (!certificate.commit.blockHash.equals(blockHash(certificate.header)))
      throw this.#store.corrupt(`the header of block ${height} is not the one that was signed`);
    return certificate;
  }

  async block(height: number): Promise<Block & Certificate> {
    const certificate = await this.certificate(height);
    this.#need(height > this.ledger.base.height);
    const txs = await this.#store.txs(height);
    if (!txRootOf(txs.map(leafHash)).equals(certificate.header.txRoot))
      throw this.#store.corrupt(`the transactions of block ${height} are not those of its header`);
    return { ...certificate, txs };
  }

  /** How many transactions a block has, without reading them. Throws not-found, pruned. */
  async txCount(height: number): Promise<number> {
    const { logSize } = (await this.certificate(height)).header;
    this.#need(height > this.ledger.base.height);
    return this.#store.txCount(height, logSize);
  }

  /** The record at this index of the log, as it is proven to be there. Throws not-found. */
  async record(index: number): Promise<FoundRecord> {
    if (index < 0 || index >= this.ledger.logSize) throw new LedgerError('not-found', `record ${index}`);
    this.#need(index >= this.ledger.base.logSize);
    const { height, indexInBlock, indexInTx } = await this.#store.placeOfRecord(index);
    const tx = await this.#store.tx(height, indexInBlock);
    const encoded = entryOf(decodeTransaction(tx.encoded), tx.txId, indexInTx);
    if (!leafHash(encoded).equals(await this.ledger.log.leaf(index)))
      throw this.#store.corrupt(`record ${index} is not the one that the log holds`);
    return { index, height, encoded, entry: decodeLogEntry(encoded) };
  }

  /** Records in the order of the log, from an index on. */
  async records(from: number, limit: number): Promise<FoundRecord[]> {
    const indexes = Array.from({ length: limit }, (_, i) => from + i).filter((index) => index < this.ledger.logSize);
    return Promise.all(indexes.map((index) => this.record(index)));
  }

  /** Records under a key, of one stream or of any, oldest first, from a log index on. */
  byKey(stream: string | null, key: Buffer, from: number, limit: number): Promise<FoundRecord[]> {
    const isMeant = ({ record }: LogEntry) => (stream === null || record.stream === stream) && record.key.equals(key);
    return this.#find(keyMark(key), isMeant, from, limit);
  }

  /** Records with a digest, oldest first, from a log index on. */
  byDigest(digest: Buffer, from: number, limit: number): Promise<FoundRecord[]> {
    return this.#find(digestMark(digest), ({ record }) => record.digest.equals(digest), from, limit);
  }

  async #find(
    mark: number,
    isMeant: (entry: LogEntry) => boolean,
    from: number,
    limit: number,
  ): Promise<FoundRecord[]> {
    const found: FoundRecord[] = [];
    for await (const group of this.ledger.index.find(mark, Math.max(from, this.ledger.base.logSize))) {
      // The index hears of a block while it is being written.
      const indexes = group.filter((index) => index < this.ledger.logSize);
      while (indexes.length > 0 && found.length < limit) {
        const records = await Promise.all(indexes.splice(0, limit - found.length).map((index) => this.record(index)));
        found.push(...records.filter(({ entry }) => isMeant(entry)));
      }
      if (found.length >= limit) break;
    }
    return found;
  }

  /** The ledger's part of a receipt (docs/receipt-format.md) for one record of a final transaction. Throws not-found. */
  async receipt(txId: string, indexInTx: number): Promise<Record<string, unknown>> {
    const place = await this.#store.place(txId);
    if (place === null || indexInTx >= place.count) throw new LedgerError('not-found', 'no such record is final');
    const { genesis } = this.ledger;
    const index = place.index + indexInTx;
    const { header, commit } = await this.certificate(place.height);
    const encoded = await this.#entryOf(place, txId, indexInTx);
    const path = await this.ledger.log.inclusionPath(index, header.logSize);
    if (!rootOf(leafHash(encoded), index, header.logSize, path).equals(header.logRoot))
      throw this.#store.corrupt(`record ${index} does not lead to the root of block ${place.height}`);
    return {
      chainId: genesis.chainId,
      genesisHash: genesis.hash.toString('hex'),
      index,
      entry: entryJson(encoded),
      path: path.map((hash) => hash.toString('hex')),
      header: headerJson(header),
      commit: { round: commit.round, signatures: commit.signatures.map(signatureJson) },
      members: (await this.ledger.membersAt(place.height)).map(memberJson),
      handovers: await this.handovers(place.height),
    };
  }

  /** The blocks below a height whose signatures handed the chain over to other members, oldest first. */
  handovers(height: number): Promise<Record<string, unknown>[]> {
    const below = this.ledger.handovers.filter((handover) => handover < height);
    return Promise.all(
      below.map(async (handover) => ({
        ...certificateJson(await this.certificate(handover)),
        members: (await this.ledger.membersAt(handover)).map(memberJson),
      })),
    );
  }

  async #entryOf({ height, indexInBlock }: TxPlace, txId: string, indexInTx: number): Promise<Buffer> {
    const tx = await this.#store.tx(height, indexInBlock);
    if (tx.txId.toString('hex') !== txId)
      throw this.#store.corrupt(`block ${height} does not hold transaction ${txId}`);
    return entryOf(decodeTransaction(tx.encoded), tx.txId, indexInTx);
  }

  /**
   * That the log of `from` records is the start of that of `to` (RFC 6962 §2.1.2): both roots and the path between them.
   * Throws not-found unless 1 ≤ from ≤ to ≤ the log's size.
   */
  async consistency(
    from: number,
    to: number,
  ): Promise<{ from: number; to: number; fromRoot: string; toRoot: string; path: string[] }> {
    const { log, base } = this.ledger;
    if (from < 1 || from > to || to > log.size) throw new LedgerError('not-found', `the log has ${log.size} records`);
    this.#need(from >= base.logSize);
    const [path, fromRoot, toRoot] = await Promise.all([
      log.consistencyPath(from, to),
      log.rootAt(from),
      log.rootAt(to),
    ]);
    return {
      from,
      to,
      fromRoot: fromRoot.toString('hex'),
      toRoot: toRoot.toString('hex'),
      path: path.map((hash) => hash.toString('hex')),
    };
  }
}

/** The root that a path leads to (RFC 9162 §2.1.3.2). */
function rootOf(leaf: Buffer, index: number, size: number, path: readonly Buffer[]): Buffer {
  let [node, last, root] = [index, size - 1, leaf];
  for (const sibling of path) {
    if (node % 2 === 1 || node === last) {
      root = nodeHash(sibling, root);
      while (node % 2 === 0 && node !== 0) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
    } else root = nodeHash(root, sibling);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  return root;
}
