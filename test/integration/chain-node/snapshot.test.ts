import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import request from 'supertest';
import { MAX_POLICY_BYTES, memberKeyMessage } from '../../../chain-node/codec/change.ts';
import { MAX_FRAME_BYTES } from '../../../chain-node/p2p/frames.ts';
import { createRpc } from '../../../chain-node/rpc/app.ts';
import { Ledger } from '../../../chain-node/state/ledger.ts';
import { systemDisk } from '../../../chain-node/store/system-disk.ts';
import {
  checkSnapshot,
  decodeSnapshot,
  encodeSnapshot,
  type Snapshot,
  takeSnapshot,
} from '../../../chain-node/sync/snapshot.ts';
import { main as fsck } from '../../../ops/fsck/index.ts';
import { chainStart, checkChain, compareChains, nodeAt } from '../../../ops/fsck/ledger.ts';
import { sm2 } from '../../../platform/crypto/index.ts';
import { createMetrics } from '../../../platform/observe/metrics.ts';
import { MEMBERS, Nodes } from '../../fixtures/nodes.ts';
import { Rpcs } from '../../fixtures/rpc.ts';

/** More than are taken one by one. */
const BLOCKS = 70;
/** Changes of the largest size that wait: some 3 MiB in each state. */
const OPEN = 48;
const nodes = new Nodes(['watch', 'late']);
beforeAll(async () => {
  await nodes.startAll();
  for (let i = 0; i < BLOCKS; i += 1) await attested([`record ${i}`, `${i} too`], ['yz1']);
});
afterAll(() => nodes.stopAll());

async function attested(texts: readonly string[], on: readonly string[]): Promise<string> {
  const { encoded, txId } = nodes.transaction('yz1', texts);
  await nodes.node('yz1').submit(encoded);
  for (const id of on) await nodes.final(id, txId);
  return txId;
}

async function reaches(id: string, height: number): Promise<void> {
  const node = nodes.node(id);
  while (node.ledger.height < height) await once(node, 'block');
}

test('an observer begins with a snapshot, follows the head, and proves what came since; what came before is pruned', async () => {
  const { height } = nodes.node('yz1').ledger;
  const watch = await nodes.start('watch', { sync: 'snapshot' });
  while (watch.ledger.height < height) await once(watch, 'governance');
  const early = (await nodes.node('yz1').reader.record(0)).entry.txId.toString('hex');
  const txId = await attested(['after the snapshot', 'that too'], ['watch']);
  const { ledger, reader } = nodes.node('watch');
  expect(ledger.base.height).toBeGreaterThanOrEqual(BLOCKS);
  // Which of the members' signatures a node keeps is its own.
  const { commit, ...proof } = await reader.receipt(txId, 1);
  expect(await nodes.node('yz1').reader.receipt(txId, 1)).toMatchObject(proof);
  expect(commit).toMatchObject({ signatures: expect.any(Array) as unknown });
  const { logSize } = ledger.base;
  expect(await reader.consistency(logSize, ledger.logSize)).toEqual(
    await nodes.node('yz1').reader.consistency(logSize, ledger.logSize),
  );
  const app = createRpc(nodes.node('watch'), createMetrics('t'));
  for (const path of ['blocks/1', `transactions/${early}`, 'records?from=0', 'consistency?from=1']) {
    const { body } = await request(app).get(`/v1/${path}`).expect(410);
    expect(body).toMatchObject({ code: 'pruned' });
  }
  const { body } = await request(app).get('/v1/status').expect(200);
  expect(body).toMatchObject({ base: ledger.base });
});

test('it is the same after a restart', async () => {
  const { base } = nodes.node('watch').ledger;
  await nodes.stop('watch');
  await attested(['while it was away'], ['yz1']);
  await nodes.start('watch', { sync: 'snapshot' });
  await reaches('watch', nodes.node('yz1').ledger.height);
  expect(nodes.node('watch').ledger.base).toEqual(base);
  const { entry } = await nodes.node('watch').reader.record(nodes.node('watch').ledger.logSize - 1);
  expect(await nodes.node('watch').reader.byKey('archive', entry.record.key, base.logSize, 100)).toHaveLength(
    nodes.node('watch').ledger.logSize - base.logSize,
  );
});

test('fsck checks what a pruned node has, says from where on, and holds it against a node that has all', async () => {
  const rpcs = new Rpcs(nodes, ['watch', 'yz1']);
  await rpcs.startAll();
  const start = chainStart(nodes.genesis);
  const [watch, whole] = await Promise.all(['watch', 'yz1'].map((id) => checkChain(nodeAt(rpcs.url(id)), start)));
  const { base, height, logSize } = nodes.node('watch').ledger;
  expect(watch).toMatchObject({ memberId: 'watch', base: base.height, findings: [] });
  expect(watch!.records).toHaveLength(logSize - base.logSize);
  expect(watch!.hashes.slice(base.height)).toEqual(whole!.hashes.slice(base.height, height));
  expect(compareChains([watch!, whole!])).toEqual([]);
  expect(compareChains([watch!])).toMatchObject([{ reason: expect.stringContaining('no node has what lies before') }]);
  const hashes = watch!.hashes.map(() => '00');
  expect(compareChains([{ ...watch!, hashes }, whole!])).toMatchObject([
    { where: `ledger watch height ${base.height + 1}` },
  ]);
  await rpcs.stopAll();
});

test('npm run fsck checks the ledger of the nodes that are named, from a genesis', async () => {
  const file = path.join(nodes.dir, 'genesis.json');
  const other = path.join(nodes.dir, 'other.json');
  writeFileSync(file, JSON.stringify(nodes.genesisDocument));
  writeFileSync(other, JSON.stringify({ ...nodes.genesisDocument, time: '2026-11-24T00:00:01Z' }));
  const [whole, pruned] = ['yz1', 'watch'];
  const rpcs = new Rpcs(nodes, [whole, pruned]);
  await rpcs.startAll();
  const at = (id: string) => ['--node', `${rpcs.url(id)}/`];
  const log = jest.spyOn(console, 'log').mockImplementation(() => {});
  const refused = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
  jest.spyOn(console, 'error').mockImplementation(() => {});
  const said = async (...args: string[]) => [await fsck(args), log.mock.lastCall?.[0]];
  expect(await said('--genesis', file, ...at(whole), ...at(pruned))).toEqual([0, 'nothing wrong']);
  expect((await said('--genesis', other, ...at(whole)))[0]).toBe(1);
  expect(log.mock.calls).toContainEqual([expect.stringMatching(/^ledger yz1 height 1: /)]);
  expect((await said('--genesis', file, ...at(pruned)))[0]).toBe(1);
  for (const args of [['--genesis', file], at(whole), ['--genesis', file, '--node', 'yz1'], ['--nodes']])
    expect([args, await fsck(args)]).toEqual([args, 2]);
  expect(refused.mock.calls.map(([text]) => String(text))).toContainEqual(
    expect.stringMatching(/^usage: npm run fsck/),
  );
  await rpcs.stopAll();
  expect((await said('--genesis', file, ...at(whole)))[0]).toBe(2);
  jest.restoreAllMocks();
});

test('a validator needs all blocks: sync by a snapshot is refused', async () => {
  await nodes.stop('yz3');
  await expect(nodes.start('yz3', { sync: 'snapshot' })).rejects.toMatchObject({ code: 'config-invalid' });
  await nodes.start('yz3');
});

const other = sm2.generateKeyPair().publicKey;
const changed = (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte)));
type Change = (snapshot: Snapshot) => Snapshot;
const header =
  (change: object): Change =>
  (snapshot) => ({
    ...snapshot,
    certificate: { ...snapshot.certificate, header: { ...snapshot.certificate.header, ...change } },
  });
const wrong: [string, Change][] = [
  ['a later height', header({ height: 1_000_000 })],
  ['a larger log', header({ logSize: 1_000_000 })],
  ['another chain', header({ chainId: 'other' })],
  [
    'a signature less than a quorum',
    (s) => {
      const { commit } = s.certificate;
      return {
        ...s,
        certificate: { ...s.certificate, commit: { ...commit, signatures: commit.signatures.slice(0, 2) } },
      };
    },
  ],
  [
    'a member with another key',
    (s) => ({
      ...s,
      governance: { ...s.governance, members: s.governance.members.map((one) => ({ ...one, publicKey: other })) },
    }),
  ],
  [
    'another policy',
    (s) => ({ ...s, governance: { ...s.governance, policy: { version: 9, document: Buffer.from('{}') } } }),
  ],
  ['a changed tile', (s) => ({ ...s, tiles: s.tiles.map((tile) => (tile.length === 0 ? tile : changed(tile))) })],
  ['a tile less', (s) => ({ ...s, tiles: s.tiles.slice(0, -1) })],
  ['a tile cut short', (s) => ({ ...s, tiles: s.tiles.map((tile) => tile.subarray(0, -32)) })],
  ['a handover that is none', (s) => ({ ...s, handovers: [{ certificate: s.certificate, governance: s.governance }] })],
];

test('a snapshot is checked whole against the genesis: whatever is changed in it, it is refused', async () => {
  const ledger = await Ledger.open(nodes.genesis, { disk: systemDisk(`${nodes.dir}/empty`), signatures: sm2 });
  const snapshot = decodeSnapshot(encodeSnapshot((await takeSnapshot(nodes.node('yz1').ledger))!));
  await checkSnapshot(ledger, snapshot);
  const answers = await Promise.all(
    wrong.map(async ([name, change]) => [
      name,
      await checkSnapshot(ledger, change(snapshot)).then(
        () => 'taken',
        ({ code }: { code: string }) => code,
      ),
    ]),
  );
  expect(answers).toEqual(
    wrong.map(([name]) => [name, name === 'another chain' ? 'chain-mismatch' : 'commit-invalid']),
  );
  await ledger.store.close();
});

test('a state of more than a frame comes in parts: an observer begins with it', async () => {
  // Large changes that wait for approvals, and handovers after each of which all of that is in the state.
  const documents = Array.from({ length: OPEN }, (_, i) => Buffer.alloc(MAX_POLICY_BYTES, i));
  await Promise.all(documents.map((document) => nodes.decide({ type: 'policy', height: 0, document }, ['yz1'])));
  const { members } = nodes.node('yz1').ledger;
  const member = members.find(({ memberId }) => memberId === 'watch')!;
  for (const name of ['观察员', '旁观者', '见证人']) {
    const { privateKey, publicKey } = nodes.keys.get('watch')!;
    const proof = sm2.sign(privateKey, memberKeyMessage('test', 'watch', publicKey));
    const set = { type: 'set' as const, height: 0, member: { ...member, name }, proof, request: Buffer.alloc(0) };
    await nodes.decide(set, ['yz1', 'yz2']);
  }
  const { ledger } = nodes.node('yz1');
  expect(encodeSnapshot((await takeSnapshot(ledger))!).length).toBeGreaterThan(MAX_FRAME_BYTES);
  const late = await nodes.start('late', { sync: 'snapshot' });
  while (late.ledger.height < ledger.height) await once(late, 'governance');
  expect(late.ledger.base.height).toBeGreaterThan(BLOCKS);
  expect(late.snapshot).toEqual({ from: null, taken: 0, parts: 0, tooLarge: [] });
  expect(late.ledger.handovers).toEqual(ledger.handovers);
  const txId = await attested(['after the large snapshot'], ['late']);
  expect(await late.reader.receipt(txId, 0)).toMatchObject({ handovers: [{}, {}, {}] });
  const [first, second] = ledger.handovers;
  expect(await late.reader.handovers(second!)).toMatchObject([{ header: { height: first } }]);
  expect(nodes.fatal).toEqual([]);
}, 120_000);

test('all still agree', async () => {
  await attested(['at the end'], [...MEMBERS, 'watch', 'late']);
  expect(nodes.node('watch').ledger.head).toEqual(nodes.node('yz1').ledger.head);
});
