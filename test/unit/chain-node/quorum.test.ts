import { isQuorum, quorumSize } from '../../../chain-node/consensus/core.ts';
import type { LedgerNode } from '../../../chain-node/node.ts';
import { quorumOf, standing } from '../../../chain-node/rpc/answers.ts';

/** A node, and which of the members it is linked to. */
function nodeOf(memberId: string, validators: readonly string[], linked: readonly string[]): LedgerNode {
  return {
    ledger: { validators, height: 5 },
    links: { isConnected: (id: string) => linked.includes(id) },
    options: { memberId },
    highest: 5,
    isSyncing: false,
  } as unknown as LedgerNode;
}
const FOUR = ['yz1', 'yz2', 'yz3', 'yz4'];

test.each([
  [1, 1, 0],
  [3, 3, 0],
  [4, 3, 1],
  [6, 5, 1],
  [7, 5, 2],
  [10, 7, 3],
])('of %i validators %i are a quorum, and %i may fail', (n, needed, mayFail) => {
  expect(quorumSize(n)).toBe(needed);
  expect([isQuorum(needed, n), isQuorum(needed - 1, n)]).toEqual([true, false]);
  const validators = Array.from({ length: n }, (_, i) => `yz${i}`);
  expect(quorumOf(nodeOf('yz0', validators, validators))).toEqual({ validators: n, mayFail, needed, linked: n });
});

test('a validator counts itself, and links to observers do not count', () => {
  expect(quorumOf(nodeOf('yz1', FOUR, ['yz2', 'observer']))).toMatchObject({ linked: 2, needed: 3 });
  expect(quorumOf(nodeOf('observer', FOUR, ['yz2', 'yz3']))).toMatchObject({ linked: 2, needed: 3 });
});

test('with one less than a quorum it is not linked, with one more it is', () => {
  expect(standing(nodeOf('yz1', FOUR, ['yz2']))).toMatchObject({ linked: false });
  expect(standing(nodeOf('yz1', FOUR, ['yz2', 'yz3']))).toMatchObject({ linked: true });
});
