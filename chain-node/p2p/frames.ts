import { type Certificate, readCertificate, readTxs, sizeOfTxs, writeCertificate, writeTxs } from '../codec/block.ts';
import { decode, Writer } from '../codec/bytes.ts';
import type { Signed } from '../codec/evidence.ts';
import { HASH_BYTES, MAX_NAME_BYTES, SIGNATURE_BYTES } from '../codec/record.ts';
import { MAX_TX_BYTES } from '../codec/transaction.ts';
import { LedgerError } from '../errors.ts';

/** First byte of a frame between nodes. */
export const Frame = {
  hello: 1,
  status: 2,
  announce: 3,
  want: 4,
  transactions: 5,
  proposal: 6,
  vote: 7,
  blocksWanted: 8,
  block: 9,
  greeting: 10,
  checkpoint: 11,
  snapshotWanted: 12,
  snapshotPart: 13,
} as const;
export type Frame = (typeof Frame)[keyof typeof Frame];

export const MAX_FRAME_BYTES = 8 * 1024 * 1024;
/** Hashes in one announcement or request. */
export const MAX_HASHES = 4096;
const MAX_SIGNED_BYTES = 512;

export const frame = (kind: Frame, payload: Uint8Array): Buffer => Buffer.concat([Uint8Array.of(kind), payload]);

export const encodeHashes = (hashes: readonly Buffer[]): Buffer =>
  new Writer().list(hashes, (writer, hash) => writer.raw(hash)).done();

export const decodeHashes = (payload: Uint8Array): Buffer[] =>
  decode(payload, (reader) => reader.list(MAX_HASHES, (inner) => inner.raw(HASH_BYTES)));

/** A whole frame: transactions are too long to be copied once more. */
export const txsFrame = (txs: readonly Buffer[]): Buffer =>
  writeTxs(new Writer(1 + sizeOfTxs(txs)).u8(Frame.transactions), txs).done();

/** Views of the payload. */
export const decodeTxs = (payload: Uint8Array): Buffer[] =>
  decode(payload, (reader) => reader.list(MAX_HASHES, (inner) => inner.bytesView(MAX_TX_BYTES)));

export const encodeHeight = (height: number): Buffer => new Writer().u64(height).done();
export const decodeHeight = (payload: Uint8Array): number => decode(payload, (reader) => reader.u64());

export interface Status {
  height: number;
  /** Hash of the block at this height: two nodes that differ here are on two branches. */
  head: Buffer;
  /** It signs nothing yet, and asks for a greeting. */
  isAsleep: boolean;
}

export const encodeStatus = ({ height, head, isAsleep }: Status): Buffer =>
  new Writer()
    .u64(height)
    .raw(head)
    .u8(isAsleep ? 1 : 0)
    .done();
export const decodeStatus = (payload: Uint8Array): Status =>
  decode(payload, (reader) => ({ height: reader.u64(), head: reader.raw(HASH_BYTES), isAsleep: reader.flag() }));

export interface Greeting {
  /** Of the greeter's head. */
  height: number;
  /** The last that the greeter has seen the other sign; null: nothing. */
  seen: Signed | null;
}

export const encodeGreeting = ({ height, seen }: Greeting): Buffer =>
  new Writer()
    .u64(height)
    .list(seen === null ? [] : [seen], (w, one) => w.bytes(one.message).raw(one.signature))
    .done();
export const decodeGreeting = (payload: Uint8Array): Greeting =>
  decode(payload, (reader) => {
    const height = reader.u64();
    const [signed] = reader.list(1, (one) => ({
      message: one.bytes(MAX_SIGNED_BYTES),
      signature: one.raw(SIGNATURE_BYTES),
    }));
    return { height, seen: signed ?? null };
  });

export interface Hello {
  memberId: string;
  signature: Buffer;
}

export const encodeHello = ({ memberId, signature }: Hello): Buffer => new Writer().str(memberId).raw(signature).done();
export const decodeHello = (payload: Uint8Array): Hello =>
  decode(payload, (reader) => ({ memberId: reader.str(MAX_NAME_BYTES), signature: reader.raw(SIGNATURE_BYTES) }));

export type FinalBlock = Certificate & { txs: readonly Buffer[] };

/** A whole frame. */
export function finalBlockFrame(block: FinalBlock): Buffer {
  const writer = new Writer(1024 + sizeOfTxs(block.txs)).u8(Frame.block);
  writeCertificate(writer, block);
  return writeTxs(writer, block.txs).done();
}
export const decodeFinalBlock = (payload: Uint8Array): Certificate & { txs: Buffer[] } =>
  decode(payload, (reader) => ({ ...readCertificate(reader), txs: readTxs(reader) }));

export interface SnapshotWanted {
  /** Of the snapshot that was begun; 0: of none. */
  height: number;
  part: number;
}

export const encodeSnapshotWanted = ({ height, part }: SnapshotWanted): Buffer =>
  new Writer().u64(height).u32(part).done();
export const decodeSnapshotWanted = (payload: Uint8Array): SnapshotWanted =>
  decode(payload, (reader) => ({ height: reader.u64(), part: reader.u32() }));

/** A slow link carries one within the time of an answer. */
export const SNAPSHOT_PART_BYTES = 1024 * 1024;
export const MAX_SNAPSHOT_PARTS = 64;

/** One part of a snapshot's bytes. */
export interface SnapshotPart {
  height: number;
  /** How many there are; 0: it is larger than may be sent. */
  parts: number;
  part: number;
  /** As many as a part has, but for the last one. */
  bytes: Buffer;
}

export const encodeSnapshotPart = ({ height, parts, part, bytes }: SnapshotPart): Buffer =>
  new Writer(20 + bytes.length).u64(height).u32(parts).u32(part).bytes(bytes).done();
/** A view of the payload. */
export function decodeSnapshotPart(payload: Uint8Array): SnapshotPart {
  const one = decode(payload, (reader) => ({
    height: reader.u64(),
    parts: reader.u32(),
    part: reader.u32(),
    bytes: reader.bytesView(SNAPSHOT_PART_BYTES),
  }));
  const { parts, part, bytes } = one;
  const isNone = parts === 0 && part === 0 && bytes.length === 0;
  const hasLength = part === parts - 1 ? bytes.length > 0 : bytes.length === SNAPSHOT_PART_BYTES;
  if (!isNone && (parts > MAX_SNAPSHOT_PARTS || part >= parts || !hasLength))
    throw new LedgerError('encoding-invalid', 'part of a snapshot');
  return one;
}

/** Kind and payload of a frame. Throws encoding-invalid. */
export function splitFrame(bytes: Buffer): { kind: Frame; payload: Buffer } {
  const kind = bytes[0];
  if (!Object.values(Frame).includes(kind as Frame)) throw new LedgerError('encoding-invalid', `frame kind ${kind}`);
  return { kind: kind as Frame, payload: bytes.subarray(1) };
}
