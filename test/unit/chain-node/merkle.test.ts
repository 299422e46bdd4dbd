import fc from 'fast-check';
import { leafHash, MerkleLog, merkleRoot, nodeHash } from '../../../chain-node/state/merkle.ts';
import { rootFromPath } from '../../../verifier/index.ts';
import { sm3 } from '../../../platform/crypto/index.ts';

const leaves = (n: number) => Array.from({ length: n }, (_, i) => leafHash(Buffer.from(`record ${i}`)));
function logOf(n: number): MerkleLog {
  const log = new MerkleLog();
  for (const leaf of leaves(n)) log.append(leaf);
  return log;
}

/** RFC 9162 §2.1.4.2, apart from the code under test. */
function consistent(from: number, to: number, first: Buffer, second: Buffer, proof: Buffer[]): boolean {
  const path = [...proof];
  if (Number.isInteger(Math.log2(from))) path.unshift(first);
  let [fn, sn] = [from - 1, to - 1];
  while (fn % 2 === 1) [fn, sn] = [fn >> 1, sn >> 1];
  let fr = path.shift()!;
  let sr = fr;
  for (const c of path) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(c, fr);
      sr = nodeHash(c, sr);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1];
    } else sr = nodeHash(sr, c);
    [fn, sn] = [fn >> 1, sn >> 1];
  }
  return sn === 0 && fr.equals(first) && sr.equals(second);
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
