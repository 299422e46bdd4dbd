import { performance } from 'node:perf_hooks';
import type { Connection } from 'mongoose';
import type { Logger } from '../observe/logger.ts';
import { Gauge, type Registry } from '../observe/metrics.ts';
import type { Store } from './index.ts';

/** From this difference on someone is told: what the ledger's members let a block be ahead of themselves. */
export const MAX_SKEW_MS = 10_000;
const WATCH_MS = 60_000;

/**
 * Begun and not ended, by the clock of the database: what a right depends on is asked of one clock, and a process whose own
 * is wrong opens nothing early and keeps nothing open. The fields hold dates, or milliseconds.
 */
export const isNow = (from: string, to: string) => ({
  $expr: {
    $and: [{ $lte: [{ $toDate: `$${from}` }, '$$NOW'] }, { $gt: [{ $toDate: `$${to}` }, '$$NOW'] }],
  },
});

/** How far the clock of this process is ahead of the database's, in milliseconds, to half a round trip; below 0: behind. */
export async function skewOf(connection: Connection): Promise<number> {
  const [began, sent] = [performance.now(), Date.now()];
  const { localTime } = (await connection.db!.admin().command({ hello: 1 })) as { localTime: Date };
  return Math.round(sent + (performance.now() - began) / 2 - localTime.getTime());
}

/** Shows in the metrics how far this process's clock is off, and says in the log when it is too far; gives what ends it. */
export function watchClock(store: Pick<Store, 'skew'>, metrics: Registry, logger: Logger): () => void {
  new Gauge({
    name: 'clock_skew_seconds',
    help: 'How far the clock of this process is ahead of the database’s',
    registers: [metrics],
    async collect() {
      this.set(
        await store.skew().then(
          (skewMs) => skewMs / 1000,
          () => NaN,
        ),
      );
    },
  });
  const look = async () => {
    const skewMs = await store.skew();
    if (Math.abs(skewMs) > MAX_SKEW_MS) logger.warn({ skewMs }, 'the clock is not that of the database');
  };
  // A database that is away is told elsewhere.
  const timer = setInterval(() => void look().catch(() => {}), WATCH_MS);
  timer.unref();
  return () => clearInterval(timer);
}
