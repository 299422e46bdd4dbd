import { readFileSync } from 'node:fs';
import http from 'node:http';
import { WebSocketServer } from 'ws';
import { z } from 'zod';
import { openCard } from '../platform/card/index.ts';
import { ConfigError, readConfig } from '../platform/config/read.ts';
import { cardSchema, logLevelSchema, nameSchema, portSchema } from '../platform/config/schemas.ts';
import { createLogger } from '../platform/observe/logger.ts';
import { createMetrics, Gauge } from '../platform/observe/metrics.ts';
import { DEFAULT_TIMEOUTS } from './consensus/driver.ts';
import { readGenesis } from './genesis.ts';
import { startNode } from './system.ts';
import { createRpc } from './rpc/app.ts';

const text = z.string().min(1);
const listen = { host: text, port: portSchema };
const schema = z.strictObject({
  memberId: nameSchema,
  genesisFile: text,
  dataDir: text,
  /** The ledger key: wrapped by the card, unwrapped into memory only. */
  keyFile: text,
  card: cardSchema,
  rpc: z.strictObject(listen),
  p2p: z.strictObject({ ...listen, certFile: text, keyFile: text, caFile: text }),
  peers: z.array(z.strictObject({ memberId: nameSchema, url: z.url() })).max(256),
  log: z.strictObject({ level: logLevelSchema }).default({ level: 'info' }),
});
export type NodeConfig = z.input<typeof schema>;
const wrappedKeySchema = z.strictObject({ wrappedKey: z.hex(), keyId: text });

/** Process entry: reads SEALFOLIO_NODE_CONFIG, runs until SIGTERM. */
export async function main(): Promise<void> {
  const config = readConfig(process.env.SEALFOLIO_NODE_CONFIG, schema, 'SEALFOLIO_NODE_CONFIG');
  const logger = createLogger(`chain-node ${config.memberId}`, config.log.level);
  const wrapped = wrappedKeySchema.parse(JSON.parse(readFileSync(config.keyFile, 'utf8')));
  const card = await openCard(config.card);
  const privateKey = await card.unwrapKey(Buffer.from(wrapped.wrappedKey, 'hex'), wrapped.keyId);
  card.close();

  const { node } = await startNode({
    memberId: config.memberId,
    privateKey,
    genesis: readGenesis(config.genesisFile),
    dataDir: config.dataDir,
    p2p: { host: config.p2p.host, port: config.p2p.port, tls: config.p2p },
    peers: config.peers,
    timeouts: DEFAULT_TIMEOUTS,
    logger,
  });
  const metrics = createMetrics(`chain-node-${config.memberId}`);
  const gauge = (name: string, help: string, value: () => number) =>
    new Gauge({ name, help, registers: [metrics], collect: () => gauges[name]!.set(value()) });
  const gauges: Record<string, Gauge> = {
    ledger_height: gauge('ledger_height', 'Height of the head', () => node.ledger.height),
    ledger_records: gauge('ledger_records', 'Records in the log', () => node.ledger.logSize),
    ledger_waiting: gauge('ledger_waiting', 'Transactions that wait for a block', () => node.mempool.size),
    ledger_peers: gauge('ledger_peers', 'Links to other members', () => node.network.connected().length),
  };

  const server = http.createServer(createRpc(node, metrics));
  const subscribers = new WebSocketServer({ server, path: '/v1/subscribe', maxPayload: 1024 });
  node.on('block', (header) => {
    for (const client of subscribers.clients) client.send(JSON.stringify({ height: header.height }));
  });
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
    void node.close().then(() => process.exit());
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

export function fail(error: unknown): never {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String((error as Error).stack ?? error)}\n`);
  process.exit(1);
}
