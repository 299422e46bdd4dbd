import { decode, Writer } from '../codec/bytes.ts';
import { LedgerError } from '../errors.ts';

/** First byte of a frame between nodes. */
export const Frame = {
  hello: 1,
  status: 2,
  announce: 3,
  want: 4,
  transaction: 5,
  proposal: 6,
  vote: 7,
  blocksWanted: 8,
  block: 9,
} as const;
export type Frame = (typeof Frame)[keyof typeof Frame];

export const MAX_FRAME_BYTES = 8 * 1024 * 1024;
/** Ids in one announcement or request. */
export const MAX_IDS = 4096;

export const frame = (kind: Frame, payload: Uint8Array): Buffer => Buffer.concat([Uint8Array.of(kind), payload]);

export const encodeIds = (ids: readonly string[]): Buffer =>
  new Writer().list(ids, (writer, id) => writer.raw(Buffer.from(id, 'hex'))).done();

export const decodeIds = (payload: Uint8Array): string[] =>
  decode(payload, (reader) => reader.list(MAX_IDS, (inner) => inner.raw(32).toString('hex')));

export const encodeHeight = (height: number): Buffer => new Writer().u64(height).done();
export const decodeHeight = (payload: Uint8Array): number => decode(payload, (reader) => reader.u64());

export interface Status {
  height: number;
  /** Hash of the block at this height: two nodes that differ here are on two branches. */
  head: Buffer;
}

export const encodeStatus = ({ height, head }: Status): Buffer => new Writer().u64(height).raw(head).done();
export const decodeStatus = (payload: Uint8Array): Status =>
  decode(payload, (reader) => ({ height: reader.u64(), head: reader.raw(32) }));

export interface Hello {
  memberId: string;
  signature: Buffer;
}

export const encodeHello = ({ memberId, signature }: Hello): Buffer => new Writer().str(memberId).raw(signature).done();
export const decodeHello = (payload: Uint8Array): Hello =>
  decode(payload, (reader) => ({ memberId: reader.str(64), signature: reader.raw(64) }));

export const encodeFinalBlock = (block: Uint8Array, commit: Uint8Array): Buffer =>
  new Writer().bytes(block).bytes(commit).done();
export const decodeFinalBlock = (payload: Uint8Array): { block: Buffer; commit: Buffer } =>
  decode(payload, (reader) => ({ block: reader.bytes(MAX_FRAME_BYTES), commit: reader.bytes(MAX_FRAME_BYTES) }));

/** Kind and payload of a frame. Throws encoding-invalid. */
export function splitFrame(bytes: Buffer): { kind: Frame; payload: Buffer } {
  const kind = bytes[0];
  if (!Object.values(Frame).includes(kind as Frame)) throw new LedgerError('encoding-invalid', `frame kind ${kind}`);
  return { kind: kind as Frame, payload: bytes.subarray(1) };
}
