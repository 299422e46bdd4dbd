import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DEMO_USERS } from '../../api/bootstrap.ts';
import { ApiClient } from '../ingest/client.ts';
import { type Consortium, startConsortium } from '../launch/consortium.ts';
import { DEMO_MEMBERS, layout, PORT_COUNT, portsFrom } from '../launch/layout.ts';
import { loadSamples } from './samples.ts';

const FIRST_PORT = 8080;
/** Made-up visits of each member at the first start. */
const SAMPLES: Record<string, number> = { yz1: 4, yz2: 2, yz3: 1 };

const say = (text: string) => process.stderr.write(`· ${text}\n`);

function firstPort(): number {
  const port = Number(process.env.SEALFOLIO_PORT ?? FIRST_PORT);
  if (!Number.isInteger(port) || port < 1024 || port + PORT_COUNT > 65_535)
    throw new Error('SEALFOLIO_PORT is a number between 1024 and 65000.');
  return port;
}

async function firstStart(consortium: Consortium, home: string): Promise<void> {
  const where = layout(path.resolve(home));
  const marker = path.join(where.home, 'samples-loaded');
  if (existsSync(marker)) return;
  say('loading sample archives through the api');
  for (const member of DEMO_MEMBERS) {
    const visits = SAMPLES[member.memberId];
    if (visits === undefined) continue;
    const key = Buffer.from(readFileSync(where.member(member.memberId).scannerSecret, 'utf8').trim(), 'hex');
    const client = new ApiClient(consortium.url(member.memberId), { appId: 'scanner', algorithm: 'hmac-sha256', key });
    await loadSamples(client, member, visits, say);
  }
  writeFileSync(marker, '');
}

function summary(consortium: Consortium): string {
  const { demoPassword, ports } = consortium.made;
  const lines = DEMO_MEMBERS.map(({ memberId, name }) => `  ${consortium.url(memberId)}  ${name}`);
  const users = DEMO_USERS.map(({ username, displayName }) => `${username} (${displayName})`).join(', ');
  return [
    '',
    ...lines,
    `  ${consortium.rpcUrl('yz1')}  区块链浏览器 (the ledger's explorer; every member's node serves one)`,
    `  http://127.0.0.1:${ports.temporalUi}  Temporal`,
    '',
    `  accounts at every member: ${users}`,
    `  password of all of them: ${demoPassword}`,
    '',
    '',
  ].join('\n');
}

/** The demo consortium, until Ctrl-C. Exit 1 with one sentence if it cannot start. */
export async function main(): Promise<number> {
  const home = process.env.SEALFOLIO_HOME ?? '.sealfolio';
  const { MONGOD, TEMPORAL, PKCS11_MODULE } = process.env;
  let consortium: Consortium | undefined;
  const stopped = new Promise<void>((done) => {
    process.once('SIGINT', () => done());
    process.once('SIGTERM', () => done());
  });
  try {
    const ports = () => {
      const first = firstPort();
      return Promise.resolve(portsFrom(Array.from({ length: PORT_COUNT }, (_, i) => first + i)));
    };
    const starting = startConsortium({
      home,
      binaries: { mongod: MONGOD!, temporal: TEMPORAL!, pkcs11Module: PKCS11_MODULE! },
      dist: path.join(process.cwd(), 'dist'),
      choosePorts: ports,
      say,
    });
    const early = await Promise.race([starting, stopped.then(() => null)]);
    if (early === null) {
      say('stopping');
      await (await starting).stop();
      return 0;
    }
    consortium = early;
    const where = layout(path.resolve(home));
    const yz1 = where.member('yz1');
    writeFileSync(where.demo, JSON.stringify({ url: consortium.url('yz1'), secretFile: yz1.scannerSecret }));
    await Promise.race([firstStart(consortium, home), stopped]);
    process.stdout.write(summary(consortium));
    process.stdout.write(`ready ${consortium.url('yz1')}\n`);
    await stopped;
    say('stopping');
    return 0;
  } catch (error) {
    process.stderr.write(`sealfolio: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await consortium?.stop();
    setImmediate(() => process.exit());
  }
}
