import request from 'supertest';
import { tag, Writer } from '../../../chain-node/codec/bytes.ts';
import { decodeTransaction, txIdOf } from '../../../chain-node/codec/transaction.ts';
import { createRpc } from '../../../chain-node/rpc/app.ts';
import { createMetrics } from '../../../platform/observe/metrics.ts';
import { sm2, sm3 } from '../../../platform/crypto/index.ts';
import { blockHash, leafHash, precommitMessage, rootFromPath } from '../../../verifier/ledger.ts';
import type { LedgerReceipt } from '../../../verifier/index.ts';
import { consistent } from '../../fixtures/consistency.ts';
import { MEMBERS, Nodes } from '../../fixtures/nodes.ts';
import { until } from '../../fixtures/until.ts';

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
  const { commit } = await nodes.node(id).reader.certificate(height);
  return commit.blockHash.toString('hex');
}

test('a receipt leads from the record to more than two thirds of the members, by code apart', async () => {
  const { encoded, txId } = nodes.transaction('yz2', ['first', 'second', 'third']);
  await nodes.node('yz3').submit(encoded);
  await nodes.final('yz3', txId);
  const receipt = (await nodes.node('yz3').reader.receipt(txId, 1)) as unknown as LedgerReceipt;
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
    const proof = await nodes.node('yz1').reader.consistency(from, to);
    if (from < to)
      expect(consistent(from, to, bytes(proof.fromRoot), bytes(proof.toRoot), proof.path.map(bytes))).toBe(true);
    for (const id of MEMBERS) expect(await nodes.node(id).reader.consistency(from, to)).toEqual(proof);
  }
});

test('the rpc gives the proof, and the findings against members; a bad size is refused', async () => {
  const rpc = request(createRpc(nodes.node('yz1'), createMetrics('consortium-test')));
  const { body } = await rpc.get('/v1/consistency?from=1').expect(200);
  const { reader, ledger } = nodes.node('yz1');
  expect(body).toEqual(await reader.consistency(1, ledger.logSize));
  await rpc.get('/v1/consistency?from=x').expect(400, /encoding-invalid/);
  await rpc.get('/v1/consistency?from=0').expect(404, /not-found/);
  await rpc.get('/v1/evidence').expect(200, []);
});

test('a transaction that becomes final while the rpc looks for it is not said to be unknown', async () => {
  const node = nodes.node('yz1');
  const { encoded, txId } = nodes.transaction('yz1', ['while it is looked for']);
  const place = node.ledger.store.place.bind(node.ledger.store);
  const look = jest.spyOn(node.ledger.store, 'place').mockImplementationOnce(async (id) => {
    const before = await place(id);
    await node.submit(encoded);
    await until(async () => (await place(id)) !== null && node.mempool.get(id) === undefined);
    return before;
  });
  try {
    const { body } = await request(createRpc(node, createMetrics('race-test')))
      .get(`/v1/transactions/${txId}`)
      .expect(200);
    expect(body).toMatchObject({ txId, state: 'final' });
  } finally {
    look.mockRestore();
  }
});

test('the rpc pages through the records of a stream, a key, a digest', async () => {
  const node = nodes.node('yz1');
  const rpc = request(createRpc(node, createMetrics('records-test')));
  const all = await node.reader.records(0, 1000);
  const digest = all[1]!.entry.record.digest.toString('hex');
  const key = sm3(Buffer.from('key')).toString('hex');
  const cases: [query: string, indexes: number[]][] = [
    ['', all.map(({ index }) => index)],
    ['stream=archive', all.map(({ index }) => index)],
    ['stream=none', []],
    [`key=${key}&stream=archive`, all.map(({ index }) => index)],
    [`key=${key}&stream=none`, []],
    [`digest=${digest}`, [1]],
    [`digest=${digest}&stream=none`, []],
    [`key=${key}&digest=${digest}`, [1]],
  ];
  for (const [query, indexes] of cases) {
    const found: number[] = [];
    for (let path: string | undefined = `/v1/records?limit=2&${query}`; path !== undefined;) {
      const response: request.Response = await rpc.get(path).expect(200);
      found.push(...(response.body as { index: number }[]).map(({ index }) => index));
      path = /<(.+)>; rel="next"/.exec(response.headers.link ?? '')?.[1];
    }
    expect([query, found]).toEqual([query, indexes]);
  }
});

test('the rpc pages through the transactions, the newest first, by sender and kind', async () => {
  const node = nodes.node('yz1');
  const rpc = request(createRpc(node, createMetrics('transactions-test')));
  const { encoded, txId } = nodes.transaction('yz2', ['the newest', 'of two records']);
  await node.submit(encoded);
  await nodes.final('yz1', txId);
  const all: { txId: string; sender: string }[] = [];
  for (let height = node.ledger.height; height > 0; height -= 1) {
    const { txs } = await node.reader.block(height);
    for (const tx of txs.reverse().map(decodeTransaction))
      all.push({ txId: txIdOf(tx).toString('hex'), sender: tx.sender });
  }
  expect(all.length).toBeGreaterThan(4);
  expect(all[0]).toEqual({ txId, sender: 'yz2' });
  const listed = async (query: string) => {
    const found: { txId: string }[] = [];
    for (let path: string | undefined = `/v1/transactions?limit=2&${query}`; path !== undefined;) {
      const response: request.Response = await rpc.get(path).expect(200);
      expect((response.body as unknown[]).length).toBeLessThanOrEqual(2);
      found.push(...(response.body as typeof found));
      path = /<(.+)>; rel="next"/.exec(response.headers.link ?? '')?.[1];
    }
    return found;
  };
  const ids = (list: readonly { txId: string }[]) => list.map((one) => one.txId);
  const whole = await listed('');
  expect(whole[0]).toEqual({
    ...{ txId, height: expect.any(Number), indexInBlock: 0, timeMs: expect.any(Number) },
    ...{ sender: 'yz2', type: 'attest', count: 2, bytes: encoded.length },
  });
  expect(ids(whole)).toEqual(ids(all));
  expect(ids(await listed('sender=yz2'))).toEqual(ids(all.filter(({ sender }) => sender === 'yz2')));
  expect(await listed('sender=nobody')).toEqual([]);
  expect(await listed('type=policy')).toEqual([]);
  expect(ids(await listed('from=1'))).toEqual(ids(whole.filter((one) => (one as { height?: number }).height === 1)));
  await rpc.get('/v1/transactions?type=else').expect(400, /encoding-invalid/);
  await rpc.get('/v1/transactions?from=1-x').expect(400, /encoding-invalid/);
  await rpc.get(`/v1/transactions?from=${node.ledger.height + 1}`).expect(404, /not-synced/);
});

test('the rpc says how it stands with what it has not: not there, or not yet', async () => {
  const node = nodes.node('yz1');
  const rpc = request(createRpc(node, createMetrics('absence-test')));
  const { height } = node.ledger;
  const absent = await rpc.get(`/v1/transactions/${'ab'.repeat(32)}`).expect(404);
  expect(absent.body).toMatchObject({ code: 'not-found', syncing: false, linked: true });
  const late = await rpc.get(`/v1/blocks/${height + 1000}`).expect(404);
  expect(late.body).toMatchObject({ code: 'not-synced', linked: true });
  await rpc.get('/v1/nothing').expect(404, /route-not-found/);
});

test.each([
  [0, 1],
  [2, 1],
  [1, 1e6],
])('no consistency proof from %i to %i', async (from, to) => {
  await expect(nodes.node('yz1').reader.consistency(from, to)).rejects.toMatchObject({ code: 'not-found' });
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

test('all members sign the same checkpoints, and each node has all signatures', async () => {
  const { encoded, txId } = nodes.transaction('yz1', ['at a checkpoint']);
  await nodes.node('yz1').submit(encoded);
  for (const id of MEMBERS) await nodes.final(id, txId);
  const { height } = (await nodes.node('yz1').ledger.store.place(txId))!;
  const told = await Promise.all(MEMBERS.map((id) => cosigned(id, height)));
  expect(new Set(told.map((one) => JSON.stringify(one))).size).toBe(1);
  const { blockHash: hash, logSize, logRoot, signatures } = told[0]!;
  expect(hash).toBe(await blockHashAt('yz1', height));
  for (const { memberId, signature } of signatures) {
    const message = new Writer().raw(tag('sealfolio/checkpoint/1')).str('test').u64(height).raw(bytes(hash));
    message.u64(logSize).raw(bytes(logRoot)).str(memberId);
    expect(sm2.verify(nodes.keys.get(memberId)!.publicKey, message.done(), bytes(signature))).toBe(true);
  }
});

/** The checkpoint of this height as a node's rpc gives it, once all members have signed it. */
async function cosigned(id: string, height: number) {
  const app = createRpc(nodes.node(id), createMetrics(`t-${id}`));
  let found: CheckpointAnswer | undefined;
  await until(async () => {
    const { body } = await request(app).get('/v1/checkpoints?limit=100').expect(200);
    found = (body as CheckpointAnswer[]).find((one) => one.height === height);
    return found?.signatures.length === MEMBERS.length;
  });
  return found!;
}

interface CheckpointAnswer {
  height: number;
  blockHash: string;
  logSize: number;
  logRoot: string;
  signatures: { memberId: string; signature: string }[];
}
