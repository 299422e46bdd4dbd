import type { Block } from '../../../../web/explorer/client/types.ts';
import { differences } from '../../../../web/explorer/compare.ts';

const block = (hash: string): Block => ({ hash, txCount: 0, header: { logRoot: 'r' }, commit: {} }) as unknown as Block;
const row = (hashes: (string | null)[]) =>
  differences(hashes.map((hash) => ({ genesisHash: 'g', block: hash === null ? null : block(hash) }))).find(
    ({ name }) => name === 'hash',
  )!;
const odd = (hashes: (string | null)[]) => row(hashes).cells.map(({ isOdd }) => isOdd);

test.each([
  ['all the same', ['a', 'a', 'a'], false, [false, false, false]],
  ['one is odd', ['a', 'b', 'a'], true, [false, true, false]],
  ['no side has most: both are marked', ['a', 'b'], true, [true, true]],
  ['a node that lacks it is no difference', ['a', null, 'a'], false, [false, false, false]],
  ['none has it', [null, null], false, [false, false]],
])('%s', (_, hashes, differs, marks) => {
  expect(row(hashes).differs).toBe(differs);
  expect(odd(hashes)).toEqual(marks);
});
