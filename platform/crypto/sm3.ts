import { createHash, hash, type Hash } from 'node:crypto';

export const SM3_BYTES = 32;

/** SM3 digest (GB/T 32905) of the parts in order, 32 bytes. */
export function sm3(...parts: Uint8Array[]): Buffer {
  if (parts.length === 1) return hash('sm3', parts[0]!, 'buffer');
  return hash('sm3', Buffer.concat(parts), 'buffer');
}

/** SM3 of a domain tag (ASCII, then one zero byte) and the parts after it, text as UTF-8: 32 bytes. */
export function taggedSm3(tag: string, ...parts: (Uint8Array | string)[]): Buffer {
  return sm3(Buffer.from(`${tag}\0`), ...parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}

/** A streaming SM3: `update` as often as wanted, then `digest` once. */
export function createSm3(): Hash {
  return createHash('sm3');
}

/** Digests of many small values at once: the call costs as much as the hash. */
export interface Sm3Batches {
  /** Digests of values that lie one after the other and end at `ends`, packed, 32 bytes each. */
  sm3Many(values: Uint8Array, ends: Uint32Array): Buffer;
  /** For pairs of hashes, 64 bytes each, the nodes over them: SM3(0x01 ‖ left ‖ right) (RFC 6962 §2.1), packed. */
  sm3Nodes(pairs: Uint8Array): Buffer;
}

/** One after the other, by OpenSSL. */
export function plainSm3Batches(): Sm3Batches {
  const node = Buffer.alloc(1 + 2 * SM3_BYTES, 1);
  return {
    sm3Many(values, ends) {
      const out = Buffer.allocUnsafe(ends.length * SM3_BYTES);
      let from = 0;
      for (const [i, end] of ends.entries()) {
        out.set(hash('sm3', values.subarray(from, end), 'buffer'), i * SM3_BYTES);
        from = end;
      }
      return out;
    },
    sm3Nodes(pairs) {
      const count = pairs.length / (2 * SM3_BYTES);
      const out = Buffer.allocUnsafe(count * SM3_BYTES);
      for (let i = 0; i < count; i += 1) {
        node.set(pairs.subarray(2 * i * SM3_BYTES, 2 * (i + 1) * SM3_BYTES), 1);
        out.set(hash('sm3', node, 'buffer'), i * SM3_BYTES);
      }
      return out;
    },
  };
}
