import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { mongo } from 'mongoose';
import { mongodPart } from '../ops/launch/mongod.ts';
import { freePorts } from '../ops/launch/ports.ts';
import { openCard, provisionToken, writeSofthsmConf } from '../platform/card/index.ts';
import { openStore } from '../platform/store/index.ts';
import { report } from './report.ts';
import { median } from './statistics.ts';

const MiB = 1024 * 1024;
const ROUNDS = 3;
/** Loads code, fills pools: what memory grows over afterwards is the object's size. */
const WARM_BYTES = 32 * MiB;

async function timed(bytes: number, task: () => Promise<unknown>): Promise<number> {
  const start = process.hrtime.bigint();
  await task();
  return bytes / MiB / (Number(process.hrtime.bigint() - start) / 1e9);
}

async function drain(source: AsyncIterable<Buffer>): Promise<void> {
  for await (const _piece of source);
}

/** Encrypted write and read of 1 GiB beside plain GridFS on the same mongod, in turns. */
export async function bench([size = '1024']: readonly string[]): Promise<void> {
  const bytes = Number(size) * MiB;
  const [binary, modulePath] = [process.env.MONGOD, process.env.PKCS11_MODULE];
  if (binary === undefined || modulePath === undefined) throw new Error('MONGOD and PKCS11_MODULE are not set');
  const home = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-bench-'));
  const [port] = await freePorts(1);
  const { part, uri } = mongodPart({ binary, dir: path.join(home, 'db'), runDir: home, port: port! });
  await part.start();
  const softhsmConf = writeSofthsmConf(home);
  const config = {
    modulePath,
    tokenLabel: 'bench',
    pinFile: path.join(home, 'pin'),
    profile: 'softhsm',
    sessions: 2,
    softhsmConf,
  };
  provisionToken({ ...config, soPinFile: path.join(home, 'so-pin') });
  const card = await openCard(config);
  const store = await openStore({ uri, db: 'bench' }, card);
  const bucket = new mongo.GridFSBucket(store.connection.db!, { bucketName: 'plain', chunkSizeBytes: MiB });
  const block = randomBytes(MiB);
  const source = (length = bytes) =>
    Readable.from(
      (function* () {
        for (let i = 0; i < length; i += MiB) yield block;
      })(),
    );
  const kind = { kind: 'original' as const, mediaType: 'application/octet-stream' };
  const once = async (length: number) => {
    const { objectId } = await store.objects.write(source(length), kind);
    await drain((await store.objects.read(objectId)) as AsyncIterable<Buffer>);
    await store.objects.remove(objectId);
  };
  const speeds = { write: [] as number[], read: [] as number[], plainWrite: [] as number[], plainRead: [] as number[] };
  let [base, peak] = [0, 0];
  try {
    await once(WARM_BYTES);
    base = peak = process.memoryUsage().rss;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 50);
    await once(bytes).finally(() => clearInterval(watch));
    for (let round = 0; round < ROUNDS; round += 1) {
      let objectId = '';
      speeds.write.push(await timed(bytes, async () => ({ objectId } = await store.objects.write(source(), kind))));
      speeds.read.push(
        await timed(bytes, async () => drain((await store.objects.read(objectId)) as AsyncIterable<Buffer>)),
      );
      await store.objects.remove(objectId);
      const upload = bucket.openUploadStream('plain');
      speeds.plainWrite.push(await timed(bytes, () => pipeline(source(), upload)));
      speeds.plainRead.push(
        await timed(bytes, () => drain(bucket.openDownloadStream(upload.id) as AsyncIterable<Buffer>)),
      );
      await bucket.delete(upload.id);
    }
  } finally {
    await store.close();
    card.close();
    await part.stop();
    rmSync(home, { recursive: true, force: true });
  }
  const note = `${size} MiB, median of ${ROUNDS}`;
  const figure = (name: string, ours: number[], plain: number[]) => {
    const [value, peerValue] = [median(ours), median(plain)];
    report({
      bench: 'store',
      figure: name,
      value,
      unit: 'MB/s',
      peer: 'plain GridFS',
      peerValue,
      ratio: value / peerValue,
      note,
    });
  };
  figure('store.write', speeds.write, speeds.plainWrite);
  figure('store.read', speeds.read, speeds.plainRead);
  report({
    bench: 'store',
    figure: 'store.memory',
    value: (peak - base) / MiB,
    unit: 'MiB',
    note: `peak RSS of a write and a read of ${size} MiB over that after ${WARM_BYTES / MiB} MiB`,
  });
}
