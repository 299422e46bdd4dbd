import { sm3Nodes } from '../../platform/crypto/index.ts';
import { HASH_BYTES } from '../codec/record.ts';
import { EMPTY_ROOT, Frontier, nodeHash, splitOf } from './merkle.ts';

/** Hashes in a tile, and the levels of the tree in one (C2SP tlog-tiles). */
export const TILE_WIDTH = 256;
const TILE_HEIGHT = 8;
const TILE_BYTES = TILE_WIDTH * HASH_BYTES;
const MAX_TILES_KEPT = 512;

/** Tile `index` of level L holds the roots over 256^L leaves each, from the leaf `index`·256^(L+1) on. */
export interface Tile {
  level: number;
  index: number;
  hashes: Buffer;
}

/** What appending some leaves makes of the log; nothing has happened yet. */
export interface Extension {
  size: number;
  root: Buffer;
  frontier: Frontier;
  /** New hashes of each level of tiles, packed. */
  grown: Buffer[];
}

/** The complete subtrees of one tile: their roots, height by height, made when a height is asked for first. */
class TileTree {
  readonly #rows: Buffer[];

  constructor(hashes: Buffer) {
    this.#rows = [hashes];
  }

  /** Root over the 2^height hashes from position·2^height on. */
  node(height: number, position: number): Buffer {
    while (this.#rows.length <= height) {
      const row = this.#rows.at(-1)!;
      this.#rows.push(sm3Nodes(row.subarray(0, row.length - (row.length % (2 * HASH_BYTES)))));
    }
    return this.#rows[height]!.subarray(position * HASH_BYTES, (position + 1) * HASH_BYTES);
  }
}

/**
 * The append-only log of records (RFC 6962 §2.1): proofs for any index at any size up to the present one. The hashes lie
 * in tiles in the store; memory holds the frontier, the unfinished tile of each level, and some tiles that were read.
 */
export class RecordLog {
  #frontier = new Frontier();
  /** Hashes of the last tile of each level, which may be full. */
  #last: Buffer[] = [];
  /** Of those, made as they are asked for. */
  readonly #lastTrees = new Map<number, TileTree>();
  /** Full ones, what was used last at the end. */
  readonly #read = new Map<string, TileTree>();

  constructor(private readonly readTile: (level: number, index: number) => Promise<Buffer>) {}

  /** Goes on from a log of this size whose tiles are there. */
  async open(size: number): Promise<void> {
    const nodes: (Buffer | undefined)[] = [];
    this.#last = [];
    this.#lastTrees.clear();
    for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / TILE_WIDTH)) {
      const inLast = count % TILE_WIDTH;
      if (inLast === 0) {
        this.#last.push(Buffer.alloc(0));
        continue;
      }
      const hashes = await this.readTile(level, Math.floor(count / TILE_WIDTH));
      const last = hashes.subarray(0, inLast * HASH_BYTES);
      this.#last.push(last);
      const tree = new TileTree(last);
      let at = 0;
      for (let height = TILE_HEIGHT - 1; height >= 0; height -= 1) {
        if ((inLast & (1 << height)) === 0) continue;
        nodes[level * TILE_HEIGHT + height] = tree.node(height, at >> height);
        at += 1 << height;
      }
    }
    this.#frontier = new Frontier(nodes, size);
  }

  /** The hashes of the last tile of each level, none if it is full. */
  unfinishedTiles(): Buffer[] {
    return [...this.#last];
  }

  get size(): number {
    return this.#frontier.size;
  }

  /** What the log becomes with these leaf hashes, 32 bytes each in buffers of any number. */
  extend(leaves: readonly Buffer[]): Extension {
    const frontier = this.#frontier.copy();
    const grown = frontier.append(Buffer.concat(leaves)).filter((_, height) => height % TILE_HEIGHT === 0);
    return { size: frontier.size, root: frontier.root(), frontier, grown };
  }

  /** The tiles that an extension changes or adds, whole. */
  tilesOf({ grown }: Extension): Tile[] {
    const tiles: Tile[] = [];
    for (const [level, hashes] of grown.entries()) {
      const whole = Buffer.concat([this.#last[level] ?? Buffer.alloc(0), hashes]);
      const first = Math.floor(this.#countAt(level) / TILE_WIDTH);
      for (let at = 0; at < whole.length; at += TILE_BYTES)
        tiles.push({ level, index: first + at / TILE_BYTES, hashes: whole.subarray(at, at + TILE_BYTES) });
    }
    return tiles;
  }

  /** Makes an extension the log; its tiles are in the store by now. */
  adopt(extension: Extension, tiles: readonly Tile[]): void {
    for (const { level, hashes } of tiles) this.#last[level] = hashes.length === TILE_BYTES ? Buffer.alloc(0) : hashes;
    this.#lastTrees.clear();
    this.#frontier = extension.frontier;
  }

  /** The hash of a leaf. Throws RangeError. */
  async leaf(index: number): Promise<Buffer> {
    if (index < 0 || index >= this.size) throw new RangeError('no such leaf');
    return this.#node(0, index);
  }

  /** Root of the present log. */
  root(): Buffer {
    return this.#frontier.root();
  }

  async rootAt(size: number): Promise<Buffer> {
    if (size === 0) return EMPTY_ROOT;
    return size === this.size ? this.root() : this.#range(0, size);
  }

  /** PATH(m, D[n]) of RFC 6962 §2.1.1, from the leaf up. Throws RangeError on what is not in the log. */
  async inclusionPath(index: number, size = this.size): Promise<Buffer[]> {
    if (index < 0 || index >= size || size > this.size) throw new RangeError('no such leaf');
    return this.#path(index, 0, size);
  }

  /** PROOF(m, D[n]) of RFC 6962 §2.1.2: that the log of `from` leaves is the start of that of `to`. */
  async consistencyPath(from: number, to = this.size): Promise<Buffer[]> {
    if (from < 1 || from > to || to > this.size) throw new RangeError('no such sizes');
    return this.#subproof(from, 0, to, true);
  }

  /** How many hashes a level of tiles has. */
  #countAt(level: number): number {
    return Math.floor(this.size / TILE_WIDTH ** level);
  }

  async #tree(level: number, index: number): Promise<TileTree> {
    if (index === Math.floor(this.#countAt(level) / TILE_WIDTH)) {
      const tree = this.#lastTrees.get(level) ?? new TileTree(this.#last[level]!);
      this.#lastTrees.set(level, tree);
      return tree;
    }
    const key = `${level}/${index}`;
    const tree = this.#read.get(key) ?? new TileTree(await this.readTile(level, index));
    this.#read.delete(key);
    this.#read.set(key, tree);
    if (this.#read.size > MAX_TILES_KEPT) this.#read.delete(this.#read.keys().next().value!);
    return tree;
  }

  /** Root of the complete subtree over the 2^height leaves from position·2^height on. */
  async #node(height: number, position: number): Promise<Buffer> {
    const level = Math.floor(height / TILE_HEIGHT);
    const inTile = height % TILE_HEIGHT;
    const wide = 2 ** (TILE_HEIGHT - inTile);
    const tree = await this.#tree(level, Math.floor(position / wide));
    return tree.node(inTile, position % wide);
  }

  async #range(start: number, length: number): Promise<Buffer> {
    const height = Math.log2(length);
    if (Number.isInteger(height) && start % length === 0) return this.#node(height, start / length);
    const left = splitOf(length);
    return nodeHash(await this.#range(start, left), await this.#range(start + left, length - left));
  }

  async #path(index: number, start: number, length: number): Promise<Buffer[]> {
    if (length === 1) return [];
    const left = splitOf(length);
    return index < left
      ? [...(await this.#path(index, start, left)), await this.#range(start + left, length - left)]
      : [...(await this.#path(index - left, start + left, length - left)), await this.#range(start, left)];
  }

  async #subproof(m: number, start: number, length: number, whole: boolean): Promise<Buffer[]> {
    if (m === length) return whole ? [] : [await this.#range(start, length)];
    const left = splitOf(length);
    return m <= left
      ? [...(await this.#subproof(m, start, left, whole)), await this.#range(start + left, length - left)]
      : [...(await this.#subproof(m - left, start + left, length - left, false)), await this.#range(start, left)];
  }
}
