import { createHash, hash, type Hash } from 'node:crypto';

export const SM3_BYTES = 32;

/** SM3 digest (GB/T 32905) of the parts in order, 32 bytes. */
export function sm3(...parts: Uint8Array[]): Buffer {
  if (parts.length === 1) return hash('sm3', parts[0]!, 'buffer');
  return hash('sm3', Buffer.concat(parts), 'buffer');
}

/** A streaming SM3: `update` as often as wanted, then `digest` once. */
export function createSm3(): Hash {
  return createHash('sm3');
}
