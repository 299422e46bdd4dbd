import { readFileSync } from 'node:fs';
import http from 'node:http';
import { NativeConnection, Runtime } from '@temporalio/worker';
import type { ActivityDeps } from '../activities/deps.ts';
import { cardOf } from '../platform/card/index.ts';
import { MemberKeys } from '../platform/card/keys.ts';
import { ConfigError, readConfig } from '../platform/config/read.ts';
import { type MemberConfig, memberConfigSchema } from '../platform/config/schemas.ts';
import { sm2 } from '../platform/crypto/index.ts';
import { LedgerClient } from '../platform/ledger/client.ts';
import { readTrust } from '../platform/ledger/trust.ts';
import { webhookChannel } from '../platform/notices/webhook.ts';
import { createLogger } from '../platform/observe/logger.ts';
import { createMetrics } from '../platform/observe/metrics.ts';
import { findTitleReader } from '../platform/ocr/tesseract.ts';
import type { Sealer } from '../platform/ofd/seal.ts';
import { openStore, watchClock } from '../platform/store/index.ts';
import { connectTemporal } from '../platform/temporal/client.ts';
import { EncryptingCodec } from '../platform/temporal/codec.ts';
import { createWorkers, ensureSchedules, workflowSource } from './run.ts';
import { createSignals } from './signals.ts';

function sealerOf({ seal }: MemberConfig, keys: MemberKeys): Sealer {
  return {
    seal: readFileSync(seal.sealFile),
    certificate: readFileSync(seal.certificateFile),
    sign: async (message) => sm2.sign(await keys.get('seal'), message),
  };
}

/** Process entry: one member's workers, until SIGTERM. Reads SEALFOLIO_CONFIG. */
export async function main(): Promise<void> {
  const config = readConfig(process.env.SEALFOLIO_CONFIG, memberConfigSchema, 'SEALFOLIO_CONFIG');
  const { memberId, memberName, temporal } = config;
  const logger = createLogger(`worker ${memberId}`, config.log.level);
  Runtime.install({
    logger: {
      log: (level, message) => logger.info({ temporal: level }, message),
      trace: () => {},
      debug: () => {},
      info: (message) => logger.debug(message),
      warn: (message, meta) => logger.warn({ activity: meta?.activityType, workflow: meta?.workflowType }, message),
      error: (message, meta) => logger.error({ activity: meta?.activityType, workflow: meta?.workflowType }, message),
    },
    shutdownSignals: [],
  });
  const card = cardOf(config.card);
  const keys = new MemberKeys(config.keysFile, card);
  const store = await openStore(config.mongo, card);
  const codec = new EncryptingCodec(() => keys.get('payload'));
  const client = await connectTemporal(temporal, codec);
  const deps: ActivityDeps = {
    memberId,
    memberName,
    trust: readTrust(config.ledger.trustFile),
    store,
    keys,
    sealer: sealerOf(config, keys),
    ledger: new LedgerClient(config.ledger.rpcUrl),
    signals: createSignals(client, memberId),
    noticeChannels: Object.entries(config.notices.webhooks).map(([channel, url]) => webhookChannel(channel, url)),
    titles: await findTitleReader(),
    classifyAfterArchiving: config.classification.afterArchiving,
    logger,
  };
  const connection = await NativeConnection.connect({ address: temporal.address });
  const { namespace } = temporal;
  const workers = await createWorkers({ connection, namespace, codec, deps, workflows: workflowSource(process.cwd()) });
  await ensureSchedules(client, memberId);

  const metrics = createMetrics(`worker-${memberId}`);
  const unwatchClock = watchClock(store, metrics, logger);
  const server = http.createServer((request, response) => {
    if (request.url === '/healthz') response.end('{"state":"ok"}');
    else void metrics.metrics().then((text) => response.setHeader('content-type', metrics.contentType).end(text));
  });
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(config.worker.metricsPort, config.worker.host, done);
  });
  logger.info('ready');

  const running = Promise.all(workers.map((worker) => worker.run()));
  const stop = () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  await running;
  unwatchClock();
  server.close();
  await Promise.all([connection.close(), client.connection.close(), store.close()]);
  card.close();
  process.exit();
}

export function fail(error: unknown): never {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String((error as Error).stack ?? error)}\n`);
  process.exit(1);
}
