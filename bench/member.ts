import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { MongoClient } from 'mongodb';
import { type Consortium, startConsortium } from '../ops/launch/consortium.ts';
import { PORT_COUNT, portsFrom } from '../ops/launch/layout.ts';
import { freePorts } from '../ops/launch/ports.ts';

/** Progress, for who watches. */
export const say = (text: string) => void process.stderr.write(`${text}\n`);

export interface Raised {
  consortium: Consortium;
  /** Of the member yz1. */
  url: string;
  home: string;
  mongo: MongoClient;
  /** For files of the run; gone after it. */
  dir: string;
}

/** Raises the demo's servers with one member's api and worker, runs, and takes them down. */
export async function withMember(run: (raised: Raised) => Promise<void>): Promise<void> {
  const { MONGOD, TEMPORAL, PKCS11_MODULE } = process.env;
  if (MONGOD === undefined || TEMPORAL === undefined || PKCS11_MODULE === undefined)
    throw new Error('MONGOD, TEMPORAL and PKCS11_MODULE are not set');
  const dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-bench-'));
  const home = path.join(dir, 'home');
  const consortium = await startConsortium({
    home,
    binaries: { mongod: MONGOD, temporal: TEMPORAL, pkcs11Module: PKCS11_MODULE },
    dist: path.join(process.cwd(), 'dist'),
    choosePorts: async () => portsFrom(await freePorts(PORT_COUNT)),
    say,
    members: ['yz1'],
  });
  const mongo = new MongoClient(`mongodb://127.0.0.1:${consortium.made.ports.mongod}/?directConnection=true`);
  try {
    await run({ consortium, url: consortium.url('yz1'), home, mongo, dir });
  } finally {
    await mongo.close();
    await consortium.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}
