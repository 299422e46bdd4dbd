import { sm2 } from '../platform/crypto/index.ts';
import { inlineChecker } from './mempool/checker.ts';
import { workerChecker } from './mempool/worker-checker.ts';
import { LedgerNode, type NodeOptions } from './node.ts';
import { Network, type Peer, type TlsFiles, type Upgrade } from './p2p/network.ts';
import { systemDisk } from './store/system-disk.ts';
import type { World } from './world.ts';

export interface SystemOptions extends NodeOptions {
  dataDir: string;
  /** Where what was last signed is kept; the store's own folder if absent. */
  vaultDir?: string;
  p2p: { host: string; port: number; tls: TlsFiles; upgrades?: Readonly<Record<string, Upgrade>> };
  peers: readonly Peer[];
  /** The built script of the thread that checks transactions; without one they are checked on libuv's threads. */
  checkerScript?: string;
  /** The node cannot go on; by default the process ends, to be started again. */
  onFatal?(error: unknown): void;
}

/** The machine's clock and disk, OpenSSL, and WebSockets over TLS. */
export function systemWorld(options: SystemOptions): World {
  const { dataDir, vaultDir = dataDir, p2p, logger, genesis, checkerScript } = options;
  return {
    now: () => Date.now(),
    after(ms, run) {
      const timer = setTimeout(run, ms);
      return { cancel: () => clearTimeout(timer) };
    },
    disk: systemDisk(dataDir),
    vault: systemDisk(vaultDir),
    signatures: sm2,
    checker: checkerScript === undefined ? inlineChecker(sm2) : workerChecker(checkerScript),
    links: (events) => new Network({ ...options, ...p2p, ...events, chainId: genesis.chainId }),
    fatal(error) {
      logger.fatal({ err: error }, 'the node cannot go on');
      if (options.onFatal !== undefined) return options.onFatal(error);
      process.exitCode = 1;
      process.kill(process.pid, 'SIGTERM');
    },
  };
}

/** Starts a node on this machine and gives the port it listens on. */
export async function startNode(options: SystemOptions): Promise<{ node: LedgerNode; port: number }> {
  const node = await LedgerNode.open(options, systemWorld(options));
  return { node, port: await node.start() };
}
