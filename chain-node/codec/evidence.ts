import { decode, Writer } from './bytes.ts';
import { MAX_NAME_BYTES, SIGNATURE_BYTES } from './record.ts';

const MAX_MESSAGE_BYTES = 512;

/** Bytes that a member signed, and its signature. */
export interface Signed {
  message: Buffer;
  signature: Buffer;
}

/** Two different things that one member signed for one height, round and step. */
export interface Equivocation {
  accused: string;
  /** The lesser message first, so that a finding has one form. */
  signed: [Signed, Signed];
}

/** The body of an `evidence` transaction. */
export function encodeEquivocation({ accused, signed }: Equivocation): Buffer {
  const writer = new Writer().str(accused);
  for (const { message, signature } of signed) writer.bytes(message).raw(signature);
  return writer.done();
}

export const decodeEquivocation = (body: Uint8Array): Equivocation =>
  decode(body, (reader) => {
    const accused = reader.str(MAX_NAME_BYTES);
    const one = (): Signed => ({ message: reader.bytes(MAX_MESSAGE_BYTES), signature: reader.raw(SIGNATURE_BYTES) });
    return { accused, signed: [one(), one()] };
  });
