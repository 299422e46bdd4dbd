import fc from 'fast-check';
import {
  advance,
  decodePing,
  decodeReach,
  encodePing,
  encodeReach,
  LinkFrame,
  lostFrame,
  lostRoute,
  type Near,
  PACKET_HEADROOM,
  type Reach,
  readPacket,
  writePacketHead,
} from '../../../../chain-node/overlay/link/frames.ts';
import { TokenBucket } from '../../../../chain-node/p2p/limits.ts';
import { Routes } from '../../../../chain-node/overlay/routes.ts';
import { stateOf } from '../../../../chain-node/overlay/status.ts';

const RELAYS = ['r1', 'r2', 'r3'];
const near = (memberId: string, rttMs = 10, lossPercent = 0): Near => ({ memberId, rttMs, lossPercent });
const reach = (list: Near[], beyond: Reach['beyond'] = []): Reach => ({ near: list, beyond });

/** Paths as `me` sees them. */
function world(links: Near[], told: Record<string, Reach>) {
  let now = 0;
  const mine = [...links];
  const routes = new Routes({
    memberId: 'me',
    near: () => mine,
    isRelay: (id) => RELAYS.includes(id),
    now: () => now,
  });
  for (const [relayId, what] of Object.entries(told)) routes.learn(relayId, what);
  return { routes, mine, pass: (ms: number) => (now += ms) };
}
const chosen = (routes: Routes, present: string[] | null = null) => routes.choose('you', present)?.route.join(' ');

describe('the path that is taken', () => {
  const viaBoth = {
    r1: reach([near('you', 10), near('r2', 5)], [{ relayId: 'r2', near: [near('you', 1)] }]),
    r2: reach([near('you', 30)]),
  };
  test('is straight where there is a link', () => {
    const { routes } = world([near('you', 500), near('r1', 1)], viaBoth);
    expect(chosen(routes)).toBe('me you');
  });
  test('else by the relay that is nearer in all', () => {
    expect(chosen(world([near('r1', 10), near('r2', 10)], viaBoth).routes)).toBe('me r1 you');
    expect(chosen(world([near('r1', 60), near('r2', 10)], viaBoth).routes)).toBe('me r2 you');
  });
  test('else by two relays', () => {
    const told = { r1: reach([near('r2')], [{ relayId: 'r2', near: [near('you')] }]) };
    expect(chosen(world([near('r1')], told).routes)).toBe('me r1 r2 you');
  });
  test('never by three, never over who is no relay, never to who is unknown', () => {
    expect(chosen(world([near('r1')], { r1: reach([near('r2')]) }).routes)).toBeUndefined();
    const overMember = { x: reach([near('you')]), r1: reach([near('x')], [{ relayId: 'x', near: [near('you')] }]) };
    expect(chosen(world([near('x'), near('r1')], overMember).routes)).toBeUndefined();
    expect(chosen(world([], {}).routes)).toBeUndefined();
  });
  test('changes when it is gone, and back to the straight one when that is there', () => {
    const { routes, mine } = world([near('r1'), near('r2')], viaBoth);
    expect(chosen(routes, ['me', 'r2', 'you'])).toBe('me r2 you');
    mine.splice(1, 1);
    expect(chosen(routes, ['me', 'r2', 'you'])).toBe('me r1 you');
    mine.push(near('you', 900));
    expect(chosen(routes, ['me', 'r1', 'you'])).toBe('me you');
  });
  test('stays for a small gain, and moves for a large one', () => {
    const told = { r1: reach([near('you', 50)]), r2: reach([near('you', 50)]) };
    expect(chosen(world([near('r1', 50), near('r2', 30)], told).routes, ['me', 'r1', 'you'])).toBe('me r1 you');
    const far = { r1: reach([near('you', 200)]), r2: reach([near('you', 20)]) };
    expect(chosen(world([near('r1', 50), near('r2', 30)], far).routes, ['me', 'r1', 'you'])).toBe('me r2 you');
  });
  test('avoids one that failed for a while, if there is another', () => {
    const { routes, pass } = world([near('r1'), near('r2')], viaBoth);
    routes.avoid(['me', 'r1', 'you']);
    expect(chosen(routes, ['me', 'r1', 'you'])).toBe('me r2 you');
    pass(6000);
    expect(chosen(routes)).toBe('me r1 you');
  });
  test('a failed one is better than none', () => {
    const { routes } = world([near('r1')], { r1: reach([near('you')]) });
    routes.avoid(['me', 'r1', 'you']);
    expect(chosen(routes)).toBe('me r1 you');
  });
  test('a lossy one gives way to a sound one of as many relays', () => {
    const told = { r1: reach([near('you', 1, 50)]), r2: reach([near('you', 90)]) };
    expect(chosen(world([near('r1', 1), near('r2', 90)], told).routes)).toBe('me r2 you');
  });
  test('a relay that is linked no more says nothing any more', () => {
    const { routes } = world([near('r1')], viaBoth);
    routes.forget('r1');
    expect(chosen(routes)).toBeUndefined();
  });
});

test('whatever relays say, no route passes anybody twice or more than two relays', () => {
  const ids = ['you', 'me', 'x', ...RELAYS];
  const someNear = fc.array(
    fc.record({ memberId: fc.constantFrom(...ids), rttMs: fc.nat(1000), lossPercent: fc.nat(100) }),
    { maxLength: 6 },
  );
  const someReach = fc.record({
    near: someNear,
    beyond: fc.array(fc.record({ relayId: fc.constantFrom(...ids), near: someNear }), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(someNear, fc.dictionary(fc.constantFrom(...RELAYS), someReach), (links, told) => {
      const own = links.filter(({ memberId }) => memberId !== 'me');
      for (const { route } of world(own, told).routes.paths('you')) {
        expect(new Set(route).size).toBe(route.length);
        expect(route.length).toBeLessThanOrEqual(4);
        expect(route.slice(1, -1).every((id) => RELAYS.includes(id))).toBe(true);
        expect([route[0], route.at(-1)]).toEqual(['me', 'you']);
      }
    }),
  );
});

test('what a relay tells names whom it is linked to, and whom the relays next to it are', () => {
  const { routes } = world([near('x'), near('r1')], { r1: reach([near('you'), near('me')]) });
  expect(routes.tell()).toEqual({
    near: [near('x'), near('r1')],
    beyond: [{ relayId: 'r1', near: [near('you'), near('me')] }],
  });
});

describe('frames', () => {
  const id = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);
  const route = fc.uniqueArray(id, { minLength: 2, maxLength: 4 });
  test('a packet is read as it was written, at each hop', () => {
    fc.assert(
      fc.property(route, fc.uint8Array({ maxLength: 200 }), (members, payload) => {
        const buffer = Buffer.alloc(PACKET_HEADROOM + payload.length);
        buffer.set(payload, PACKET_HEADROOM);
        const frame = buffer.subarray(writePacketHead(buffer, PACKET_HEADROOM, LinkFrame.packet, members));
        for (let hop = 1; hop < members.length; hop += 1) {
          const read = readPacket(frame);
          expect([read.hop, read.route, Buffer.from(read.payload)]).toEqual([hop, members, Buffer.from(payload)]);
          advance(frame);
        }
        expect(() => readPacket(frame)).toThrow(/route/);
      }),
    );
  });
  test('who is near is read as it was written', () => {
    const list = fc.array(fc.record({ memberId: id, rttMs: fc.nat(), lossPercent: fc.nat(100) }), { maxLength: 5 });
    const all = fc.record({ near: list, beyond: fc.array(fc.record({ relayId: id, near: list }), { maxLength: 3 }) });
    fc.assert(fc.property(all, (told) => expect(decodeReach(encodeReach(told))).toEqual(told)));
    expect(decodePing(encodePing(2, { id: 7, timeMs: 123 }))).toEqual({ id: 7, timeMs: 123 });
  });
  test('any bytes are read, or refused by one error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        for (const read of [readPacket, decodeReach, decodePing, lostRoute])
          try {
            read(Buffer.from(bytes));
          } catch (error) {
            expect(error).toMatchObject({ code: 'encoding-invalid' });
          }
      }),
    );
  });
  test.each([
    ['nobody', [5, 1, 0]],
    ['one', [5, 1, 1, 1, 97]],
    ['five', [5, 1, 5, 1, 97, 1, 98, 1, 99, 1, 100, 1, 101]],
    ['the same one twice', [5, 1, 2, 1, 97, 1, 97]],
    ['a name cut short', [5, 1, 2, 1, 97, 9, 98]],
    ['an empty name', [5, 1, 2, 1, 97, 0]],
    ['a hop beyond the route', [5, 2, 2, 1, 97, 1, 98]],
    ['no hop', [5, 0, 2, 1, 97, 1, 98]],
  ])('a route of %s is refused', (_, bytes) => {
    expect(() => readPacket(Buffer.from(bytes))).toThrow(/encoding-invalid/);
  });
  test('a report of a lost packet goes back the way it came', () => {
    const frame = lostFrame(['a', 'r1', 'r2', 'b'], 2);
    const { hop, route: back, payload } = readPacket(frame);
    expect([frame[0], hop, back]).toEqual([LinkFrame.lost, 1, ['r2', 'r1', 'a']]);
    expect(lostRoute(payload)).toEqual(['a', 'r1', 'r2', 'b']);
  });
});

test.each([
  [['me', 'you'], 0, true, 'online'],
  [['me', 'r1', 'you'], 0, false, 'relayed'],
  [['me', 'r1', 'you'], 0, true, 'degraded'], // it has an address, and that does not answer
  [['me', 'r1', 'r2', 'you'], 0, false, 'degraded'],
  [['me', 'you'], 8, true, 'degraded'],
  [null, 0, true, 'offline'],
])('a path %j with %i %% lost: %s %s', (route, lossPercent, hasAddress, state) => {
  expect(stateOf(route && { route, rttMs: 1, lossPercent }, hasAddress)).toBe(state);
});

test('a bucket gives its burst, then its rate; a clock that is set back gives nothing', () => {
  let now = 0;
  const bucket = new TokenBucket(10, 3, () => now);
  expect([bucket.take(), bucket.take(), bucket.take(), bucket.take()]).toEqual([true, true, true, false]);
  now = 100;
  expect([bucket.take(), bucket.take()]).toEqual([true, false]);
  now = 50;
  expect(bucket.take()).toBe(false);
  now = 60_000;
  expect([bucket.take(3), bucket.take()]).toEqual([true, false]);
  expect(bucket.spend(5)).toBe(500);
});
