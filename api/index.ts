import { existsSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { cardOf } from '../platform/card/index.ts';
import { MemberKeys } from '../platform/card/keys.ts';
import { ConfigError, readConfig } from '../platform/config/read.ts';
import { memberConfigSchema } from '../platform/config/schemas.ts';
import { LedgerClient } from '../platform/ledger/client.ts';
import { readTrust } from '../platform/ledger/trust.ts';
import { createLogger } from '../platform/observe/logger.ts';
import { createMetrics } from '../platform/observe/metrics.ts';
import { threadWatermark } from '../platform/ofd/watermarker.ts';
import { openStore, watchClock } from '../platform/store/index.ts';
import { connectTemporal } from '../platform/temporal/client.ts';
import { EncryptingCodec } from '../platform/temporal/codec.ts';
import { createApp } from './app.ts';
import { createDemoAccounts } from './bootstrap.ts';
import { EventHub } from './events/hub.ts';
import { offerSetup } from './setup/routes.ts';
import { anchorTrace } from './trace/anchor.ts';

const STOP_WITHIN_MS = 10_000;

/** Process entry: one member's api and web, until SIGTERM. Reads SEALFOLIO_CONFIG; SEALFOLIO_DEMO_PASSWORD makes the demo's accounts. */
export async function main(): Promise<void> {
  const config = readConfig(process.env.SEALFOLIO_CONFIG, memberConfigSchema, 'SEALFOLIO_CONFIG');
  const { memberId, memberName, home, disk, environment, temporal } = config;
  const logger = createLogger(`api ${memberId}`, config.log.level);
  const card = cardOf(config.card);
  const keys = new MemberKeys(config.keysFile, card);
  const store = await openStore(config.mongo, card);
  const codec = new EncryptingCodec(() => keys.get('payload'));
  const client = await connectTemporal(temporal, codec);
  const demoPassword = process.env.SEALFOLIO_DEMO_PASSWORD;
  if (environment === 'production') {
    if (demoPassword !== undefined)
      throw new ConfigError('SEALFOLIO_DEMO_PASSWORD', ['is set, and the environment is production']);
    const file = await offerSetup(store, home);
    if (file !== null) logger.info({ file }, 'nobody has an account yet: the code in this file opens the setup page');
  } else if (demoPassword !== undefined) {
    const { scannerSecret } = await createDemoAccounts(store, card, demoPassword);
    if (scannerSecret !== null)
      writeFileSync(path.join(home, 'scanner.secret'), scannerSecret.toString('hex'), { mode: 0o600 });
  }
  const events = new EventHub(store, logger);
  const metrics = createMetrics(`api-${memberId}`);
  const unwatchClock = watchClock(store, metrics, logger);
  const stopAnchoring = anchorTrace({ store, temporal: client, memberId, logger });
  const webDir = path.join(process.cwd(), 'dist', 'web');
  const app = await createApp({
    memberId,
    memberName,
    home,
    disk,
    corrections: config.corrections,
    trace: config.trace,
    noticeChannels: Object.keys(config.notices.webhooks),
    environment,
    sessions: config.sessions,
    publicUrl: config.http.publicUrl,
    temporalUiUrl: temporal.uiUrl ?? null,
    explorerUrl: config.ledger.explorerUrl ?? null,
    trust: readTrust(config.ledger.trustFile),
    store,
    card,
    keys,
    ledger: new LedgerClient(config.ledger.rpcUrl),
    witnesses: [{ memberId, rpcUrl: config.ledger.rpcUrl }, ...config.ledger.witnesses],
    temporal: client,
    codec,
    events,
    watermark: threadWatermark(path.join(__dirname, 'watermark.cjs')),
    metrics,
    logger,
    webDir: existsSync(webDir) ? webDir : null,
  });
  const server = http.createServer(app);
  await new Promise<void>((done, fail) => {
    server.once('error', fail);
    server.listen(config.http.port, config.http.host, done);
  });
  logger.info({ port: config.http.port }, 'ready');

  const stop = () => {
    stopAnchoring();
    unwatchClock();
    void events.close();
    server.close(() => {
      void Promise.all([client.connection.close(), store.close()]).then(() => {
        card.close();
        process.exit();
      });
    });
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), STOP_WITHIN_MS).unref();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

export function fail(error: unknown): never {
  process.stderr.write(`${error instanceof ConfigError ? error.message : String((error as Error).stack ?? error)}\n`);
  process.exit(1);
}
