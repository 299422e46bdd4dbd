import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { RawData } from 'ws';
import { Frame, frame } from '../../../chain-node/p2p/frames.ts';
import { Network } from '../../../chain-node/p2p/network.ts';
import { createTlsFiles } from '../../../ops/launch/certificates.ts';
import { sm2 } from '../../../platform/crypto/index.ts';
import { createLogger } from '../../../platform/observe/logger.ts';
import { link } from '../../fixtures/attacker.ts';
import { until } from '../../fixtures/until.ts';

const MIB = 1024 * 1024;
const dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-links-'));
const tls = createTlsFiles(dir, ['yz1', 'yz2']);
const keys = new Map(['yz1', 'yz2'].map((id) => [id, sm2.generateKeyPair()]));
const unsent: string[] = [];
const refuse = () => Promise.reject(new Error('nothing is sent to it'));

const network = new Network({
  memberId: 'yz1',
  chainId: 'test',
  host: '127.0.0.1',
  port: 0,
  tls: tls.yz1!,
  peers: [],
  logger: createLogger('yz1', 'silent'),
  onFrame: refuse,
  onOpen: () => {},
  onFault: () => {},
  onUnsent: (peer) => void unsent.push(peer),
  onOtherVersions: () => {},
  keyOf: (memberId) => keys.get(memberId)?.publicKey,
  privateKey: () => keys.get('yz1')!.privateKey,
  trust: () => ({ authorities: [], isBehind: false }),
});
let port = 0;
beforeAll(async () => (port = await network.start()));
afterAll(async () => {
  await network.close();
  rmSync(dir, { recursive: true });
});

/** yz2 links to yz1. */
async function yz2() {
  const who = { memberId: 'yz2', privateKey: keys.get('yz2')!.privateKey, chainId: 'test', tlsDir: dir };
  const opened = await link(`wss://127.0.0.1:${port}`, who);
  await until(() => network.isConnected('yz2'));
  return opened;
}

test('votes overtake the transactions that wait for a slow reader; what is too much for it is let fall, and said', async () => {
  const { ws, closed } = await yz2();
  const kinds: Frame[] = [];
  ws.on('message', (data: RawData) => void kinds.push((data as Buffer)[0] as Frame));
  ws.pause();
  const large = frame(Frame.transactions, Buffer.alloc(MIB / 4));
  let taken = 0;
  while (network.send('yz2', large)) {
    taken += 1;
    // What the reader's end takes in before it is full, it takes.
    await new Promise((done) => setImmediate(done));
  }
  expect(unsent).toEqual(['yz2']);
  for (const kind of [Frame.vote, Frame.proposal, Frame.greeting, Frame.vote])
    expect(network.send('yz2', frame(kind, Buffer.alloc(300)))).toBe(true);
  ws.resume();
  const sent = () => kinds.filter((kind) => kind !== Frame.hello);
  await until(() => sent().length === taken + 4);
  const at = sent().indexOf(Frame.vote);
  expect(sent().slice(at, at + 4)).toEqual([Frame.vote, Frame.proposal, Frame.greeting, Frame.vote]);
  // All that was in no socket yet came after them.
  const after = (taken - at) * large.length;
  expect(after).toBeGreaterThan(15 * MIB);
  expect(after).toBeLessThanOrEqual(16 * MIB);
  ws.close();
  await closed;
});

test('what is no vote keeps its order', async () => {
  const { ws, closed } = await yz2();
  ws.pause();
  const kinds = Array.from({ length: 80 }, (_, i) => (i % 2 === 0 ? Frame.block : Frame.status));
  for (const kind of kinds) network.send('yz2', frame(kind, Buffer.alloc(kind === Frame.block ? MIB / 4 : 50)));
  const came: Frame[] = [];
  ws.on('message', (data: RawData) => void came.push((data as Buffer)[0] as Frame));
  ws.resume();
  await until(() => came.filter((kind) => kind !== Frame.hello).length === kinds.length);
  expect(came.filter((kind) => kind !== Frame.hello)).toEqual(kinds);
  ws.close();
  await closed;
});

test('who takes not even votes loses the link', async () => {
  const { ws, closed } = await yz2();
  ws.pause();
  const vote = frame(Frame.vote, Buffer.alloc(MIB));
  while (network.send('yz2', vote)) await new Promise((done) => setImmediate(done));
  await until(() => !network.isConnected('yz2'));
  ws.resume();
  await closed;
});

test('connections of strangers, from many addresses, keep no member out, and its link stays', async () => {
  const strangers: net.Socket[] = [];
  let open = 0;
  const connect = (localAddress: string) => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress });
    socket.on('error', () => {});
    socket.once('connect', () => (open += 1));
    socket.once('close', () => (open -= 1));
    strangers.push(socket);
    return once(socket, 'connect');
  };
  // Many of the member's own address are among them.
  const flood = (third: number) =>
    Promise.all(
      Array.from({ length: 700 }, (_, i) => connect(i < 600 ? `127.0.${third}.${1 + (i % 60)}` : '127.0.0.1')),
    );
  await flood(1);
  await until(() => open <= 512);
  const { ws, closed } = await yz2();
  await flood(2);
  await until(() => open <= 512);
  expect(network.isConnected('yz2')).toBe(true);
  for (const socket of strangers) socket.destroy();
  ws.close();
  await closed;
});
