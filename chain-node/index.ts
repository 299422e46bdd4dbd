import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { openCard } from '../platform/card/index.ts';
import { ConfigError, readConfig } from '../platform/config/read.ts';
import { createLogger, type Logger } from '../platform/observe/logger.ts';
import { createMetrics, Gauge } from '../platform/observe/metrics.ts';
import { nodeConfigSchema, type ReadNodeConfig, wrappedKeySchema } from './config.ts';
import { DEFAULT_TIMEOUTS } from './consensus/timeouts.ts';
import { LedgerError } from './errors.ts';
import { readGenesis } from './genesis.ts';
import { type Chain, chainOf } from './overlay/chain.ts';
import { GATEWAY_PREFIX, Overlay, OVERLAY_PATH } from './overlay/index.ts';
import { addOverlayMetrics } from './overlay/metrics.ts';
import type { Upgrade } from './p2p/network.ts';
import { createRpc } from './rpc/app.ts';
import { attachStreams } from './rpc/streams.ts';
import { startNode } from './system.ts';

export type { NodeConfig } from './config.ts';

/** Fewer than a process may have handles: the store needs some to go on. */
const MAX_RPC_CONNECTIONS = 512;

/** The member's keys, unwrapped by its card into memory only: the present one, and one that it may rotate to. */
async function unwrapKeys({ card: cardConfig, keyFile, nextKeyFile }: ReadNodeConfig): Promise<Buffer[]> {
  const card = await openCard(cardConfig);
  try {
    const keys: Buffer[] = [];
    for (const file of [keyFile, ...(nextKeyFile === undefined ? [] : [nextKeyFile])]) {
      const { wrappedKey, keyId } = wrappedKeySchema.parse(JSON.parse(readFileSync(file, 'utf8')));
      keys.push(await card.unwrapKey(Buffer.from(wrappedKey, 'hex'), keyId));
    }
    return keys;
  } finally {
    card.close();
  }
}

/** The overlay, if the configuration asks for one. */
async function startOverlay(config: ReadNodeConfig, chain: Chain, logger: Logger): Promise<Overlay | null> {
  if (config.overlay === undefined) return null;
  return Overlay.start({ chain, tls: config.p2p, dataDir: config.dataDir, config: config.overlay, logger });
}

/** Process entry: reads SEALFOLIO_NODE_CONFIG, runs until SIGTERM. */
export async function main(): Promise<void> {
  const config = readConfig(process.env.SEALFOLIO_NODE_CONFIG, nodeConfigSchema, 'SEALFOLIO_NODE_CONFIG');
  const logger = createLogger(`chain-node ${config.memberId}`, config.log.level);
  const privateKeys = await unwrapKeys(config);
  const upgrades: Record<string, Upgrade> = {};
  const { node } = await startNode({
    memberId: config.memberId,
    privateKeys,
    genesis: readGenesis(config.genesisFile),
    dataDir: config.dataDir,
    vaultDir: path.join(path.dirname(config.keyFile), `signer-${config.memberId}`),
    p2p: { host: config.p2p.host, port: config.p2p.port, tls: config.p2p, upgrades },
    peers: config.peers,
    timeouts: DEFAULT_TIMEOUTS,
    sync: config.sync,
    logger,
    checkerScript: path.join(__dirname, 'checker.cjs'),
  });
  const metrics = createMetrics(`chain-node-${config.memberId}`);
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({ name, help, registers: [metrics], collect: () => gauges[name]!.set(value()) });
  const gauges: Record<string, Gauge> = {
    ledger_height: gauge('ledger_height', 'Height of the head', () => node.ledger.height),
    ledger_records: gauge('ledger_records', 'Records in the log', () => node.ledger.logSize),
    ledger_waiting: gauge('ledger_waiting', 'Transactions that wait for a block', () => node.mempool.size),
    ledger_peers: gauge('ledger_peers', 'Links to other members', () => node.links.connected().length),
  };

  const refused = new Gauge({
    name: 'ledger_frames_refused',
    help: 'Frames of a peer that were ignored, or cost it the link, by reason',
    labelNames: ['peer', 'code'],
    registers: [metrics],
    collect: () => {
      for (const { peer, cause: code, count } of node.refusals.rows()) refused.set({ peer, code }, count);
    },
  });

  const unlinked = new Gauge({
    name: 'ledger_links_refused',
    help: 'Links to a member that came to nothing by no fault of it, by cause',
    labelNames: ['peer', 'cause'],
    registers: [metrics],
    collect: () => {
      for (const { peer, cause, count } of node.unlinked.rows()) unlinked.set({ peer, cause }, count);
    },
  });

  const dropped = new Gauge({
    name: 'ledger_messages_dropped',
    help: 'Messages let fall unread: of heights or rounds past or far ahead, known, or too many; by peer and cause',
    labelNames: ['peer', 'cause'],
    registers: [metrics],
    collect: () => {
      for (const { peer, cause, count } of node.dropped.rows()) dropped.set({ peer, cause }, count);
    },
  });

  const early: Gauge = new Gauge({
    name: 'ledger_early_dropped',
    help: 'Messages of heights ahead that were let fall, by the peer that sent more than its share',
    labelNames: ['peer'],
    registers: [metrics],
    collect: () => node.earlyDropped.forEach((count, peer) => early.set({ peer }, count)),
  });

  const unsent: Gauge = new Gauge({
    name: 'ledger_frames_unsent',
    help: 'Frames for a peer that were let fall, as it took what was sent too slowly',
    labelNames: ['peer'],
    registers: [metrics],
    collect: () => node.unsent.forEach((count, peer) => unsent.set({ peer }, count)),
  });

  const evidence: Gauge = new Gauge({
    name: 'ledger_evidence',
    help: 'Findings against members that are kept: any is a reason to look',
    registers: [metrics],
    collect: async () => evidence.set(await node.ledger.store.evidenceCount()),
  });

  const overlay = await startOverlay(config, chainOf(node, privateKeys), logger);
  if (overlay !== null) {
    addOverlayMetrics(overlay, metrics);
    if (config.overlay?.listen === undefined) upgrades[OVERLAY_PATH] = overlay.upgrade;
  }

  const explorer = path.join(__dirname, 'explorer');
  const explorerDir = existsSync(explorer) ? explorer : null;
  const rpc = createRpc(node, metrics, { explorerDir, others: config.rpc.others, overlay });
  const server = http.createServer((request, response) => {
    if (overlay !== null && request.url?.startsWith(GATEWAY_PREFIX) === true) overlay.gateway(request, response);
    else rpc(request, response);
  });
  server.maxConnections = MAX_RPC_CONNECTIONS;
  attachStreams(server, node);
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(config.rpc.port, config.rpc.host, done);
  });
  logger.info({ rpc: config.rpc.port, height: node.ledger.height }, 'ready');

  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    server.closeAllConnections();
    server.close();
    void Promise.resolve(overlay?.close())
      .then(() => node.close())
      .then(() => process.exit());
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

export function fail(error: unknown): never {
  const isRefusal = error instanceof ConfigError || error instanceof LedgerError;
  process.stderr.write(`${isRefusal ? error.message : String((error as Error).stack ?? error)}\n`);
  process.exit(1);
}
