import { sm3, sm3Nodes } from '../../platform/crypto/index.ts';
import { HASH_BYTES } from '../codec/record.ts';

const LEAF = Uint8Array.of(0);

/** Hash of a leaf (RFC 6962 §2.1, SM3 for SHA-256). */
export const leafHash = (data: Uint8Array): Buffer => sm3(LEAF, data);

const pair = Buffer.alloc(2 * HASH_BYTES);

/** Hash of a node over two (RFC 6962 §2.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  pair.set(left, 0);
  pair.set(right, HASH_BYTES);
  return sm3Nodes(pair);
}

/** Of no leaves. */
export const EMPTY_ROOT = sm3(Buffer.alloc(0));

/** The largest power of two below n (RFC 6962 §2.1). */
export function splitOf(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** Root over leaf hashes (RFC 6962 §2.1). */
export function merkleRoot(leaves: readonly Buffer[]): Buffer {
  const frontier = new Frontier();
  frontier.append(Buffer.concat(leaves));
  return frontier.root();
}

/** The roots of the complete subtrees that a log of this size is made of (RFC 6962 §2.1): all that is needed to go on from it. */
export class Frontier {
  /** nodes[k] is there if bit k of `size` is set: the root over 2^k leaves. */
  readonly #nodes: (Buffer | undefined)[];
  #size: number;

  constructor(nodes: readonly (Buffer | undefined)[] = [], size = 0) {
    this.#nodes = [...nodes];
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  copy(): Frontier {
    return new Frontier(this.#nodes, this.#size);
  }

  /**
   * Appends leaf hashes, packed: level by level, as one call hashes many nodes faster than many calls. Gives the new
   * complete subtrees' roots of each height, packed, the leaves themselves first.
   */
  append(leaves: Buffer): Buffer[] {
    const grown: Buffer[] = [];
    this.#size += leaves.length / HASH_BYTES;
    for (let level = leaves, height = 0; level.length > 0; height += 1) {
      grown.push(level);
      const left = this.#nodes[height];
      const row = left === undefined ? level : Buffer.concat([left, level]);
      const paired = row.length - (row.length % (2 * HASH_BYTES));
      this.#nodes[height] = paired < row.length ? Buffer.from(row.subarray(paired)) : undefined;
      level = paired === 0 ? Buffer.alloc(0) : sm3Nodes(row.subarray(0, paired));
    }
    return grown;
  }

  root(): Buffer {
    let root: Buffer | undefined;
    for (const node of this.#nodes) if (node !== undefined) root = root === undefined ? node : nodeHash(node, root);
    return root ?? EMPTY_ROOT;
  }
}
