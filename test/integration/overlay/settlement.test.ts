import { once } from 'node:events';
import request from 'supertest';
import { SESSION_STREAM } from '../../../chain-node/overlay/settlement/record.ts';
import { createRpc } from '../../../chain-node/rpc/app.ts';
import { createMetrics } from '../../../platform/observe/metrics.ts';
import { sm3 } from '../../../platform/crypto/index.ts';
import { openTo, OverlayWorld, until } from '../../fixtures/overlay.ts';

const world = new OverlayWorld(['yz3', 'yzp'], {
  handlers: {
    echo: (stream) => stream.pipe(stream),
    sink: (stream) => stream.resume().once('end', () => stream.end()),
  },
  limits: { idleAfterMs: 600, partAfterMs: 1500, giveUpAfterMs: 4000, askAfterMs: 400 },
});
beforeAll(() => world.start(openTo('echo', 'sink')));
afterAll(() => world.stop());

interface Told {
  key: string;
  session: string;
  part: number;
  state: string;
  service: string;
  digest: string;
  record: string;
  ending: number;
  there: { bytes: number; digest: string };
  back: { bytes: number };
  attested: { sender: string; record: { stream: string; digest: string; note: string } }[];
  match: boolean | null;
}

/** Sessions of a service as a member's rpc tells them, the newest first. */
async function told(memberId: string, service: string): Promise<Told[]> {
  const app = createRpc(world.nodes.node(memberId), createMetrics(`t-${memberId}`), {
    overlay: world.overlay(memberId),
  });
  const { body } = await request(app).get('/v1/overlay/sessions?limit=100').expect(200);
  // Where its own transaction is differs from end to end; nothing else does.
  return (body as Told[]).filter((one) => one.service === service).map((one) => ({ ...one, place: undefined }));
}

/** Waits until both ends tell of as many parts of the newest session, all attested by both. */
async function settled(service: string, ends = ['yz1', 'yz2'], least = 1): Promise<[Told[], Told[]]> {
  let both: [Told[], Told[]] = [[], []];
  await until(async () => {
    both = (await Promise.all(ends.map((id) => told(id, service)))) as [Told[], Told[]];
    const isDone = (list: Told[]) => list.length >= least && list.every(({ match }) => match !== null);
    return isDone(both[0]) && isDone(both[1]);
  });
  return both;
}

async function echo(bytes: number, to = 'yz2', from = 'yz1'): Promise<void> {
  const stream = await world.overlay(from).open(to, 'echo');
  stream.end(Buffer.alloc(bytes, 7));
  let got = 0;
  stream.on('data', (piece: Buffer) => (got += piece.length));
  await once(stream, 'end');
  expect(got).toBe(bytes);
}

test('a session that falls idle ends, and both ends attest the same record of it', async () => {
  await echo(200_000);
  await until(() => world.overlay('yz1').sessions.all().length === 0);
  const [[mine], [theirs]] = await settled('echo');
  expect(mine).toEqual(theirs);
  expect(mine).toMatchObject({ state: 'settled', match: true, there: { bytes: 200_000 }, back: { bytes: 200_000 } });
  // The two on the ledger are equal but for who sent them.
  const [one, other] = mine!.attested;
  expect([one!.sender, other!.sender].sort()).toEqual(['yz1', 'yz2']);
  expect(one!.record).toEqual(other!.record);
  expect(one!.record).toMatchObject({ stream: SESSION_STREAM, note: '' });
  // Anybody can tell that it is the digest of the record that is kept.
  const encoded = Buffer.from(mine!.record, 'base64');
  const tagged = sm3(Buffer.from('sealfolio/overlay-session/1\0', 'ascii'), encoded);
  expect(one!.record.digest).toBe(tagged.toString('hex'));
});

test('a session that goes on is settled part by part, and its streams do not notice', async () => {
  const stream = await world.overlay('yz1').open('yz2', 'sink');
  stream.resume(); // the other end's end is to be seen
  let sent = 0;
  const [session] = world.overlay('yz1').sessions.all();
  await until(async () => {
    sent += 50_000;
    if (!stream.write(Buffer.alloc(50_000))) await once(stream, 'drain');
    return session!.part >= 2;
  });
  stream.end();
  await once(stream, 'close');
  await until(() => world.overlay('yz1').sessions.all().length === 0);
  const [mine, theirs] = await settled('sink', ['yz1', 'yz2'], 3);
  expect(mine).toEqual(theirs);
  expect(mine.every(({ match }) => match === true)).toBe(true);
  expect(mine.reduce((sum, { there }) => sum + there.bytes, 0)).toBe(sent);
  expect(new Set(mine.map(({ session: id }) => id)).size).toBe(1);
  expect(mine.map(({ ending }) => ending)).toEqual([1, ...mine.slice(1).map(() => 2)]);
});

test.each([
  ['the end that began it', 'yz1'],
  ['the end that offers the service', 'yz2'],
])('%s vanishes in the middle: when it is back both attest the same', async (_, gone) => {
  const known = new Set((await told('yz1', 'sink')).map(({ key }) => key));
  const stream = await world.overlay('yz1').open('yz2', 'sink');
  stream.on('error', () => {});
  const session = world
    .overlay('yz1')
    .sessions.all()
    .find(({ service }) => service === 'sink')!;
  while (session.channel.sent.bytes < 3_000_000) {
    if (!stream.write(Buffer.alloc(50_000))) await Promise.race([once(stream, 'drain'), once(stream, 'close')]);
  }
  await world.kill(gone);
  const still = gone === 'yz1' ? 'yz2' : 'yz1';
  await until(() => world.overlay(still).sessions.all().length === 0);
  await world.startOverlay(gone);
  await world.linked();
  // On a slow machine a part may have ended before: then there are several, and only the last one broke off.
  const fresh = async (id: string) => (await told(id, 'sink')).filter(({ key }) => !known.has(key));
  await until(async () => {
    const both = await Promise.all(['yz1', 'yz2'].map(fresh));
    return both.every((list) => list[0]?.ending === 3 && list.every(({ match }) => match === true));
  });
  const [mine, theirs] = await Promise.all([fresh('yz1'), fresh('yz2')]);
  expect(mine).toEqual(theirs);
  expect(new Set(mine.map(({ session: id }) => id)).size).toBe(1);
  expect(mine.map(({ state, ending }) => [state, ending])).toEqual(
    mine.map((_part, i) => ['settled', i === 0 ? 3 : 2]),
  );
  expect(mine.reduce((sum, { there }) => sum + there.bytes, 0)).toBeGreaterThan(500_000);
});

test('the other end does not come back: this one attests alone, and says so', async () => {
  await world.stopOverlay('yz3');
  await world.startOverlay('yz3', {}, { unsettledAfterMs: 2000 });
  await world.linked();
  const stream = await world.overlay('yz3').open('yz2', 'sink');
  stream.on('error', () => {});
  stream.write(Buffer.alloc(1000));
  await until(() =>
    world
      .overlay('yz2')
      .sessions.all()
      .some(({ peer }) => peer === 'yz3'),
  );
  await world.kill('yz2');
  await until(async () => (await told('yz3', 'sink'))[0]?.attested.length === 1);
  const [entry] = await told('yz3', 'sink');
  expect(entry).toMatchObject({ state: 'unsettled', match: null });
  expect(Buffer.from(entry!.attested[0]!.record.note, 'hex').toString()).toBe('unsettled');
  await world.startOverlay('yz2');
  await world.linked();
});

test('a session that was refused leaves nothing', async () => {
  const before = (await told('yz1', 'none')).length;
  await expect(world.overlay('yz1').open('yz2', 'none')).rejects.toMatchObject({ code: 'denied' });
  expect(await told('yz1', 'none')).toHaveLength(before);
  expect(await told('yz2', 'none')).toHaveLength(0);
});
