import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { MongoClient } from 'mongodb';
import { Part } from './part.ts';
import { answersAt } from './ports.ts';

export interface MongodOptions {
  binary: string;
  dir: string;
  runDir: string;
  port: number;
  /** `name=value`, one each. */
  parameters?: readonly string[];
}

/** mongod as a replica set of one (transactions need one), on loopback only; `uri` is what clients take. */
export function mongodPart({ binary, dir, runDir, port, parameters = [] }: MongodOptions): { part: Part; uri: string } {
  mkdirSync(dir, { recursive: true });
  const direct = `mongodb://127.0.0.1:${port}/?directConnection=true`;
  let initiated = false;
  const ready = async () => {
    if (!(await answersAt(port))) return false;
    const client = new MongoClient(direct, { serverSelectionTimeoutMS: 2000 });
    try {
      const admin = client.db('admin');
      if (!initiated) {
        const members = [{ _id: 0, host: `127.0.0.1:${port}` }];
        await admin.command({ replSetInitiate: { _id: 'rs0', members } }).catch((error: { codeName?: string }) => {
          if (error.codeName !== 'AlreadyInitialized') throw error;
        });
        initiated = true;
      }
      return (await admin.command({ hello: 1 })).isWritablePrimary === true;
    } finally {
      await client.close();
    }
  };
  const args = ['--replSet', 'rs0', '--port', String(port), '--bind_ip', '127.0.0.1', '--dbpath', dir];
  args.push('--wiredTigerCacheSizeGB', '0.25', '--oplogSize', '256');
  for (const parameter of ['diagnosticDataCollectionEnabled=false', ...parameters])
    args.push('--setParameter', parameter);
  const part = new Part({
    name: 'mongod',
    command: binary,
    args: [...args, '--unixSocketPrefix', path.resolve(runDir)],
    runDir,
    ready,
  });
  return { part, uri: `mongodb://127.0.0.1:${port}/?replicaSet=rs0` };
}
