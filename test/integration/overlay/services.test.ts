import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import request from 'supertest';
import { chainOf } from '../../../chain-node/overlay/chain.ts';
import { PolicyState } from '../../../chain-node/overlay/policy-state.ts';
import { encodePolicy } from '../../../chain-node/overlay/policy.ts';
import { createRpc } from '../../../chain-node/rpc/app.ts';
import { freePorts } from '../../../ops/launch/ports.ts';
import { createMetrics } from '../../../platform/observe/metrics.ts';
import { addOverlayMetrics } from '../../../chain-node/overlay/metrics.ts';
import { openTo, OverlayWorld, until } from '../../fixtures/overlay.ts';

/** yz1 and yz2 are hospitals that see the two relays only: yz3 and yzp. */
const world = new OverlayWorld();
const seen: http.IncomingMessage[] = [];
let app: http.Server;
let gateway: http.Server;
let forward = 0;
let denied = 0;

beforeAll(async () => {
  app = http.createServer((incoming, response) => {
    seen.push(incoming);
    if (incoming.url === '/slow') return; // never answers
    if (incoming.url === '/cut') return void response.writeHead(200).write('a part', () => response.destroy());
    response.writeHead(incoming.url === '/missing' ? 404 : 200, {
      'x-answer': 'yes',
      connection: 'x-hop',
      'x-hop': 'no',
    });
    incoming.pipe(response);
  });
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
  const port = (app.address() as net.AddressInfo).port;
  const echo = await world.serve((socket) => socket.pipe(socket));
  const [unused] = await freePorts(1);
  [forward, denied] = (await freePorts(2)) as [number, number];
  const host = '127.0.0.1';
  await world.start(openTo('archive', 'echo', 'down', 'none'), {
    yz1: {
      forwards: [
        { listen: { host, port: forward }, member: 'yz2', service: 'echo' },
        { listen: { host, port: denied }, member: 'yz2', service: 'secret' },
      ],
    },
    yz2: {
      services: {
        archive: { host, port, protocol: 'http' },
        echo: { host, port: echo },
        down: { host, port: unused! },
        secret: { host, port: echo },
      },
    },
  });
  gateway = http.createServer(world.overlay('yz1').gateway);
  gateway.listen(0, host);
  await once(gateway, 'listening');
});
afterAll(async () => {
  app.closeAllConnections();
  app.close();
  gateway.closeAllConnections();
  gateway.close();
  await world.stop();
});

const ask = () => request(gateway);

/** What a proxy says of whom it asks for. */
const FORWARDING = [
  ['Forwarded', 'for=203.0.113.9;host=ledger.example'],
  ['X-Forwarded-For', '203.0.113.9'],
  ['X-Forwarded-Host', 'ledger.example'],
  ['X-Forwarded-Proto', 'https'],
  ['X-Forwarded-Server', 'edge'],
  ['X-Real-IP', '203.0.113.9'],
  ['Via', '1.1 edge'],
] as const;

describe('the HTTP gateway', () => {
  test('asks another member’s service, and says there which member asks', async () => {
    const body = randomBytes(300_000);
    const answer = await ask()
      .post('/overlay/yz2/archive/v1/things?x=1')
      .set('te', 'gzip')
      .set('content-type', 'application/octet-stream')
      .send(body)
      .buffer(true)
      .parse((response, done) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () => done(null, Buffer.concat(pieces)));
      })
      .expect(200);
    expect(Buffer.compare(answer.body as Buffer, body)).toBe(0);
    expect(answer.headers).toMatchObject({ 'x-answer': 'yes' });
    expect(answer.headers).not.toHaveProperty('x-hop');
    const { method, url, headers } = seen.at(-1)!;
    expect([method, url]).toEqual(['POST', '/v1/things?x=1']);
    expect(headers['x-overlay-member']).toBe('yz1');
    expect(headers).not.toHaveProperty('te');
  });

  test('passes statuses on as they are', async () => {
    await ask().get('/overlay/yz2/archive/missing').expect(404).expect('x-answer', 'yes');
    await ask().get('/overlay/yz2/archive').expect(200);
    expect(seen.at(-1)!.url).toBe('/');
  });

  test.each([
    ['/overlay/yz2/secret/', 403, 'denied'],
    ['/overlay/nobody/archive/', 404, 'member-unknown'],
    ['/overlay/yz2/none/', 404, 'service-unknown'],
    ['/overlay/yz2/down/', 502, 'service-down'],
    ['/overlay/yz1/archive/', 403, 'denied'],
    ['/overlay/yz2', 404, 'not-found'],
  ])('GET %s: %i %s', async (path, status, code) => {
    const { body } = (await ask().get(path).expect(status)) as { body: { code: string; reason: string } };
    expect(body.code).toBe(code);
    expect(body.reason).not.toBe('');
  });

  test('is not for pages in a browser, nor for other names of this machine', async () => {
    await ask()
      .get('/overlay/yz2/archive/')
      .set('Origin', 'http://evil.example')
      .expect(403, /browser/);
    await ask()
      .get('/overlay/yz2/archive/')
      .set('Sec-Fetch-Site', 'cross-site')
      .expect(403, /browser/);
    await ask().get('/overlay/yz2/archive/').set('Host', 'evil.example').expect(403, /name/);
  });

  test('is not for other members that came by a service', async () => {
    await ask()
      .get('/overlay/yz2/archive/')
      .set('X-Overlay-Member', 'yz3')
      .expect(403, /members/);
  });

  test.each(FORWARDING)('is not for what a proxy passes on: %s', async (name, value) => {
    const before = seen.length;
    const { body } = (await ask().get('/overlay/yz2/archive/').set(name, value).expect(403)) as { body: object };
    expect(body).toMatchObject({ code: 'denied', reason: expect.stringContaining(name.toLowerCase()) as string });
    expect(seen).toHaveLength(before);
  });

  test('an answer that breaks off is not passed on as whole', async () => {
    await expect(ask().get('/overlay/yz2/archive/cut')).rejects.toThrow(/aborted|hang up|terminated/);
  });

  test('who asked and went away is not waited for at the other end', async () => {
    const before = seen.length;
    const going = http.get({ port: (gateway.address() as net.AddressInfo).port, path: '/overlay/yz2/archive/slow' });
    going.on('error', () => {});
    await until(() => seen.length > before);
    const gone = once(seen.at(-1)!.socket, 'close');
    going.destroy();
    await gone;
  });
});

test('a TCP forward leads to the other member’s service, half-closes included', async () => {
  const socket = net.connect({ port: forward, host: '127.0.0.1', allowHalfOpen: true });
  const bytes = randomBytes(3_000_000);
  socket.end(bytes);
  const pieces: Buffer[] = [];
  for await (const piece of socket as AsyncIterable<Buffer>) pieces.push(piece);
  expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
});

test('a forward to what the policy denies is reset, at once', async () => {
  const socket = net.connect({ port: denied, host: '127.0.0.1' });
  socket.write('x');
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
});

test('who does not ask its own policy is refused by the other end’s', async () => {
  const chain = chainOf(world.nodes.node('yz1'), [world.nodes.keys.get('yz1')!.privateKey]);
  const lenient = new PolicyState();
  lenient.update({ version: 99, document: encodePolicy({ ...world.draft, rules: openTo('*') }) });
  await world.stopOverlay('yz1');
  const liar = await world.startOverlay('yz1', {}, { chain: { ...chain, policy: lenient } });
  await world.linked();
  await expect(liar.open('yz2', 'secret')).rejects.toMatchObject({
    code: 'denied',
    reason: expect.stringMatching(/rule/),
  });
  await world.stopOverlay('yz1');
  await world.startOverlay('yz1');
  await world.linked();
});

describe('the rpc', () => {
  const rpc = () => {
    const metrics = createMetrics('overlay-test');
    addOverlayMetrics(world.overlay('yz1'), metrics);
    return request(createRpc(world.nodes.node('yz1'), metrics, { overlay: world.overlay('yz1') }));
  };

  test('says who can reach whom, by which rule, and what a draft would change', async () => {
    const yes = await rpc().get('/v1/overlay/can?from=yz1&to=yz2&service=archive').expect(200);
    expect(yes.body).toMatchObject({ allowed: true, rule: 0 });
    const no = await rpc().get('/v1/overlay/can?from=yz1&to=yz2&service=secret').expect(200);
    expect(no.body).toMatchObject({ allowed: false, rule: null, reason: 'no rule allows it' });
    await rpc()
      .get('/v1/overlay/can?from=yz1&to=yz2')
      .expect(400, /service/);
    const { body } = await rpc().get('/v1/overlay/reach').expect(200);
    expect(body).toHaveLength(12);
    const rules = [{ from: { members: ['yz1'] }, to: { members: ['yz2'] }, services: ['secret'] }];
    const draft = await rpc().post('/v1/overlay/reach').send({ policy: { rules } }).expect(200);
    expect(draft.body).toEqual([{ from: 'yz1', to: 'yz2', services: ['secret'] }]);
    await rpc()
      .post('/v1/overlay/reach')
      .send({ policy: { rule: 1 } })
      .expect(400, /rule/);
  });

  test('shows each member, its path and what it costs; links, certificates, sessions; and figures', async () => {
    (await world.overlay('yz1').open('yz2', 'echo')).destroy();
    await delay(50); // the first heartbeats
    const { body } = await rpc().get('/v1/overlay/status').expect(200);
    const { members } = body as { members: { memberId: string; state: string }[] };
    expect(Object.fromEntries(members.map(({ memberId, state }) => [memberId, state]))).toEqual({
      yz1: 'online',
      yz2: 'relayed',
      yz3: 'online',
      yzp: 'online',
    });
    expect(members.find(({ memberId }) => memberId === 'yz2')).toMatchObject({
      relays: [expect.stringMatching(/^yz[3p]$/)],
      rttMs: expect.any(Number),
      lossPercent: 0,
      mtu: expect.any(Number),
    });
    expect(body).toMatchObject({
      policy: { version: 1, faults: [] },
      links: [{ mtu: expect.any(Number) }, {}],
      certificates: [
        { of: 'member', subject: 'yz1', warning: null },
        { of: 'authority', warning: null },
      ],
    });
    expect((body as { sessions: unknown[] }).sessions).toContainEqual(
      expect.objectContaining({ peer: 'yz2', service: 'echo', role: 'initiator' }),
    );
    const { text } = await rpc().get('/metrics').expect(200);
    expect(text).toMatch(/overlay_member_state\{member="yz2",state="relayed",service="[^"]*"\} 1/);
    expect(text).toMatch(/overlay_certificate_days\{of="member",subject="yz1"/);
  });

  test.each(FORWARDING)(
    'tells no figures, and nothing of the overlay, to whom a proxy asks for: %s',
    async (name, value) => {
      const refusal = { code: 'denied', reason: expect.stringContaining(name.toLowerCase()) as string };
      for (const path of [
        '/v1/overlay/status',
        '/v1/overlay/sessions',
        '/V1/Overlay/policies',
        '/metrics',
        '/metrics/',
      ]) {
        const { body } = (await rpc().get(path).set(name, value).expect(403)) as { body: object };
        expect([path, body]).toEqual([path, refusal]);
      }
      await rpc()
        .post('/v1/overlay/reach')
        .set(name, value)
        .send({ policy: { rules: [] } })
        .expect(403);
      await rpc().get('/v1/status').set(name, value).expect(200);
    },
  );
});
