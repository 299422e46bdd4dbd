import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { refuse } from '../prepare.mjs';
import { answers, cacheDir, longStep, onPath } from './run.mjs';

const CLI = 'github.com/temporalio/cli/cmd/temporal@v1.5.1';
const GOOD = /Server 1\.(29|[3-9]\d)\./;

/** The Temporal CLI with its server and UI: SEALFOLIO_TEMPORAL, PATH, the cache, `go install`. */
export async function findTemporal() {
  const named = process.env.SEALFOLIO_TEMPORAL;
  if (named !== undefined) {
    if (!answers(named, ['--version'], GOOD))
      refuse(`SEALFOLIO_TEMPORAL (${named}) is no temporal CLI with server 1.29 or later.`);
    return named;
  }
  const installed = onPath('temporal');
  if (installed !== null && answers(installed, ['--version'], GOOD)) return installed;
  const home = path.join(cacheDir(), 'temporal-1.5.1');
  const file = path.join(home, 'temporal');
  if (existsSync(file)) return file;
  const go = onPath('go') ?? (existsSync('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : null);
  if (go === null)
    refuse(
      'the Temporal server is missing, and go to build it too: install either, or name the temporal CLI in SEALFOLIO_TEMPORAL.',
    );
  const partial = `${home}.partial`;
  mkdirSync(partial, { recursive: true });
  await longStep('building the Temporal server (about 3 minutes, once)', go, ['install', CLI], {
    env: { ...process.env, GOBIN: partial },
  });
  renameSync(partial, home);
  return file;
}

const TEST_SERVER_POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sealfolio</groupId><artifactId>temporal-test-server</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>io.temporal</groupId><artifactId>temporal-test-server</artifactId><version>1.31.0</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.16</version></dependency>
  </dependencies>
</project>
`;

/** A script that starts Temporal's time-skipping test server: SEALFOLIO_TEMPORAL_TEST_SERVER, the cache, Maven. */
export async function findTestServer() {
  const named = process.env.SEALFOLIO_TEMPORAL_TEST_SERVER;
  if (named !== undefined) {
    if (!existsSync(named)) refuse(`SEALFOLIO_TEMPORAL_TEST_SERVER (${named}) is not there.`);
    return named;
  }
  const home = path.join(cacheDir(), 'temporal-test-server-1.31.0');
  const script = path.join(home, 'temporal-test-server');
  if (existsSync(script)) return script;
  const [mvn, java] = [onPath('mvn'), onPath('java')];
  if (mvn === null || java === null)
    refuse(
      'the time-skipping test server needs Java 17 and Maven to be fetched; install them, or name a test server in SEALFOLIO_TEMPORAL_TEST_SERVER.',
    );
  mkdirSync(home, { recursive: true });
  writeFileSync(path.join(home, 'pom.xml'), TEST_SERVER_POM);
  await longStep('fetching the time-skipping test server', mvn, [
    '-q',
    '-B',
    '-f',
    path.join(home, 'pom.xml'),
    'dependency:copy-dependencies',
    `-DoutputDirectory=${path.join(home, 'jars')}`,
  ]);
  writeFileSync(
    `${script}.partial`,
    `#!/bin/sh\nexec "${java}" -Xmx256m -cp "${path.join(home, 'jars')}/*" io.temporal.testserver.TestServer "$@"\n`,
  );
  chmodSync(`${script}.partial`, 0o755);
  renameSync(`${script}.partial`, script);
  return script;
}
