import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';
import { tag, Writer } from '../../../chain-node/codec/bytes.ts';
import { checkpointMessage, encodeCosigned } from '../../../chain-node/codec/checkpoint.ts';
import { encodeTransaction, signAttestation, txIdOf } from '../../../chain-node/codec/transaction.ts';
import { encodeVote, voteMessage, VoteType } from '../../../chain-node/codec/vote.ts';
import { encodeHello, Frame, frame, MAX_FRAME_BYTES } from '../../../chain-node/p2p/frames.ts';
import { createTlsFiles } from '../../../ops/launch/certificates.ts';
import { sm2 } from '../../../platform/crypto/index.ts';
import { LEDGER_VERSION } from '../../fixtures/attacker.ts';
import { MEMBERS, Nodes } from '../../fixtures/nodes.ts';
import { Rpcs } from '../../fixtures/rpc.ts';
import { until } from '../../fixtures/until.ts';

const nodes = new Nodes();
beforeAll(async () => {
  await nodes.startAll();
  // After a block the height stands still for a minute, so that a vote is of the height it is made for.
  const { encoded, txId } = nodes.transaction('yz1', ['before the attacks']);
  await nodes.node('yz1').submit(encoded);
  for (const id of MEMBERS) await nodes.final(id, txId);
  // The one that is spoken for is away: its own link would take the place of the attacker's.
  await nodes.stop('yz2');
});
afterAll(() => nodes.stopAll());

const tlsOf = (folder: string, memberId: string) => ({
  cert: readFileSync(path.join(folder, `${memberId}.pem`)),
  key: readFileSync(path.join(folder, `${memberId}.key`)),
  ca: readFileSync(path.join(nodes.dir, 'tls', 'ca.pem')),
  perMessageDeflate: false,
});

/** A link to yz1 with this member's certificate and a hello signed by this key; then frames. Resolves with the code it is closed with. */
async function attack(memberId: string, key: Buffer, sent?: Buffer | Buffer[], chainId = 'test'): Promise<number> {
  const ws = new WebSocket(nodes.url('yz1'), LEDGER_VERSION, tlsOf(path.join(nodes.dir, 'tls'), 'yz2'));
  const closed = once(ws, 'close') as Promise<[number]>;
  ws.on('error', () => {});
  const opened = once(ws, 'open');
  const [response] = (await once(ws, 'upgrade')) as [{ socket: TLSSocket }];
  await opened;
  const exporter = response.socket.exportKeyingMaterial(32, 'EXPORTER-sealfolio-hello', Buffer.alloc(0));
  const message = new Writer().raw(tag('sealfolio/hello/1')).str(chainId).str(memberId).u8(0).raw(exporter).done();
  ws.send(frame(Frame.hello, encodeHello({ memberId, signature: sm2.sign(key, message) })));
  for (const bytes of [sent ?? []].flat()) ws.send(bytes);
  const [code] = await closed;
  return code;
}

const right = () => nodes.keys.get('yz2')!.privateKey;
const vote = (voter: string) =>
  encodeVote({
    type: VoteType.prevote,
    height: nodes.node('yz1').ledger.height + 1,
    round: 0,
    blockHash: Buffer.alloc(32),
    voter,
    signature: Buffer.alloc(64, 1),
  });

test.each<[string, () => Promise<number>, number]>([
  ['a hello that another key signed', () => attack('yz2', sm2.generateKeyPair().privateKey), 1008],
  ['a hello of nobody', () => attack('nobody', right()), 1008],
  ['a hello in our own name', () => attack('yz1', nodes.keys.get('yz1')!.privateKey), 1008],
  ['a hello for another chain', () => attack('yz2', right(), undefined, 'other'), 1008],
  ['an unknown kind of frame', () => attack('yz2', right(), Buffer.from([99, 1, 2])), 1008],
  ['a frame cut short', () => attack('yz2', right(), frame(Frame.vote, vote('yz2').subarray(0, 30))), 1008],
  [
    'bytes after the end',
    () => attack('yz2', right(), frame(Frame.vote, Buffer.concat([vote('yz2'), Buffer.alloc(1)]))),
    1008,
  ],
  ['a vote in another name', () => attack('yz2', right(), frame(Frame.vote, vote('yz3'))), 1008],
  ['a list that claims to be huge', () => attack('yz2', right(), frame(Frame.announce, Buffer.alloc(4, 0xff))), 1008],
  ['a frame beyond the limit', () => attack('yz2', right(), Buffer.alloc(MAX_FRAME_BYTES + 1)), 1009],
])('%s closes the link', async (_name, act, code) => {
  expect(await act()).toBe(code);
});

test('a frame beyond the limit, and one that is none, are counted to who sent them', async () => {
  const { refusals } = nodes.node('yz1');
  const before = refusals.of('yz2', 'frame-too-large');
  expect(await attack('yz2', right(), Buffer.alloc(MAX_FRAME_BYTES + 1))).toBe(1009);
  expect(refusals.of('yz2', 'frame-too-large')).toBe(before + 1);
});

test('a page of whole blocks is bounded by bytes, and says where to go on; without transactions it is whole', async () => {
  const rpcs = new Rpcs(nodes, ['yz1']);
  await rpcs.startAll();
  const first = nodes.node('yz1').ledger.height + 1;
  const records = Array.from({ length: 1024 }, (_, i) => ({
    stream: 'archive',
    key: Buffer.from('key'),
    digest: Buffer.alloc(32, i),
    note: Buffer.alloc(256),
  }));
  for (let i = 0; i < 12; i += 1) {
    const unsigned = { chainId: 'test', sender: 'yz1', nonce: randomBytes(16), records };
    const tx = signAttestation(unsigned, nodes.keys.get('yz1')!.privateKey);
    await nodes.node('yz1').submit(encodeTransaction(tx));
    await nodes.final('yz1', txIdOf(tx).toString('hex'));
  }
  const { height } = nodes.node('yz1').ledger;
  type Block = { header: { height: number }; txCount: number };
  const heights: number[] = [];
  let pages = 0;
  for (let next: string | null = `/v1/blocks?from=${first}&limit=100&full=1`; next !== null; pages += 1) {
    const response: Response = await fetch(rpcs.url('yz1') + next);
    const text = await response.text();
    expect(text.length).toBeLessThan(6 * 2 ** 20);
    heights.push(...(JSON.parse(text) as Block[]).map(({ header }) => header.height));
    next = /<(.*)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1] ?? null;
  }
  expect(heights).toEqual(Array.from({ length: height - first + 1 }, (_, i) => first + i));
  expect(pages).toBeGreaterThan(1);
  const bare = await fetch(`${rpcs.url('yz1')}/v1/blocks?from=${first}&limit=100`);
  const counts = ((await bare.json()) as Block[]).map(({ txCount }) => txCount);
  expect(counts).toHaveLength(heights.length);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(12);
  await rpcs.stopAll();
});

test('a certificate of another authority gets no link', async () => {
  const folder = path.join(nodes.dir, 'foreign');
  createTlsFiles(folder, ['yz2']);
  const ws = new WebSocket(nodes.url('yz1'), LEDGER_VERSION, tlsOf(folder, 'yz2'));
  const outcome = new Promise((done) => {
    ws.once('open', () => done('open'));
    ws.once('error', () => done('refused'));
  });
  expect(await outcome).toBe('refused');
});

test('two votes of one step are kept as evidence, which anyone can check with the public key', async () => {
  const { ledger } = nodes.node('yz1');
  const unsigned = { type: VoteType.prevote, height: ledger.height + 1, round: 0, voter: 'yz2' };
  const votes = [1, 2].map((fill) => {
    const one = { ...unsigned, blockHash: Buffer.alloc(32, fill) };
    return frame(Frame.vote, encodeVote({ ...one, signature: sm2.sign(right(), voteMessage('test', one)) }));
  });
  expect(await attack('yz2', right(), [...votes, frame(Frame.vote, vote('yz3'))])).toBe(1008);
  const [found] = await ledger.store.evidence(10);
  expect(found).toMatchObject({ type: 'equivocation', accused: ['yz2'], height: unsigned.height, round: 0 });
  const { signed } = found as Extract<typeof found, { signed: unknown }>;
  for (const { message, signature } of signed!)
    expect(
      sm2.verify(nodes.keys.get('yz2')!.publicKey, Buffer.from(message, 'hex'), Buffer.from(signature, 'hex')),
    ).toBe(true);
  expect(signed![0]!.message).not.toBe(signed![1]!.message);
});

test('a signed checkpoint of another chain is kept beside our own block: there are two views, and who showed the other', async () => {
  const { ledger } = nodes.node('yz1');
  const { header, commit } = await ledger.store.certificate(1);
  const { blockHash } = commit;
  const other = { height: 1, blockHash, logSize: header.logSize, logRoot: Buffer.alloc(32, 9), memberId: 'yz2' };
  const signature = sm2.sign(right(), checkpointMessage('test', other));
  const split = frame(Frame.checkpoint, encodeCosigned({ ...other, signature }));
  expect(await attack('yz2', right(), [split, Buffer.from([99])])).toBe(1008);
  const look = async () => (await ledger.store.evidence(10)).find(({ type }) => type === 'split-view');
  await until(async () => (await look()) !== undefined);
  const found = await look();
  expect(found).toMatchObject({ accused: [], height: 1, memberId: 'yz2' });
  const { signed, certificates } = found as unknown as {
    signed: { message: string; signature: string }[];
    certificates: { blockHash: string }[];
  };
  expect(certificates[0]!.blockHash).toBe(blockHash.toString('hex'));
  const [{ message, signature: theirs }] = signed as [(typeof signed)[number]];
  expect(sm2.verify(nodes.keys.get('yz2')!.publicKey, Buffer.from(message, 'hex'), Buffer.from(theirs, 'hex'))).toBe(
    true,
  );
});

test('a checkpoint in the name of another closes the link', async () => {
  const { header, commit } = await nodes.node('yz1').ledger.store.certificate(1);
  const { logSize } = header;
  const forged = { height: 1, blockHash: commit.blockHash, logSize, logRoot: Buffer.alloc(32, 9), memberId: 'yz3' };
  const payload = encodeCosigned({ ...forged, signature: Buffer.alloc(64, 1) });
  expect(await attack('yz2', right(), frame(Frame.checkpoint, payload))).toBe(1008);
});

test('after all that the four still agree', async () => {
  await nodes.start('yz2');
  const { encoded, txId } = nodes.transaction('yz1', ['after the attacks']);
  await nodes.node('yz1').submit(encoded);
  for (const id of MEMBERS) await nodes.final(id, txId);
});
