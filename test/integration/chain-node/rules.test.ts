import { once } from 'node:events';
import request from 'supertest';
import { createRpc } from '../../../chain-node/rpc/app.ts';
import { chainStart, checkChain, nodeAt } from '../../../ops/fsck/ledger.ts';
import { createMetrics } from '../../../platform/observe/metrics.ts';
import { FEW, LATER } from '../../fixtures/later-program.ts';
import { MEMBERS, Nodes } from '../../fixtures/nodes.ts';
import { Rpcs } from '../../fixtures/rpc.ts';

const OLD = 'yzp';
const nodes = new Nodes(['watch', 'late']);
const rpcs = new Rpcs(nodes, ['yz1']);
/** From which height on the second rules hold. */
let height = 0;

beforeAll(async () => {
  await nodes.startAll(undefined, []);
  await Promise.all(MEMBERS.map((id) => nodes.start(id, id === OLD ? {} : { rules: LATER })));
  await rpcs.startAll();
});
afterAll(async () => {
  await rpcs.stopAll();
  await nodes.stopAll();
});

/** More transactions at once than a block may hold by the second rules; resolves when they are final at these. */
async function many(...on: readonly string[]): Promise<string> {
  const sent = Array.from({ length: 3 * FEW }, (_, i) => nodes.transaction('yz1', [`record ${i}`]));
  await Promise.all(sent.map(({ encoded }) => nodes.node('yz1').submit(encoded)));
  for (const id of on) for (const { txId } of sent) await nodes.final(id, txId);
  return sent[0]!.txId;
}

async function status(id: string) {
  const { body } = await request(createRpc(nodes.node(id), createMetrics('t')))
    .get('/v1/status')
    .expect(200);
  return body as { rules: unknown; height: number };
}

/** How many transactions each block of yz1 has, from 1 on at index 0. */
async function counts(): Promise<number[]> {
  const { reader, ledger } = nodes.node('yz1');
  return Promise.all(Array.from({ length: ledger.height }, (_, i) => reader.txCount(i + 1)));
}

test('a switch that is adopted is shown, by who knows its rules and by who does not; nothing is changed before its height', async () => {
  await many(...MEMBERS);
  height = nodes.node('yz1').ledger.height + 12;
  await nodes.decide({ type: 'rules', height, version: 2 }, ['yz1', 'yz2', 'yz3']);
  const next = { version: 2, height };
  expect((await status('yz1')).rules).toEqual({ version: 1, known: [1, 2], stopped: false, next });
  expect((await status(OLD)).rules).toEqual({ version: 1, known: [1], stopped: false, next });
  await many(...MEMBERS);
  expect(Math.max(...(await counts()))).toBeGreaterThan(FEW);
});

test('at that height, and not before, blocks are made by the new rules', async () => {
  while (nodes.node('yz1').ledger.height < height + 6) await many('yz1', 'yz2', 'yz3');
  const all = await counts();
  expect(Math.max(...all.slice(0, height - 1))).toBeGreaterThan(FEW);
  expect(Math.max(...all.slice(height - 1))).toBe(FEW);
  expect((await status('yz1')).rules).toEqual({ version: 2, known: [1, 2], stopped: false, next: null });
});

test('who does not know them stops before it, takes nothing more, and answers readers', async () => {
  const old = nodes.node(OLD);
  expect(old.ledger.height).toBe(height - 1);
  expect(await status(OLD)).toMatchObject({ syncing: true, rules: { version: 2, known: [1], stopped: true } });
  const { encoded } = nodes.transaction(OLD, ['too late']);
  const rpc = request(createRpc(old, createMetrics('t')));
  const { body } = await rpc
    .post('/v1/transactions')
    .send({ tx: encoded.toString('base64') })
    .expect(503);
  expect(body).toMatchObject({ code: 'rules-unknown' });
  await rpc.get(`/v1/blocks/${height - 1}`).expect(200);
  expect(await old.reader.record(0)).toBeDefined();
  expect(old.links.connected()).toEqual(['yz1', 'yz2', 'yz3']);
  expect(nodes.fatal).toEqual([]);
});

test('started again it is as before; with the new program it goes on, and then the old one does not open its store', async () => {
  await nodes.stop(OLD);
  await nodes.start(OLD);
  await many('yz1', 'yz2', 'yz3');
  expect(await status(OLD)).toMatchObject({ height: height - 1, rules: { stopped: true } });
  await nodes.stop(OLD);
  await nodes.start(OLD, { rules: LATER });
  await many(...MEMBERS);
  await nodes.stop(OLD);
  await expect(nodes.start(OLD)).rejects.toMatchObject({ code: 'store-newer' });
  const again = await nodes.start(OLD, { rules: LATER });
  expect(again.ledger.height).toBeGreaterThan(height);
  await many(...MEMBERS);
});

test('a snapshot tells the rules of its head: who knows them begins with it, who does not takes blocks up to the switch', async () => {
  const { ledger } = nodes.node('yz1');
  const watch = await nodes.start('watch', { sync: 'snapshot', fewBlocks: 1, rules: LATER });
  while (watch.ledger.height < ledger.height) await once(watch, 'governance');
  expect(watch.ledger.base.height).toBeGreaterThan(height);
  expect(watch.ledger.governance.rules).toBe(2);
  const late = await nodes.start('late', { sync: 'snapshot', fewBlocks: 1 });
  while (late.ledger.height < height - 1) await once(late, 'block');
  expect(late.ledger.base.height).toBe(0);
  await many('watch');
  expect(late.ledger.height).toBe(height - 1);
  await nodes.stop('late');
  expect((await nodes.start('late', { sync: 'snapshot' })).ledger.height).toBe(height - 1);
  await nodes.stop('watch');
  await expect(nodes.start('watch', { sync: 'snapshot' })).rejects.toMatchObject({ code: 'store-newer' });
});

test('fsck checks each height by its rules, and says from which one on it cannot tell', async () => {
  const start = chainStart(nodes.genesis);
  const { findings, hashes } = await checkChain(nodeAt(rpcs.url('yz1')), start, LATER);
  expect(findings).toEqual([]);
  expect(hashes.length).toBeGreaterThan(height);
  const tight = new Map([...LATER, [1, LATER.get(2)!]]);
  expect((await checkChain(nodeAt(rpcs.url('yz1')), start, tight)).findings).toContainEqual({
    where: expect.stringMatching(/height/) as string,
    reason: 'more than a block may hold',
  });
  await expect(checkChain(nodeAt(rpcs.url('yz1')), start)).rejects.toThrow(`from height ${height} on rules 2 hold`);
});
