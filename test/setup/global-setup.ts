import { mkdtempSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { mongodPart } from '../../ops/launch/mongod.ts';
import { freePorts } from '../../ops/launch/ports.ts';
import { temporalPart } from '../../ops/launch/temporal.ts';

/** One for each suite that runs workers: suites run side by side. */
export const TEST_NAMESPACES = [
  'default',
  'test-archiving',
  'test-interrupted',
  'test-api',
  'test-people',
  'test-loans',
  'test-catalog',
  'test-corrections',
  'test-parking',
  'test-front-page',
  'test-visits',
  'test-merges',
  'test-rebuild',
  'test-classification',
  'test-workbench',
  'test-trace',
  'test-exports',
  'test-workflows',
  'test-idor',
  'test-browser',
  'test-folders',
  'test-retry',
  'test-rotation',
];

/** Starts the servers that the suites share: a mongod and a Temporal server of their own, in a folder that goes with them. */
export default async function globalSetup(): Promise<void> {
  const { TEST_MONGOD, TEST_TEMPORAL } = process.env;
  if (TEST_MONGOD === undefined || TEST_TEMPORAL === undefined)
    throw new Error('these suites need the real parts: run them by `npm test -- PATTERN`');
  const home = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-test-'));
  const runDir = path.join(home, 'run');
  const [mongoPort, temporalPort] = await freePorts(2);
  const mongod = mongodPart({
    binary: TEST_MONGOD,
    dir: path.join(home, 'mongod'),
    runDir,
    port: mongoPort!,
    parameters: ['enableTestCommands=1'], // MongoDB's own fail points
  });
  const temporal = temporalPart({
    binary: TEST_TEMPORAL,
    dir: path.join(home, 'temporal'),
    runDir,
    port: temporalPort!,
    namespaces: TEST_NAMESPACES,
  });
  globalThis.sealfolioTest = { home, parts: [mongod.part, temporal.part] };
  await Promise.all([mongod.part.start(), temporal.part.start()]);
  process.env.TEST_MONGODB_URI = mongod.uri;
  process.env.TEST_TEMPORAL_ADDRESS = temporal.address;
}
