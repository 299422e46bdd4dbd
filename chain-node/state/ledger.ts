import {
  type Block,
  blockHash,
  type Commit,
  decodeLogEntry,
  encodeLogEntry,
  HASH_BYTES,
  type Header,
  MAX_BLOCK_TXS,
  txRootOf,
  VoteType,
  voteMessage,
} from '../codec/block.ts';
import { isQuorum } from '../consensus/core.ts';
import { LedgerError } from '../errors.ts';
import type { Genesis } from '../genesis.ts';
import { type CheckedTx, checkTransactions } from '../mempool/mempool.ts';
import { type AppliedTx, BlockStore } from '../store/block-store.ts';
import type { Signatures, World } from '../world.ts';
import { leafHash, MerkleLog } from './merkle.ts';

export const MAX_BLOCK_BYTES = 4 * 1024 * 1024;
/** How far a proposer's clock may be ahead of ours. */
const MAX_CLOCK_SKEW_MS = 10_000;

const invalid = (reason: string) => new LedgerError('block-invalid', reason);

/** Throws block-invalid if these are not the transactions that the header names. */
export function checkTxRoot({ header, txs }: Block): void {
  if (!header.txRoot.equals(txRootOf(txs))) throw invalid('root of the transactions');
}

interface Applied {
  txs: AppliedTx[];
  leaves: Buffer[];
}

/** The chain as this node holds it: the head, the log over all records, and the store under them. */
export class Ledger {
  readonly #log = new MerkleLog();
  #height = 0;
  #head: Buffer;
  #headTimeMs: number;

  private constructor(
    readonly genesis: Genesis,
    readonly store: BlockStore,
    private readonly signatures: Signatures,
  ) {
    this.#head = genesis.hash;
    this.#headTimeMs = genesis.timeMs;
  }

  /** Opens the store and makes the log anew from its records; throws block-invalid if they do not lead to the head's root. */
  static async open(genesis: Genesis, { disk, signatures }: Pick<World, 'disk' | 'signatures'>): Promise<Ledger> {
    const ledger = new Ledger(genesis, new BlockStore(await disk.keyValues('blocks')), signatures);
    try {
      await ledger.#load();
    } catch (error) {
      await ledger.store.close();
      throw error;
    }
    return ledger;
  }

  async #load(): Promise<void> {
    for await (const entry of this.store.entries()) this.#log.append(leafHash(entry));
    const height = await this.store.height();
    if (height === 0) return;
    const { header } = await this.store.block(height);
    if (header.logSize !== this.#log.size || !header.logRoot.equals(this.#log.root()))
      throw invalid(`the records in the store do not lead to the log root of height ${height}`);
    if (header.chainId !== this.genesis.chainId) throw invalid('the store is of another chain');
    this.#moveTo(header);
  }

  get height(): number {
    return this.#height;
  }

  get head(): Buffer {
    return this.#head;
  }

  get headTimeMs(): number {
    return this.#headTimeMs;
  }

  get logSize(): number {
    return this.#log.size;
  }

  get validators(): string[] {
    return this.genesis.members.filter(({ role }) => role === 'validator').map(({ memberId }) => memberId);
  }

  publicKeyOf(memberId: string): Buffer | undefined {
    return this.genesis.members.find((member) => member.memberId === memberId)?.publicKey;
  }

  /** The next block, of these transactions. */
  build(txs: readonly CheckedTx[], proposer: string, nowMs: number): Block {
    const { leaves } = this.#derive(txs);
    return {
      header: {
        chainId: this.genesis.chainId,
        height: this.#height + 1,
        timeMs: Math.max(nowMs, this.#headTimeMs + 1),
        previous: this.#head,
        txRoot: txRootOf(txs.map(({ encoded }) => encoded)),
        ...this.#after(leaves),
        membersHash: this.genesis.membersHash,
        proposer,
      },
      txs: txs.map(({ encoded }) => encoded),
    };
  }

  /**
   * Whether this block, whose txRoot was checked (checkTxRoot), may follow the head: Tendermint's valid(v). `known` gives transactions that were checked before.
   * Throws block-invalid or what is wrong with a transaction.
   */
  async check(
    { header, txs }: Block,
    known: (encoded: Buffer) => CheckedTx | undefined,
    nowMs: number | null,
  ): Promise<CheckedTx[]> {
    this.#checkHeader(header, nowMs);
    if (txs.length > MAX_BLOCK_TXS) throw invalid('too many transactions');
    if (txs.reduce((sum, tx) => sum + tx.length, 0) > MAX_BLOCK_BYTES) throw invalid('too large');
    const found = txs.map((encoded) => known(encoded) ?? encoded);
    const fresh = await checkTransactions(
      found.filter((tx) => Buffer.isBuffer(tx)),
      this.genesis,
      this.signatures,
    );
    const checked = found.map((tx) => (Buffer.isBuffer(tx) ? fresh.shift()! : tx));
    const nonces = new Set<string>();
    for (const { tx } of checked) {
      const nonce = `${tx.sender}/${tx.nonce.toString('hex')}`;
      if (nonces.has(nonce) || (await this.store.txIdOfNonce(tx.sender, tx.nonce)) !== null)
        throw invalid('a transaction a second time');
      nonces.add(nonce);
    }
    const after = this.#after(this.#derive(checked).leaves);
    if (header.logSize !== after.logSize || !header.logRoot.equals(after.logRoot)) throw invalid('root of the log');
    return checked;
  }

  /** Throws commit-invalid unless more than two thirds of the validators signed this block. */
  async checkCommit(header: Header, commit: Commit): Promise<void> {
    const refuse = (reason: string) => new LedgerError('commit-invalid', reason);
    const hash = blockHash(header);
    if (commit.height !== header.height || !commit.blockHash.equals(hash)) throw refuse('of another block');
    const { validators } = this;
    const signers = commit.signatures.map(({ memberId }) => memberId);
    if (signers.some((id, i) => !validators.includes(id) || (i > 0 && signers[i - 1]! >= id)))
      throw refuse('signers are not validators in order');
    if (!isQuorum(signers.length, validators.length)) throw refuse('fewer than a quorum');
    const answers = await this.signatures.verifyMany(
      commit.signatures.map(({ memberId, signature }) => ({
        publicKey: this.publicKeyOf(memberId)!,
        message: voteMessage(header.chainId, {
          type: VoteType.precommit,
          height: commit.height,
          round: commit.round,
          blockHash: hash,
          voter: memberId,
        }),
        signature,
      })),
    );
    if (answers.includes(false)) throw refuse('a signature is wrong');
  }

  /** Makes a checked block with its commit the head, durably. */
  async append(block: Block, commit: Commit, txs: readonly CheckedTx[]): Promise<AppliedTx[]> {
    const applied = this.#derive(txs);
    await this.store.append(block, commit, applied.txs);
    for (const leaf of applied.leaves) this.#log.append(leaf);
    this.#moveTo(block.header);
    return applied.txs;
  }

  /** The ledger's part of a receipt (docs/receipt-format.md) for one record of a final transaction. Throws not-found. */
  async receipt(txId: string, indexInTx: number): Promise<Record<string, unknown>> {
    const place = await this.store.place(txId);
    if (place === null || indexInTx >= place.count) throw new LedgerError('not-found', 'no such record is final');
    const index = place.index + indexInTx;
    const [{ header }, commit, encoded] = await Promise.all([
      this.store.block(place.height),
      this.store.commit(place.height),
      this.store.entry(index),
    ]);
    return {
      chainId: this.genesis.chainId,
      genesisHash: this.genesis.hash.toString('hex'),
      index,
      entry: entryJson(encoded),
      path: this.#log.inclusionPath(index, header.logSize).map((hash) => hash.toString('hex')),
      header: headerJson(header),
      commit: { round: commit.round, signatures: commit.signatures.map(signatureJson) },
      members: this.genesis.members.map((member) => ({ ...member, publicKey: member.publicKey.toString('hex') })),
    };
  }

  /**
   * That the log of `from` records is the start of that of `to` (RFC 6962 §2.1.2): both roots and the path between them.
   * Throws not-found unless 1 ≤ from ≤ to ≤ the log's size.
   */
  consistency(
    from: number,
    to: number,
  ): { from: number; to: number; fromRoot: string; toRoot: string; path: string[] } {
    if (from < 1 || from > to || to > this.#log.size)
      throw new LedgerError('not-found', `the log has ${this.#log.size} records`);
    const path = this.#log.consistencyPath(from, to).map((hash) => hash.toString('hex'));
    return {
      from,
      to,
      fromRoot: this.#log.root(from).toString('hex'),
      toRoot: this.#log.root(to).toString('hex'),
      path,
    };
  }

  #checkHeader(header: Header, nowMs: number | null): void {
    if (header.chainId !== this.genesis.chainId) throw new LedgerError('chain-mismatch', 'block of another chain');
    if (header.height !== this.#height + 1) throw invalid('height');
    if (!header.previous.equals(this.#head)) throw invalid('does not follow the head');
    if (!header.membersHash.equals(this.genesis.membersHash)) throw invalid('members');
    if (!this.validators.includes(header.proposer)) throw invalid('proposer');
    if (header.timeMs <= this.#headTimeMs) throw invalid('time does not move on');
    if (nowMs !== null && header.timeMs > nowMs + MAX_CLOCK_SKEW_MS) throw invalid('time lies ahead');
  }

  /** What these transactions add to the log. */
  #derive(txs: readonly CheckedTx[]): Applied {
    let index = this.#log.size;
    const applied: Applied = { txs: [], leaves: [] };
    for (const { txId, tx, records } of txs) {
      const entries = records.map((record, indexInTx) => {
        const encoded = encodeLogEntry({ txId, indexInTx, sender: tx.sender, record });
        applied.leaves.push(leafHash(encoded));
        return { encoded, stream: record.stream, key: record.key };
      });
      const { sender, nonce } = tx;
      applied.txs.push({ height: this.#height + 1, index, count: records.length, txId, sender, nonce, entries });
      index += records.length;
    }
    return applied;
  }

  #after(leaves: readonly Buffer[]): { logSize: number; logRoot: Buffer } {
    const { size } = this.#log;
    for (const leaf of leaves) this.#log.append(leaf);
    const after = { logSize: this.#log.size, logRoot: this.#log.root() };
    this.#log.truncate(size);
    return after;
  }

  #moveTo(header: Header): void {
    this.#height = header.height;
    this.#head = blockHash(header);
    this.#headTimeMs = header.timeMs;
  }
}

const signatureJson = ({ memberId, signature }: { memberId: string; signature: Buffer }) => ({
  memberId,
  signature: signature.toString('hex'),
});

/** A header as rpc and receipts show it: bytes in lower-case hex. */
export const headerJson = (header: Header) => ({
  version: 1,
  ...Object.fromEntries(
    Object.entries(header).map(([field, value]) => [
      field,
      typeof value === 'object' ? (value as Buffer).toString('hex') : value,
    ]),
  ),
});

export function entryJson(encoded: Buffer) {
  const { txId, indexInTx, sender, record } = decodeLogEntry(encoded);
  const { stream, key, digest, note } = record;
  return {
    txId: txId.toString('hex'),
    indexInTx,
    sender,
    record: { stream, key: key.toString('hex'), digest: digest.toString('hex'), note: note.toString('hex') },
  };
}

/** Whether these are the 64 hex digits of a hash. */
export const isHashHex = (text: string): boolean => text.length === 2 * HASH_BYTES && /^[0-9a-f]+$/.test(text);
