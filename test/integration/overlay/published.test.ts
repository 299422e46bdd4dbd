import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import request from 'supertest';
import WebSocket from 'ws';
import { GATEWAY_PREFIX } from '../../../chain-node/overlay/index.ts';
import { createRpc } from '../../../chain-node/rpc/app.ts';
import { attachStreams } from '../../../chain-node/rpc/streams.ts';
import { createMetrics } from '../../../platform/observe/metrics.ts';
import { openTo, OverlayWorld } from '../../fixtures/overlay.ts';

const root = process.cwd();

/** What docs/explorer.md tells operators to publish: patterns of its nginx configuration, over the target as it is sent. */
const guide = readFileSync(path.join(root, 'docs', 'explorer.md'), 'utf8');
const patterns = [...guide.matchAll(/^ +"~(\S+)" 1;$/gm)].map(([, pattern]) => new RegExp(pattern!));
const published = (target: string) => patterns.some((pattern) => pattern.test(target));

function filesUnder(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|vue)$/.test(name))
    .map((name) => path.join(dir, name));
}

/** Paths of the rpc, and pages, that stand in the explorer's sources; what is put into them is a 1. */
const sources = filesUnder(path.join(root, 'web', 'explorer')).map((file) => readFileSync(file, 'utf8'));
const routesRead = sources.flatMap((text) =>
  [...text.matchAll(/[`'}](\/v1\/[^`'?]*)/g)].map(([, route]) => route!.replaceAll(/\$\{[^}]*\}/g, '1')),
);
const pages = [
  ...readFileSync(path.join(root, 'web', 'explorer', 'router.ts'), 'utf8').matchAll(/path: '(\/[^:'*]*)/g),
].map(([, page]) => (page!.endsWith('/') && page !== '/' ? `${page}1` : page!));

const world = new OverlayWorld();
/** The node as chain-node/index.ts serves it, and a proxy in front that does what the guide says. */
let node: http.Server;
let proxy: http.Server;
let explorerDir: string;

const portOf = (server: http.Server) => (server.address() as net.AddressInfo).port;

/** As nginx does by that configuration. */
function passOn(incoming: http.IncomingMessage, response: http.ServerResponse): void {
  if (!published(incoming.url!)) return void response.writeHead(404).end();
  if (incoming.method !== 'GET' && incoming.method !== 'HEAD') return void response.writeHead(403).end();
  const headers = { host: `127.0.0.1:${portOf(node)}`, 'x-forwarded-for': '203.0.113.9' };
  const outgoing = http.request(
    { port: portOf(node), path: incoming.url, method: incoming.method, headers },
    (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    },
  );
  outgoing.on('error', () => response.destroy());
  outgoing.end();
}

beforeAll(async () => {
  await world.start(openTo('archive'));
  const overlay = world.overlay('yz1');
  explorerDir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-explorer-'));
  copyFileSync(path.join(root, 'web', 'explorer', 'index.html'), path.join(explorerDir, 'index.html'));
  const rpc = createRpc(world.nodes.node('yz1'), createMetrics('published'), { explorerDir, overlay });
  node = http.createServer((incoming, response) => {
    if (incoming.url?.startsWith(GATEWAY_PREFIX) === true) overlay.gateway(incoming, response);
    else rpc(incoming, response);
  });
  attachStreams(node, world.nodes.node('yz1'));
  proxy = http.createServer(passOn);
  proxy.on('upgrade', (incoming: http.IncomingMessage, socket: net.Socket, head: Buffer) => {
    if (!published(incoming.url!)) return void socket.end('HTTP/1.1 404 Not Found\r\n\r\n');
    const onward = net.connect(portOf(node), '127.0.0.1', () => {
      const lines = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${String(value)}`);
      onward.write(`GET ${incoming.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\nx-forwarded-for: 203.0.113.9\r\n\r\n`);
      onward.write(head);
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  for (const server of [node, proxy]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
});
afterAll(async () => {
  for (const server of [proxy, node]) {
    server.closeAllConnections();
    server.close();
  }
  await world.stop();
  rmSync(explorerDir, { recursive: true, force: true });
});

test('the guide publishes every page and every route of the rpc that the explorer reads', () => {
  expect(routesRead.length).toBeGreaterThan(20);
  expect(pages.length).toBeGreaterThan(8);
  expect(patterns.length).toBeGreaterThan(5);
  expect([...routesRead, ...pages].filter((one) => !published(one))).toEqual([]);
});

test('by a proxy of that configuration the explorer is read: its page, the chain, and new blocks as they come', async () => {
  const outside = request(proxy);
  for (const page of ['/', '/blocks', '/blocks/1', '/verify'])
    await outside.get(page).expect(200, /explorer|区块链浏览器/);
  const { body } = (await outside.get('/v1/status').expect(200)) as { body: object };
  expect(body).toMatchObject({ memberId: 'yz1' });
  for (const route of [
    '/v1/genesis',
    '/v1/members?height=1',
    '/v1/handovers',
    '/v1/governance',
    '/v1/blocks?limit=5',
    '/v1/records',
  ])
    await outside.get(route).expect(200);
  for (const route of ['/v1/search?q=yz1', '/v1/checkpoints?limit=5', '/v1/evidence'])
    await outside.get(route).expect(200);
  await outside.get(`/v1/transactions/${'0'.repeat(64)}/content`).expect(404, /not-found/);
  await outside.get(`/v1/receipts/${'0'.repeat(64)}/0`).expect(404, /not-found/);
  const stream = new WebSocket(`ws://127.0.0.1:${portOf(proxy)}/v1/subscribe`);
  const told = once(stream, 'message');
  await once(stream, 'open');
  const { encoded } = world.nodes.transaction('yz2', ['one more']);
  await world.nodes.node('yz2').submit(encoded);
  expect(JSON.parse(String((await told)[0]))).toMatchObject({ height: expect.any(Number) as number });
  stream.terminate();
});

test.each([
  '/overlay/yz2/archive/',
  '/overlay',
  '/v1/overlay/status',
  '/v1/overlay/sessions',
  '/v1/consistency?from=0',
  '/v1/blocks/../overlay/status',
  '/v1/status/../overlay/status',
  '/metrics',
  '/healthz',
  '/Metrics',
  '/assets/../metrics',
  '/overlay/yz2/archive/../../../v1/status',
  '/v1/%6fverlay/status',
  'http://127.0.0.1/overlay/yz2/archive/',
])('it does not pass %s on', async (route) => {
  // As it is written: a client of the test's own would tidy it.
  const answer = await new Promise<http.IncomingMessage>((done) =>
    http.get({ port: portOf(proxy), path: route }, done),
  );
  answer.resume();
  expect(answer.statusCode).toBe(404);
});

test('it passes on nothing that writes, and no stream that takes transactions', async () => {
  await request(proxy).post('/v1/transactions').send({ tx: 'AA==' }).expect(403);
  await request(proxy).post('/v1/status').expect(403);
  const stream = new WebSocket(`ws://127.0.0.1:${portOf(proxy)}/v1/submit`);
  stream.on('error', () => {});
  const [, answer] = (await once(stream, 'unexpected-response')) as [unknown, http.IncomingMessage];
  expect(answer.statusCode).toBe(404);
  answer.socket.destroy();
});

test('a proxy that passes on all, and says so, is refused by the node itself', async () => {
  for (const route of ['/overlay/yz2/archive/', '/v1/overlay/status', '/metrics']) {
    const { body } = (await request(node).get(route).set('X-Forwarded-For', '203.0.113.9').expect(403)) as {
      body: object;
    };
    expect(body).toMatchObject({ code: 'denied' });
  }
});
