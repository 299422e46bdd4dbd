import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { encodeTransaction, signAttestation, txIdOf } from '../../../chain-node/codec/transaction.ts';
import type { NodeConfig } from '../../../chain-node/index.ts';
import { encodePolicy } from '../../../chain-node/overlay/policy.ts';
import { createTlsFiles, type TlsPaths } from '../../../ops/launch/certificates.ts';
import { Part } from '../../../ops/launch/part.ts';
import { freePorts } from '../../../ops/launch/ports.ts';
import { openCard, provisionToken, writeSofthsmConf } from '../../../platform/card/index.ts';
import { sm2, sm3 } from '../../../platform/crypto/index.ts';
import { authorityIn, openTo } from '../../fixtures/overlay.ts';
import { Namespaces } from '../../fixtures/netns.ts';
import { until } from '../../fixtures/until.ts';

const spaces = Namespaces.tryOpen();
/** What only namespaces can show. */
const isolated = spaces === null ? test.skip : test;

/** Three hospitals, each in an intranet of its own; two relays in one that all can reach, the third only by a proxy. */
const PLACES: Record<string, string> = { yz1: 'a', yz2: 'b', yz3: 'c', ra: 'r', rb: 'r', proxy: 'p' };
const HOSPITALS = ['yz1', 'yz2', 'yz3'];
const RELAYS = ['ra', 'rb'];
const MEMBERS = [...HOSPITALS, ...RELAYS];
const RELAY_HOST = spaces === null ? '127.0.0.1' : '10.77.0.1';
const PROXY_HOST = spaces === null ? '127.0.0.1' : '10.77.3.1';
const YZ2_HOST = spaces === null ? '127.0.0.1' : '10.77.2.2';

const home = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-netns-'));
const keys = Object.fromEntries(MEMBERS.map((id) => [id, sm2.generateKeyPair()]));
const parts = new Map<string, Part>();
let ports: Record<string, { rpc: number; p2p: number }>;
let forwardPorts: number[];
let proxyPort: number;

const FETCH = `const [url, body] = process.argv.slice(1);
fetch(url, body ? { method: 'POST', headers: { 'content-type': 'application/json' }, body } : {})
  .then((response) => response.text()).then((text) => process.stdout.write(text))`;

/** Asks a member's rpc, which only its own machine reaches. */
async function rpc<T>(memberId: string, pathname: string, body?: object): Promise<T> {
  const url = `http://127.0.0.1:${ports[memberId]!.rpc}${pathname}`;
  if (spaces !== null) {
    const args = [url, ...(body === undefined ? [] : [JSON.stringify(body)])];
    return JSON.parse(await spaces.exec(PLACES[memberId]!, process.execPath, '-e', FETCH, '--', ...args)) as T;
  }
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  return (await (await fetch(url, body === undefined ? {} : init)).json()) as T;
}

function part(name: string, args: string[], env: NodeJS.ProcessEnv, ready: () => Promise<boolean>): Part {
  const inside = spaces === null ? [] : ['ip', 'netns', 'exec', spaces.nameOf(PLACES[name]!)];
  const [command, ...rest] = [...inside, process.execPath, ...args];
  const made = new Part({ name, command: command!, args: rest, env: { ...process.env, ...env }, runDir: home, ready });
  parts.set(name, made);
  return made;
}

async function network(): Promise<void> {
  if (spaces === null) {
    process.stderr.write('netns.test: no permission for network namespaces; this run has ports of one host instead\n');
    return;
  }
  for (const place of new Set(Object.values(PLACES))) await spaces.add(place);
  await spaces.ip('r', 'addr', 'add', `${RELAY_HOST}/32`, 'dev', 'lo');
  await spaces.join('r', '10.77.1.1', 'a', '10.77.1.2');
  await spaces.join('r', '10.77.2.1', 'b', YZ2_HOST);
  await spaces.join('p', PROXY_HOST, 'c', '10.77.3.2');
  await spaces.join('r', '10.77.4.1', 'p', '10.77.4.2');
  for (const [place, via] of [
    ['a', '10.77.1.1'],
    ['b', '10.77.2.1'],
    ['p', '10.77.4.1'],
  ] as const)
    await spaces.ip(place, 'route', 'add', `${RELAY_HOST}/32`, 'via', via);
}

async function makeMember(memberId: string, tls: TlsPaths, genesisFile: string): Promise<void> {
  const dir = path.join(home, memberId);
  mkdirSync(dir, { recursive: true });
  const card = {
    modulePath: process.env.TEST_SOFTHSM_MODULE!,
    tokenLabel: memberId,
    pinFile: path.join(dir, 'pin'),
    profile: 'softhsm' as const,
    sessions: 1,
    softhsmConf: writeSofthsmConf(dir),
  };
  provisionToken({ ...card, soPinFile: path.join(dir, 'so-pin') });
  const opened = await openCard(card);
  const { wrappedKey, keyId } = await opened.wrapKey(keys[memberId]!.privateKey);
  opened.close();
  const keyFile = path.join(dir, 'key.json');
  writeFileSync(keyFile, JSON.stringify({ wrappedKey: wrappedKey.toString('hex'), keyId }));
  // The ledger's own links go over the overlay: of two hospitals the lower id dials, by a forward.
  const later = HOSPITALS.filter((id) => HOSPITALS.includes(memberId) && id > memberId);
  const forwards = later.map((id) => ({
    listen: { host: '127.0.0.1', port: forwardPorts[HOSPITALS.indexOf(memberId) + HOSPITALS.indexOf(id) - 1]! },
    member: id,
    service: 'p2p',
  }));
  const config: NodeConfig = {
    memberId,
    genesisFile,
    dataDir: path.join(dir, 'ledger'),
    keyFile,
    card,
    rpc: { host: '127.0.0.1', port: ports[memberId]!.rpc },
    p2p: { host: '0.0.0.0', port: ports[memberId]!.p2p, ...tls },
    peers: forwards.map(({ member, listen }) => ({ memberId: member, url: `wss://127.0.0.1:${listen.port}` })),
    overlay: {
      services: { p2p: { host: '127.0.0.1', port: ports[memberId]!.p2p } },
      forwards,
      ...(memberId === 'yz3' && { proxy: { url: `http://${PROXY_HOST}:${proxyPort}` } }),
    },
  };
  writeFileSync(path.join(dir, 'node.json'), JSON.stringify(config));
  const env = { SEALFOLIO_NODE_CONFIG: path.join(dir, 'node.json') };
  const script = path.join(process.cwd(), 'dist', 'chain-node.cjs');
  part(memberId, ['--max-old-space-size=256', script], env, async () => {
    await rpc(memberId, '/healthz');
    return true;
  });
}

beforeAll(async () => {
  const taken = await freePorts(2 * MEMBERS.length + 4);
  ports = Object.fromEntries(MEMBERS.map((id, i) => [id, { rpc: taken[2 * i]!, p2p: taken[2 * i + 1]! }]));
  [proxyPort, ...forwardPorts] = taken.slice(2 * MEMBERS.length) as [number, ...number[]];
  await network();
  const tls = createTlsFiles(path.join(home, 'tls'), MEMBERS);
  const policy = {
    authorities: [authorityIn(tls.yz1!.caFile)],
    relays: RELAYS.map((memberId) => ({ memberId, url: `wss://${RELAY_HOST}:${ports[memberId]!.p2p}` })),
    // On ports everybody could reach it from the start.
    endpoints: spaces === null ? [] : [{ memberId: 'yz2', url: `wss://${YZ2_HOST}:${ports.yz2!.p2p}` }],
    rules: openTo('p2p'),
  };
  const genesis = {
    chainId: 'netns',
    time: new Date().toISOString(),
    members: MEMBERS.map((memberId) => ({
      memberId,
      name: memberId,
      publicKey: keys[memberId]!.publicKey.toString('hex'),
      role: HOSPITALS.includes(memberId) ? 'validator' : 'observer',
    })),
    policy: JSON.parse(encodePolicy(policy).toString('utf8')) as object,
  };
  const genesisFile = path.join(home, 'genesis.json');
  writeFileSync(genesisFile, JSON.stringify(genesis));
  for (const memberId of MEMBERS) await makeMember(memberId, tls[memberId]!, genesisFile);
  const proxy = path.join(process.cwd(), 'test', 'fixtures', 'connect-proxy.mjs');
  part('proxy', [proxy, PROXY_HOST, String(proxyPort)], {}, () => Promise.resolve(true));
  await Promise.all([...parts.values()].map((one) => one.start()));
}, 240_000);

afterAll(async () => {
  await Promise.all([...parts.values()].map((one) => one.stop()));
  spaces?.close();
  rmSync(home, { recursive: true, force: true });
});

interface Seen {
  state: string;
  relays: string[] | null;
  rttMs: number | null;
}
async function seen(from: string, memberId: string): Promise<Seen> {
  const { members } = await rpc<{ members: (Seen & { memberId: string })[] }>(from, '/v1/overlay/status');
  return members.find((member) => member.memberId === memberId)!;
}

/** Attests at one hospital, and waits until it is final at another. */
async function attest(from: string, to: string): Promise<void> {
  const digest = sm3(randomBytes(8));
  const records = [{ stream: 'archive', key: digest, digest, note: Buffer.alloc(0) }];
  const unsigned = { chainId: 'netns', sender: from, nonce: randomBytes(16), records };
  const tx = signAttestation(unsigned, keys[from]!.privateKey);
  await rpc(from, '/v1/transactions', { tx: encodeTransaction(tx).toString('base64') });
  const id = txIdOf(tx).toString('hex');
  await until(async () => (await rpc<{ state?: string }>(to, `/v1/transactions/${id}`)).state === 'final');
}

test('each hospital reaches each other by a relay; the third by its proxy', async () => {
  for (const [from, to] of [
    ['yz1', 'yz2'],
    ['yz1', 'yz3'],
    ['yz2', 'yz3'],
    ['yz3', 'yz1'],
  ] as const)
    await until(async () => (await seen(from, to)).relays?.length === 1);
  expect(await seen('yz3', 'yz1')).toMatchObject({ state: 'relayed' });
  const log = readFileSync(path.join(home, 'proxy.log'), 'utf8');
  for (const id of RELAYS) expect(log).toContain(`CONNECT ${RELAY_HOST}:${ports[id]!.p2p}`);
});

isolated('no intranet sees another, and the third not even the relays', async () => {
  const CONNECT = `const [host, port] = process.argv.slice(1);
require('net').connect(Number(port), host).once('connect', () => process.exit(3)).once('error', (e) => console.log(e.code))`;
  const trial = (from: string, host: string, port: number) =>
    spaces!.exec(PLACES[from]!, process.execPath, '-e', CONNECT, '--', host, String(port));
  expect(await trial('yz1', YZ2_HOST, ports.yz2!.p2p)).toMatch(/ENETUNREACH|EHOSTUNREACH/);
  expect(await trial('yz2', '10.77.1.2', ports.yz1!.p2p)).toMatch(/ENETUNREACH|EHOSTUNREACH/);
  expect(await trial('yz3', RELAY_HOST, ports.ra!.p2p)).toMatch(/ENETUNREACH|EHOSTUNREACH/);
});

test('the ledger’s own links go over the overlay: three hospitals reach finality', async () => {
  await attest('yz1', 'yz3');
  await attest('yz3', 'yz2');
});

test('a relay dies: the other carries, and the ledger goes on', async () => {
  const [gone] = (await seen('yz1', 'yz3')).relays!;
  await parts.get(gone!)!.stop('SIGKILL');
  const other = RELAYS.find((id) => id !== gone)!;
  await until(async () => (await seen('yz1', 'yz3')).relays?.[0] === other);
  await attest('yz1', 'yz3');
  await parts.get(gone!)!.start();
});

isolated('a route is opened between two intranets: the path is straight, and the ledger goes on over it', async () => {
  expect(await seen('yz1', 'yz2')).toMatchObject({ state: 'degraded' }); // past an address that does not answer
  await spaces!.join('a', '10.77.9.1', 'b', '10.77.9.2');
  await spaces!.ip('a', 'route', 'add', `${YZ2_HOST}/32`, 'via', '10.77.9.2');
  await until(async () => (await seen('yz1', 'yz2')).state === 'online');
  await attest('yz1', 'yz2');
  await spaces!.ip('a', 'link', 'del', 'a-b');
  await until(async () => (await seen('yz1', 'yz2')).relays?.length === 1);
  await attest('yz1', 'yz2');
});

isolated('200 ms there and back, and one packet of twenty lost: it is seen, and the ledger goes on', async () => {
  const isSlow = (await spaces!.impair('p', 'p-r', 100, 5)) && (await spaces!.impair('r', 'r-p', 100, 5));
  if (!isSlow) return process.stderr.write('netns.test: tc netem is not to be had here; no slow link was tried\n');
  await until(async () => ((await seen('yz1', 'yz3')).rttMs ?? 0) > 150);
  await attest('yz1', 'yz3');
  await attest('yz3', 'yz1');
});
