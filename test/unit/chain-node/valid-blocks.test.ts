import { readFileSync } from 'node:fs';
import { type Header, MAX_BLOCK_BYTES, MAX_BLOCK_TXS } from '../../../chain-node/codec/block.ts';
import type { Commit } from '../../../chain-node/codec/vote.ts';
import { parseGenesis } from '../../../chain-node/genesis.ts';
import { type CheckedTx, inlineChecker } from '../../../chain-node/mempool/checker.ts';
import { decodeFinalBlock, splitFrame } from '../../../chain-node/p2p/frames.ts';
import type { Ledger } from '../../../chain-node/state/ledger.ts';
import { sm2 } from '../../../platform/crypto/index.ts';
import { emptyLedger, type LedgerVectors } from '../../fixtures/ledger-vectors.ts';

const vectors = JSON.parse(readFileSync('docs/vectors/ledger.json', 'utf8')) as LedgerVectors;
const genesis = parseGenesis(vectors.genesis);
const block = decodeFinalBlock(splitFrame(Buffer.from(vectors.blocks[0]!.frame, 'hex')).payload);
const other = Buffer.alloc(32, 9);

/** At the genesis; block 1 may follow. */
let ledger: Ledger;
let txs: CheckedTx[];
beforeEach(async () => {
  ledger = await emptyLedger(genesis);
  const context = { chainId: genesis.chainId, members: ledger.members };
  txs = (await inlineChecker(sm2).check(block.txs, context, 'sender')) as CheckedTx[];
});

describe('whether a block may follow the head', () => {
  const { timeMs } = block.header;
  const check = (header: Header, some = txs, nowMs: number | null = timeMs) =>
    ledger.check(header, some, () => true, nowMs);

  test('one that was built on it may, up to ten seconds before its time', () => {
    expect(check(block.header).header).toEqual(block.header);
    expect(check(block.header, txs, timeMs - 10_000).header).toEqual(block.header);
  });

  test.each<[string, Partial<Header>, string?]>([
    ['of another chain', { chainId: 'other' }, 'chain-mismatch'],
    ['of the next height', { height: 2 }],
    ['of a height far away', { height: 2 ** 40 }],
    ['on another head', { previous: other }],
    ['of other members', { membersHash: other }],
    ['that hands over to other members', { nextMembersHash: other }],
    ['with another state after it', { stateHash: other }],
    ['with another log', { logRoot: other }],
    ['with a longer log', { logSize: block.header.logSize + 1 }],
    ['by who is no validator', { proposer: 'watch' }],
    ['of the time of the head', { timeMs: Date.parse(vectors.genesis.time) }],
    ['of an hour ago', { timeMs: timeMs - 3_600_000 }],
    ['of more than ten seconds ahead', { timeMs: timeMs + 10_001 }],
    ['of an hour ahead', { timeMs: timeMs + 3_600_000 }],
  ])('one %s is refused', (_what, change, code = 'block-invalid') => {
    expect(() => check({ ...block.header, ...change })).toThrow(expect.objectContaining({ code }));
  });

  test.each<[string, () => CheckedTx[]]>([
    ['a transaction twice', () => [...txs, txs[0]!]],
    ['more transactions than may be', () => Array.from({ length: MAX_BLOCK_TXS + 1 }, () => txs[0]!)],
    ['more bytes than may be', () => [{ ...txs[0]!, encoded: Buffer.alloc(MAX_BLOCK_BYTES + 1) }]],
  ])('one with %s is refused', (_what, some) => {
    expect(() => check(block.header, some())).toThrow(expect.objectContaining({ code: 'block-invalid' }));
  });
});

describe('whether a block is final', () => {
  const { signatures } = block.commit;
  const [a, b, c, d] = signatures as [
    (typeof signatures)[0],
    (typeof signatures)[0],
    (typeof signatures)[0],
    (typeof signatures)[0],
  ];
  const check = (change: Partial<Commit>) => ledger.checkCommit(block.header, { ...block.commit, ...change });

  test('the signatures of more than two thirds make it so', async () => {
    await expect(check({})).resolves.toBeUndefined();
    await expect(check({ signatures: [a, c, d] })).resolves.toBeUndefined();
  });

  test.each<[string, Partial<Commit>]>([
    ['two of four', { signatures: [a, b] }],
    ['one three times', { signatures: [a, a, a] }],
    ['names that have changed places', { signatures: [{ ...a, memberId: 'b' }, { ...b, memberId: 'a' }, c] }],
    ['each other’s names', { signatures: [{ ...b, memberId: 'a' }, { ...a, memberId: 'b' }, c] }],
    ['another order', { signatures: [b, a, c] }],
    ['a quorum, and one beside it that is wrong', { signatures: [a, b, c, { ...d, signature: Buffer.alloc(64, 1) }] }],
    ['a quorum, and a stranger beside it', { signatures: [a, b, c, { ...d, memberId: 'watch' }] }],
    ['another round', { round: 1 }],
    ['another height', { height: 2 }],
    ['another block', { blockHash: other }],
  ])('%s do not', async (_what, change) => {
    await expect(check(change)).rejects.toMatchObject({ code: 'commit-invalid' });
  });
});
