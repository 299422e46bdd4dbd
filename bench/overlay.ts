import { type ChildProcess, fork } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fingerprintOf, type PolicyDraft } from '../chain-node/overlay/policy.ts';
import { createTlsFiles } from '../ops/launch/certificates.ts';
import { freePorts } from '../ops/launch/ports.ts';
import { sm2 } from '../platform/crypto/index.ts';
import { type EndConfig, runEnd } from './overlay/end.ts';
import { runPlain } from './overlay/plain.ts';
import { report } from './report.ts';
import { median } from './statistics.ts';

const ROUNDS = 3;
const MEMBERS = ['a', 'b', 'r'];

/** A process of this bench: this script again, with a part to play. */
async function spawn(...args: string[]): Promise<ChildProcess> {
  const child = fork(process.argv[1]!, ['overlay', ...args], { stdio: ['ignore', 2, 2, 'ipc'] });
  await once(child, 'message');
  return child;
}

/** Raises the processes, sends from the first, and ends them; gives MB/s. */
async function timed(bytes: number, raise: () => Promise<ChildProcess[]>): Promise<number> {
  const children = await raise();
  try {
    const [sender] = children;
    const gone = Promise.race(children.map((child) => once(child, 'exit'))).then(() => {
      throw new Error('a process of the bench ended');
    });
    const answer = once(sender!, 'message') as Promise<[{ seconds: number }]>;
    sender!.send(bytes);
    const [{ seconds }] = await Promise.race([answer, gone]);
    return bytes / 1e6 / seconds;
  } finally {
    await Promise.all(
      children.map((child) => {
        const ended = once(child, 'exit');
        child.kill();
        return ended;
      }),
    );
  }
}

/** Files of three members, of which `r` relays, or `b` has an address; gives how to raise them. */
async function overlayEnds(home: string, shape: 'direct' | 'relay'): Promise<() => Promise<ChildProcess[]>> {
  const [port] = await freePorts(1);
  const tls = createTlsFiles(path.join(home, shape), MEMBERS);
  const pem = readFileSync(tls.a!.caFile, 'utf8');
  const keys = Object.fromEntries(MEMBERS.map((id) => [id, sm2.generateKeyPair()]));
  const url = `wss://127.0.0.1:${port}`;
  const policy: PolicyDraft = {
    authorities: [{ sha256: fingerprintOf(new X509Certificate(pem)), pem }],
    relays: shape === 'relay' ? [{ memberId: 'r', url }] : [],
    endpoints: shape === 'direct' ? [{ memberId: 'b', url }] : [],
    rules: [{ from: { members: ['a'] }, to: { members: ['b'] }, services: ['sink'] }],
  };
  const members = MEMBERS.map((memberId) => ({
    memberId,
    name: memberId,
    publicKey: keys[memberId]!.publicKey.toString('hex'),
    role: 'observer' as const,
  }));
  const genesis = { chainId: 'bench', time: new Date().toISOString(), members, policy };
  const listener = shape === 'relay' ? 'r' : 'b';
  let round = 0;
  return async () => {
    round += 1;
    const end = (memberId: string) => {
      const dataDir = path.join(home, `${shape}-${memberId}-${round}`);
      mkdirSync(dataDir);
      const config: EndConfig = {
        memberId,
        privateKey: keys[memberId]!.privateKey.toString('hex'),
        genesis,
        tls: tls[memberId]!,
        dataDir,
        port: memberId === listener ? port! : null,
      };
      const file = path.join(dataDir, 'end.json');
      writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
      return spawn('--end', file);
    };
    const first = await end(listener);
    const others: ChildProcess[] = [];
    for (const memberId of shape === 'relay' ? ['b', 'a'] : ['a']) others.push(await end(memberId));
    return [others.at(-1)!, first, ...others.slice(0, -1)];
  };
}

async function plainEnds(shape: 'direct' | 'relay'): Promise<() => Promise<ChildProcess[]>> {
  const [port] = await freePorts(1);
  return async () => {
    const at = String(port);
    const first = await spawn('--plain', shape === 'relay' ? 'relay' : 'sink', at);
    const rest = shape === 'relay' ? [await spawn('--plain', 'sink', at, 'dial')] : [];
    return [await spawn('--plain', 'source', at), first, ...rest];
  };
}

/** One stream of 512 MiB, straight and by a relay, in processes of their own, beside plain WebSockets of the same shape in turns. */
export async function bench(args: readonly string[]): Promise<void> {
  const [first, second, third] = args;
  if (first === '--end') return runEnd(second!);
  if (first === '--plain') return runPlain(second!, Number(third));
  const mebibytes = Number(first ?? '512');
  const bytes = mebibytes * 1024 * 1024;
  const home = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-bench-'));
  try {
    for (const shape of ['direct', 'relay'] as const) {
      const [ours, plain] = [await overlayEnds(home, shape), await plainEnds(shape)];
      const speeds = { ours: [] as number[], plain: [] as number[] };
      for (let round = 0; round < ROUNDS; round += 1) {
        speeds.ours.push(await timed(bytes, ours));
        speeds.plain.push(await timed(bytes, plain));
        process.stderr.write(`${shape} ${round}: ${speeds.ours.at(-1)} beside ${speeds.plain.at(-1)} MB/s\n`);
      }
      const [value, peerValue] = [median(speeds.ours), median(speeds.plain)];
      report({
        bench: 'overlay',
        figure: `overlay.${shape}`,
        value,
        unit: 'MB/s',
        peer: 'plain ws',
        peerValue,
        ratio: value / peerValue,
        note: `one stream of ${mebibytes} MiB, ${shape === 'relay' ? 'three' : 'two'} processes, median of ${ROUNDS}`,
      });
    }
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
