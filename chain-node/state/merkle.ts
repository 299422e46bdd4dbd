import { sm3 } from '../../platform/crypto/index.ts';

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
const HASH_BYTES = 32;

export const leafHash = (data: Uint8Array): Buffer => sm3(LEAF, data);
export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => sm3(NODE, left, right);

/** The largest power of two below n (RFC 6962 §2.1). */
function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** Root over leaf hashes (RFC 6962 §2.1, SM3 for SHA-256); of none, SM3 of nothing. */
export function merkleRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sm3(Buffer.alloc(0));
  let level = [...leaves];
  while (level.length > 1) {
    const above: Buffer[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) above.push(nodeHash(level[i]!, level[i + 1]!));
    if (level.length % 2 === 1) above.push(level.at(-1)!);
    level = above;
  }
  return level[0]!;
}

/** Hashes of one level, 32 bytes each, in one growing buffer. */
class Level {
  #data = Buffer.alloc(HASH_BYTES * 64);
  size = 0;

  push(hash: Uint8Array): void {
    if (this.#data.length === this.size * HASH_BYTES)
      this.#data = Buffer.concat([this.#data, Buffer.alloc(this.#data.length)]);
    this.#data.set(hash, this.size * HASH_BYTES);
    this.size += 1;
  }

  at(index: number): Buffer {
    return this.#data.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
  }

  truncate(size: number): void {
    this.size = Math.min(this.size, size);
  }
}

/**
 * The append-only log of records (RFC 6962 §2.1): proofs for any index at any size up to the present one. Keeps the
 * roots of complete subtrees in memory, 64 bytes a record; the entries themselves are in the store.
 */
export class MerkleLog {
  /** levels[k].at(i) is the root of the complete subtree over leaves [i·2^k, (i+1)·2^k). */
  readonly #levels: Level[] = [new Level()];

  get size(): number {
    return this.#levels[0]!.size;
  }

  append(leaf: Uint8Array): void {
    this.#levels[0]!.push(leaf);
    for (let k = 0; this.#levels[k]!.size % 2 === 0; k += 1) {
      const { size } = this.#levels[k]!;
      this.#levels[k + 1] ??= new Level();
      this.#levels[k + 1]!.push(nodeHash(this.#levels[k]!.at(size - 2), this.#levels[k]!.at(size - 1)));
    }
  }

  /** Takes back what was appended beyond `size`: a proposed block that did not come to be. */
  truncate(size: number): void {
    for (const [k, level] of this.#levels.entries()) level.truncate(Math.floor(size / 2 ** k));
  }

  root(size = this.size): Buffer {
    return size === 0 ? sm3(Buffer.alloc(0)) : Buffer.from(this.#range(0, size));
  }

  /** PATH(m, D[n]) of RFC 6962 §2.1.1, from the leaf up. */
  inclusionPath(index: number, size = this.size): Buffer[] {
    if (index < 0 || index >= size || size > this.size) throw new RangeError('no such leaf');
    return this.#path(index, 0, size);
  }

  /** PROOF(m, D[n]) of RFC 6962 §2.1.2: that the log of `from` leaves is the start of that of `to`. */
  consistencyPath(from: number, to = this.size): Buffer[] {
    if (from < 1 || from > to || to > this.size) throw new RangeError('no such sizes');
    return this.#subproof(from, 0, to, true);
  }

  #range(start: number, length: number): Buffer {
    const k = Math.log2(length);
    if (Number.isInteger(k) && start % length === 0) return this.#levels[k]!.at(start / length);
    const left = split(length);
    return nodeHash(this.#range(start, left), this.#range(start + left, length - left));
  }

  #path(index: number, start: number, length: number): Buffer[] {
    if (length === 1) return [];
    const left = split(length);
    return index < left
      ? [...this.#path(index, start, left), Buffer.from(this.#range(start + left, length - left))]
      : [...this.#path(index - left, start + left, length - left), Buffer.from(this.#range(start, left))];
  }

  #subproof(m: number, start: number, length: number, whole: boolean): Buffer[] {
    if (m === length) return whole ? [] : [Buffer.from(this.#range(start, length))];
    const left = split(length);
    return m <= left
      ? [...this.#subproof(m, start, left, whole), Buffer.from(this.#range(start + left, length - left))]
      : [...this.#subproof(m - left, start + left, length - left, false), Buffer.from(this.#range(start, left))];
  }
}
