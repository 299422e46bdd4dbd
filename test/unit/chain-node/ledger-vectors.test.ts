import { readFileSync, writeFileSync } from 'node:fs';
import { checkpointMessage, decodeCosigned, encodeCosigned } from '../../../chain-node/codec/checkpoint.ts';
import { decodeProposal, encodeProposal, proposalMessage } from '../../../chain-node/codec/proposal.ts';
import { decodeVote, encodeVote, voteMessage } from '../../../chain-node/codec/vote.ts';
import { parseGenesis } from '../../../chain-node/genesis.ts';
import { inlineChecker } from '../../../chain-node/mempool/checker.ts';
import {
  decodeFinalBlock,
  decodeGreeting,
  decodeHashes,
  decodeHeight,
  decodeHello,
  decodeSnapshotPart,
  decodeSnapshotWanted,
  decodeStatus,
  decodeTxs,
  encodeGreeting,
  encodeHashes,
  encodeHeight,
  encodeHello,
  encodeSnapshotPart,
  encodeSnapshotWanted,
  encodeStatus,
  finalBlockFrame,
  Frame,
  splitFrame,
  txsFrame,
} from '../../../chain-node/p2p/frames.ts';
import { decodeGovernance, encodeGovernance, stateHash } from '../../../chain-node/state/governance.ts';
import { certificateJson, hashJson } from '../../../chain-node/state/json.ts';
import { checkSnapshot, decodeSnapshot, encodeSnapshot } from '../../../chain-node/sync/snapshot.ts';
import { checkAhead, verifyBlock } from '../../../chain-node/sync/verify-block.ts';
import { type BlockAnswer, type ChainSource, checkChain } from '../../../ops/fsck/ledger.ts';
import { sm2 } from '../../../platform/crypto/index.ts';
import { emptyLedger, type LedgerVectors, makeLedgerVectors } from '../../fixtures/ledger-vectors.ts';
import { keyOf } from '../../fixtures/receipt.ts';

const FILE = 'docs/vectors/ledger.json';
const read = () => JSON.parse(readFileSync(FILE, 'utf8')) as LedgerVectors;
const vectors = read();
const genesis = parseGenesis(vectors.genesis);
const CHAIN = genesis.chainId;
const bytesOf = (hex: string) => Buffer.from(hex, 'hex');
const frameOf = (name: string) => splitFrame(bytesOf(vectors.frames.find((one) => one.name === name)!.bytes)).payload;

test('what is made now has the same bytes, but for signatures', async () => {
  const made = await makeLedgerVectors();
  // VECTORS=1 writes them anew: only if the protocol has another version.
  if (process.env.VECTORS === '1') return writeFileSync(FILE, `${JSON.stringify(made, null, 1)}\n`);
  expect(made.genesisHash).toBe(vectors.genesisHash);
  expect(made.blocks.map(({ hash, txIds }) => [hash.length, txIds.length])).toEqual(
    vectors.blocks.map(({ hash, txIds }) => [hash.length, txIds.length]),
  );
  // The first block stands on nothing that was signed but its transactions.
  const { txRoot: _ours, ...header } = made.blocks[0]!.header;
  expect(vectors.blocks[0]!.header).toMatchObject(header);
  expect(vectors.blocks[0]!.txIds).toEqual(made.blocks[0]!.txIds);
});

test('the genesis has its hash', () => expect(genesis.hash.toString('hex')).toBe(vectors.genesisHash));

test('a node that has nothing takes the blocks one by one, and comes to the same hashes and states', async () => {
  const ledger = await emptyLedger(genesis);
  const checker = inlineChecker(sm2);
  for (const { frame, hash, header, commit, txIds, txHashes, state, txs } of vectors.blocks) {
    const { kind, payload } = splitFrame(bytesOf(frame));
    const block = decodeFinalBlock(payload);
    expect(kind).toBe(Frame.block);
    expect(certificateJson(block)).toEqual({ header, commit });
    expect(block.txs.map((tx) => tx.toString('base64'))).toEqual(txs);
    const prepared = await verifyBlock(ledger, block, checkAhead(ledger, checker, block));
    expect(prepared.txs.map((tx) => [tx.id, tx.hash.toString('hex')])).toEqual(txIds.map((id, i) => [id, txHashes[i]]));
    await ledger.append(prepared, block.commit);
    expect([ledger.head.toString('hex'), hashJson(block.header)]).toEqual([hash, hash]);
    expect(encodeGovernance(ledger.governance).toString('hex')).toBe(state);
    expect(stateHash(decodeGovernance(bytesOf(state))).toString('hex')).toBe(header.stateHash);
  }
  expect(ledger.members.map(({ memberId }) => memberId)).toEqual(['a', 'b', 'c', 'watch']);
  expect(ledger.governance).toMatchObject({ policy: { version: 2 }, faults: [{ memberId: 'c', height: 3 }] });
});

test('a node that has nothing takes the snapshot', async () => {
  const { bytes } = decodeSnapshotPart(frameOf('snapshotPart'));
  await expect(checkSnapshot(await emptyLedger(genesis), decodeSnapshot(bytes))).resolves.toBeUndefined();
  expect(encodeSnapshot(decodeSnapshot(bytes))).toEqual(bytes);
  for (const other of [bytes.subarray(1), bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0)])])
    expect(() => decodeSnapshot(other)).toThrow(expect.objectContaining({ code: 'encoding-invalid' }));
});

test.each(vectors.messages)('$name is signed by $signer', ({ message, signer, signature }) => {
  const publicKey = sm2.publicKeyOf(keyOf(signer));
  expect(sm2.verify(publicKey, bytesOf(message), bytesOf(signature))).toBe(true);
  expect(sm2.verify(publicKey, Buffer.concat([bytesOf(message), Buffer.of(0)]), bytesOf(signature))).toBe(false);
});

test.each([
  ['prevote', () => voteMessage(CHAIN, decodeVote(frameOf('vote')))],
  ['proposal', () => proposalMessage(CHAIN, decodeProposal(frameOf('proposal')))],
  ['checkpoint', () => checkpointMessage(CHAIN, decodeCosigned(frameOf('checkpoint')))],
  ['prevote', () => decodeGreeting(frameOf('greeting')).seen!.message],
])('what is signed of the %s follows from the frame', (name, messageIn) => {
  expect(messageIn().toString('hex')).toBe(vectors.messages.find((one) => one.name === name)!.message);
});

const again: Record<keyof typeof Frame, (payload: Buffer) => Buffer> = {
  hello: (payload) => encodeHello(decodeHello(payload)),
  status: (payload) => encodeStatus(decodeStatus(payload)),
  announce: (payload) => encodeHashes(decodeHashes(payload)),
  want: (payload) => encodeHashes(decodeHashes(payload)),
  transactions: (payload) => splitFrame(txsFrame(decodeTxs(payload))).payload,
  proposal: (payload) => encodeProposal(decodeProposal(payload)),
  vote: (payload) => encodeVote(decodeVote(payload)),
  blocksWanted: (payload) => encodeHeight(decodeHeight(payload)),
  block: (payload) => splitFrame(finalBlockFrame(decodeFinalBlock(payload))).payload,
  greeting: (payload) => encodeGreeting(decodeGreeting(payload)),
  checkpoint: (payload) => encodeCosigned(decodeCosigned(payload)),
  snapshotWanted: (payload) => encodeSnapshotWanted(decodeSnapshotWanted(payload)),
  snapshotPart: (payload) => encodeSnapshotPart(decodeSnapshotPart(payload)),
};
const frames = [...vectors.frames, { name: 'block' as const, bytes: vectors.blocks[0]!.frame }];

test('there is one of each kind of frame', () => {
  expect(frames.map(({ name }) => name).sort()).toEqual(Object.keys(Frame).sort());
});

test.each(frames)('the frame $name has one encoding: not one byte less, nor one more', ({ name, bytes }) => {
  const { kind, payload } = splitFrame(bytesOf(bytes));
  expect([kind, again[name](payload).toString('hex')]).toEqual([Frame[name], payload.toString('hex')]);
  const refused = { code: 'encoding-invalid' };
  for (let length = 0; length < payload.length; length += 1)
    expect(() => again[name](payload.subarray(0, length))).toThrow(expect.objectContaining(refused));
  expect(() => again[name](Buffer.concat([payload, Buffer.of(0)]))).toThrow(expect.objectContaining(refused));
});

test('a status says yes or no, by one byte each', () => {
  const payload = frameOf('status');
  const withLast = (byte: number) => Buffer.concat([payload.subarray(0, -1), Buffer.of(byte)]);
  expect(decodeStatus(payload).isAsleep).toBe(false);
  expect(decodeStatus(withLast(1)).isAsleep).toBe(true);
  for (const byte of [2, 128, 255])
    expect(() => decodeStatus(withLast(byte))).toThrow(expect.objectContaining({ code: 'encoding-invalid' }));
});

describe('fsck, which reads by code of its own', () => {
  const start = {
    genesisHash: vectors.genesisHash,
    members: vectors.genesis.members,
    policy: genesis.policy,
  };
  const sourceOf = (blocks: BlockAnswer[]): ChainSource => ({
    status: async () => ({ memberId: 'a', height: blocks.length, base: { height: 0, logSize: 0 } }),
    membersAt: () => Promise.reject(new Error('a chain that is whole names its members itself')),
    blocksFrom: async (height) => blocks.slice(height - 1, height + 1),
  });

  test('finds nothing wrong, and each record', async () => {
    const { findings, hashes, records } = await checkChain(sourceOf(vectors.blocks), start);
    expect(findings).toEqual([]);
    expect(hashes).toEqual(vectors.blocks.map(({ hash }) => hash));
    expect(records.map(({ sender, stream }) => `${sender} ${stream}`)).toEqual([
      ...['a archive', 'a archive', 'a archive', 'b archive'],
      ...['a chain.member', 'b chain.member', 'a chain.policy', 'c chain.policy'],
      ...['a chain.member', 'b chain.member', 'c chain.member', 'a chain.evidence', 'watch archive'],
    ]);
  });

  const zero = '00'.repeat(32);
  test.each<[reason: string, height: number, change: (block: BlockAnswer, all: BlockAnswer[]) => void]>([
    ['height', 2, ({ header }) => (header.height = 7)],
    ['does not follow the block before', 3, ({ header }) => (header.previous = zero)],
    ['signed by other members', 3, ({ header }) => (header.membersHash = zero)],
    ['a transaction not signed by its sender', 1, ({ txs }) => (txs[0] = flipped(txs[0]!))],
    ['fewer than a quorum signed', 2, ({ commit }) => commit.signatures.splice(2)],
    ['fewer than a quorum signed', 2, ({ commit }) => (commit.round = 1)],
    ['root of the transactions', 1, ({ txs }) => txs.reverse()],
    ['log root', 1, ({ txs }) => txs.reverse()],
    ['log root', 5, ({ header }) => (header.logSize += 1)],
    ['members of the next height', 2, ({ header }) => (header.nextMembersHash = header.membersHash)],
    ['hash of the state', 4, ({ header }) => (header.stateHash = zero)],
    ['hash of the state', 3, ({ txs }) => txs.pop()],
    ['does not follow the block before', 3, (_block, all) => all.splice(1, 1)],
  ])('finds: %s', async (reason, height, change) => {
    const blocks = read().blocks;
    change(blocks[height - 1]!, blocks);
    const { findings } = await checkChain(sourceOf(blocks), start);
    expect(findings).toContainEqual({ where: expect.stringMatching(/^ledger a height \d+$/), reason });
  });

  /** Another last byte: of the signature. */
  function flipped(tx: string): string {
    const bytes = Buffer.from(tx, 'base64');
    bytes[bytes.length - 1]! ^= 1;
    return bytes.toString('base64');
  }
});
