import { decode, Reader, Writer } from '../../codec/bytes.ts';
import { PUBLIC_KEY_BYTES } from '../../codec/record.ts';
import { LedgerError } from '../../errors.ts';

/** First byte of what goes end to end in a packet. Numbers are never used again for anything else. */
export const PacketType = { offer: 1, reply: 2, proof: 3, answer: 4, record: 5, beside: 6, unknown: 7 } as const;

export const HALF_BYTES = 16;
export const SESSION_BYTES = 16;
const TAG_BYTES = 16;
/** type, session, epoch, sequence number */
export const RECORD_HEAD_BYTES = 1 + SESSION_BYTES + 4 + 8;

/** I → R: a fresh key, and half of the session's id. */
export interface Offer {
  half: Buffer;
  ephemeral: Buffer;
}
export const encodeOffer = ({ half, ephemeral }: Offer): Buffer =>
  new Writer().u8(PacketType.offer).raw(half).raw(ephemeral).done();

/** R → I: the same of the other end. */
export interface Reply extends Offer {
  /** The initiator's half, by which it knows what is replied to. */
  to: Buffer;
}
export const encodeReply = ({ to, half, ephemeral }: Reply): Buffer =>
  new Writer().u8(PacketType.reply).raw(to).raw(half).raw(ephemeral).done();

/** I → R, then R → I: who they are, sealed. */
export interface Sealed {
  /** The initiator's half, then the responder's. */
  halves: Buffer;
  sealed: Buffer;
}
export const encodeSealed = (type: 3 | 4, { halves, sealed }: Sealed): Buffer =>
  new Writer().u8(type).raw(halves).raw(sealed).done();

/** Head of a record, or of what is said beside: `number` is the sequence number, or the count of what was said. */
export interface Head {
  type: 5 | 6;
  session: Buffer;
  epoch: number;
  number: number;
}
export const encodeHead = ({ type, session, epoch, number }: Head): Buffer =>
  new Writer().u8(type).raw(session).u32(epoch).u64(number).done();

export type EndPacket =
  | ({ type: 1 } & Offer)
  | ({ type: 2 } & Reply)
  | ({ type: 3 } & Sealed)
  | ({ type: 4 } & Sealed)
  | (Head & { head: Buffer; sealed: Buffer })
  | { type: 7; session: Buffer };

/** Reads what came end to end; `head` and `sealed` are views. Throws encoding-invalid. */
export function readEndPacket(payload: Buffer): EndPacket {
  const type = payload[0];
  const rest = payload.subarray(1);
  const readOffer = (reader: Reader) => ({ half: reader.raw(HALF_BYTES), ephemeral: reader.raw(PUBLIC_KEY_BYTES) });
  switch (type) {
    case PacketType.offer:
      return decode(rest, (reader) => ({ type: PacketType.offer, ...readOffer(reader) }));
    case PacketType.reply:
      return decode(rest, (reader) => ({ type: PacketType.reply, to: reader.raw(HALF_BYTES), ...readOffer(reader) }));
    case PacketType.proof:
    case PacketType.answer: {
      const halves = new Reader(rest).raw(2 * HALF_BYTES);
      return { type, halves, sealed: rest.subarray(2 * HALF_BYTES) };
    }
    case PacketType.record:
    case PacketType.beside: {
      if (payload.length < RECORD_HEAD_BYTES + TAG_BYTES) throw new LedgerError('encoding-invalid', 'record cut short');
      const reader = new Reader(rest);
      const [session, epoch, number] = [reader.raw(SESSION_BYTES), reader.u32(), reader.u64()];
      const [head, sealed] = [payload.subarray(0, RECORD_HEAD_BYTES), payload.subarray(RECORD_HEAD_BYTES)];
      return { type, session, epoch, number, head, sealed };
    }
    case PacketType.unknown:
      return decode(rest, (reader) => ({ type: PacketType.unknown, session: reader.raw(SESSION_BYTES) }));
    default:
      throw new LedgerError('encoding-invalid', `packet type ${type}`);
  }
}
