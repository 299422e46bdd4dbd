import { LedgerError } from '../errors.ts';
import { decode, tag, Writer } from './bytes.ts';
import { HASH_BYTES, MAX_NAME_BYTES, SIGNATURE_BYTES } from './record.ts';

const CHECKPOINT_TAG = tag('sealfolio/checkpoint/1');

/** What a node says the chain is at one height. */
export interface Checkpoint {
  height: number;
  blockHash: Buffer;
  logSize: number;
  logRoot: Buffer;
}

/** A checkpoint as one member signed it: it can not show anyone another chain at that height without a trace. */
export interface Cosigned extends Checkpoint {
  memberId: string;
  signature: Buffer;
}

function writeCheckpoint(
  writer: Writer,
  { height, blockHash, logSize, logRoot, memberId }: Omit<Cosigned, 'signature'>,
) {
  return writer.u64(height).raw(blockHash).u64(logSize).raw(logRoot).str(memberId);
}

/** What the member signs. */
export const checkpointMessage = (chainId: string, checkpoint: Omit<Cosigned, 'signature'>): Buffer =>
  writeCheckpoint(new Writer().raw(CHECKPOINT_TAG).str(chainId), checkpoint).done();

export const encodeCosigned = (cosigned: Cosigned): Buffer =>
  writeCheckpoint(new Writer(), cosigned).raw(cosigned.signature).done();

/** Throws encoding-invalid. */
export const decodeCosigned = (payload: Uint8Array): Cosigned =>
  decode(payload, (reader) => ({
    height: reader.u64(),
    blockHash: reader.raw(HASH_BYTES),
    logSize: reader.u64(),
    logRoot: reader.raw(HASH_BYTES),
    memberId: reader.str(MAX_NAME_BYTES),
    signature: reader.raw(SIGNATURE_BYTES),
  }));

/** Reads what a member signed; throws encoding-invalid if it is no checkpoint of this chain. */
export const decodeCheckpointMessage = (chainId: string, message: Uint8Array): Omit<Cosigned, 'signature'> =>
  decode(message, (reader) => {
    if (!reader.view(CHECKPOINT_TAG.length).equals(CHECKPOINT_TAG) || reader.str(MAX_NAME_BYTES) !== chainId)
      throw new LedgerError('encoding-invalid', 'no checkpoint of this chain');
    return {
      height: reader.u64(),
      blockHash: reader.raw(HASH_BYTES),
      logSize: reader.u64(),
      logRoot: reader.raw(HASH_BYTES),
      memberId: reader.str(MAX_NAME_BYTES),
    };
  });
