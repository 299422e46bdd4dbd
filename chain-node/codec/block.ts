import { sm3 } from '../../platform/crypto/index.ts';
import { LedgerError } from '../errors.ts';
import { leafHash, merkleRoot } from '../state/merkle.ts';
import { decode, type Reader, tag, Writer } from './bytes.ts';
import { type LedgerRecord, MAX_NAME_BYTES, MAX_TX_BYTES, readRecord, writeRecord } from './transaction.ts';

export const MAX_MEMBERS = 256;
export const MAX_BLOCK_TXS = 4096;
export const HASH_BYTES = 32;
export const NIL = Buffer.alloc(HASH_BYTES);
const HEADER_TAG = tag('sealfolio/header/1');
const MEMBERS_TAG = tag('sealfolio/members/1');
const GENESIS_TAG = tag('sealfolio/genesis/1');
const VOTE_TAG = tag('sealfolio/vote/1');
const PROPOSAL_TAG = tag('sealfolio/proposal/1');

export type Role = 'validator' | 'observer';

export interface Member {
  memberId: string;
  name: string;
  publicKey: Buffer;
  role: Role;
}

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
  proposer: string;
}

export interface Block {
  header: Header;
  /** Encoded, signed transactions. */
  txs: Buffer[];
}

export const VoteType = { prevote: 1, precommit: 2 } as const;
export type VoteType = (typeof VoteType)[keyof typeof VoteType];

export interface Vote {
  type: VoteType;
  height: number;
  round: number;
  /** NIL votes for no block. */
  blockHash: Buffer;
  voter: string;
  signature: Buffer;
}

export interface Proposal {
  height: number;
  round: number;
  /** The round in which this block had its prevotes, −1 if none (Tendermint's validRound). */
  validRound: number;
  block: Block;
  signature: Buffer;
}

export interface Commit {
  height: number;
  round: number;
  blockHash: Buffer;
  /** By memberId, more than two thirds of the validators. */
  signatures: { memberId: string; signature: Buffer }[];
}

export interface LogEntry {
  txId: Buffer;
  indexInTx: number;
  sender: string;
  record: LedgerRecord;
}

export function encodeLogEntry({ txId, indexInTx, sender, record }: LogEntry): Buffer {
  const writer = new Writer().raw(txId).u32(indexInTx).str(sender);
  writeRecord(writer, record);
  return writer.done();
}

export const decodeLogEntry = (data: Uint8Array): LogEntry =>
  decode(data, (reader) => ({
    txId: reader.raw(HASH_BYTES),
    indexInTx: reader.u32(),
    sender: reader.str(MAX_NAME_BYTES),
    record: readRecord(reader),
  }));

function encodeMembers(members: readonly Member[]): Buffer {
  const sorted = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  return new Writer()
    .list(sorted, (writer, { memberId, name, publicKey, role }) =>
      writer
        .str(memberId)
        .str(name)
        .raw(publicKey)
        .u8(role === 'validator' ? 1 : 2),
    )
    .done();
}

export const membersHash = (members: readonly Member[]): Buffer => sm3(MEMBERS_TAG, encodeMembers(members));

/** What `previous` of block 1 is: it names the chain, its start and its first members. */
export const genesisHash = (chainId: string, timeMs: number, members: readonly Member[]): Buffer =>
  sm3(GENESIS_TAG, new Writer().str(chainId).u64(timeMs).done(), encodeMembers(members));

function writeHeader(writer: Writer, header: Header): void {
  writer.u8(1).str(header.chainId).u64(header.height).u64(header.timeMs).raw(header.previous).raw(header.txRoot);
  writer.u64(header.logSize).raw(header.logRoot).raw(header.membersHash).str(header.proposer);
}

function readHeader(reader: Reader): Header {
  if (reader.u8() !== 1) throw new LedgerError('encoding-invalid', 'version of the header');
  return {
    chainId: reader.str(MAX_NAME_BYTES),
    height: reader.u64(),
    timeMs: reader.u64(),
    previous: reader.raw(HASH_BYTES),
    txRoot: reader.raw(HASH_BYTES),
    logSize: reader.u64(),
    logRoot: reader.raw(HASH_BYTES),
    membersHash: reader.raw(HASH_BYTES),
    proposer: reader.str(MAX_NAME_BYTES),
  };
}

export function blockHash(header: Header): Buffer {
  const writer = new Writer();
  writeHeader(writer, header);
  return sm3(HEADER_TAG, writer.done());
}

/**
 * Merkle root (RFC 6962 §2.1) over the encoded transactions, signatures included: a block hash stands for every byte of
 * the block, so that what was checked under a hash cannot be exchanged for other bytes under it.
 */
export const txRootOf = (txs: readonly Uint8Array[]): Buffer => merkleRoot(txs.map(leafHash));

export function writeBlock(writer: Writer, { header, txs }: Block): void {
  writeHeader(writer, header);
  writer.list(txs, (inner, tx) => inner.bytes(tx));
}

export const readBlock = (reader: Reader): Block => ({
  header: readHeader(reader),
  txs: reader.list(MAX_BLOCK_TXS, (inner) => inner.bytes(MAX_TX_BYTES)),
});

export function encodeBlock(block: Block): Buffer {
  const writer = new Writer();
  writeBlock(writer, block);
  return writer.done();
}

export const decodeBlock = (data: Uint8Array): Block => decode(data, readBlock);

export function voteMessage(chainId: string, vote: Omit<Vote, 'signature'>): Buffer {
  const writer = new Writer().raw(VOTE_TAG).str(chainId).u8(vote.type).u64(vote.height).u32(vote.round);
  return writer.raw(vote.blockHash).str(vote.voter).done();
}

export function proposalMessage(chainId: string, proposal: Omit<Proposal, 'signature'>): Buffer {
  const writer = new Writer().raw(PROPOSAL_TAG).str(chainId).u64(proposal.height).u32(proposal.round);
  return writer
    .u32(proposal.validRound + 1)
    .raw(blockHash(proposal.block.header))
    .done();
}

export function encodeVote(vote: Vote): Buffer {
  const writer = new Writer().u8(vote.type).u64(vote.height).u32(vote.round).raw(vote.blockHash);
  return writer.str(vote.voter).raw(vote.signature).done();
}

export const decodeVote = (data: Uint8Array): Vote =>
  decode(data, (reader) => {
    const type = reader.u8();
    if (type !== VoteType.prevote && type !== VoteType.precommit)
      throw new LedgerError('encoding-invalid', 'type of the vote');
    return {
      type,
      height: reader.u64(),
      round: reader.u32(),
      blockHash: reader.raw(HASH_BYTES),
      voter: reader.str(MAX_NAME_BYTES),
      signature: reader.raw(64),
    };
  });

export function encodeProposal(proposal: Proposal): Buffer {
  const writer = new Writer()
    .u64(proposal.height)
    .u32(proposal.round)
    .u32(proposal.validRound + 1);
  writeBlock(writer, proposal.block);
  return writer.raw(proposal.signature).done();
}

export const decodeProposal = (data: Uint8Array): Proposal =>
  decode(data, (reader) => ({
    height: reader.u64(),
    round: reader.u32(),
    validRound: reader.u32() - 1,
    block: readBlock(reader),
    signature: reader.raw(64),
  }));

export function encodeCommit(commit: Commit): Buffer {
  return new Writer()
    .u64(commit.height)
    .u32(commit.round)
    .raw(commit.blockHash)
    .list(commit.signatures, (writer, { memberId, signature }) => writer.str(memberId).raw(signature))
    .done();
}

export const decodeCommit = (data: Uint8Array): Commit =>
  decode(data, (reader) => ({
    height: reader.u64(),
    round: reader.u32(),
    blockHash: reader.raw(HASH_BYTES),
    signatures: reader.list(MAX_MEMBERS, (inner) => ({
      memberId: inner.str(MAX_NAME_BYTES),
      signature: inner.raw(64),
    })),
  }));
