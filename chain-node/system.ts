import { sm2 } from '../platform/crypto/index.ts';
import { LedgerNode, type NodeOptions } from './node.ts';
import { Network, type TlsFiles } from './p2p/network.ts';
import { systemDisk } from './store/system-disk.ts';
import type { World } from './world.ts';

export interface SystemOptions extends NodeOptions {
  dataDir: string;
  p2p: { host: string; port: number; tls: TlsFiles };
  peers: readonly { memberId: string; url: string }[];
}

/** The machine's clock and disk, OpenSSL, and WebSockets over TLS. */
export function systemWorld(options: SystemOptions): World {
  const { dataDir, p2p, logger } = options;
  return {
    now: () => Date.now(),
    after(ms, run) {
      const timer = setTimeout(run, ms);
      return { cancel: () => clearTimeout(timer) };
    },
    disk: systemDisk(dataDir),
    signatures: sm2,
    links: (events) => new Network({ ...options, ...p2p, ...events }),
    fatal(error) {
      logger.fatal({ err: error }, 'consensus stopped');
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
