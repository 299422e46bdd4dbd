import { LedgerError } from '../errors.ts';
import { blockHash, type Header, MAX_BLOCK_TXS, readHeader, writeHeader } from './block.ts';
import { decode, type Reader, tag, Writer } from './bytes.ts';
import { HASH_BYTES, MAX_NAME_BYTES, SIGNATURE_BYTES } from './record.ts';

const PROPOSAL_TAG = tag('sealfolio/proposal/1');

/** A block put to the vote. It names its transactions; whoever has not seen one of them asks for it. */
export interface Proposal {
  height: number;
  round: number;
  /** The round in which this block had its prevotes, −1 if none (Tendermint's validRound). */
  validRound: number;
  header: Header;
  /** Leaves of the header's txRoot, in order. */
  txHashes: Buffer[];
  signature: Buffer;
}

/** What a proposer signed. */
export interface SignedProposal {
  height: number;
  round: number;
  validRound: number;
  blockHash: Buffer;
}

export const proposalMessage = (chainId: string, proposal: Omit<Proposal, 'signature' | 'txHashes'>): Buffer =>
  new Writer()
    .raw(PROPOSAL_TAG)
    .str(chainId)
    .u64(proposal.height)
    .u32(proposal.round)
    .u32(proposal.validRound + 1)
    .raw(blockHash(proposal.header))
    .done();

/** Reads what a proposer signed; throws encoding-invalid if it is no proposal of this chain. */
export const decodeProposalMessage = (chainId: string, message: Uint8Array): SignedProposal =>
  decode(message, (reader) => {
    if (!reader.view(PROPOSAL_TAG.length).equals(PROPOSAL_TAG) || reader.str(MAX_NAME_BYTES) !== chainId)
      throw new LedgerError('encoding-invalid', 'no proposal of this chain');
    return {
      height: reader.u64(),
      round: reader.u32(),
      validRound: reader.u32() - 1,
      blockHash: reader.raw(HASH_BYTES),
    };
  });

export function writeProposal(writer: Writer, proposal: Proposal): void {
  writer
    .u64(proposal.height)
    .u32(proposal.round)
    .u32(proposal.validRound + 1);
  writeHeader(writer, proposal.header);
  writer.list(proposal.txHashes, (inner, hash) => inner.raw(hash)).raw(proposal.signature);
}

export const readProposal = (reader: Reader): Proposal => ({
  height: reader.u64(),
  round: reader.u32(),
  validRound: reader.u32() - 1,
  header: readHeader(reader),
  txHashes: reader.list(MAX_BLOCK_TXS, (inner) => inner.raw(HASH_BYTES)),
  signature: reader.raw(SIGNATURE_BYTES),
});

export function encodeProposal(proposal: Proposal): Buffer {
  const writer = new Writer();
  writeProposal(writer, proposal);
  return writer.done();
}

export const decodeProposal = (data: Uint8Array): Proposal => decode(data, readProposal);
