import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import { createTlsFiles } from '../../../ops/launch/certificates.ts';
import { sm2 } from '../../../platform/crypto/index.ts';
import type { OverlayStream } from '../../../chain-node/overlay/session/streams.ts';
import { memberKeyMessage } from '../../../chain-node/codec/change.ts';
import { MEMBERS } from '../../fixtures/nodes.ts';
import { authorityIn, openTo, OverlayWorld, until } from '../../fixtures/overlay.ts';

const world = new OverlayWorld(['yz3', 'yzp'], { handlers: { echo: (stream) => stream.pipe(stream) } });
beforeAll(() => world.start(openTo('echo')));
afterAll(() => world.stop());

async function said(stream: OverlayStream, text: string): Promise<string> {
  const answer = once(stream, 'data') as Promise<[Buffer]>;
  stream.write(text);
  return (await answer)[0].toString();
}
const links = (id: string) => world.overlay(id).links.all();

test('a policy that no longer allows it ends live sessions at both ends, at once; one that does lets them begin again', async () => {
  const stream = await world.overlay('yz1').open('yz2', 'echo');
  const other = await world.overlay('yz3').open('yz2', 'echo');
  expect(await said(stream, 'before')).toBe('before');
  expect(await said(other, 'before')).toBe('before');
  const failed = once(stream, 'error') as Promise<[{ code: string }]>;
  const rules = [{ from: { members: ['yz3'] }, to: { members: ['*'] }, services: ['echo'] }];
  await world.publish({ rules });
  expect((await failed)[0].code).toBe('denied');
  await until(() =>
    world
      .overlay('yz2')
      .sessions.all()
      .every(({ peer }) => peer !== 'yz1'),
  );
  expect(await said(other, 'still')).toBe('still');
  await expect(world.overlay('yz1').open('yz2', 'echo')).rejects.toMatchObject({ code: 'denied' });
  await world.publish({ rules: openTo('echo') });
  expect(await said(await world.overlay('yz1').open('yz2', 'echo'), 'again')).toBe('again');
});

test('one member alone changes nothing: a policy takes two', async () => {
  await world.decide({ type: 'policy', height: 0, document: Buffer.from('{}') }, ['yz1']);
  expect(world.overlay('yz1').can({ from: 'yz1', to: 'yz2', service: 'echo' }).allowed).toBe(true);
});

test('a policy that cannot be read denies all, and says why; links stay, and a readable one sets it right', async () => {
  const before = links('yz1');
  expect(before).toHaveLength(2);
  await world.decide({ type: 'policy', height: 0, document: Buffer.from('{"rulez":[]}') }, ['yz2', 'yz3']);
  await until(() => world.overlay('yz1').chain.policy.faults.length > 0);
  expect(world.overlay('yz1').chain.policy.faults[0]).toMatch(/rulez/);
  await expect(world.overlay('yz1').open('yz2', 'echo')).rejects.toMatchObject({ code: 'denied' });
  await world.publish({});
  expect(await said(await world.overlay('yz1').open('yz2', 'echo'), 'right')).toBe('right');
  expect(links('yz1')).toEqual(before);
});

const UPGRADE = [
  'GET /overlay HTTP/1.1',
  'Host: x',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  '\r\n',
].join('\r\n');

/** Whether a listener takes a handshake with this certificate, its own checked by this authority. */
function handshake(url: string, files: { certFile: string; keyFile: string }, caFile: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((done) => {
    const socket = connectTls({
      host: hostname,
      port: Number(port),
      cert: readFileSync(files.certFile),
      key: readFileSync(files.keyFile),
      ca: readFileSync(caFile),
      minVersion: 'TLSv1.3',
      checkServerIdentity: () => undefined,
    });
    // In TLS 1.3 a refusal of the client's certificate comes after the handshake.
    socket.once('secureConnect', () => socket.write(UPGRADE));
    socket.once('data', () => (socket.destroy(), done(true)));
    socket.once('error', () => done(false));
    socket.once('close', () => done(false));
  });
}

test('the authority is changed with an overlap: no link of the overlay or the ledger drops, and the old one is refused at the end', async () => {
  const live = Object.fromEntries(MEMBERS.map((id) => [id, links(id)]));
  const ledger = Object.fromEntries(MEMBERS.map((id) => [id, world.nodes.node(id).links.connected()]));
  const stream = await world.overlay('yz1').open('yz2', 'echo');
  const old = createCopy(world, 'yz2');
  const [relay] = world.draft.relays!;
  const nodeUrl = world.nodes.url('yz1');
  const newer = createTlsFiles(path.join(world.nodes.dir, 'tls-2'), MEMBERS);
  const [oldAuthority, newAuthority] = [world.draft.authorities![0]!, authorityIn(newer.yz1!.caFile)];

  // Both are trusted; then each member takes its new certificate into use, without a restart.
  await world.publish({ authorities: [oldAuthority, newAuthority] });
  expect(await handshake(relay!.url, newer.yz2!, world.tls.yz1!.caFile)).toBe(true);
  for (const id of MEMBERS)
    for (const field of ['keyFile', 'certFile'] as const)
      writeFileSync(world.tls[id]![field], readFileSync(newer[id]![field]));
  expect(await handshake(relay!.url, newer.yz2!, newer.yz1!.caFile)).toBe(true);
  expect(await handshake(relay!.url, old, newer.yz1!.caFile)).toBe(true);

  // Only the new one is.
  await world.publish({ authorities: [newAuthority] });
  for (const url of [relay!.url, nodeUrl]) {
    expect(await handshake(url, old, newer.yz1!.caFile)).toBe(false);
    expect(await handshake(url, newer.yz2!, newer.yz1!.caFile)).toBe(true);
  }
  expect(await said(stream, 'over it all')).toBe('over it all');
  for (const id of MEMBERS) {
    expect(links(id)).toEqual(live[id]);
    expect(world.nodes.node(id).links.connected()).toEqual(ledger[id]);
  }

  // New links are made under the new one.
  links('yz1')[0]!.terminate();
  await until(() => links('yz1').length === 2 && links('yz1').every((link) => link.isOpen));
});

/** The present certificate and key of a member, kept beside. */
function createCopy(of: OverlayWorld, id: string) {
  const copy = (file: string) => {
    writeFileSync(`${file}.old`, readFileSync(file));
    return `${file}.old`;
  };
  const { certFile, keyFile } = of.tls[id]!;
  expect(createPrivateKey(readFileSync(keyFile)).asymmetricKeyType).toBe('ec');
  return { certFile: copy(certFile), keyFile: copy(keyFile) };
}

test('a key that is replaced ends the links and sessions of the old one; with the new one they come again', async () => {
  const next = sm2.generateKeyPair();
  const { members } = world.nodes.node('yz1').ledger.governance;
  const member = { ...members.find(({ memberId }) => memberId === 'yz2')!, publicKey: next.publicKey };
  const proof = sm2.sign(next.privateKey, memberKeyMessage('test', 'yz2', next.publicKey));
  const stream = await world.overlay('yz1').open('yz2', 'echo');
  const failed = once(stream, 'error') as Promise<[{ code: string }]>;
  await world.decide({ type: 'set', height: 0, member, proof, request: Buffer.alloc(0) }, ['yz1', 'yz3', 'yzp']);
  expect((await failed)[0].code).toBe('revoked');
  const old = world.overlay('yz2');
  await until(() => old.links.all().length === 0);
  world.nodes.keys.set('yz2', next);
  await world.stopOverlay('yz2');
  await world.startOverlay('yz2');
  await world.linked();
  expect(await said(await world.overlay('yz1').open('yz2', 'echo'), 'new key')).toBe('new key');
});

test('a member is removed: its links and sessions end everywhere, and it gets no new ones', async () => {
  const stream = await world.overlay('yz1').open('yz2', 'echo');
  expect(await said(stream, 'before')).toBe('before');
  const failed = once(stream, 'error') as Promise<[{ code: string }]>;
  const { publicKey } = world.nodes.node('yz1').ledger.governance.members.find(({ memberId }) => memberId === 'yz2')!;
  const start = Date.now();
  await world.decide({ type: 'remove', height: 0, memberId: 'yz2', publicKey });
  expect((await failed)[0].code).toBe('revoked');
  await until(() => ['yz1', 'yz3', 'yzp'].every((id) => links(id).every(({ memberId }) => memberId !== 'yz2')));
  await until(() => ['yz1', 'yz3', 'yzp'].every((id) => !world.nodes.node(id).links.isConnected('yz2')));
  expect(Date.now() - start).toBeLessThan(60_000);
  await expect(world.overlay('yz1').open('yz2', 'echo')).rejects.toMatchObject({ code: 'revoked' });
  const status = world
    .overlay('yz1')
    .members()
    .find(({ memberId }) => memberId === 'yz2');
  expect(status).toMatchObject({ state: 'revoked' });
  // It goes on trying, as it does not know, or will not have it.
  await until(() => [...world.overlay('yz2').links.troubles.values()].some(({ words }) => words !== ''));
  // While it dials it may have heard a hello, and not yet that its own is refused.
  await until(() => links('yz2').length === 0);
  for (const id of ['yz1', 'yz3', 'yzp']) expect(links(id).map(({ memberId }) => memberId)).not.toContain('yz2');
});

test('who asks to join is pending, until enough have approved', async () => {
  const key = sm2.generateKeyPair();
  const member = { memberId: 'yz9', name: '云州市第九人民医院', publicKey: key.publicKey, role: 'observer' as const };
  const proof = sm2.sign(key.privateKey, memberKeyMessage('test', 'yz9', key.publicKey));
  const change = { type: 'set' as const, height: 0, member, proof, request: Buffer.alloc(0) };
  const state = () =>
    world
      .overlay('yz1')
      .members()
      .find(({ memberId }) => memberId === 'yz9')?.state;
  expect(state()).toBeUndefined();
  await world.decide(change, ['yz1']);
  expect(state()).toBe('pending');
  await world.decide(change, ['yz3']);
  expect(state()).toBe('offline');
});
