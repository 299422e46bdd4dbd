import { sm3 } from '../../platform/crypto/index.ts';
import { LedgerError } from '../errors.ts';
import { merkleRoot } from '../state/merkle.ts';
import { type Reader, tag, Writer } from './bytes.ts';
import { type Member, writeMembers } from './member.ts';
import { HASH_BYTES, MAX_NAME_BYTES } from './record.ts';
import { MAX_TX_BYTES } from './transaction.ts';
import { type Commit, readCommit, writeCommit } from './vote.ts';

export const MAX_BLOCK_TXS = 4096;
export const MAX_BLOCK_BYTES = 4 * 1024 * 1024;
const VERSION = 2;
const HEADER_TAG = tag('sealfolio/header/2');
const GENESIS_TAG = tag('sealfolio/genesis/2');

export interface Header {
  chainId: string;
  height: number;
  timeMs: number;
  previous: Buffer;
  txRoot: Buffer;
  /** Size and root of the log after this block's records. */
  logSize: number;
  logRoot: Buffer;
  /** Of the members that sign this height. */
  membersHash: Buffer;
  /** Of the members that sign the next: where it differs, this block's signatures hand the chain over to them. */
  nextMembersHash: Buffer;
  /** Of all that was voted on: members, policy, what is open (state/governance.ts). */
  stateHash: Buffer;
  proposer: string;
}

export interface Block {
  header: Header;
  /** Encoded, signed transactions. */
  txs: Buffer[];
}

/** A header and the signatures that make it final. */
export interface Certificate {
  header: Header;
  commit: Commit;
}

/** What `previous` of block 1 is: it names the chain, its start, its first members and first policy. */
export function genesisHash(chainId: string, timeMs: number, members: readonly Member[], policy: Uint8Array): Buffer {
  const writer = new Writer().raw(GENESIS_TAG).str(chainId).u64(timeMs);
  writeMembers(writer, members);
  return sm3(writer.bytes(policy).done());
}

export function writeHeader(writer: Writer, header: Header): void {
  writer.u8(VERSION).str(header.chainId).u64(header.height).u64(header.timeMs).raw(header.previous).raw(header.txRoot);
  writer.u64(header.logSize).raw(header.logRoot).raw(header.membersHash).raw(header.nextMembersHash);
  writer.raw(header.stateHash).str(header.proposer);
}

export function readHeader(reader: Reader): Header {
  if (reader.u8() !== VERSION) throw new LedgerError('encoding-invalid', 'version of the header');
  return {
    chainId: reader.str(MAX_NAME_BYTES),
    height: reader.u64(),
    timeMs: reader.u64(),
    previous: reader.raw(HASH_BYTES),
    txRoot: reader.raw(HASH_BYTES),
    logSize: reader.u64(),
    logRoot: reader.raw(HASH_BYTES),
    membersHash: reader.raw(HASH_BYTES),
    nextMembersHash: reader.raw(HASH_BYTES),
    stateHash: reader.raw(HASH_BYTES),
    proposer: reader.str(MAX_NAME_BYTES),
  };
}

export function blockHash(header: Header): Buffer {
  const writer = new Writer().raw(HEADER_TAG);
  writeHeader(writer, header);
  return sm3(writer.done());
}

/**
 * Merkle root (RFC 6962 §2.1) over the hashes of the encoded transactions, signatures included: a block hash stands for
 * every byte of the block, so that what was checked under a hash cannot be exchanged for other bytes under it.
 */
export const txRootOf = (txHashes: readonly Buffer[]): Buffer => merkleRoot(txHashes);

export const writeTxs = (writer: Writer, txs: readonly Uint8Array[]): Writer =>
  writer.list(txs, (inner, tx) => inner.bytes(tx));

/** Bytes of what writeTxs writes. */
export const sizeOfTxs = (txs: readonly Uint8Array[]): number => txs.reduce((sum, tx) => sum + 4 + tx.length, 4);

/** Views of what is read. */
export const readTxs = (reader: Reader): Buffer[] =>
  reader.list(MAX_BLOCK_TXS, (inner) => inner.bytesView(MAX_TX_BYTES));

export function writeCertificate(writer: Writer, { header, commit }: Certificate): void {
  writeHeader(writer, header);
  writeCommit(writer, commit);
}

export const readCertificate = (reader: Reader): Certificate => ({
  header: readHeader(reader),
  commit: readCommit(reader),
});
