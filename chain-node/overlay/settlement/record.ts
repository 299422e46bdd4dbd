import { sm3 } from '../../../platform/crypto/index.ts';
import { decode, tag, Writer } from '../../codec/bytes.ts';
import { HASH_BYTES, type LedgerRecord, MAX_NAME_BYTES } from '../../codec/record.ts';
import { LedgerError } from '../../errors.ts';
import { readTally, type Tally, writeTally } from '../session/tally.ts';

/** Stream of the ledger in which both ends attest their sessions. */
export const SESSION_STREAM = 'overlay.session';
const RECORD_TAG = tag('sealfolio/overlay-session/1');
const KEY_TAG = tag('sealfolio/overlay-session-key/1');
const NONCE_TAG = tag('sealfolio/overlay-session-nonce/1');

/** How a part of a session ended; wire numbers. */
export const Ending = { closed: 1, continued: 2, broken: 3 } as const;
export type Ending = (typeof Ending)[keyof typeof Ending];

/** What both ends agree that a session, or an hour of a long one, was. */
export interface SessionRecord {
  chainId: string;
  /** 32 bytes. */
  session: Buffer;
  part: number;
  initiator: string;
  responder: string;
  service: string;
  /** From the initiator to the responder, as delivered; and back. */
  there: Tally;
  back: Tally;
  startMs: number;
  endMs: number;
  ending: Ending;
}

export function encodeSessionRecord(record: SessionRecord): Buffer {
  const { chainId, session, part, initiator, responder, service, there, back, startMs, endMs, ending } = record;
  const writer = new Writer().str(chainId).raw(session).u32(part).str(initiator).str(responder).str(service);
  writeTally(writer, there);
  writeTally(writer, back);
  return writer.u64(startMs).u64(endMs).u8(ending).done();
}

/** Throws encoding-invalid. */
export const decodeSessionRecord = (data: Uint8Array): SessionRecord =>
  decode(data, (reader) => {
    const record = {
      chainId: reader.str(MAX_NAME_BYTES),
      session: reader.raw(HASH_BYTES),
      part: reader.u32(),
      initiator: reader.str(MAX_NAME_BYTES),
      responder: reader.str(MAX_NAME_BYTES),
      service: reader.str(MAX_NAME_BYTES),
      there: readTally(reader),
      back: readTally(reader),
      startMs: reader.u64(),
      endMs: reader.u64(),
      ending: reader.u8() as Ending,
    };
    if (!Object.values(Ending).includes(record.ending))
      throw new LedgerError('encoding-invalid', 'ending of a session');
    return record;
  });

/** Names one part of a session on the ledger. */
export const sessionKey = (session: Uint8Array, part: number): Buffer =>
  sm3(KEY_TAG, new Writer().raw(session).u32(part).done());

export const sessionDigest = (encoded: Uint8Array): Buffer => sm3(RECORD_TAG, encoded);

/** What goes on the ledger: the same from both ends, if they agree. */
export function sessionAttestation(key: Buffer, digest: Buffer, isSettled: boolean): LedgerRecord {
  return { stream: SESSION_STREAM, key, digest, note: Buffer.from(isSettled ? '' : 'unsettled', 'ascii') };
}

/** The same attestation has the same nonce, and so is taken once however often it is sent. */
export const attestationNonce = (key: Uint8Array, digest: Uint8Array): Buffer =>
  sm3(NONCE_TAG, key, digest).subarray(0, 16);

/** What one end knows of a part that was broken off. */
export interface View {
  /** What it has had of the other, and what the other has said it had of this end. */
  received: Tally;
  acked: Tally;
  startMs: number;
  lastMs: number;
}

export const writeView = (writer: Writer, { received, acked, startMs, lastMs }: View): Writer => {
  writeTally(writer, received);
  writeTally(writer, acked);
  return writer.u64(startMs).u64(lastMs);
};

/** The further of what the receiver says it had, and what it had said so to the sender: either may have lost the newest. */
const delivered = (received: Tally, acked: Tally): Tally => (acked.records > received.records ? acked : received);

/** What a part that was broken off was, by what both ends know of it; both come to the same. */
export function settle(
  part: Pick<SessionRecord, 'chainId' | 'session' | 'part' | 'initiator' | 'responder' | 'service'>,
  initiator: View,
  responder: View,
): SessionRecord {
  const startMs = initiator.startMs;
  return {
    ...part,
    there: delivered(responder.received, initiator.acked),
    back: delivered(initiator.received, responder.acked),
    startMs,
    endMs: Math.max(startMs, initiator.lastMs, responder.lastMs),
    ending: Ending.broken,
  };
}
