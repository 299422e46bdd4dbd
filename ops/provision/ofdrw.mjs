import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { refuse } from '../prepare.mjs';
import { cacheDir, longStep, onPath } from './run.mjs';

const VERSION = '2.3.8';
const dependency = (groupId, artifactId, version, scope = 'compile') =>
  `<dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId><version>${version}</version><scope>${scope}</scope></dependency>`;

/** Its parent POM is not on every mirror of Maven Central; this one names the versions that the modules leave to it. */
const PARENT = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>org.ofdrw</groupId><artifactId>ofdrw</artifactId><version>${VERSION}</version><packaging>pom</packaging>
<dependencyManagement><dependencies>
${dependency('org.junit.jupiter', 'junit-jupiter-api', '5.10.2', 'test')}
${dependency('org.bouncycastle', 'bcprov-jdk18on', '1.78.1')}
${dependency('org.bouncycastle', 'bcpkix-jdk18on', '1.78.1')}
${dependency('commons-io', 'commons-io', '2.16.1')}
${dependency('org.dom4j', 'dom4j', '2.1.4')}
</dependencies></dependencyManagement></project>
`;
const pom = (repository) => `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>sealfolio</groupId><artifactId>ofdrw</artifactId><version>1</version>
<repositories><repository><id>stand-in</id><url>${repository}</url></repository></repositories>
<dependencies>
${dependency('org.ofdrw', 'ofdrw-reader', VERSION)}
${dependency('org.ofdrw', 'ofdrw-sign', VERSION)}
${dependency('org.dom4j', 'dom4j', '2.1.4')}
${dependency('org.bouncycastle', 'bcprov-jdk18on', '1.78.1')}
${dependency('org.bouncycastle', 'bcpkix-jdk18on', '1.78.1')}
${dependency('commons-io', 'commons-io', '2.16.1')}
</dependencies></project>
`;

/** Folder with the jars of ofdrw, an OFD reader that is not ours: SEALFOLIO_OFDRW, the cache, Maven. */
export async function findOfdrw() {
  const named = process.env.SEALFOLIO_OFDRW;
  if (named !== undefined) {
    if (!existsSync(named)) refuse(`SEALFOLIO_OFDRW (${named}) is not there.`);
    return named;
  }
  const home = path.join(cacheDir(), `ofdrw-${VERSION}`);
  const jars = path.join(home, 'jars');
  if (existsSync(jars)) return jars;
  const mvn = onPath('mvn');
  if (mvn === null || onPath('java') === null)
    refuse(
      'ofdrw needs Java 17 and Maven to be fetched; install them, or name a folder with its jars in SEALFOLIO_OFDRW.',
    );
  const parent = path.join(home, 'repository', 'org', 'ofdrw', 'ofdrw', VERSION);
  mkdirSync(parent, { recursive: true });
  writeFileSync(path.join(parent, `ofdrw-${VERSION}.pom`), PARENT);
  writeFileSync(path.join(home, 'pom.xml'), pom(pathToFileURL(path.join(home, 'repository')).href));
  const args = ['-q', '-B', '-f', path.join(home, 'pom.xml'), 'dependency:copy-dependencies'];
  // A local repository of its own: a failed look for the parent elsewhere is remembered there.
  const partial = `${jars}.partial`;
  const options = [
    `-Dmaven.repo.local=${path.join(home, 'm2')}`,
    '-DincludeScope=runtime',
    `-DoutputDirectory=${partial}`,
  ];
  await longStep('fetching ofdrw', mvn, [...args, ...options]);
  renameSync(partial, jars);
  return jars;
}
