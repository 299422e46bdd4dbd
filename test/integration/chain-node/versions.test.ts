import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import request from 'supertest';
import { WebSocket } from 'ws';
import { createRpc } from '../../../chain-node/rpc/app.ts';
import { createTlsFiles } from '../../../ops/launch/certificates.ts';
import { createMetrics } from '../../../platform/observe/metrics.ts';
import { LEDGER_VERSION } from '../../fixtures/attacker.ts';
import { MEMBERS, Nodes } from '../../fixtures/nodes.ts';
import { until } from '../../fixtures/until.ts';

const LATER = 'sealfolio.ledger.2';
const nodes = new Nodes();
beforeAll(async () => {
  await nodes.startAll(createTlsFiles(tlsDir(), [...MEMBERS, 'stranger']));
  await nodes.stop('yz2');
});
afterAll(() => nodes.stopAll());

const tlsDir = () => path.join(nodes.dir, 'tls');
const tls = (memberId: string) => ({
  cert: readFileSync(path.join(tlsDir(), `${memberId}.pem`)),
  key: readFileSync(path.join(tlsDir(), `${memberId}.key`)),
  ca: readFileSync(path.join(tlsDir(), 'ca.pem')),
});

/** What a listener answers to a member that offers these versions: the status, and what it speaks itself or has chosen. */
async function offer(
  url: string,
  memberId: string,
  versions: readonly string[],
): Promise<[number, string | undefined]> {
  const ws = new WebSocket(url, [...versions], { ...tls(memberId), perMessageDeflate: false });
  ws.on('error', () => {});
  const [answer] = (await Promise.race([
    once(ws, 'upgrade'),
    once(ws, 'unexpected-response').then(([_request, response]) => [response as unknown]),
  ])) as [{ statusCode: number; headers: Record<string, string> }];
  ws.terminate();
  return [answer.statusCode, answer.headers['sec-websocket-protocol']];
}

/** How the status shows yz2. */
async function shown(): Promise<unknown> {
  const { body } = await request(createRpc(nodes.node('yz1'), createMetrics('t')))
    .get('/v1/status')
    .expect(200);
  return (body as { peers: { memberId: string }[] }).peers.find(({ memberId }) => memberId === 'yz2');
}

test('of several versions the one that both speak is taken', async () => {
  expect(await offer(nodes.url('yz1'), 'yz2', [LATER, LEDGER_VERSION])).toEqual([101, LEDGER_VERSION]);
});

test.each([
  ['a later version only', [LATER]],
  ['none', []],
])('%s is refused by name: said to the dialer, counted and shown here, and no attack', async (_name, versions) => {
  const node = nodes.node('yz1');
  const before = node.unlinked.of('yz2', 'version-unknown');
  expect(await offer(nodes.url('yz1'), 'yz2', versions)).toEqual([426, LEDGER_VERSION]);
  expect(node.unlinked.of('yz2', 'version-unknown')).toBe(before + 1);
  expect(await shown()).toEqual({ memberId: 'yz2', connected: false, height: null, versions });
  expect([...node.refusals.rows()]).toEqual([]);
});

test('a list without end is kept at a bounded length', async () => {
  const many = Array.from({ length: 100 }, (_, i) => `v${i}.${'x'.repeat(100)}`);
  expect(await offer(nodes.url('yz1'), 'yz2', many)).toEqual([426, LEDGER_VERSION]);
  const { versions } = (await shown()) as { versions: string[] };
  expect(versions).toEqual(many.slice(0, 16).map((name) => name.slice(0, 64)));
});

test('who has a certificate and is no member is refused likewise, and not counted', async () => {
  expect(await offer(nodes.url('yz1'), 'stranger', [LATER])).toEqual([426, LEDGER_VERSION]);
  expect([...nodes.node('yz1').unlinked.rows()].map(({ peer }) => peer)).toEqual(['yz2']);
});

test('a listener that speaks a later version only is named by who dials it', async () => {
  const { port } = new URL(nodes.url('yz2'));
  // The later version of yz2: all that a dialer of before needs of it is this answer.
  const later = https.createServer({ ...tls('yz2'), requestCert: true, minVersion: 'TLSv1.3' });
  later.on('upgrade', (_request, socket) => {
    socket.on('error', () => {});
    const head = ['HTTP/1.1 426 Upgrade Required', 'Connection: close, upgrade', 'Upgrade: websocket'];
    socket.end(`${[...head, `Sec-WebSocket-Protocol: ${LATER}`, 'Content-Length: 0'].join('\r\n')}\r\n\r\n`);
  });
  later.listen(Number(port), '127.0.0.1');
  await once(later, 'listening');
  await until(async () => JSON.stringify(await shown()).includes(`"versions":["${LATER}"]`));
  expect([...nodes.node('yz1').refusals.rows()]).toEqual([]);
  later.closeAllConnections();
  await new Promise((done) => later.close(done));
});

test('once it speaks the version of the others it is linked, and the word is gone', async () => {
  await nodes.start('yz2');
  await until(() => MEMBERS.every((id) => nodes.node(id).links.connected().length === MEMBERS.length - 1));
  expect(await shown()).toMatchObject({ memberId: 'yz2', connected: true, versions: null });
  // What somebody else says by its certificate alone changes nothing while there is a link.
  await offer(nodes.url('yz1'), 'yz2', [LATER]);
  expect(await shown()).toMatchObject({ connected: true, versions: null });
});
