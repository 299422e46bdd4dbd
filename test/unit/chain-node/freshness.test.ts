import type { Member } from '../../../chain-node/codec/member.ts';
import { Freshness } from '../../../chain-node/freshness.ts';
import { Age, STALE_AFTER_MS } from '../../../chain-node/overlay/age.ts';
import { StatusBoard } from '../../../chain-node/overlay/status.ts';

const members: Member[] = [
  ...['yz1', 'yz2', 'yz3', 'yzp'].map((memberId) => ({ memberId, role: 'validator' as const })),
  { memberId: 'yz5', role: 'observer' as const },
].map((one) => ({ ...one, name: one.memberId, publicKey: Buffer.alloc(65) }));

/** What a node of this member knows, under a clock that the test moves. */
function knowing(memberId: string, staleAfterMs = STALE_AFTER_MS) {
  const clock = { now: 1_000_000 };
  const chain = { height: 7, members };
  const freshness = new Freshness(memberId, chain, () => clock.now);
  const governance = { members, open: [], former: [] };
  const age = new Age({ ageMs: () => freshness.ageMs, governance: () => governance as never }, staleAfterMs);
  const board = new StatusBoard({
    memberId,
    governance: () => governance as never,
    policy: () => ({ relays: [], endpoints: [] }) as never,
    routes: { choose: () => null },
    links: { get: () => undefined, all: () => [{}], troubles: new Map() } as never,
    age,
  });
  const own = () => {
    const { state, trouble } = board.refresh().find((one) => one.memberId === memberId)!;
    return { state, trouble };
  };
  const hear = (heights: Record<string, number>) =>
    Object.entries(heights).forEach(([peer, height]) => freshness.heard(peer, height));
  const reach = (height: number) => {
    chain.height = height;
    freshness.reached();
  };
  const pass = (ms: number) => (clock.now += ms);
  return { freshness, age, own, hear, reach, pass };
}

test('a validator knows what is new with two others that know no more, an observer with three', () => {
  const validator = knowing('yz1');
  expect(validator.freshness.ageMs).toBe(Infinity);
  validator.hear({ yz2: 7 });
  expect(validator.freshness.ageMs).toBe(Infinity);
  validator.hear({ yz3: 6 });
  expect(validator.freshness.ageMs).toBe(0);
  const observer = knowing('yz5');
  observer.hear({ yz1: 7, yz2: 7 });
  expect(observer.freshness.ageMs).toBe(Infinity);
  observer.hear({ yzp: 7 });
  expect(observer.freshness.ageMs).toBe(0);
});

test('cut off, its own word and that of one other make nothing new, however often it is said', () => {
  const { freshness, hear, pass } = knowing('yz1');
  hear({ yz2: 7, yz3: 7, yzp: 7 });
  for (let i = 0; i < 50; i += 1) {
    pass(1000);
    hear({ yz2: 7 });
  }
  expect(freshness.ageMs).toBe(50_000);
});

test('observers’ words count for nothing', () => {
  const { freshness, hear } = knowing('yz1');
  hear({ yz2: 7, yz5: 7, yz9: 7 });
  expect(freshness.ageMs).toBe(Infinity);
});

test('behind, it knows what was known when the others first spoke of the block that it has reached now', () => {
  const { freshness, hear, reach, pass } = knowing('yz1');
  hear({ yz2: 7, yz3: 7 });
  pass(5000);
  hear({ yz2: 9, yz3: 8, yzp: 8 });
  pass(2000);
  hear({ yz2: 12, yz3: 12, yzp: 12 });
  expect(freshness.ageMs).toBe(7000);
  reach(8);
  expect(freshness.ageMs).toBe(2000);
  reach(12);
  hear({ yz2: 12, yz3: 12 });
  expect(freshness.ageMs).toBe(0);
});

test('a height that nobody reaches holds nothing up once its member speaks of one that there is', () => {
  const { freshness, hear, pass } = knowing('yz1');
  hear({ yz2: 1e9, yz3: 7 });
  expect(freshness.ageMs).toBe(Infinity);
  pass(1000);
  hear({ yz2: 7, yz3: 7 });
  expect(freshness.ageMs).toBe(0);
});

test('a clock that was set back makes nothing new', () => {
  const { freshness, hear, pass } = knowing('yz1');
  hear({ yz2: 7, yz3: 7 });
  pass(-3_600_000);
  expect(freshness.ageMs).toBe(3_600_000);
});

test('from late to stale: 降级, then 离线 and the reason; by itself 在线 again', () => {
  const { age, own, hear, pass } = knowing('yz1');
  expect(own()).toEqual({
    state: 'offline',
    trouble: 'no word of the chain from 3 of 4 validators since the start',
  });
  hear({ yz2: 7, yz3: 7 });
  expect([own(), age.isStale]).toEqual([{ state: 'online', trouble: null }, false]);
  pass(10_001);
  const trouble = 'no word of the chain from 3 of 4 validators for 10 s';
  expect([own(), age.isStale]).toEqual([{ state: 'degraded', trouble }, false]);
  pass(STALE_AFTER_MS - 10_001);
  expect(age.isStale).toBe(false);
  pass(1);
  expect([own().state, age.isStale]).toEqual(['offline', true]);
  hear({ yz2: 7, yzp: 7 });
  expect([own(), age.isStale]).toEqual([{ state: 'online', trouble: null }, false]);
});
