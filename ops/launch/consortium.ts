import { existsSync, mkdirSync, readdirSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { NODE_ENVIRONMENT } from './environment.ts';
import { type Binaries, DEMO_MEMBERS, flatPorts, layout, type Ports } from './layout.ts';
import { takeLock } from './lock.ts';
import { type Made, makeHome, writeConfigs } from './make-home.ts';
import { mongodPart } from './mongod.ts';
import { endLeftovers, Part } from './part.ts';
import { isFree, isHealthy } from './ports.ts';
import { temporalPart } from './temporal.ts';

export interface ConsortiumOptions {
  home: string;
  binaries: Binaries;
  /** Folder with the built processes. */
  dist: string;
  choosePorts(): Promise<Ports>;
  say(text: string): void;
  /** Members whose api and workers run; all of them by default. Ledger nodes always run. */
  members?: readonly string[];
  /** Whether the pages of what was archived are looked at by themselves; they are by default. */
  classifies?: boolean;
}

export interface Consortium {
  made: Made;
  /** By name: mongod, temporal, node-yz1, worker-yz1, api-yz1, … */
  parts: Map<string, Part>;
  url(memberId: string): string;
  rpcUrl(memberId: string): string;
  stop(): Promise<void>;
}

const MIN_FREE_BYTES = 1024 ** 3;
const NODE_OPTIONS = {
  chain: ['--max-old-space-size=256'],
  worker: ['--max-old-space-size=384'],
  // Most of what a request makes is garbage at its end: in a larger young generation less of it is ever moved.
  api: ['--max-old-space-size=256', '--max-semi-space-size=32'],
};

/** Raises a consortium of four members on this machine, and watches over its processes. Throws one clear sentence if it cannot. */
export async function startConsortium(options: ConsortiumOptions): Promise<Consortium> {
  const { binaries, dist, say } = options;
  const where = layout(path.resolve(options.home));
  mkdirSync(where.run, { recursive: true, mode: 0o700 });
  const { bavail, bsize } = statfsSync(where.home);
  if (bavail * bsize < MIN_FREE_BYTES) throw new Error(`the disk of ${where.home} has less than 1 GiB free.`);
  const unlock = takeLock(where.lock);
  const parts = new Map<string, Part>();
  const stop = async () => {
    const names = [...parts.keys()];
    const some = (prefix: string) =>
      names.filter((name) => name.startsWith(prefix)).map((name) => parts.get(name)!.stop());
    await Promise.all([...some('api-'), ...some('worker-')]);
    await Promise.all(some('node-'));
    await Promise.all([...some('temporal'), ...some('mongod')]);
    unlock();
  };
  try {
    const pidFiles = readdirSync(where.run).filter((file) => file.endsWith('.pid'));
    const ended = await endLeftovers(where.run, pidFiles);
    if (ended > 0) say(`ended ${ended} processes that an earlier run left behind`);
    const made = await makeHome(where, binaries, options.choosePorts, say);
    const { ports, demoPassword } = made;
    for (const port of flatPorts(ports))
      if (!(await isFree(port)))
        throw new Error(
          `port ${port} is taken by another program; end it, or set SEALFOLIO_PORT for a new SEALFOLIO_HOME.`,
        );
    writeConfigs(where, made, binaries, options.classifies);

    const start = async (part: Part) => {
      parts.set(part.options.name, part);
      await part.start();
    };
    const process_ = (
      name: string,
      script: string,
      memory: readonly string[],
      env: NodeJS.ProcessEnv,
      health: string,
    ) =>
      new Part({
        name,
        command: process.execPath,
        args: [...memory, '--enable-source-maps', path.join(dist, script)],
        env: { ...process.env, ...env, ...NODE_ENVIRONMENT },
        runDir: where.run,
        ready: () => isHealthy(health),
      });
    say('starting MongoDB and Temporal');
    const mongod = mongodPart({ binary: binaries.mongod, dir: where.mongod, runDir: where.run, port: ports.mongod });
    const temporal = temporalPart({
      binary: binaries.temporal,
      dir: where.temporal,
      runDir: where.run,
      port: ports.temporal,
      uiPort: ports.temporalUi,
      namespaces: DEMO_MEMBERS.map(({ memberId }) => memberId),
    });
    await Promise.all([start(mongod.part), start(temporal.part)]);
    say('starting four ledger nodes');
    await Promise.all(
      DEMO_MEMBERS.map(({ memberId }) => {
        const env = { SEALFOLIO_NODE_CONFIG: where.member(memberId).nodeConfig };
        const health = `http://127.0.0.1:${ports.members[memberId]!.rpc}/healthz`;
        return start(process_(`node-${memberId}`, 'chain-node.cjs', NODE_OPTIONS.chain, env, health));
      }),
    );
    for (const { memberId, name } of DEMO_MEMBERS) {
      if (options.members?.includes(memberId) === false) continue;
      say(`starting ${name}`);
      const { http, worker } = ports.members[memberId]!;
      const env = { SEALFOLIO_CONFIG: where.member(memberId).config };
      const health = (port: number) => `http://127.0.0.1:${port}/healthz`;
      await Promise.all([
        start(process_(`worker-${memberId}`, 'worker.cjs', NODE_OPTIONS.worker, env, health(worker))),
        start(
          process_(
            `api-${memberId}`,
            'api.cjs',
            NODE_OPTIONS.api,
            { ...env, SEALFOLIO_DEMO_PASSWORD: demoPassword },
            health(http),
          ),
        ),
      ]);
    }
    return {
      made,
      parts,
      url: (memberId) => `http://127.0.0.1:${ports.members[memberId]!.http}`,
      rpcUrl: (memberId) => `http://127.0.0.1:${ports.members[memberId]!.rpc}`,
      stop,
    };
  } catch (error) {
    await stop();
    if (!existsSync(where.made)) say(`${where.home} is half made; the next start goes on`);
    throw error;
  }
}
