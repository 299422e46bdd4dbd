import request from 'supertest';
import { createRpc } from '../../../chain-node/rpc/app.ts';
import { createMetrics } from '../../../platform/observe/metrics.ts';
import { sm2, sm3 } from '../../../platform/crypto/index.ts';
import { blockHash, leafHash, precommitMessage, rootFromPath } from '../../../verifier/ledger.ts';
import type { LedgerReceipt } from '../../../verifier/index.ts';
import { consistent } from '../../fixtures/consistency.ts';
import { MEMBERS, Nodes } from '../../fixtures/nodes.ts';

const nodes = new Nodes();
beforeAll(() => nodes.startAll());
afterAll(() => nodes.stopAll());

const bytes = (hex: string) => Buffer.from(hex, 'hex');

test('four nodes agree on one chain, whoever a transaction goes to', async () => {
  const sent = MEMBERS.map((id) => ({ id, ...nodes.transaction(id, [`by ${id}`, `more by ${id}`]) }));
  for (const { id, encoded } of sent) await nodes.node(id).submit(encoded);
  for (const id of MEMBERS) for (const { txId } of sent) await nodes.final(id, txId);
  const height = nodes.node('yz1').ledger.height;
  const hashes = await Promise.all(
    MEMBERS.map(async (id) => blockHashAt(id, Math.min(height, nodes.node(id).ledger.height))),
  );
  expect(new Set(hashes).size).toBe(1);
});

async function blockHashAt(id: string, height: number): Promise<string> {
  const commit = await nodes.node(id).ledger.store.commit(height);
  return commit.blockHash.toString('hex');
}

test('a receipt leads from the record to more than two thirds of the members, by code apart', async () => {
  const { encoded, txId } = nodes.transaction('yz2', ['first', 'second', 'third']);
  await nodes.node('yz3').submit(encoded);
  await nodes.final('yz3', txId);
  const receipt = (await nodes.node('yz3').ledger.receipt(txId, 1)) as unknown as LedgerReceipt;
  expect(receipt.entry.record.digest).toBe(sm3(Buffer.from('second')).toString('hex'));
  const root = rootFromPath(
    leafHash(receipt.entry, sm3),
    receipt.index,
    receipt.header.logSize,
    receipt.path.map(bytes),
    sm3,
  );
  expect(Buffer.from(root!).toString('hex')).toBe(receipt.header.logRoot);
  const block = blockHash(receipt.header, sm3);
  const good = receipt.commit.signatures.filter(({ memberId, signature }) => {
    const { publicKey } = receipt.members.find((member) => member.memberId === memberId)!;
    const message = precommitMessage('test', receipt.header.height, receipt.commit.round, block, memberId);
    return sm2.verify(bytes(publicKey), message, bytes(signature));
  });
  expect(good.length).toBeGreaterThanOrEqual(3);
});

test('any earlier log is proven to be the start of the present one, and every node gives the same proof', async () => {
  const sizes = MEMBERS.map((id) => nodes.node(id).ledger.logSize);
  const to = Math.min(...sizes);
  for (let from = 1; from <= to; from += 1) {
    const proof = nodes.node('yz1').ledger.consistency(from, to);
    if (from < to)
      expect(consistent(from, to, bytes(proof.fromRoot), bytes(proof.toRoot), proof.path.map(bytes))).toBe(true);
    for (const id of MEMBERS) expect(nodes.node(id).ledger.consistency(from, to)).toEqual(proof);
  }
});

test('the rpc gives the proof, and the findings against members; a bad size is refused', async () => {
  const rpc = request(createRpc(nodes.node('yz1'), createMetrics('consortium-test')));
  const { body } = await rpc.get('/v1/consistency?from=1').expect(200);
  expect(body).toEqual(nodes.node('yz1').ledger.consistency(1, nodes.node('yz1').ledger.logSize));
  await rpc.get('/v1/consistency?from=x').expect(400, /encoding-invalid/);
  await rpc.get('/v1/consistency?from=0').expect(404, /not-found/);
  await rpc.get('/v1/evidence').expect(200, []);
});

test.each([
  [0, 1],
  [2, 1],
  [1, 1e6],
])('no consistency proof from %i to %i', (from, to) => {
  expect(() => nodes.node('yz1').ledger.consistency(from, to)).toThrow(expect.objectContaining({ code: 'not-found' }));
});

test('the same transaction again is the same answer, and is in the log once', async () => {
  const { encoded, txId } = nodes.transaction('yz1', ['once']);
  expect(await nodes.node('yz1').submit(encoded)).toBe(txId);
  await nodes.final('yz1', txId);
  const { logSize } = nodes.node('yz1').ledger;
  expect(await nodes.node('yz1').submit(encoded)).toBe(txId);
  expect(nodes.node('yz1').ledger.logSize).toBe(logSize);
});

test.each([
  ['signature-invalid', () => nodes.transaction('yz1', ['x'], 'test', 'yz2').encoded],
  ['chain-mismatch', () => nodes.transaction('yz1', ['x'], 'other').encoded],
  ['sender-unknown', () => nodes.transaction('nobody', ['x']).encoded],
  ['encoding-invalid', () => nodes.transaction('yz1', ['x']).encoded.subarray(0, 90)],
  ['transaction-invalid', () => nodes.transaction('yz1', []).encoded],
  ['transaction-too-large', () => Buffer.alloc(1024 * 1024)],
])('refuses a transaction: %s', async (code, make) => {
  await expect(nodes.node('yz1').submit(make())).rejects.toMatchObject({ code });
});

test('one stopped node changes nothing for users; restarted, it catches up', async () => {
  await nodes.stop('yz2');
  const sent = Array.from({ length: 6 }, (_, i) => nodes.transaction('yz1', [`while away ${i}`]));
  for (const { encoded, txId } of sent) {
    await nodes.node('yz1').submit(encoded);
    await nodes.final('yz1', txId);
  }
  await nodes.start('yz2');
  for (const { txId } of sent) await nodes.final('yz2', txId);
  const { encoded, txId } = nodes.transaction('yz2', ['back again']);
  await nodes.node('yz2').submit(encoded);
  for (const id of MEMBERS) await nodes.final(id, txId);
});

test('all stopped and started again: nothing that was final is lost, and it goes on', async () => {
  const { logSize } = nodes.node('yz1').ledger;
  const root = nodes.node('yz1').ledger.head.toString('hex');
  const { height } = nodes.node('yz1').ledger;
  for (const id of MEMBERS) await nodes.stop(id);
  for (const id of MEMBERS) await nodes.start(id);
  expect(nodes.node('yz1').ledger.logSize).toBeGreaterThanOrEqual(logSize);
  expect(await blockHashAt('yz1', height)).toBe(root);
  const { encoded, txId } = nodes.transaction('yzp', ['after']);
  await nodes.node('yzp').submit(encoded);
  for (const id of MEMBERS) await nodes.final(id, txId);
});
