import { SealfolioError } from '../../domain/errors.ts';
import { GCM_TAG_BYTES, sm4gcm } from '../crypto/index.ts';

/** Plaintext in one chunk; a GridFS chunk holds it sealed, with its tag. */
export const CHUNK_BYTES = 1024 * 1024;
export const SEALED_CHUNK_BYTES = CHUNK_BYTES + GCM_TAG_BYTES;

/** How many chunks an object of this length has; an empty one has none. */
export const chunkCount = (length: number): number => Math.ceil(length / CHUNK_BYTES);

/** The key is the object's own, so a counter never repeats under it. */
function nonce(index: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(index, 8);
  return bytes;
}

/** Binds a chunk to its object, its place and the end, so that none can be swapped, moved or cut off. */
function aad(objectId: string, index: number, isLast: boolean): Buffer {
  const tail = Buffer.alloc(5);
  tail.writeUInt32BE(index);
  tail[4] = isLast ? 1 : 0;
  return Buffer.concat([Buffer.from(objectId, 'ascii'), tail]);
}

export interface ChunkPlace {
  objectId: string;
  index: number;
  isLast: boolean;
}

export const sealChunk = (key: Buffer, { objectId, index, isLast }: ChunkPlace, plaintext: Buffer): Promise<Buffer> =>
  sm4gcm.seal(key, nonce(index), aad(objectId, index, isLast), plaintext);

/** Throws object-integrity, naming the chunk, if it is not the one that was sealed for this place. */
export async function openChunk(
  key: Buffer,
  { objectId, index, isLast }: ChunkPlace,
  sealed: Uint8Array,
): Promise<Buffer> {
  try {
    return await sm4gcm.open(key, nonce(index), aad(objectId, index, isLast), sealed);
  } catch (error) {
    throw new SealfolioError('object-integrity', { objectId, layer: 'chunk', index }, { cause: error });
  }
}

/** Cuts a stream into chunks of exactly CHUNK_BYTES, the last one shorter; what is buffered is one chunk at most. */
export async function* intoChunks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (let piece of source) {
    while (size + piece.length >= CHUNK_BYTES) {
      const take = CHUNK_BYTES - size;
      yield Buffer.concat([...parts, piece.subarray(0, take)]);
      piece = piece.subarray(take);
      parts = [];
      size = 0;
    }
    if (piece.length > 0) {
      parts.push(piece);
      size += piece.length;
    }
  }
  if (size > 0) yield Buffer.concat(parts);
}
