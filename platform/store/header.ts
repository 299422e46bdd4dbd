import { SealfolioError } from '../../domain/errors.ts';
import { jcs, sm3 } from '../crypto/index.ts';

export const ObjectKind = {
  original: 'original',
  package: 'package',
  thumbnail: 'thumbnail',
  frontPage: 'frontPage',
} as const;
export type ObjectKind = (typeof ObjectKind)[keyof typeof ObjectKind];

/** What the card's MAC stands for: everything about a sealed object but the chunks, which its digests bind. */
export interface ObjectHeader {
  version: 1;
  objectId: string;
  alg: 'SM4-GCM';
  kind: ObjectKind;
  mediaType: string;
  wrappedKey: Buffer;
  keyId: string;
  chunkBytes: number;
  length: number;
  /** Of the plaintext, hex. */
  sm3: string;
  sha256: string;
}

/** The 32 bytes that the card authenticates. */
export function headerDigest({ wrappedKey, ...header }: ObjectHeader): Buffer {
  return sm3(
    Buffer.from('sealfolio/object/1\0'),
    Buffer.from(jcs({ ...header, wrappedKey: wrappedKey.toString('hex') })),
  );
}

/** A file of the `objects` GridFS bucket. `length`, `chunkSize` and `uploadDate` are GridFS's own fields, of the sealed bytes. */
export interface ObjectFile {
  _id: string;
  length: number;
  chunkSize: number;
  uploadDate: Date;
  filename: string;
  metadata: {
    state: 'open' | 'sealed';
    kind: ObjectKind;
    mediaType: string;
    wrappedKey: Buffer;
    keyId: string;
    /** Plaintext bytes; of an open object what was announced, if it was. */
    plainLength: number | null;
    sm3?: string;
    sha256?: string;
    mac?: Buffer;
  };
}

/** Throws object-integrity unless the file has all fields of a sealed object. */
export function headerOf({ _id, metadata }: ObjectFile): { header: ObjectHeader; mac: Buffer } {
  const { kind, mediaType, keyId, plainLength, sm3: digest, sha256, mac, wrappedKey } = metadata;
  if (plainLength === null || digest === undefined || sha256 === undefined || mac === undefined)
    throw new SealfolioError('object-integrity', { objectId: _id, layer: 'header' });
  const header: ObjectHeader = {
    version: 1,
    objectId: _id,
    alg: 'SM4-GCM',
    kind,
    mediaType,
    wrappedKey: bufferOf(wrappedKey),
    keyId,
    chunkBytes: 1024 * 1024,
    length: plainLength,
    sm3: digest,
    sha256,
  };
  return { header, mac: bufferOf(mac) };
}

/** The driver gives Binary for stored buffers. */
export const bufferOf = (value: Buffer | { buffer: Uint8Array }): Buffer =>
  Buffer.isBuffer(value) ? value : Buffer.from(value.buffer);
