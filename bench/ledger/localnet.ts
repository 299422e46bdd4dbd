import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { NodeConfig } from '../../chain-node/index.ts';
import { openCard } from '../../platform/card/index.ts';
import { MemberKeys } from '../../platform/card/keys.ts';
import { ACCELERATOR_VARIABLE } from '../../platform/crypto/index.ts';
import { readConfig } from '../../platform/config/read.ts';
import { memberConfigSchema } from '../../platform/config/schemas.ts';
import { NODE_ENVIRONMENT } from '../../ops/launch/environment.ts';
import { CHAIN_ID, DEMO_MEMBERS, type Layout, layout, PORT_COUNT, portsFrom } from '../../ops/launch/layout.ts';
import { makeHome, writeConfigs } from '../../ops/launch/make-home.ts';
import { Part } from '../../ops/launch/part.ts';
import { freePorts, isHealthy } from '../../ops/launch/ports.ts';
import type { Namespaces } from './namespaces.ts';
import { processorSeconds, rssMib } from '../process.ts';

const TICKS_PER_SECOND = 100;

export interface LocalnetOptions {
  /** The accelerator's library, for all nodes; absent: OpenSSL. */
  accelerator?: string | undefined;
  nodeArgs?: readonly string[];
  /** Where each node lives; absent: on loopback. */
  namespaces?: Namespaces | undefined;
  pkcs11Module?: string | undefined;
}

/** Four ledger nodes, each a process of its own, and nothing else of a consortium. */
export class Localnet {
  readonly chainId = CHAIN_ID;
  readonly parts: Part[] = [];
  /** http://127.0.0.1:PORT of each node's rpc. */
  readonly rpcUrls: string[] = [];
  /** By member, in the order of the nodes. */
  readonly keys: { memberId: string; privateKey: Buffer }[] = [];

  readonly where: Layout;

  private constructor(readonly home: string) {
    this.where = layout(home);
  }

  static async start({
    accelerator,
    nodeArgs = [],
    namespaces,
    pkcs11Module = process.env.PKCS11_MODULE!,
  }: LocalnetOptions = {}): Promise<Localnet> {
    const home = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-localnet-'));
    const net = new Localnet(home);
    const { where } = net;
    const binaries = { mongod: '', temporal: '', pkcs11Module };
    const made = await makeHome(
      where,
      binaries,
      async () => portsFrom(await freePorts(PORT_COUNT)),
      () => {},
    );
    writeConfigs(where, made, binaries);
    if (namespaces !== undefined) net.#move(namespaces);
    for (const [i, { memberId }] of DEMO_MEMBERS.entries()) {
      const own = where.member(memberId);
      const { card } = readConfig(own.config, memberConfigSchema, 'config');
      const opened = await openCard(card);
      net.keys.push({ memberId, privateKey: await new MemberKeys(own.keys, opened).get('ledger') });
      opened.close();
      const url = `http://${namespaces?.address(i) ?? '127.0.0.1'}:${made.ports.members[memberId]!.rpc}`;
      const args = ['--max-old-space-size=256', ...nodeArgs, path.join('dist', 'chain-node.cjs')];
      net.rpcUrls.push(url);
      net.parts.push(
        new Part({
          name: `node-${memberId}`,
          ...(namespaces?.within(i, process.execPath, args) ?? { command: process.execPath, args }),
          env: {
            ...process.env,
            SEALFOLIO_NODE_CONFIG: own.nodeConfig,
            ...NODE_ENVIRONMENT,
            [ACCELERATOR_VARIABLE]: accelerator,
          },
          runDir: where.run,
          ready: () => isHealthy(`${url}/healthz`),
        }),
      );
    }
    await Promise.all(net.parts.map((part) => part.start()));
    return net;
  }

  /** Gives each node the address of its namespace. */
  #move(namespaces: Namespaces): void {
    const ids = DEMO_MEMBERS.map(({ memberId }) => memberId);
    const addressOf = (memberId: string) => namespaces.address(ids.findIndex((id) => id === memberId));
    for (const memberId of ids) {
      const file = this.where.member(memberId).nodeConfig;
      const config = JSON.parse(readFileSync(file, 'utf8')) as NodeConfig;
      config.rpc.host = addressOf(memberId);
      config.p2p.host = addressOf(memberId);
      for (const peer of [...config.peers, ...(config.rpc.others ?? [])])
        peer.url = peer.url.replace('127.0.0.1', addressOf(peer.memberId));
      writeFileSync(file, JSON.stringify(config));
    }
  }

  #running(): number[] {
    return this.parts.filter((part) => part.isRunning).map(({ pid }) => pid!);
  }

  /** Seconds of processor that the nodes have used. */
  cpuSeconds(): number {
    return this.#running().reduce((sum, pid) => sum + processorSeconds(pid), 0);
  }

  /** Resident memory of the nodes now, MiB. */
  rssMib(): number {
    return this.#running().reduce((sum, pid) => sum + rssMib(pid), 0);
  }

  /** Whether all nodes hold the same block at the height that the last of them has. */
  async agree(urls: readonly string[]): Promise<boolean> {
    const get = async (url: string, at: string) =>
      (await (await fetch(`${url}${at}`)).json()) as { height: number; hash: string };
    const heights = await Promise.all(urls.map(async (url) => (await get(url, '/v1/status')).height));
    const common = Math.min(...heights);
    const hashes = await Promise.all(urls.map(async (url) => (await get(url, `/v1/blocks/${common}`)).hash));
    return hashes.every((hash) => hash === hashes[0] && hash !== undefined);
  }

  async stop(): Promise<void> {
    await Promise.all(this.parts.map((part) => part.stop()));
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** Seconds of processor that all of the machine has used. */
export function machineCpuSeconds(): number {
  const [, user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.split(/\s+/);
  return [user, nice, system, irq, softirq].reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}
