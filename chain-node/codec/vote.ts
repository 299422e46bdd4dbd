import { LedgerError } from '../errors.ts';
import { decode, type Reader, tag, Writer } from './bytes.ts';
import { MAX_MEMBERS } from './member.ts';
import { HASH_BYTES, MAX_NAME_BYTES, SIGNATURE_BYTES } from './record.ts';

/** Votes for no block. */
export const NIL = Buffer.alloc(HASH_BYTES);
const VOTE_TAG = tag('sealfolio/vote/1');

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

/** More than two thirds of the validators' precommits for one block (quorum certificate). */
export interface Commit {
  height: number;
  round: number;
  blockHash: Buffer;
  /** By memberId. */
  signatures: { memberId: string; signature: Buffer }[];
}

/** What the voter signs. */
export const voteMessage = (chainId: string, vote: Omit<Vote, 'signature'>): Buffer =>
  new Writer()
    .raw(VOTE_TAG)
    .str(chainId)
    .u8(vote.type)
    .u64(vote.height)
    .u32(vote.round)
    .raw(vote.blockHash)
    .str(vote.voter)
    .done();

function readVoteType(reader: Reader): VoteType {
  const type = reader.u8();
  if (type !== VoteType.prevote && type !== VoteType.precommit)
    throw new LedgerError('encoding-invalid', 'type of the vote');
  return type;
}

/** Whether a signed message claims to be a vote. */
export const isVoteMessage = (message: Uint8Array): boolean => VOTE_TAG.equals(message.subarray(0, VOTE_TAG.length));

/** Reads what a voter signed; throws encoding-invalid if it is no vote of this chain. */
export const decodeVoteMessage = (chainId: string, message: Uint8Array): Omit<Vote, 'signature'> =>
  decode(message, (reader) => {
    if (!reader.view(VOTE_TAG.length).equals(VOTE_TAG) || reader.str(MAX_NAME_BYTES) !== chainId)
      throw new LedgerError('encoding-invalid', 'no vote of this chain');
    return {
      type: readVoteType(reader),
      height: reader.u64(),
      round: reader.u32(),
      blockHash: reader.raw(HASH_BYTES),
      voter: reader.str(MAX_NAME_BYTES),
    };
  });

export function encodeVote(vote: Vote): Buffer {
  const writer = new Writer().u8(vote.type).u64(vote.height).u32(vote.round).raw(vote.blockHash);
  return writer.str(vote.voter).raw(vote.signature).done();
}

export const decodeVote = (data: Uint8Array): Vote =>
  decode(data, (reader) => ({
    type: readVoteType(reader),
    height: reader.u64(),
    round: reader.u32(),
    blockHash: reader.raw(HASH_BYTES),
    voter: reader.str(MAX_NAME_BYTES),
    signature: reader.raw(SIGNATURE_BYTES),
  }));

export function writeCommit(writer: Writer, commit: Commit): void {
  writer
    .u64(commit.height)
    .u32(commit.round)
    .raw(commit.blockHash)
    .list(commit.signatures, (inner, { memberId, signature }) => inner.str(memberId).raw(signature));
}

export const readCommit = (reader: Reader): Commit => ({
  height: reader.u64(),
  round: reader.u32(),
  blockHash: reader.raw(HASH_BYTES),
  signatures: reader.list(MAX_MEMBERS, (inner) => ({
    memberId: inner.str(MAX_NAME_BYTES),
    signature: inner.raw(SIGNATURE_BYTES),
  })),
});

export function encodeCommit(commit: Commit): Buffer {
  const writer = new Writer();
  writeCommit(writer, commit);
  return writer.done();
}

export const decodeCommit = (data: Uint8Array): Commit => decode(data, readCommit);
