import { GCM_TAG_BYTES, sm3 } from '../../../platform/crypto/index.ts';
import { type Reader, tag, type Writer } from '../../codec/bytes.ts';
import { HASH_BYTES } from '../../codec/record.ts';

const DIRECTION_TAG = tag('sealfolio/overlay-direction/1');

/** What went one way so far. */
export interface Tally {
  /** Application bytes. */
  bytes: number;
  records: number;
  /** Running digest over the handshake, then each record's head and tag. */
  digest: Buffer;
}

/** The start of one direction of a session. */
export const firstTally = (transcript: Buffer, isFromInitiator: boolean): Tally => ({
  bytes: 0,
  records: 0,
  digest: sm3(DIRECTION_TAG, Uint8Array.of(isFromInitiator ? 0 : 1), transcript),
});

/** With one record more. */
export const tallied = ({ bytes, records, digest }: Tally, dataBytes: number, head: Buffer, sealed: Buffer): Tally => ({
  bytes: bytes + dataBytes,
  records: records + 1,
  digest: sm3(digest, head, sealed.subarray(sealed.length - GCM_TAG_BYTES)),
});

/** The start of the next part: the digest runs on, the counts begin again. */
export const nextTally = ({ digest }: Tally): Tally => ({ bytes: 0, records: 0, digest });

export const writeTally = (writer: Writer, { bytes, records, digest }: Tally): void =>
  void writer.u64(bytes).u64(records).raw(digest);

export const readTally = (reader: Reader): Tally => ({
  bytes: reader.u64(),
  records: reader.u64(),
  digest: reader.raw(HASH_BYTES),
});
