import { HASH_BYTES } from '../codec/record.ts';

/** Bits of a mark's fingerprint; with the place in a segment it still fits a double's integers. */
export const FINGERPRINT_BITS = 36;
const HIGH_BITS = 2 ** (FINGERPRINT_BITS - 32);
const Domain = { key: 1, digest: 2 } as const;

/** Spreads the bits of a 32-bit number (the finalizer of MurmurHash3). */
function mixed(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * A fingerprint of 36 bits by which a record is found again. It only says where to look: what is found there is
 * compared, so two that share one cost a read and no more.
 */
function markOf(domain: number, bytes: Uint8Array, from: number, to: number): number {
  let a = domain;
  let b = 0x9747b28c;
  for (let i = from; i < to; i += 1) {
    const byte = bytes[i]!;
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b + byte, 0x5bd1e995) ^ (b >>> 15);
  }
  return mixed(a ^ b) + (mixed(b) % HIGH_BITS) * 2 ** 32;
}

export const keyMark = (key: Uint8Array, from = 0, to = key.length): number => markOf(Domain.key, key, from, to);

export const digestMark = (digest: Uint8Array, from = 0): number =>
  markOf(Domain.digest, digest, from, from + HASH_BYTES);
