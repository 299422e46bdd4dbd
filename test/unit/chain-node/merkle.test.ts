import fc from 'fast-check';
import { leafHash, MerkleLog, merkleRoot } from '../../../chain-node/state/merkle.ts';
import { rootFromPath } from '../../../verifier/index.ts';
import { sm3 } from '../../../platform/crypto/index.ts';
import { consistent } from '../../fixtures/consistency.ts';

const leaves = (n: number) => Array.from({ length: n }, (_, i) => leafHash(Buffer.from(`record ${i}`)));
function logOf(n: number): MerkleLog {
  const log = new MerkleLog();
  for (const leaf of leaves(n)) log.append(leaf);
  return log;
}

test('the root of nothing is SM3 of nothing, of one leaf the leaf', () => {
  expect(new MerkleLog().root()).toEqual(sm3(Buffer.alloc(0)));
  expect(logOf(1).root()).toEqual(leaves(1)[0]);
});

test('the log and the plain tree agree at every size, also after taking back', () => {
  const log = logOf(70);
  for (let n = 0; n <= 70; n += 1) expect(log.root(n)).toEqual(merkleRoot(leaves(n)));
  log.truncate(33);
  for (const leaf of leaves(50).slice(33)) log.append(leaf);
  expect(log.root()).toEqual(merkleRoot(leaves(50)));
});

test('every inclusion path leads to the root, by the verifier, and to no other', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(), (size, pick) => {
      const log = logOf(size + 5);
      const index = pick % size;
      const path = log.inclusionPath(index, size);
      const root = (at: number, of: number) => rootFromPath(leaves(size)[index]!, at, of, path, sm3);
      expect(Buffer.from(root(index, size)!)).toEqual(log.root(size));
      if (size > 1) expect(Buffer.from(root((index + 1) % size, size) ?? [])).not.toEqual(log.root(size));
    }),
  );
});

test('every consistency proof holds, and fails for another root', () => {
  const log = logOf(64 + 9);
  for (let to = 1; to <= log.size; to += 3)
    for (let from = 1; from < to; from += 1) {
      const proof = log.consistencyPath(from, to);
      expect(consistent(from, to, log.root(from), log.root(to), proof)).toBe(true);
      expect(consistent(from, to, sm3(log.root(from)), log.root(to), proof)).toBe(false);
    }
});

test.each([
  [5, 5],
  [-1, 5],
  [0, 99],
])('no path for leaf %i of %i', (index, size) => {
  expect(() => logOf(6).inclusionPath(index, size)).toThrow(RangeError);
});
