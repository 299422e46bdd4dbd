import { type Compared, comparisonOf } from '../../../../web/explorer/check/comparison.ts';
import type { Block } from '../../../../web/explorer/client/types.ts';

const block = (hash: string, previous = 'p', membersHash = 'm'): Block =>
  ({ hash, header: { previous, membersHash } }) as unknown as Block;
const node = (name: string, of: Block | null, verdict: Compared['verdict'] = 'valid', genesisHash = 'g'): Compared => ({
  name,
  genesisHash,
  block: of,
  verdict: of === null ? null : verdict,
});

test.each<[string, Compared[], object]>([
  ['the same', [node('a', block('x')), node('b', block('x'))], { kind: 'same' }],
  [
    'one that lacks it is no difference',
    [node('a', block('x')), node('b', block('x')), node('c', null)],
    { kind: 'same' },
  ],
  ['one alone', [node('a', block('x')), node('b', null)], { kind: 'tooFew' }],
  ['another chain', [node('a', block('x')), node('b', block('y'), 'valid', 'h')], { kind: 'otherChain' }],
  ['two quorums', [node('a', block('x')), node('b', block('y'))], { kind: 'fork', isEarlier: false }],
  [
    'two quorums, and before too',
    [node('a', block('x')), node('b', block('y', 'q'))],
    { kind: 'fork', isEarlier: true },
  ],
  [
    'two sets of members',
    [node('a', block('x')), node('b', block('y', 'q', 'n'))],
    { kind: 'otherMembers', isEarlier: true },
  ],
  [
    'one that no quorum signed',
    [node('a', block('x')), node('b', block('y'), 'invalid')],
    { kind: 'unsigned', nodes: ['b'] },
  ],
  [
    'one that cannot be checked',
    [node('a', block('x')), node('b', block('y'), 'unknown')],
    { kind: 'unsigned', nodes: ['b'] },
  ],
  [
    'the same name for other bytes',
    [node('a', block('x')), node('b', block('x'), 'invalid')],
    { kind: 'unsigned', nodes: ['b'] },
  ],
])('%s', (_case, nodes, comparison) => {
  expect(comparisonOf(nodes)).toMatchObject(comparison);
});
