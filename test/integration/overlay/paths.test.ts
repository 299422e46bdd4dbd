import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { createSm3 } from '../../../platform/crypto/index.ts';
import type { OverlayStream } from '../../../chain-node/overlay/session/streams.ts';
import { openTo, OverlayWorld, until } from '../../fixtures/overlay.ts';

const MIB = 1024 * 1024;
/** What a file of a hospital begins with; no relay may ever see it. */
const PLAIN = Buffer.from('PLAINTEXT 病案首页 样例甲 0000000000000001 ');

/** Sends so much of a known text, and gives its digest. */
async function send(stream: OverlayStream, bytes: number, at?: (sent: number) => void): Promise<string> {
  const hash = createSm3();
  const noise = randomBytes(MIB / 4 - PLAIN.length);
  for (let sent = 0; sent < bytes; sent += MIB / 4) {
    const piece = Buffer.concat([PLAIN, noise]);
    piece.writeUInt32BE(sent, PLAIN.length);
    hash.update(piece);
    at?.(sent);
    if (!stream.write(piece)) await once(stream, 'drain');
  }
  stream.end();
  return hash.digest('hex');
}

/** Takes what comes, and gives its length and digest. */
function taker() {
  const taken: Promise<{ bytes: number; digest: string }>[] = [];
  const take = (stream: OverlayStream) => {
    const hash = createSm3();
    let bytes = 0;
    stream.on('data', (piece: Buffer) => {
      hash.update(piece);
      bytes += piece.length;
    });
    const whole = new Promise<{ bytes: number; digest: string }>((done, fail) => {
      stream.once('error', fail);
      stream.once('end', () => {
        stream.end();
        done({ bytes, digest: hash.digest('hex') });
      });
    });
    whole.catch(() => {}); // whoever awaits it hears of it
    taken.push(whole);
  };
  return { taken, take };
}

const { taken, take } = taker();
/** What came on the newest stream. */
async function newest() {
  const whole = taken.pop();
  return whole === undefined ? undefined : await whole;
}
const world = new OverlayWorld(['yz3', 'yzp'], {
  handlers: { 'bulk-of-archives': take },
  limits: { rekeyAfterBytes: 8 * MIB },
});
beforeAll(() => world.start(openTo('bulk-of-archives'), {}));
afterAll(() => world.stop());

const relaysOf = () => {
  const session = world
    .overlay('yz1')
    .sessions.all()
    .find(({ peer }) => peer === 'yz2')!;
  return session.route!.slice(1, -1);
};

test('64 MiB while the relay that carries them is killed: nothing is lost or repeated, keys change on the way', async () => {
  const stream = await world.overlay('yz1').open('yz2', 'bulk-of-archives');
  const [session] = world.overlay('yz1').sessions.all();
  const [first] = relaysOf();
  let killed: Promise<void> | undefined;
  const digest = await send(stream, 64 * MIB, (sent) => {
    if (sent === 20 * MIB) killed = world.kill(first!);
  });
  expect(await newest()).toEqual({ bytes: 64 * MIB, digest });
  await killed;
  expect(relaysOf()).not.toEqual([first]);
  expect(session!.channel.rekeys).toBeGreaterThanOrEqual(4);
  expect(session!.isOpen).toBe(true);
  await world.startOverlay(first!);
  await until(() => world.overlay('yz1').links.all().length === 2 && world.overlay('yz2').links.all().length === 2);
});

test('what a relay is given to carry holds nothing of what is sent', async () => {
  const frames = [...world.relayed.values()].flat();
  const bytes = frames.reduce((sum, frame) => sum + frame.length, 0);
  expect(bytes).toBeGreaterThan(60 * MIB);
  const secrets = [PLAIN, PLAIN.subarray(0, 12), Buffer.from('病案首页'), Buffer.from('bulk-of-archives')];
  for (const frame of frames) for (const secret of secrets) expect(frame.includes(secret)).toBe(false);
  // What is said does not show in the bytes either: all values are as frequent.
  const counts = new Array<number>(256).fill(0);
  for (const frame of frames.slice(0, 200)) for (const byte of frame.subarray(64)) counts[byte]! += 1;
  const mean = counts.reduce((sum, count) => sum + count, 0) / 256;
  for (const count of counts) expect(Math.abs(count / mean - 1)).toBeLessThan(0.1);
});

test('a member with an address is reached straight; by a relay while that is away; straight again after', async () => {
  // yz3 has an address, as it is a relay: the path to it is straight, and over yzp when its own link is cut.
  const stateOf = (id: string) =>
    world
      .overlay('yz1')
      .members()
      .find(({ memberId }) => memberId === id)!;
  expect(stateOf('yz3')).toMatchObject({ state: 'online', relays: [] });
  const stream = await world.overlay('yz1').open('yz3', 'bulk-of-archives');
  const target = world.overlay('yz1').links;
  const dialled = [...world.draft.relays!];
  target.dial(dialled.filter(({ memberId }) => memberId !== 'yz3'));
  target.get('yz3')!.terminate();
  await until(() => stateOf('yz3').state === 'degraded');
  expect(stateOf('yz3').relays).toEqual(['yzp']);
  const digest = await send(stream, 4 * MIB, (sent) => {
    if (sent === 2 * MIB) target.dial(dialled);
  });
  expect(await newest()).toEqual({ bytes: 4 * MIB, digest });
  await until(() => stateOf('yz3').state === 'online');
  await until(() =>
    world
      .overlay('yz1')
      .sessions.all()
      .some(({ peer, route }) => peer === 'yz3' && route?.length === 2),
  );
});

test('two relays, where no single one sees both ends', async () => {
  // yz1 hears of yz3 only, yz2 of yzp only.
  const only = (id: string, relay: string) => {
    const { links } = world.overlay(id);
    links.dial(world.draft.relays!.filter(({ memberId }) => memberId === relay));
    for (const link of links.all()) if (link.memberId !== relay) link.terminate();
  };
  only('yz1', 'yz3');
  only('yz2', 'yzp');
  const path = () => world.overlay('yz1').router.routes.choose('yz2', null)?.route.join(' ');
  await until(() => path() === 'yz1 yz3 yzp yz2');
  const stream = await world.overlay('yz1').open('yz2', 'bulk-of-archives');
  const digest = await send(stream, 2 * MIB);
  expect(await newest()).toEqual({ bytes: 2 * MIB, digest });
  expect(
    world
      .overlay('yz1')
      .members()
      .find(({ memberId }) => memberId === 'yz2'),
  ).toMatchObject({
    state: 'degraded',
    relays: ['yz3', 'yzp'],
  });
  for (const id of ['yz1', 'yz2']) world.overlay(id).links.dial(world.draft.relays!);
  await until(() => path() !== 'yz1 yz3 yzp yz2');
});

test('all links cut in the middle and none for a while: what was sent comes when there is one again', async () => {
  const stream = await world.overlay('yz1').open('yz2', 'bulk-of-archives');
  const { links } = world.overlay('yz1');
  const digest = await send(stream, 2 * MIB, (sent) => {
    if (sent !== MIB) return;
    links.dial([]);
    for (const link of links.all()) link.terminate();
    setTimeout(() => links.dial(world.draft.relays!), 700);
  });
  expect(await newest()).toEqual({ bytes: 2 * MIB, digest });
});

test('while no path leads to a member, a new stream is refused at once', async () => {
  const { links } = world.overlay('yz1');
  links.dial([]);
  for (const link of links.all()) link.terminate();
  await until(() => links.all().length === 0);
  await expect(world.overlay('yz1').open('yz2', 'bulk-of-archives')).rejects.toMatchObject({ code: 'unreachable' });
  links.dial(world.draft.relays!);
  await world.linked();
});

test('an overlay link of another version only is refused by name, and the member is told why', async () => {
  const [relay] = world.draft.relays!;
  const { certFile, keyFile, caFile } = world.tls.yz2!;
  const [cert, key, ca] = [certFile, keyFile, caFile].map((file) => readFileSync(file));
  const ws = new WebSocket(`${relay!.url}/overlay`, ['sealfolio.overlay.2'], { cert: cert!, key: key!, ca: ca! });
  ws.on('error', () => {});
  const [, answer] = (await once(ws, 'unexpected-response')) as [unknown, IncomingMessage];
  ws.terminate();
  expect([answer.statusCode, answer.headers['sec-websocket-protocol']]).toEqual([426, 'sealfolio.overlay.1']);
  expect(world.overlay(relay!.memberId).links.troubles.get('yz2')?.words).toBe(
    'no common version of the protocol: it speaks sealfolio.overlay.2',
  );
});
