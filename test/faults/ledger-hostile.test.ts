import { randomBytes, randomInt } from 'node:crypto';
import { type EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import { gzipSync } from 'node:zlib';
import { WebSocket } from 'ws';
import { encodeVote, type Vote, voteMessage, VoteType } from '../../chain-node/codec/vote.ts';
import { encodeHashes, encodeHeight, encodeStatus, Frame, frame } from '../../chain-node/p2p/frames.ts';
import { sm2 } from '../../platform/crypto/index.ts';
import { type Identity, LEDGER_VERSION, link, tlsOf } from '../fixtures/attacker.ts';
import { LedgerNet } from '../fixtures/ledger-net.ts';

jest.setTimeout(60_000);
const VICTIM = 0;
/** The member that is false; its own node is away. */
const FALSE = 1;
/** Of the victim, whatever is done to it: its heap is 256 MiB. */
const MOST_RSS_MIB = 450;
const LAST_ROUND = 2 ** 32 - 1;

let four: LedgerNet;
let who: Identity;
let pid: number;
let p2p: { port: number; url: string };
let rpc: { host: string; port: number };
beforeAll(async () => {
  four = await LedgerNet.raise(randomInt(1e6));
  const { net: localnet } = four;
  await localnet.parts[FALSE]!.stop();
  who = { ...localnet.keys[FALSE]!, chainId: localnet.chainId, tlsDir: localnet.where.tls };
  const config = JSON.parse(readFileSync(localnet.where.member(four.id(VICTIM)).nodeConfig, 'utf8'));
  p2p = { port: config.p2p.port, url: `wss://127.0.0.1:${config.p2p.port}` };
  rpc = config.rpc;
  pid = localnet.parts[VICTIM]!.pid!;
  for (let i = 0; i < 3; i += 1) await four.attest(VICTIM);
});
afterAll(() => four?.end());

const metrics = () => four.text(VICTIM, '/metrics');

/** After each attack: the same process, of bounded memory, and the chain goes on. */
afterEach(async () => {
  expect(four.net.parts[VICTIM]!.pid).toBe(pid);
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
  expect((pages * 4096) / 2 ** 20).toBeLessThan(MOST_RSS_MIB);
  expect(await four.attest(VICTIM)).toMatchObject({ state: 'final' });
});

function vote(change: Partial<Vote> & { chainId?: string }): Buffer {
  const { chainId = who.chainId, ...rest } = change;
  const one = {
    type: VoteType.prevote,
    height: 1,
    round: 0,
    blockHash: Buffer.alloc(32, 7),
    voter: who.memberId,
    ...rest,
  };
  return frame(Frame.vote, encodeVote({ ...one, signature: sm2.sign(who.privateKey, voteMessage(chainId, one)) }));
}

const many = (count: number, make: (i: number) => Buffer) => Array.from({ length: count }, (_, i) => make(i));

/** Votes that were right once: those of the certificate of a block. */
async function oldVotes(): Promise<Buffer[]> {
  const block = await four.get<{
    header: { height: number };
    hash: string;
    commit: { round: number; signatures: { memberId: string; signature: string }[] };
  }>(VICTIM, '/v1/blocks/1');
  const { round, signatures } = block.commit;
  return signatures.map(({ memberId: voter, signature }) =>
    frame(
      Frame.vote,
      encodeVote({
        type: VoteType.precommit,
        height: 1,
        round,
        blockHash: Buffer.from(block.hash, 'hex'),
        voter,
        signature: Buffer.from(signature, 'hex'),
      }),
    ),
  );
}

/**
 * Sends, and asks for what is answered only when all before it was handled: the end of an answer to `blocks wanted`. `then`
 * is done before the link ends.
 */
async function borne(frames: readonly Buffer[], then: () => Promise<void> = async () => {}): Promise<void> {
  const { ws, closed } = await link(p2p.url, who);
  for (const bytes of frames) ws.send(bytes);
  const answered = new Promise<void>((done) =>
    ws.on('message', (data) => (data as Buffer)[0] === Frame.block && done()),
  );
  const asking = setInterval(() => ws.send(frame(Frame.blocksWanted, encodeHeight(1))), 200);
  const outcome = await Promise.race([answered.then(() => 'borne'), closed]);
  clearInterval(asking);
  if (outcome === 'borne') await then();
  ws.close();
  await closed;
  expect(outcome).toBe('borne');
}

test.each<[string, () => Buffer[] | Promise<Buffer[]>]>([
  ['votes of heights that are far away', () => many(500, (i) => vote({ height: 2 ** 40 + i }))],
  ['votes of rounds that are far away', () => many(500, (i) => vote({ height: 10 ** 6, round: LAST_ROUND - i }))],
  [
    'votes of a block of long ago, again and again',
    async () => (await oldVotes()).flatMap((one) => many(500, () => one)),
  ],
  [
    'announcements of what nobody has',
    () => many(20, () => frame(Frame.announce, encodeHashes(many(4096, () => randomBytes(32))))),
  ],
  [
    'wishes for what nobody has, each named often',
    () => many(20, () => frame(Frame.want, encodeHashes(many(4096, () => Buffer.alloc(32))))),
  ],
  ['wishes for blocks, thousands', () => many(5000, () => frame(Frame.blocksWanted, encodeHeight(1)))],
])('%s are borne: no correct peer is told from one that is late', async (_name, make) => {
  await borne(await make());
});

test('a height that goes up and down is borne, is not believed, and is forgotten with its link', async () => {
  interface Standing {
    height: number;
    highest: number;
    syncing: boolean;
    peers: { memberId: string; height: number | null }[];
  }
  const standing = () => four.get<Standing>(VICTIM, '/v1/status');
  const claimed = ({ peers }: Standing) => peers.find(({ memberId }) => memberId === who.memberId)!.height;
  const far = 2 ** 40;
  const words = many(3001, (i) =>
    frame(Frame.status, encodeStatus({ height: i % 2 === 0 ? far : 1, head: randomBytes(32), isAsleep: true })),
  );
  await borne([...words, vote({ height: 2 * far })], async () => {
    const told = await standing();
    expect(claimed(told)).toBe(far);
    expect(told).toMatchObject({ syncing: false });
    expect(told.highest).toBeLessThanOrEqual(told.height + 1);
    const absent = await fetch(`${four.net.rpcUrls[VICTIM]}/v1/transactions/${'0'.repeat(64)}`);
    expect(await absent.json()).toMatchObject({ code: 'not-found', syncing: false });
  });
  await four.until(async () => claimed(await standing()) === null);
});

test('of votes for heights ahead a peer’s share is kept; the rest is counted for it, and logged once', async () => {
  const { length } = four.log(VICTIM);
  const { height } = await four.status(VICTIM);
  const unsigned = { type: VoteType.prevote, height: height + 9, blockHash: Buffer.alloc(32), voter: who.memberId };
  await borne(
    many(1500, (round) => frame(Frame.vote, encodeVote({ ...unsigned, round, signature: Buffer.alloc(64) }))),
  );
  expect(await metrics()).toMatch(/ledger_early_dropped\{peer="yz2".*\} [1-9]/);
  expect(
    four
      .log(VICTIM)
      .slice(length)
      .match(/more messages of heights ahead/g),
  ).toHaveLength(1);
});

/** One frame of a WebSocket (RFC 6455 §5.2), empty, masked by zeros. */
const bare = (opcode: number) => Buffer.from([0x80 | opcode, 0x80, 0, 0, 0, 0]);
const rawOf = (ws: WebSocket) => (ws as unknown as { _socket: net.Socket })._socket;

test.each<[string, number]>([
  ['pings', 9],
  ['pongs', 10],
])(
  'a flood of %s costs the link, or the stream, and is logged; who reads no answers makes us keep none',
  async (_name, opcode) => {
    const { length } = four.log(VICTIM);
    const flood = Buffer.concat(many(5000, () => bare(opcode)));
    const { ws, closed } = await link(p2p.url, who);
    rawOf(ws).pause();
    rawOf(ws).write(flood);
    rawOf(ws).on('error', () => {});
    await four.until(() => four.log(VICTIM).slice(length).includes('flood of control frames: link closed'));
    ws.terminate();
    await closed;
    const stream = new WebSocket(`ws://${rpc.host}:${rpc.port}/v1/subscribe`);
    stream.on('error', () => {});
    const ended = happens(stream, 'close');
    await once(stream, 'open');
    rawOf(stream).write(flood);
    await ended;
    await four.until(() => four.log(VICTIM).slice(length).includes('flood of control frames: stream closed'));
  },
);

test('a flood of tiny frames is held to its share, and logged once; the others have theirs meanwhile', async () => {
  const { length } = four.log(VICTIM);
  const held = () => [
    ...four
      .log(VICTIM)
      .slice(length)
      .matchAll(/"peer":"(\w+)".*more frames than a peer’s share/g),
  ];
  const tiny = frame(Frame.announce, encodeHashes([]));
  const { ws, closed } = await link(p2p.url, who);
  // What waits in our own memory is bounded too.
  const flood = setInterval(() => {
    for (let i = 0; i < 5000 && ws.bufferedAmount < 2 ** 20; i += 1) ws.send(tiny);
  }, 5);
  await four.until(() => held().length > 0);
  expect(await four.attest(VICTIM)).toMatchObject({ state: 'final' });
  clearInterval(flood);
  expect(held().map(([, peer]) => peer)).toEqual(['yz2']);
  expect(ws.readyState).toBe(WebSocket.OPEN);
  ws.terminate();
  await closed;
});

test('rpc: a subscriber that speaks is let go', async () => {
  const ws = new WebSocket(`ws://${rpc.host}:${rpc.port}/v1/subscribe`);
  ws.on('error', () => {});
  await once(ws, 'open');
  const closed = happens(ws, 'close');
  ws.send('hello');
  await closed;
});

test('a vote for another chain costs the link, and its sender is named in the log and the metrics', async () => {
  const { length } = four.log(VICTIM);
  const { height } = await four.status(VICTIM);
  const { ws, closed } = await link(p2p.url, who);
  for (let i = 1; i < 20; i += 1) ws.send(vote({ height: height + 1, chainId: 'other', round: i }));
  expect(await closed).toBe(1008);
  expect(four.log(VICTIM).slice(length)).toMatch(/"peer":"yz2","code":"signature-invalid".*bad frame: link closed/);
  expect(await metrics()).toMatch(/ledger_frames_refused\{peer="yz2",code="signature-invalid".*\} [1-9]/);
});

test('compression is not spoken: it is not agreed to, and a frame that claims it ends the link', async () => {
  const ws = new WebSocket(p2p.url, LEDGER_VERSION, { ...tlsOf(who), perMessageDeflate: true });
  const closed = once(ws, 'close');
  ws.on('error', () => {});
  await once(ws, 'open');
  expect(ws.extensions).toBe('');
  // Final, RSV1, binary; masked, one byte (RFC 6455 §5.2).
  (ws as unknown as { _socket: net.Socket })._socket.write(Buffer.from([0xc2, 0x81, 0, 0, 0, 0, 0]));
  expect((await closed)[0]).toBe(1002);
});

/** Unlike `once`, does not mind an error before. */
const happens = (emitter: EventEmitter, name: string) => new Promise<void>((done) => emitter.once(name, () => done()));

const closedBy = (socket: net.Socket) =>
  new Promise<void>((done) => {
    socket.on('error', () => {});
    socket.once('close', () => done());
    socket.resume();
  });

test('connections that say nothing are closed, and one address has room for a few only', async () => {
  const silent = Array.from({ length: 300 }, () =>
    net.connect({ port: p2p.port, host: '127.0.0.1', localAddress: '127.0.0.2' }),
  );
  let open = silent.length;
  const ends = silent.map((socket) => closedBy(socket).then(() => (open -= 1)));
  await four.until(() => open <= 64);
  // The others have theirs meanwhile.
  expect(await four.attest(VICTIM)).toMatchObject({ state: 'final' });
  await Promise.all(ends);
});

test('a request that comes a byte at a time is not waited for', async () => {
  const socket = tls.connect({ port: p2p.port, host: '127.0.0.1', ...tlsOf(who) });
  await once(socket, 'secureConnect');
  socket.write('GET / HTTP/1.1\r\nHost: node\r\n');
  const drip = setInterval(() => socket.write('X'), 500);
  await closedBy(socket);
  clearInterval(drip);
});

test('links that are reset as soon as they are asked for', async () => {
  const request = `GET / HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`;
  for (let i = 0; i < 50; i += 1) {
    const socket = tls.connect({ port: p2p.port, host: '127.0.0.1', ...tlsOf(who) });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    socket.write(request);
    if (i % 2 === 0) await new Promise((done) => setImmediate(done));
    socket.destroy();
  }
});

/** What the rpc answers to these bytes, until it closes. */
async function raw(bytes: string): Promise<string> {
  const socket = net.connect(rpc);
  let answer = '';
  socket.on('data', (data) => (answer += String(data)));
  socket.write(bytes);
  await closedBy(socket);
  return answer;
}

const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  fetch(`${four.net.rpcUrls[VICTIM]}/v1/transactions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });

test.each<[string, () => Promise<unknown>, unknown]>([
  [
    'an upgrade to no address',
    () => raw('GET // HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
    '',
  ],
  [
    'headers without end',
    () => raw(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`),
    expect.stringContaining(' 431 '),
  ],
  ['JSON a hundred thousand deep', async () => (await post('['.repeat(1e5) + ']'.repeat(1e5))).status, 400],
  ['JSON that is too long', async () => (await post(`{"tx":"${'A'.repeat(2 ** 21)}"}`)).status, 413],
  [
    'JSON that is long once it is unpacked',
    async () =>
      (await post(new Uint8Array(gzipSync(Buffer.alloc(2 ** 26, 0x20))), { 'content-encoding': 'gzip' })).status,
    413,
  ],
])('rpc: %s: one answer, and the node goes on', async (_name, act, answer) => {
  expect(await act()).toEqual(answer);
});

test('rpc: of ten thousand connections it keeps some, and the store its handles', async () => {
  let open = 0;
  const sockets: net.Socket[] = [];
  // Fewer at a time than the kernel holds for a listener, so that none is lost on the way and tried again much later.
  for (let i = 0; i < 40; i += 1) {
    const some = Array.from({ length: 250 }, () =>
      net
        .connect(rpc)
        .on('error', () => {})
        .resume(),
    );
    sockets.push(...some);
    await Promise.all(
      some.map(async (socket) => {
        socket.once('connect', () => (open += 1));
        await Promise.race([happens(socket, 'connect'), happens(socket, 'close')]);
      }),
    );
    await four.until(() => sockets.filter(({ closed }) => !closed).length <= 512);
  }
  expect(open).toBeGreaterThan(512);
  for (const socket of sockets) socket.destroy();
});

test('rpc: of many subscribers it keeps some', async () => {
  const url = `ws://${rpc.host}:${rpc.port}/v1/subscribe`;
  const outcomes = await Promise.all(
    Array.from({ length: 200 }, async () => {
      const ws = new WebSocket(url);
      ws.on('error', () => {});
      const isOpen = await Promise.race([happens(ws, 'open').then(() => true), happens(ws, 'close').then(() => false)]);
      return { ws, isOpen };
    }),
  );
  expect(outcomes.filter(({ isOpen }) => isOpen)).toHaveLength(128);
  for (const { ws } of outcomes) ws.terminate();
});

test('rpc: who sends without end and never reads the answers is let go', async () => {
  const ws = new WebSocket(`ws://${rpc.host}:${rpc.port}/v1/submit`);
  ws.on('error', () => {});
  await once(ws, 'open');
  ws.pause();
  const flood = setInterval(() => {
    if (ws.readyState === WebSocket.OPEN && ws.bufferedAmount < 2 ** 20) for (let i = 0; i < 5000; i += 1) ws.send('x');
  }, 5);
  // A socket that is paused does not see its end; what it sends does.
  const { _socket: socket } = ws as unknown as { _socket: net.Socket };
  await Promise.race([happens(socket, 'close'), happens(ws, 'close')]);
  clearInterval(flood);
  ws.terminate();
});
