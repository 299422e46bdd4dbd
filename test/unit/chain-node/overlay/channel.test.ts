import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { PACKET_HEADROOM } from '../../../../chain-node/overlay/link/frames.ts';
import { Body } from '../../../../chain-node/overlay/session/bodies.ts';
import { Channel, type ChannelLimits, DEFAULT_LIMITS } from '../../../../chain-node/overlay/session/channel.ts';
import type { Established } from '../../../../chain-node/overlay/session/handshake.ts';
import { epochOf } from '../../../../chain-node/overlay/session/keys.ts';
import { readEndPacket } from '../../../../chain-node/overlay/session/packets.ts';
import { until } from '../../../fixtures/until.ts';

const LIMITS: ChannelLimits = { ...DEFAULT_LIMITS, retryAfterMs: 15, windowBytes: 64 * 1024 };

const established = (secret: Buffer, id: Buffer): Established => ({
  chainId: 'test',
  initiator: 'a',
  responder: 'b',
  service: 'archive',
  startMs: 0,
  id,
  transcript: Buffer.alloc(32, 1),
  epoch: epochOf(0, Buffer.from(secret)),
});

/** Two ends of a channel, and a wire between them that does as it is told with each packet. */
class Pair {
  readonly got = { a: [] as Buffer[], b: [] as Buffer[] };
  readonly errors: string[] = [];
  readonly wire: { to: 'a' | 'b'; payload: Buffer }[] = [];
  readonly a: Channel;
  readonly b: Channel;
  stuck = 0;

  constructor(
    limits: Partial<ChannelLimits> = {},
    /** What becomes of a packet: how many times it comes, and whether late. */
    private readonly fate: (payload: Buffer, to: 'a' | 'b') => { times: number; lateMs: number } = () => ({
      times: 1,
      lateMs: 0,
    }),
  ) {
    const [secret, id] = [randomBytes(32), randomBytes(32)];
    this.a = this.#end('a', established(secret, id), limits);
    this.b = this.#end('b', established(secret, id), limits);
  }

  readonly sessions: Established[] = [];

  #end(name: 'a' | 'b', session: Established, limits: Partial<ChannelLimits>): Channel {
    this.sessions.push(session);
    const to = name === 'a' ? 'b' : 'a';
    return new Channel({
      established: session,
      isInitiator: name === 'a',
      limits: { ...LIMITS, ...limits },
      send: (packet) => this.#carry(to, Buffer.from(packet.subarray(PACKET_HEADROOM))),
      ready: () => Promise.resolve(),
      onBody: (_type, body) => void this.got[name].push(body),
      onStuck: () => (this.stuck += 1),
      onBroken: (error) => this.errors.push(`${name} ${error.code}`),
    });
  }

  #carry(to: 'a' | 'b', payload: Buffer): void {
    this.wire.push({ to, payload });
    const { times, lateMs } = this.fate(payload, to);
    for (let i = 0; i < times; i += 1) setTimeout(() => this.deliver(to, payload), lateMs);
  }

  deliver(to: 'a' | 'b', payload: Buffer): void {
    const packet = readEndPacket(payload);
    if (packet.type === 5 || packet.type === 6) void this[to].receive(packet);
  }

  close(): void {
    this.a.close();
    this.b.close();
  }
}

const data = (n: number, bytes = 100) => Buffer.concat([Buffer.of(Body.data), Buffer.alloc(4), Buffer.alloc(bytes, n)]);
const numbers = (bodies: readonly Buffer[]) => bodies.map((body) => body[5]);
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i % 256);

/** Lets what is on the wire come. */
const turn = () => new Promise((done) => setTimeout(done, 0));

let pair: Pair;
afterEach(() => pair.close());

test('what is sent comes, once and in order, both ways; both count the same', async () => {
  pair = new Pair();
  for (let i = 0; i < 50; i += 1) {
    void pair.a.send(data(i));
    void pair.b.sendNow(data(i));
  }
  await until(() => pair.got.b.length === 50 && pair.got.a.length === 50);
  expect(numbers(pair.got.b)).toEqual(upTo(50));
  expect(pair.a.sent).toEqual(pair.b.received);
  expect(pair.b.sent).toEqual(pair.a.received);
  expect(pair.a.sent).toMatchObject({ bytes: 5000, records: 50 });
  await pair.a.drained(1000);
  expect(pair.a.acked).toEqual(pair.b.received);
});

test('whatever is lost, repeated and reordered on the way: all comes, once and in order', async () => {
  const fates = fc.array(fc.record({ times: fc.constantFrom(0, 1, 1, 1, 2), lateMs: fc.constantFrom(0, 0, 0, 3, 9) }), {
    minLength: 20,
    maxLength: 60,
  });
  await fc.assert(
    fc.asyncProperty(fates, async (list) => {
      let next = 0;
      const run = new Pair({}, () => list[next++] ?? { times: 1, lateMs: 0 });
      for (let i = 0; i < 40; i += 1) void run.a.send(data(i));
      await until(() => run.got.b.length >= 40);
      const seen = numbers(run.got.b);
      const sameCount = run.a.sent.digest.equals(run.b.received.digest);
      run.close();
      expect(seen).toEqual(upTo(40));
      expect(sameCount).toBe(true);
      expect(run.errors).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

test('a packet that was recorded and sent again changes nothing', async () => {
  pair = new Pair();
  for (let i = 0; i < 5; i += 1) void pair.a.send(data(i));
  await until(() => pair.got.b.length === 5);
  for (const { to, payload } of [...pair.wire, ...pair.wire]) pair.deliver(to, payload);
  void pair.a.send(data(5));
  await until(() => pair.got.b.length === 6);
  expect(numbers(pair.got.b)).toEqual(upTo(6));
});

test.each([
  ['a byte of the ciphertext', 35],
  ['the tag', -1],
  ['the epoch', 20],
])('a record with %s changed is not taken; the true one is', async (_, at) => {
  let spoiled = 0;
  pair = new Pair({}, (payload, to) => {
    if (payload[0] !== 5 || to !== 'b' || spoiled > 0) return { times: 1, lateMs: 0 };
    spoiled += 1;
    const forged = Buffer.from(payload);
    forged[at < 0 ? forged.length + at : at]! ^= 1;
    setTimeout(() => pair.deliver('b', forged), 0);
    return { times: 0, lateMs: 0 };
  });
  for (let i = 0; i < 10; i += 1) void pair.a.send(data(i));
  await until(() => pair.got.b.length === 10);
  expect(numbers(pair.got.b)).toEqual(upTo(10));
  expect(pair.b.forged).toBeGreaterThan(0);
  expect(pair.errors).toEqual([]);
});

test('a record of the one end is none of the other', async () => {
  pair = new Pair();
  void pair.a.send(data(1));
  await until(() => pair.got.b.length === 1);
  pair.deliver('a', pair.wire.find(({ payload }) => payload[0] === 5)!.payload);
  void pair.b.sendNow(data(2));
  await until(() => pair.got.a.length === 1);
  expect(numbers(pair.got.a)).toEqual([2]);
  expect(pair.a.forged).toBe(1);
});

test('keys change with the volume, and nothing is lost over it; no nonce is ever used twice with a key', async () => {
  pair = new Pair({ rekeyAfterRecords: 20 });
  for (let i = 0; i < 300; i += 1) {
    await pair.a.send(data(i));
    if (i % 3 === 0) void pair.b.sendNow(data(i));
    await turn();
  }
  await until(() => pair.got.b.length === 300 && pair.got.a.length === 100);
  expect(numbers(pair.got.b)).toEqual(upTo(300));
  expect(pair.a.rekeys).toBeGreaterThan(3);
  expect(pair.b.rekeys).toBe(pair.a.rekeys);
  // A nonce is the type, direction, epoch and number: the same with the same bytes only.
  const seen = new Map<string, string>();
  for (const { to, payload } of pair.wire) {
    const nonce = `${to} ${payload[0]} ${payload.subarray(17, 29).toString('hex')}`;
    const bytes = payload.toString('hex');
    expect(seen.get(nonce) ?? bytes).toBe(bytes);
    seen.set(nonce, bytes);
  }
  const epochs = new Set(pair.wire.map(({ payload }) => payload.readUInt32BE(17)));
  expect(epochs.size).toBeGreaterThan(3);
});

test('keys change with the time', async () => {
  pair = new Pair({ rekeyAfterMs: 30 });
  for (let i = 0; pair.a.rekeys < 2; i += 1) {
    await pair.a.send(data(i));
    await new Promise((done) => setTimeout(done, 5));
  }
  await until(() => pair.b.rekeys >= 2);
  expect(pair.errors).toEqual([]);
});

test('a rekey that is lost is made up for', async () => {
  let lost = 0;
  pair = new Pair({ rekeyAfterRecords: 5 }, (payload) => {
    // The length of an exchange: 66 bytes and the tag.
    const isExchange = payload[0] === 5 && payload.length === 29 + 66 + 16;
    if (!isExchange || lost >= 4) return { times: 1, lateMs: 0 };
    lost += 1;
    return { times: 0, lateMs: 0 };
  });
  // Fewer than the old key may carry, however late the exchange comes.
  for (let i = 0; i < 30; i += 1) await pair.a.send(data(i));
  await until(() => (pair.got.b.length === 30 && pair.a.rekeys > 0) || pair.errors.length > 0);
  expect(pair.errors).toEqual([]);
  expect(lost).toBe(4);
});

test('who does not change keys is given up before the key wears out', async () => {
  pair = new Pair({ rekeyAfterRecords: 10 }, (payload) => ({
    times: payload[0] === 5 && payload.length === 29 + 66 + 16 ? 0 : 1,
    lateMs: 0,
  }));
  for (let i = 0; i < 200; i += 1) void pair.a.sendNow(data(i));
  void pair.a.send(data(0));
  await until(() => pair.errors.length > 0);
  expect(pair.errors).toEqual(['a protocol']);
});

test('what is not acknowledged holds back what waits: the window bounds what is on the way', async () => {
  let isOpen = false;
  pair = new Pair({ retryAfterMs: 5000, windowBytes: 1024 * 1024 }, (_, to) => ({
    times: isOpen || to === 'b' ? 1 : 0,
    lateMs: 0,
  }));
  let handed = 0;
  for (let i = 0; i < 100; i += 1) void pair.a.send(data(i, 60_000)).then(() => (handed += 1));
  await until(() => pair.got.b.length > 10);
  await new Promise((done) => setTimeout(done, 50));
  expect(handed).toBeLessThan(25); // a mebibyte of 100 × 60 KB
  isOpen = true;
  pair.b.doubt(); // asks, and so acknowledges
  await until(() => pair.got.b.length === 100);
  expect(numbers(pair.got.b)).toEqual(upTo(100));
});

test('nothing is lost over a change of paths: what was under way comes again', async () => {
  let isUp = true;
  pair = new Pair({ retryAfterMs: 5000 }, () => ({ times: isUp ? 1 : 0, lateMs: 0 }));
  for (let i = 0; i < 10; i += 1) void pair.a.send(data(i));
  await until(() => pair.got.b.length === 10);
  isUp = false;
  for (let i = 10; i < 30; i += 1) void pair.a.send(data(i));
  await until(() => pair.wire.filter(({ payload }) => payload[0] === 5).length >= 30);
  isUp = true;
  pair.a.moved();
  await until(() => pair.got.b.length === 30);
  expect(numbers(pair.got.b)).toEqual(upTo(30));
});

test('a path that carries nothing is told, and a silent end is given up', async () => {
  pair = new Pair({ askAfterMs: 100, giveUpAfterMs: 1500 }, () => ({ times: 0, lateMs: 0 }));
  void pair.a.send(data(1));
  await until(() => pair.errors.length === 2);
  expect(pair.stuck).toBeGreaterThan(2);
  expect(pair.errors.sort()).toEqual(['a timeout', 'b timeout']);
});

test('a standstill of this process is not the silence of the other end', async () => {
  const now = performance.now.bind(performance);
  let stoodStillMs = 0;
  const clock = jest.spyOn(performance, 'now').mockImplementation(() => now() + stoodStillMs);
  try {
    pair = new Pair({ askAfterMs: 50, giveUpAfterMs: 5000 });
    stoodStillMs = 60_000;
    // Both ask at their next tick, and are answered.
    await until(() => pair.wire.length >= 4 || pair.errors.length > 0);
    expect(pair.errors).toEqual([]);
  } finally {
    clock.mockRestore();
  }
});

test('that the other end lost the session is believed only if it does not answer', async () => {
  pair = new Pair();
  pair.a.doubt();
  await new Promise((done) => setTimeout(done, 100));
  void pair.a.send(data(1));
  await until(() => pair.got.b.length === 1);
  expect(pair.errors).toEqual([]);
});

test('keys are wiped: those of an epoch when the next is in use, all at the end', async () => {
  pair = new Pair({ rekeyAfterRecords: 10 });
  const keys = pair.sessions.flatMap(({ epoch }) => [
    epoch.secret,
    ...[epoch.initiator, epoch.responder].flatMap(({ record, beside }) => [record, beside]),
  ]);
  expect(keys.every((key) => key.some((byte) => byte !== 0))).toBe(true);
  for (let i = 0; i < 60; i += 1) {
    await pair.a.send(data(i));
    await turn();
  }
  await until(() => pair.b.rekeys > 2 && pair.got.b.length === 60);
  await turn();
  expect(keys.map((key) => key.every((byte) => byte === 0))).toEqual(keys.map(() => true));
});
