import fc from 'fast-check';
import { leafHash, merkleRoot } from '../../../chain-node/state/merkle.ts';
import { RecordLog, TILE_WIDTH } from '../../../chain-node/state/log.ts';
import { sm3 } from '../../../platform/crypto/index.ts';
import { rootFromPath } from '../../../verifier/index.ts';
import { consistent } from '../../fixtures/consistency.ts';

const MOST = TILE_WIDTH * 3 + 20;
const LEAVES = Array.from({ length: MOST }, (_, i) => leafHash(Buffer.from(`record ${i}`)));

/** A log over tiles in a map, grown in steps of these sizes. */
class Grown {
  readonly tiles = new Map<string, Buffer>();
  log = this.#empty();

  #empty(): RecordLog {
    return new RecordLog(async (level, index) => this.tiles.get(`${level}/${index}`)!);
  }

  grow(to: number): void {
    const extension = this.log.extend(LEAVES.slice(this.log.size, to));
    const tiles = this.log.tilesOf(extension);
    for (const { level, index, hashes } of tiles) this.tiles.set(`${level}/${index}`, hashes);
    this.log.adopt(extension, tiles);
  }

  async reopen(): Promise<void> {
    const { size } = this.log;
    this.log = this.#empty();
    await this.log.open(size);
  }
}

function logOf(size: number): RecordLog {
  const grown = new Grown();
  grown.grow(size);
  return grown.log;
}

const rfcRoot = (leaves: Buffer[]): Buffer => {
  if (leaves.length === 0) return sm3(Buffer.alloc(0));
  if (leaves.length === 1) return leaves[0]!;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sm3(Uint8Array.of(1), rfcRoot(leaves.slice(0, k)), rfcRoot(leaves.slice(k)));
};

test('the root is that of RFC 6962 §2.1, of nothing SM3 of nothing', () => {
  for (const n of [0, 1, 2, 3, 7, 8, 255, 256, 257, MOST]) {
    const leaves = LEAVES.slice(0, n);
    expect(merkleRoot(leaves)).toEqual(rfcRoot(leaves));
    expect(logOf(n).root()).toEqual(rfcRoot(leaves));
  }
});

const sizes = fc.uniqueArray(fc.integer({ min: 1, max: MOST }), { minLength: 1, maxLength: 12 });

test('grown in any steps, read and opened again between them, it is the same log', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(), async (steps, when) => {
      const grown = new Grown();
      for (const [i, size] of [...steps].sort((a, b) => a - b).entries()) {
        grown.grow(size);
        if (i === when % steps.length) await grown.reopen();
        expect(grown.log.root()).toEqual(merkleRoot(LEAVES.slice(0, size)));
        for (const earlier of steps.filter((one) => one <= size))
          expect(await grown.log.rootAt(earlier)).toEqual(merkleRoot(LEAVES.slice(0, earlier)));
      }
    }),
    { numRuns: 30 },
  );
});

test('what is not adopted leaves no trace', () => {
  const log = logOf(100);
  log.extend(LEAVES.slice(100, 300));
  expect(log.size).toBe(100);
  expect(log.root()).toEqual(merkleRoot(LEAVES.slice(0, 100)));
});

test('every inclusion path leads to the root, by the verifier, and to no other', async () => {
  const log = logOf(MOST);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: MOST }), fc.nat(), async (size, pick) => {
      const index = pick % size;
      const path = await log.inclusionPath(index, size);
      const expected = await log.rootAt(size);
      const root = (at: number, of: number) => rootFromPath(LEAVES[index]!, at, of, path, sm3);
      expect(Buffer.from(root(index, size)!)).toEqual(expected);
      if (size > 1) expect(Buffer.from(root((index + 1) % size, size) ?? [])).not.toEqual(expected);
    }),
  );
});

test('every consistency path proves the earlier log, and no other', async () => {
  const log = logOf(MOST);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: MOST }), fc.integer({ min: 1, max: MOST }), async (a, b) => {
      fc.pre(a !== b);
      const [from, to] = [Math.min(a, b), Math.max(a, b)];
      const [path, first, second] = await Promise.all([
        log.consistencyPath(from, to),
        log.rootAt(from),
        log.rootAt(to),
      ]);
      expect(consistent(from, to, first, second, path)).toBe(true);
      expect(consistent(from, to, sm3(first), second, path)).toBe(false);
    }),
  );
});

test.each([
  [-1, 5],
  [5, 5],
  [0, MOST + 1],
])('no path for leaf %i in a log of %i', async (index, size) => {
  await expect(logOf(10).inclusionPath(index, size)).rejects.toThrow(RangeError);
});
