import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { encodeTransaction, signAttestation, txIdOf } from '../../../chain-node/codec/transaction.ts';
import type { NodeConfig } from '../../../chain-node/index.ts';
import { type Consortium, startConsortium } from '../../../ops/launch/consortium.ts';
import { DEMO_MEMBERS, layout, PORT_COUNT, portsFrom } from '../../../ops/launch/layout.ts';
import { Part } from '../../../ops/launch/part.ts';
import { freePorts, isHealthy } from '../../../ops/launch/ports.ts';
import { makeAuthority } from '../../../ops/member/issue.ts';
import { main } from '../../../ops/member/index.ts';
import { unwrapKey } from '../../../ops/member/own-node.ts';
import { type JoinRequest, makeRequest } from '../../../ops/member/request.ts';
import { nodeConfigSchema } from '../../../chain-node/config.ts';
import { openCard, provisionToken, writeSofthsmConf } from '../../../platform/card/index.ts';
import { createKeys, type KeysDocument, MemberKeys } from '../../../platform/card/keys.ts';
import { makeCertificateRequest } from '../../../platform/crypto/certificate-request.ts';
import { sm2, sm3 } from '../../../platform/crypto/index.ts';
import { generateTlsKey } from '../../../platform/crypto/x509.ts';
import { until } from '../../fixtures/until.ts';

const home = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-join-'));
const where = layout(home);
const own = where.member('yz5');
const dist = path.join(process.cwd(), 'dist');
const file = (name: string) => path.join(own.dir, name);
const requestFile = file('request.json');
const authority = { ca: path.join(where.tls, 'ca.pem'), key: path.join(where.tls, 'ca.key') };
let consortium: Consortium;
let config: NodeConfig;
let node: Part;

beforeAll(async () => {
  process.env.SEALFOLIO_HOME = home;
  consortium = await startConsortium({
    home,
    binaries: {
      mongod: process.env.TEST_MONGOD!,
      temporal: process.env.TEST_TEMPORAL!,
      pkcs11Module: process.env.TEST_SOFTHSM_MODULE!,
    },
    dist,
    choosePorts: async () => portsFrom(await freePorts(PORT_COUNT)),
    say: () => {},
    members: [],
  });
  mkdirSync(own.dir, { recursive: true });
  const card = {
    modulePath: process.env.TEST_SOFTHSM_MODULE!,
    tokenLabel: 'yz5',
    pinFile: own.pin,
    profile: 'softhsm' as const,
    sessions: 2,
    softhsmConf: writeSofthsmConf(own.dir),
  };
  provisionToken({ ...card, soPinFile: own.soPin });
  const [rpc, p2p] = await freePorts(2);
  const { members } = consortium.made.ports;
  config = {
    memberId: 'yz5',
    genesisFile: where.genesis,
    dataDir: own.ledger,
    keyFile: own.ledgerKey,
    card,
    rpc: { host: '127.0.0.1', port: rpc! },
    p2p: {
      host: '127.0.0.1',
      port: p2p!,
      certFile: file('tls.pem'),
      keyFile: file('tls.key'),
      caFile: authority.ca,
    },
    // It dials all: nobody knows its address.
    peers: DEMO_MEMBERS.map(({ memberId }) => ({
      memberId,
      url: `wss://127.0.0.1:${members[memberId]!.p2p}`,
      dial: true,
    })),
    overlay: {},
  };
  writeConfig({});
  node = new Part({
    name: 'node-yz5',
    command: process.execPath,
    args: ['--max-old-space-size=256', path.join(dist, 'chain-node.cjs')],
    env: { ...process.env, SEALFOLIO_NODE_CONFIG: own.nodeConfig },
    runDir: where.run,
    ready: () => isHealthy(`http://127.0.0.1:${rpc}/healthz`),
  });
}, 180_000);

afterAll(async () => {
  await node?.stop();
  await consortium?.stop();
  delete process.env.SEALFOLIO_HOME;
  rmSync(home, { recursive: true, force: true });
});

function writeConfig(extra: Partial<NodeConfig>): void {
  config = { ...config, ...extra };
  writeFileSync(own.nodeConfig, JSON.stringify(config));
}

/** Runs the command as a person would; gives its exit code and all that it says. */
async function member(line: string): Promise<{ code: number; said: string }> {
  const said: string[] = [];
  const spies = (['log', 'error'] as const).map((name) =>
    jest.spyOn(console, name).mockImplementation((...words: unknown[]) => void said.push(words.join(' '))),
  );
  const code = await main(line.split(' '));
  for (const spy of spies) spy.mockRestore();
  return { code, said: said.join('\n') };
}
const refused = (code: string) => ({ code: 1, said: expect.stringMatching(new RegExp(`(^|\n)${code}: .+`)) as string });

async function rpc<T>(memberId: string, pathname: string): Promise<T> {
  const port = memberId === 'yz5' ? config.rpc.port : consortium.made.ports.members[memberId]!.rpc;
  return (await (await fetch(`http://127.0.0.1:${port}${pathname}`)).json()) as T;
}

/** An attestation that yz5 signs with the key in this file; gives what its own node, or another’s, says of it. */
async function attest(keyFile: string, at = 'yz5'): Promise<{ state?: string; code?: string }> {
  const { chainId } = await rpc<{ chainId: string }>('yz1', '/v1/status');
  const digest = sm3(randomBytes(8));
  const records = [{ stream: 'archive', key: digest, digest, note: Buffer.alloc(0) }];
  const key = await unwrapKey(nodeConfigSchema.parse(config), keyFile);
  const tx = signAttestation({ chainId, sender: 'yz5', nonce: randomBytes(16), records }, key);
  const port = at === 'yz5' ? config.rpc.port : consortium.made.ports.members[at]!.rpc;
  const sent = await fetch(`http://127.0.0.1:${port}/v1/transactions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ tx: encodeTransaction(tx).toString('base64') }),
  });
  if (!sent.ok) return (await sent.json()) as { code: string };
  return rpc(at, `/v1/transactions/${txIdOf(tx).toString('hex')}?wait=20000`);
}

const wrappedIn = (name: string) => JSON.parse(readFileSync(name, 'utf8')) as { wrappedKey: string; keyId: string };
const read = () => JSON.parse(readFileSync(requestFile, 'utf8')) as JoinRequest;
function altered(change: Partial<JoinRequest>): string {
  const name = file('altered.json');
  writeFileSync(name, JSON.stringify({ ...read(), ...change }));
  return name;
}
const issueLine = (request: string, ca = authority) =>
  `issue ${request} --as yzp --ca ${ca.ca} --ca-key ${ca.key} --out ${file('tls.pem')}`;

describe('a fifth hospital joins', () => {
  test('its node makes its keys, the ledger key under its card, and a request that holds no secret', async () => {
    const line = `request --node ${own.nodeConfig} --name 云州市第五人民医院 --ip 127.0.0.1 --out ${requestFile}`;
    expect(await member(line)).toMatchObject({ code: 0 });
    expect(Object.keys(read())).toEqual(['chainId', 'memberId', 'name', 'role', 'publicKey', 'proof', 'request']);
    const key = await unwrapKey(nodeConfigSchema.parse(config), own.ledgerKey);
    expect(readFileSync(own.ledgerKey, 'utf8')).not.toContain(key.toString('hex'));
    // Again: the same keys, and nothing is overwritten.
    expect(await member(line)).toEqual(refused('file-exists'));
    const asked = { name: 'x', role: 'observer', dnsNames: [], ipAddresses: [] } as const;
    expect(await makeRequest(nodeConfigSchema.parse(config), asked)).toMatchObject({ publicKey: read().publicKey });
  });

  test('what was altered on the way is refused before anybody votes', async () => {
    const strange = makeCertificateRequest(generateTlsKey().pem, { subject: 'yz1' }).toString('base64');
    const broken = Buffer.from(read().request, 'base64');
    broken[broken.length - 1]! ^= 1;
    for (const change of [
      { request: strange },
      { request: broken.toString('base64') },
      { memberId: 'yz6' },
      { proof: read().proof.replace(/^./, (c) => (c === '0' ? '1' : '0')) },
      { chainId: 'other' },
      { role: 'king' as never },
    ])
      expect(await member(`propose ${altered(change)} --as yz1`)).toEqual(refused('request-invalid'));
  });

  test('no certificate before the members have adopted it', async () => {
    expect(await member(issueLine(requestFile))).toEqual(refused('not-adopted'));
    expect(existsSync(file('tls.pem'))).toBe(false);
  });

  test('two members approve; the second approval of one counts no more', async () => {
    const proposed = await member(`propose ${requestFile} --as yz1`);
    expect(proposed).toMatchObject({ code: 0, said: expect.stringContaining('1 of 2 approvals (yz1)') as string });
    const [, id] = /approve ([0-9a-f]{16})/.exec(proposed.said)!;
    await until(async () => (await member('list --as yz2')).said.includes('待批 pending'));
    expect(await member(issueLine(requestFile))).toEqual(refused('not-adopted'));
    expect(await member(`propose ${requestFile} --as yz1`)).toEqual(refused('transaction-invalid'));
    expect(await member('approve 0000000000000000 --as yz2')).toEqual(refused('change-unknown'));
    const approved = await member(`approve ${id} --as yz2`);
    expect(approved).toMatchObject({ code: 0, said: expect.stringContaining('adopted') as string });
  });

  test('the certificate is issued for what was adopted, by an authority of the policy, and for nothing else', async () => {
    await until(async () => /yz5 .*离线 offline/.test((await member('list --as yzp')).said)); // there too
    const other = makeCertificateRequest(generateTlsKey().pem, { subject: 'yz5' }).toString('base64');
    expect(await member(issueLine(altered({ request: other })))).toEqual(refused('not-adopted'));
    expect(await member(issueLine(altered({ role: 'validator' })))).toEqual(refused('not-adopted'));
    const strange = makeAuthority('links', 10);
    writeFileSync(file('ca2.pem'), strange.certificate);
    writeFileSync(file('ca2.key'), strange.key);
    const mixed = { ca: authority.ca, key: file('ca2.key') };
    for (const ca of [{ ca: file('ca2.pem'), key: file('ca2.key') }, mixed])
      expect(await member(issueLine(requestFile, ca))).toEqual(refused('authority-unknown'));
    expect(await member(issueLine(requestFile))).toMatchObject({ code: 0 });
  });

  test('its node starts, catches up, is 在线, sends a transaction, and reaches the others over the overlay', async () => {
    await node.start();
    await until(async () => {
      const [mine, theirs] = await Promise.all(
        ['yz5', 'yz1'].map((id) => rpc<{ height: number; stateHash: string }>(id, '/v1/status')),
      );
      return mine!.height === theirs!.height && mine!.stateHash === theirs!.stateHash;
    });
    await until(async () => (await member('list --as yzp')).said.includes('observer  在线 online direct'));
    await until(async () => /yz5 .* 中继 relayed by yz(p|3)/.test((await member('list --as yz1')).said));
    expect(await attest(own.ledgerKey)).toMatchObject({ state: 'final' });
    await until(
      async () => (await rpc<{ memberId?: string }>('yz5', '/overlay/yz1/chain/v1/status')).memberId === 'yz1',
    );
    // A member’s gateway is its own: nobody goes on from there.
    expect(await rpc('yz5', '/overlay/yz1/chain/overlay/yz2/chain/v1/status')).toMatchObject({ code: 'denied' });
  });
});

test('who can reach whom is asked before it is published, takes two, and is taken back', async () => {
  expect(await member('can yz5 yz1 archive --as yz5')).toMatchObject({ code: 0 });
  const present = JSON.parse((await member('policy --as yz1')).said) as { rules: unknown[] };
  const draft = file('draft.json');
  const rules = [{ from: { members: ['yz5'] }, to: { members: ['yz2'] }, services: ['archive'] }];
  writeFileSync(draft, JSON.stringify({ ...present, rules }));
  expect(await member(`can yz5 yz1 archive --as yz5 --policy ${draft}`)).toMatchObject({ code: 1 });
  expect((await member(`can --as yz5 --policy ${draft}`)).said).toBe('yz5 → yz2  archive');
  writeFileSync(file('bad.json'), '{"rulez":[]}');
  expect(await member(`policy ${file('bad.json')} --as yz1`)).toEqual(refused('policy-invalid'));
  const put = await member(`policy ${draft} --as yz1`);
  expect(put.said).toContain('- yz5 → yz1  archive');
  expect(await member('can yz5 yz1 archive --as yz1')).toMatchObject({ code: 0 });
  const [, id] = /approve ([0-9a-f]{16})/.exec(put.said)!;
  expect(await member(`approve ${id} --as yz3`)).toMatchObject({ code: 0 });
  expect(await member('can yz5 yz1 archive --as yz3')).toMatchObject({ code: 1 });
  await until(async () => (await rpc<{ code?: string }>('yz5', '/overlay/yz1/chain/v1/status')).code === 'denied');
  const back = await member('policy --back-to 1 --as yz1');
  const [, backId] = /approve ([0-9a-f]{16})/.exec(back.said)!;
  expect(await member(`approve ${backId} --as yz3`)).toMatchObject({ code: 0 });
  expect(await member('can yz5 yz1 archive --as yz3')).toMatchObject({ code: 0 });
});

test('its key is replaced by the same way: the node goes on with the new one, the old is refused everywhere', async () => {
  const nextKeyFile = file('next-key.json');
  writeConfig({ nextKeyFile });
  const renewal = file('renewal.json');
  await member(`request --node ${own.nodeConfig} --name 云州市第五人民医院 --ip 127.0.0.1 --out ${renewal}`);
  await node.stop();
  await node.start();
  expect(await attest(own.ledgerKey)).toMatchObject({ state: 'final' });
  const keysFile = file('keys.json');
  const opened = await openCard(nodeConfigSchema.parse(config).card);
  const keys = await createKeys(opened);
  opened.close();
  writeFileSync(
    keysFile,
    JSON.stringify({ ...keys, ledger: { ...wrappedIn(own.ledgerKey), publicKey: read().publicKey } }),
  );
  const rotated = `rotated --node ${own.nodeConfig} --keys ${keysFile}`;
  expect(await member(rotated)).toEqual(refused('not-adopted'));
  const { said } = await member(`propose ${renewal} --as yz3`);
  const [, id] = /approve ([0-9a-f]{16})/.exec(said)!;
  expect(await member(`approve ${id} --as yzp`)).toMatchObject({ code: 0 });
  await until(async () => (await attest(nextKeyFile)).state === 'final');
  expect(await attest(own.ledgerKey, 'yz1')).toMatchObject({ code: 'signature-invalid' });
  await until(async () => (await member('list --as yzp')).said.includes('observer  在线 online direct'));

  expect(await member(`rotated --node ${own.nodeConfig} --keys ${renewal}`)).toEqual(refused('keys-invalid'));
  const before = [keysFile, own.ledgerKey].map((name) => readFileSync(name, 'utf8'));
  expect(await member(rotated)).toMatchObject({ code: 0 });
  const { ledger, ...others } = JSON.parse(readFileSync(keysFile, 'utf8')) as KeysDocument;
  expect(others).toEqual({ seal: keys.seal, locator: keys.locator, payload: keys.payload });
  const present = (JSON.parse(readFileSync(renewal, 'utf8')) as JoinRequest).publicKey;
  expect(ledger).toEqual({ ...wrappedIn(nextKeyFile), publicKey: present });
  const again = await openCard(nodeConfigSchema.parse(config).card);
  const signing = await new MemberKeys(keysFile, again).get('ledger');
  again.close();
  expect(sm2.publicKeyOf(signing).toString('hex')).toBe(present);
  expect(wrappedIn(own.ledgerKey)).toEqual(wrappedIn(nextKeyFile));
  const kept = `.${read().publicKey.slice(2, 18)}`;
  expect([keysFile, own.ledgerKey].map((name) => readFileSync(name + kept, 'utf8'))).toEqual(before);
  expect(await member(rotated)).toMatchObject({ code: 0, said: 'done before' });

  delete config.nextKeyFile;
  writeConfig({});
  expect(await member(rotated)).toEqual(refused('key-missing'));
  await node.stop();
  await node.start();
  expect(await attest(own.ledgerKey)).toMatchObject({ state: 'final' });
});

test('it is removed by its key: in force everywhere within seconds, live links closed, and it does not come back by that key', async () => {
  const start = Date.now();
  expect(await member('remove yz5 --as yz1')).toMatchObject({
    code: 0,
    said: expect.stringContaining('1 of 2') as string,
  });
  expect(await member('remove yz5 --as yz2')).toMatchObject({
    code: 0,
    said: expect.stringContaining('adopted') as string,
  });
  const links = async (id: string) => {
    const ledger = await rpc<{ peers: { memberId: string }[] }>(id, '/v1/status');
    const overlay = await rpc<{ links: { memberId: string }[] }>(id, '/v1/overlay/status');
    return [...ledger.peers, ...overlay.links].map(({ memberId }) => memberId);
  };
  await until(async () =>
    (await Promise.all(DEMO_MEMBERS.map(({ memberId }) => links(memberId)))).every((ids) => !ids.includes('yz5')),
  );
  expect(Date.now() - start).toBeLessThan(60_000);
  expect((await member('list --as yz3')).said).toContain('吊销 revoked');
  expect(await attest(file('next-key.json'), 'yz1')).toMatchObject({ code: 'sender-unknown' });
  expect(await rpc('yz1', '/overlay/yz5/chain/v1/status')).toMatchObject({ code: 'revoked' });
  expect(await member(`propose ${file('renewal.json')} --as yz1`)).toEqual(refused('transaction-invalid'));
});
