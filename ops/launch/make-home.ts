import { randomBytes, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type GenesisDocument, parseGenesis } from '../../chain-node/genesis.ts';
import type { NodeConfig } from '../../chain-node/index.ts';
import { ANY, encodePolicy, fingerprintOf, type PolicyDraft } from '../../chain-node/overlay/policy.ts';
import { type CardConfig, openCard, provisionToken, writeSofthsmConf } from '../../platform/card/index.ts';
import { createKeys, type KeysDocument, MemberKeys } from '../../platform/card/keys.ts';
import type { MemberConfig } from '../../platform/config/schemas.ts';
import { sm2 } from '../../platform/crypto/index.ts';
import { issueCertificate } from '../../platform/crypto/x509.ts';
import { makeSeal } from '../../platform/ofd/seal.ts';
import { SEAL_MM, sealPicture } from '../../platform/ofd/seal-picture.ts';
import { createTlsFiles } from './certificates.ts';
import {
  type Binaries,
  CHAIN_ID,
  DEMO_MEMBERS,
  DEMO_RELAYS,
  type DemoMember,
  type Layout,
  type Ports,
} from './layout.ts';

const DAY_MS = 86_400_000;
const YEARS_10_MS = 3652 * DAY_MS;
const AUTHORITY = '云州市医疗机构电子认证（演示）';

/** What a home remembers from the day it was made. */
export interface Made {
  ports: Ports;
  demoPassword: string;
  createdAt: string;
}

const json = (value: unknown) => JSON.stringify(value, null, 2);
const write = (file: string, content: string | Buffer) => writeFileSync(file, content, { mode: 0o600 });

const cardConfig = (where: ReturnType<Layout['member']>, memberId: string, pkcs11Module: string): CardConfig => ({
  modulePath: pkcs11Module,
  tokenLabel: memberId,
  pinFile: where.pin,
  profile: 'softhsm',
  sessions: 4,
  softhsmConf: path.join(where.dir, 'softhsm2.conf'),
});

/** The token, the wrapped keys, and the seal of one member, whatever of it is not there; gives its public ledger key. */
async function makeMember(
  { memberId, name }: DemoMember,
  where: ReturnType<Layout['member']>,
  pkcs11Module: string,
  authority: { certificate: Buffer; privateKey: Buffer },
): Promise<string> {
  mkdirSync(where.dir, { recursive: true, mode: 0o700 });
  writeSofthsmConf(where.dir);
  const config = cardConfig(where, memberId, pkcs11Module);
  provisionToken({ ...config, softhsmConf: config.softhsmConf!, soPinFile: where.soPin });
  const card = await openCard(config);
  try {
    write(where.keys, json(await createKeys(card)));
    const keys = new MemberKeys(where.keys, card);
    const { ledger } = JSON.parse(readFileSync(where.keys, 'utf8')) as KeysDocument;
    write(where.ledgerKey, json({ wrappedKey: ledger.wrappedKey, keyId: ledger.keyId }));
    const [from, to] = [new Date(Date.now() - DAY_MS), new Date(Date.now() + YEARS_10_MS)];
    const certificate = issueCertificate(
      {
        kind: 'sign',
        subject: name,
        issuer: AUTHORITY,
        publicKey: keys.publicKey('seal'),
        notBefore: from,
        notAfter: to,
      },
      { algorithm: 'sm2', privateKey: authority.privateKey },
    );
    const picture = { png: await sealPicture(), widthMm: SEAL_MM, heightMm: SEAL_MM };
    const seal = makeSeal(
      {
        sealId: `${memberId}-1`,
        name: `${name}病案专用章`,
        picture,
        signers: [certificate],
        validFrom: from,
        validTo: to,
      },
      authority,
    );
    write(where.certificate, certificate);
    write(where.authority, authority.certificate);
    write(where.seal, seal);
    return keys.publicKey('ledger').toString('hex');
  } finally {
    card.close();
  }
}

function makeAuthority(): { certificate: Buffer; privateKey: Buffer } {
  const { privateKey, publicKey } = sm2.generateKeyPair();
  const [notBefore, notAfter] = [new Date(Date.now() - DAY_MS), new Date(Date.now() + YEARS_10_MS)];
  const names = { subject: AUTHORITY, issuer: AUTHORITY, notBefore, notAfter };
  const certificate = issueCertificate({ kind: 'ca', publicKey, ...names }, { algorithm: 'sm2', privateKey });
  return { certificate, privateKey };
}

const p2pUrl = (ports: Ports, memberId: string) => `wss://127.0.0.1:${ports.members[memberId]!.p2p}`;

/** What the demo begins with: two relays, and every member may reach every other's archives and ledger. */
function demoPolicy(where: Layout, ports: Ports): PolicyDraft {
  const pem = readFileSync(path.join(where.tls, 'ca.pem'), 'utf8');
  return {
    authorities: [{ sha256: fingerprintOf(new X509Certificate(pem)), pem }],
    relays: DEMO_RELAYS.map((memberId) => ({ memberId, url: p2pUrl(ports, memberId) })),
    rules: [{ from: { members: [ANY] }, to: { members: [ANY] }, services: ['archive', 'chain'] }],
  };
}

/** Configuration of the processes, written at each start: paths may have moved. */
export function writeConfigs(where: Layout, { ports }: Made, { pkcs11Module }: Binaries, classifies = true): void {
  const rpcUrl = (memberId: string) => `http://127.0.0.1:${ports.members[memberId]!.rpc}`;
  for (const { memberId, name } of DEMO_MEMBERS) {
    const own = where.member(memberId);
    const others = DEMO_MEMBERS.filter((peer) => peer.memberId !== memberId).map((peer) => ({
      memberId: peer.memberId,
    }));
    const { http, worker, rpc, p2p } = ports.members[memberId]!;
    const card = { ...cardConfig(own, memberId, pkcs11Module), profile: 'softhsm' as const };
    const member: MemberConfig = {
      memberId,
      memberName: name,
      home: own.dir,
      environment: 'demo',
      http: { host: '127.0.0.1', port: http, publicUrl: `http://127.0.0.1:${http}` },
      worker: { host: '127.0.0.1', metricsPort: worker },
      mongo: { uri: `mongodb://127.0.0.1:${ports.mongod}/?directConnection=true`, db: `sealfolio-${memberId}` },
      temporal: {
        address: `127.0.0.1:${ports.temporal}`,
        namespace: memberId,
        uiUrl: `http://127.0.0.1:${ports.temporalUi}/namespaces/${memberId}/workflows`,
      },
      card,
      ledger: {
        rpcUrl: rpcUrl(memberId),
        explorerUrl: rpcUrl(memberId),
        trustFile: where.trust,
        witnesses: DEMO_MEMBERS.filter((other) => other.memberId !== memberId).map((other) => ({
          memberId: other.memberId,
          rpcUrl: rpcUrl(other.memberId),
        })),
      },
      keysFile: own.keys,
      seal: { certificateFile: own.certificate, sealFile: own.seal },
      notices: { webhooks: {} },
      classification: { afterArchiving: classifies },
      corrections: { needApproval: true },
      trace: { whenBehind: 'serve', behindMinutes: 30 },
      sessions: { idleMinutes: 30, maxHours: 12 },
      disk: { warnAt: 0.85, refuseAt: 0.95 },
      log: { level: 'info' },
    };
    const tls = (file: string) => path.join(where.tls, file);
    const node: NodeConfig = {
      memberId,
      genesisFile: where.genesis,
      dataDir: own.ledger,
      keyFile: own.ledgerKey,
      card,
      rpc: { host: '127.0.0.1', port: rpc, others: others.map((peer) => ({ ...peer, url: rpcUrl(peer.memberId) })) },
      p2p: {
        host: '127.0.0.1',
        port: p2p,
        certFile: tls(`${memberId}.pem`),
        keyFile: tls(`${memberId}.key`),
        caFile: tls('ca.pem'),
      },
      peers: others.map((peer) => ({ ...peer, url: p2pUrl(ports, peer.memberId) })),
      overlay: {
        services: {
          archive: { host: '127.0.0.1', port: http, protocol: 'http' },
          chain: { host: '127.0.0.1', port: rpc, protocol: 'http' },
        },
      },
    };
    write(own.config, json(member));
    write(own.nodeConfig, json(node));
  }
}

/** Makes a consortium's home: certificates, tokens, keys, seals, genesis. A home that is made stays as it is. */
export async function makeHome(
  where: Layout,
  { pkcs11Module }: Binaries,
  choosePorts: () => Promise<Ports>,
  say: (text: string) => void,
): Promise<Made> {
  if (existsSync(where.made)) return JSON.parse(readFileSync(where.made, 'utf8')) as Made;
  mkdirSync(where.home, { recursive: true, mode: 0o700 });
  const ports = await choosePorts();
  createTlsFiles(
    where.tls,
    DEMO_MEMBERS.map(({ memberId }) => memberId),
  );
  const authority = makeAuthority();
  const members: GenesisDocument['members'] = [];
  for (const member of DEMO_MEMBERS) {
    say(`making the card, keys and seal of ${member.name}`);
    const publicKey = await makeMember(member, where.member(member.memberId), pkcs11Module, authority);
    members.push({ memberId: member.memberId, name: member.name, publicKey, role: 'validator' });
  }
  const createdAt = new Date().toISOString();
  const policy = JSON.parse(encodePolicy(demoPolicy(where, ports)).toString('utf8')) as GenesisDocument['policy'];
  const document: GenesisDocument = { chainId: CHAIN_ID, time: createdAt, members, policy };
  const genesis = parseGenesis(document);
  write(where.genesis, json(document));
  const [genesisHash, membersHash] = [genesis.hash.toString('hex'), genesis.membersHash.toString('hex')];
  write(where.trust, json({ chainId: CHAIN_ID, genesisHash, membersHash }));
  const made: Made = { ports, demoPassword: randomBytes(9).toString('base64url'), createdAt };
  write(where.made, json(made));
  return made;
}
