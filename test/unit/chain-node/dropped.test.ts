import { txRootOf } from '../../../chain-node/codec/block.ts';
import { encodeCosigned } from '../../../chain-node/codec/checkpoint.ts';
import { encodeVote, voteMessage, VoteType } from '../../../chain-node/codec/vote.ts';
import { encodeProposal, proposalMessage } from '../../../chain-node/codec/proposal.ts';
import { proposerOf } from '../../../chain-node/consensus/core.ts';
import { encodeGreeting, Frame } from '../../../chain-node/p2p/frames.ts';
import { linkFaultOf } from '../../../chain-node/p2p/link-fault.ts';
import { Clock } from '../../../chain-node/sim/clock.ts';
import { sign } from '../../../chain-node/sim/signatures.ts';
import { createLogger, type Logger } from '../../../platform/observe/logger.ts';
import { keyOf, MEMBERS, NOW, openVirtualNode } from '../../fixtures/virtual-node.ts';

/** yz1 at height 0, which works on height 1; what its peers send is handed in. */
async function listening() {
  const said: { message: string; cause?: string }[] = [];
  const debug = (data: { cause?: string }, message: string) => void said.push({ ...data, message });
  const logger = { ...createLogger('test', 'silent'), debug, info() {}, warn() {}, error() {} } as unknown as Logger;
  const carry = { broadcast: () => {}, send: () => true };
  const { node, events } = await openVirtualNode('yz1', new Clock(NOW), carry, logger);
  await node.start();
  const counts = () =>
    Object.fromEntries([...node.dropped.rows()].map((row) => [`${row.peer} ${row.cause}`, row.count]));
  return { node, events, said, counts };
}

function vote(height: number, round: number, voter = 'yz2', fill = 7): Buffer {
  const one = { type: VoteType.prevote, height, round, blockHash: Buffer.alloc(32, fill), voter };
  return encodeVote({ ...one, signature: sign(keyOf(voter), voteMessage('test', one)) });
}

let one: Awaited<ReturnType<typeof listening>>;
beforeEach(async () => {
  one = await listening();
});
afterEach(() => one.node.close());

test('a vote that is of use is not counted', async () => {
  await one.events.onFrame('yz2', Frame.vote, vote(1, 0));
  expect(one.counts()).toEqual({});
});

test.each<[string, number, number]>([
  ['stale', 0, 0],
  ['far-height', 2 ** 40, 0],
  ['far-round', 1, 2 ** 32 - 1],
])('votes let fall are counted to who sent them, and logged at debug: %s', async (cause, height, round) => {
  for (let i = 0; i < 3; i += 1) await one.events.onFrame('yz3', Frame.vote, vote(height, round));
  expect(one.counts()).toEqual({ [`yz3 ${cause}`]: 3 });
  expect(one.said.filter(({ message }) => message === 'message dropped').map((line) => line.cause)).toEqual(
    Array.from({ length: 3 }, () => cause),
  );
  expect([...one.node.refusals.rows()]).toEqual([]);
});

test('a vote said again is counted to who says it again', async () => {
  await one.events.onFrame('yz2', Frame.vote, vote(1, 0));
  for (const peer of ['yz3', 'yz3', 'yz4']) await one.events.onFrame(peer, Frame.vote, vote(1, 0));
  expect(one.counts()).toEqual({ 'yz3 repeated': 2, 'yz4 repeated': 1 });
});

test('proposals too: far ahead, and said again', async () => {
  const { ledger } = one.node;
  const proposer = proposerOf(MEMBERS, 1, 0);
  const { header } = ledger.build([], proposer, NOW + 1).prepared;
  const proposal = (height: number, round: number) => {
    const unsigned = { height, round, validRound: -1, header, txHashes: [] };
    return encodeProposal({ ...unsigned, signature: sign(keyOf(proposer), proposalMessage('test', unsigned)) });
  };
  await one.events.onFrame('yz2', Frame.proposal, proposal(1, 0));
  expect(one.counts()).toEqual({});
  for (const [height, round] of [
    [1, 0],
    [1, 2 ** 31],
    [0, 0],
    [2 ** 40, 0],
  ] as const)
    await one.events.onFrame('yz3', Frame.proposal, proposal(height, round));
  expect(one.counts()).toEqual({
    'yz3 repeated': 1,
    'yz3 far-round': 1,
    'yz3 stale': 1,
    'yz3 far-height': 1,
  });
});

test('who votes for many blocks in one step is convicted, and heard no more; others are', async () => {
  for (let fill = 1; fill <= 10; fill += 1) await one.events.onFrame('yz3', Frame.vote, vote(1, 0, 'yz2', fill));
  expect(one.counts()).toEqual({ 'yz3 too-many': 6 });
  expect(await one.node.ledger.store.evidence(20)).toHaveLength(3);
  await one.events.onFrame('yz3', Frame.vote, vote(1, 0, 'yz4'));
  await one.events.onFrame('yz3', Frame.vote, vote(1, 1));
  expect(one.counts()).toEqual({ 'yz3 too-many': 6 });
});

test('so is who proposes many blocks in one round, though nobody can give their transactions', async () => {
  const proposer = proposerOf(MEMBERS, 1, 0);
  const { header } = one.node.ledger.build([], proposer, NOW + 1).prepared;
  for (let i = 1; i <= 10; i += 1) {
    const txHashes = [Buffer.alloc(32, i)];
    const unsigned = {
      height: 1,
      round: 0,
      validRound: -1,
      header: { ...header, txRoot: txRootOf(txHashes) },
      txHashes,
    };
    const signature = sign(keyOf(proposer), proposalMessage('test', unsigned));
    await one.events.onFrame('yz3', Frame.proposal, encodeProposal({ ...unsigned, signature }));
  }
  expect(one.counts()).toEqual({ 'yz3 too-many': 6 });
  expect(await one.node.ledger.store.evidence(20)).toHaveLength(3);
});

test('a proposal whose list is not that of its block costs who sent it, and not the proposer', async () => {
  const proposer = proposerOf(MEMBERS, 1, 0);
  const { header } = one.node.ledger.build([], proposer, NOW + 1).prepared;
  const unsigned = { height: 1, round: 0, validRound: -1, header, txHashes: [] };
  const signed = { ...unsigned, signature: sign(keyOf(proposer), proposalMessage('test', unsigned)) };
  const spoilt = encodeProposal({ ...signed, txHashes: [Buffer.alloc(32, 1)] });
  for (let i = 0; i < 10; i += 1)
    await expect(one.events.onFrame('yz3', Frame.proposal, spoilt)).rejects.toMatchObject({ code: 'block-invalid' });
  await one.events.onFrame('yz4', Frame.proposal, encodeProposal(signed));
  expect(one.counts()).toEqual({});
  expect(await one.node.ledger.store.evidence(20)).toEqual([]);
});

test.each<[string, Frame, (i: number) => Buffer]>([
  [
    'greetings that nobody signed',
    Frame.greeting,
    (i) => encodeGreeting({ height: 0, seen: { message: Buffer.alloc(40, i), signature: Buffer.alloc(64) } }),
  ],
  [
    'checkpoints of heights ahead that nobody signed',
    Frame.checkpoint,
    (i) => {
      const [blockHash, logRoot, signature] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2), Buffer.alloc(64)];
      return encodeCosigned({ height: 100 + i, blockHash, logSize: 1, logRoot, memberId: 'yz4', signature });
    },
  ],
])('a peer’s share of %s is looked at, and no more', async (_what, kind, make) => {
  for (let i = 0; i < 1200; i += 1) await one.events.onFrame('yz3', kind, make(i));
  expect(one.counts()).toEqual({ 'yz3 too-many': 200 });
  await one.events.onFrame('yz4', kind, make(0));
  expect(one.counts()).toEqual({ 'yz3 too-many': 200 });
});

test('what is wrong is a refusal, and no drop', async () => {
  const forged = vote(1, 0);
  forged[forged.length - 1]! ^= 1;
  await expect(one.events.onFrame('yz3', Frame.vote, forged)).rejects.toMatchObject({ code: 'signature-invalid' });
  one.events.onFault('yz3', 'frame-too-large');
  expect(one.counts()).toEqual({});
  expect(one.node.refusals.of('yz3', 'signature-invalid')).toBe(1);
  expect(one.node.refusals.of('yz3', 'frame-too-large')).toBe(1);
});

test.each([
  ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'frame-too-large'],
  ['WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', 'frame-too-large'],
  ['WS_ERR_UNEXPECTED_RSV_1', 'websocket-invalid'],
  ['ECONNRESET', null],
  [undefined, null],
])('an error of a socket with code %s is the fault %s of the peer', (code, fault) => {
  expect(linkFaultOf(Object.assign(new Error('x'), { code }))).toBe(fault);
});
