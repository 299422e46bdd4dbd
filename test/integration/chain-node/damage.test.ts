import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { ClassicLevel } from 'classic-level';
import { memberKeyMessage } from '../../../chain-node/codec/change.ts';
import { sm2 } from '../../../platform/crypto/index.ts';
import { MEMBERS, Nodes } from '../../fixtures/nodes.ts';
import { until } from '../../fixtures/until.ts';

const nodes = new Nodes();
const BLOCKS = 6;
beforeAll(async () => {
  await nodes.startAll();
  for (let i = 0; i < BLOCKS; i += 1) await attested(`record ${i}`);
});
afterAll(() => nodes.stopAll());

/** One more block, on all that run. */
async function attested(text: string): Promise<void> {
  const { encoded, txId } = nodes.transaction('yz1', [text, `${text} too`]);
  await nodes.node('yz1').submit(encoded);
  for (const id of MEMBERS) if (nodes.running.has(id)) await nodes.final(id, txId);
}

const storeOf = (id: string) => path.join(nodes.dir, id, 'blocks');

/** Changes the last bit of the value under the first key of a range, at `at` from its end. */
async function change(id: string, range: { gte: string; lt: string; reverse?: boolean }): Promise<void> {
  const db = new ClassicLevel<string, Buffer>(storeOf(id), { valueEncoding: 'buffer' });
  const [first] = await db.iterator({ ...range, limit: 1 }).all();
  const [key, value] = first!;
  value[value.length - 1]! ^= 1;
  await db.put(key, value);
  await db.close();
}

/** Removes the first key of a range. */
async function remove(id: string, range: { gte: string; lt: string }): Promise<void> {
  const db = new ClassicLevel<string, Buffer>(storeOf(id), { valueEncoding: 'buffer' });
  const [key] = await db.keys({ ...range, limit: 1 }).all();
  await db.del(key!);
  await db.close();
}

/** All that this node holds, read and hashed again, is what yz1 holds. */
async function isWhole(id: string): Promise<void> {
  const [own, other] = [nodes.node(id), nodes.node('yz1')];
  for (let height = 1; height <= other.ledger.height; height += 1)
    expect((await own.reader.block(height)).header).toEqual((await other.reader.block(height)).header);
  const records = await own.reader.records(0, own.ledger.logSize);
  expect(records.map(({ encoded }) => encoded)).toEqual(
    (await other.reader.records(0, own.ledger.logSize)).map(({ encoded }) => encoded),
  );
  const [{ entry }] = records as unknown as [(typeof records)[number]];
  expect(await own.reader.byKey('archive', entry.record.key, 0, 100)).toHaveLength(own.ledger.logSize);
}

const filesOf = (id: string, end: RegExp) => readdirSync(storeOf(id)).filter((name) => end.test(name));

test.each<[string, () => Promise<void> | void]>([
  ['the head', () => change('yz3', { gte: 'head', lt: 'heae' })],
  ['the head, removed', () => remove('yz3', { gte: 'head', lt: 'heae' })],
  ['the last certificate', () => change('yz3', { gte: 'c/', lt: 'c0', reverse: true })],
  ['a transaction', () => change('yz3', { gte: 'b/', lt: 'b0' })],
  ['a tile of the log', () => change('yz3', { gte: 'm/', lt: 'm0' })],
  ['a place of records, removed', () => remove('yz3', { gte: 'l/', lt: 'l0' })],
  ['a file of the store, removed', () => rmSync(path.join(storeOf('yz3'), filesOf('yz3', /^MANIFEST/)[0]!))],
  [
    'bytes in a file of the store',
    () => {
      const name = path.join(storeOf('yz3'), filesOf('yz3', /^MANIFEST/)[0]!);
      const bytes = readFileSync(name);
      bytes.fill(0x5a, 8, 24);
      writeFileSync(name, bytes);
    },
  ],
  ['the whole store, removed', () => rmSync(storeOf('yz3'), { recursive: true })],
])(
  '%s: changed while the node was away, it is noticed at the start and comes back from the others',
  async (_name, damage) => {
    await nodes.stop('yz3');
    await damage();
    await nodes.start('yz3');
    await attested('after the damage');
    await isWhole('yz3');
  },
);

test.each([
  ['a nonce', 'n'],
  ['a place of a transaction', 't'],
  ['a hash of a block', 'h'],
])('%s that is gone is not taken for what never was: it is noticed after the start', async (_name, kind) => {
  await nodes.stop('yz3');
  await remove('yz3', { gte: `${kind}/`, lt: `${kind}0` });
  nodes.fatal.length = 0;
  await nodes.start('yz3');
  await until(() => nodes.fatal.length > 0);
  expect(nodes.fatal).toMatchObject([{ memberId: 'yz3', error: { code: 'store-corrupt' } }]);
  await nodes.stop('yz3');
  nodes.fatal.length = 0;
  await nodes.start('yz3');
  await attested(`after ${kind}`);
  await isWhole('yz3');
});

test('a store that a later version wrote is refused at the start, and left as it is', async () => {
  await nodes.stop('yz3');
  const db = new ClassicLevel<string, Buffer>(storeOf('yz3'), { valueEncoding: 'buffer' });
  const mark = (await db.get('format'))!;
  const later = Buffer.from(mark);
  later[later.length - 1]! += 1;
  later.writeUInt32BE(crc32(later.subarray(4), crc32('format')));
  await db.put('format', later);
  const before = await db.iterator().all();
  await db.close();
  await expect(nodes.start('yz3')).rejects.toMatchObject({ code: 'store-newer' });
  await db.open();
  expect(await db.iterator().all()).toEqual(before);
  await db.put('format', mark);
  await db.close();
  await nodes.start('yz3');
  await attested('after the version that knows it');
  await isWhole('yz3');
});

test('a block that is changed while the node runs is named and not served; the next start repairs it', async () => {
  const [first] = (await nodes.node('yz2').reader.records(0, 1)) as unknown as [{ height: number }];
  await nodes.stop('yz2');
  const db = new ClassicLevel<string, Buffer>(storeOf('yz2'), { valueEncoding: 'buffer' });
  const key = `t/${(await nodes.node('yz1').reader.record(0)).entry.txId.toString('hex')}`;
  const value = (await db.get(key))!;
  value[5]! ^= 1;
  await db.put(key, value);
  await db.close();
  await nodes.start('yz2');
  const { txId } = (await nodes.node('yz1').reader.record(0)).entry;
  await expect(nodes.node('yz2').reader.receipt(txId.toString('hex'), 0)).rejects.toMatchObject({
    code: 'store-corrupt',
  });
  expect(nodes.fatal).toMatchObject([{ memberId: 'yz2', error: { code: 'store-corrupt' } }]);
  await nodes.stop('yz2');
  await nodes.start('yz2');
  await attested('after the repair');
  await isWhole('yz2');
  expect(await nodes.node('yz2').reader.receipt(txId.toString('hex'), 0)).toMatchObject({
    header: { height: first.height },
  });
});

test('a handover that is gone is noticed at the start', async () => {
  const member = nodes.node('yz1').ledger.members.find(({ memberId }) => memberId === 'yz2')!;
  const { privateKey, publicKey } = nodes.keys.get('yz2')!;
  const proof = sm2.sign(privateKey, memberKeyMessage('test', 'yz2', publicKey));
  for (const name of ['甲', '乙']) {
    const set = { type: 'set' as const, height: 0, member: { ...member, name }, proof, request: Buffer.alloc(0) };
    await nodes.decide(set, ['yz1', 'yz2', 'yz3']);
  }
  const { handovers } = nodes.node('yz1').ledger;
  expect(handovers).toHaveLength(2);
  for (const height of handovers) {
    await nodes.stop('yz3');
    const key = `g/${height.toString(16).padStart(14, '0')}`;
    await remove('yz3', { gte: key, lt: `${key}~` });
    await nodes.start('yz3');
    await attested(`after a handover of ${height}`);
    expect(nodes.node('yz3').ledger.handovers).toEqual(handovers);
  }
});
