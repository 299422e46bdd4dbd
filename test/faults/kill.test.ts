import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { MongoClient } from 'mongodb';
import { fsck } from '../../ops/fsck/index.ts';
import { type ScannedVisit, scanFolder } from '../../ops/ingest/scan-folder.ts';
import { type ApiClient, ApiProblem } from '../../ops/ingest/client.ts';
import { type BatchAnswer, sendVisit, waitForEnd } from '../../ops/ingest/send.ts';
import { jpegScan } from '../fixtures/documents.ts';
import { raiseConsortium } from '../fixtures/consortium.ts';

const EPISODES = 50;
const VICTIMS = ['worker-yz1', 'api-yz1', 'mongod', 'temporal', 'node-yz1'];
/** Longer than any restart. */
const PATIENCE_MS = 240_000;
jest.setTimeout(400_000);

let raised: Awaited<ReturnType<typeof raiseConsortium>>;
let dir: string;
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-episodes-'));
  for (let i = 0; i < EPISODES; i += 1) {
    mkdirSync(path.join(dir, `${i}`));
    writeFileSync(path.join(dir, `${i}`, '首页.jpg'), await jpegScan(1000 + 2 * i));
    writeFileSync(path.join(dir, `${i}`, '医嘱.jpg'), await jpegScan(1001 + 2 * i));
  }
  raised = await raiseConsortium(['yz1']);
});
afterAll(async () => {
  await raised.end();
  rmSync(dir, { recursive: true, force: true });
});

/** How a batch ended, or where it stands after all patience. */
async function endOf(client: ApiClient, batch: BatchAnswer): Promise<unknown> {
  const ended = new AbortController();
  const stands = async () => {
    await delay(PATIENCE_MS, undefined, ended);
    const { state, parts } = await client.call<BatchAnswer>('GET', `/api/v1/batches/${batch.batchId}`);
    return { batchId: batch.batchId, state, parts: parts.map((part) => part.state) };
  };
  const stuck = stands();
  stuck.catch(() => {});
  try {
    return await Promise.race([waitForEnd(client, batch), stuck]);
  } finally {
    ended.abort();
  }
}

/** Sends a visit as a station does: what a restart that takes longer than the client's own tries breaks off, it sends again. */
async function sent(client: ApiClient, visit: ScannedVisit): Promise<BatchAnswer> {
  for (const end = Date.now() + PATIENCE_MS; ;) {
    try {
      return await sendVisit(client, visit);
    } catch (error) {
      const isAway = !(error instanceof ApiProblem) || error.status >= 500;
      if (!isAway || Date.now() > end) throw error;
    }
  }
}

test('while 50 episodes go in, every process is killed once; all are attested once, and nothing is lost', async () => {
  const { client, consortium, home } = raised;
  const visits = await scanFolder(dir);
  const waiting = [...visits];
  const victims = [...VICTIMS];
  const batches: BatchAnswer[] = [];
  const station = async () => {
    for (let visit = waiting.shift(); visit !== undefined; visit = waiting.shift()) {
      batches.push(await sent(client, visit));
      const isTime = batches.length >= ((VICTIMS.length - victims.length + 1) * EPISODES) / (VICTIMS.length + 1);
      const victim = isTime ? victims.shift() : undefined;
      if (victim !== undefined) process.kill(consortium.parts.get(victim)!.pid!, 'SIGKILL');
    }
  };
  await Promise.all([station(), station(), station()]);
  const outcomes = await Promise.all(batches.map((batch) => endOf(client, batch)));
  expect(outcomes).toEqual(Array.from({ length: EPISODES }, () => expect.objectContaining({ state: 'attested' })));
  for (const victim of VICTIMS) expect([victim, consortium.parts.get(victim)!.restarts]).toEqual([victim, 1]);
  expect(await fsck(home, ['yz1'], () => {})).toEqual([]);
});

test('fsck names an original that was changed, a receipt that is another’s, and an entry of the trace that was edited', async () => {
  const { home, mongoUri } = raised;
  const mongo = await MongoClient.connect(mongoUri);
  try {
    const db = mongo.db('sealfolio-yz1');
    const [a, b] = await db.collection('archiveVersions').find().sort({ archiveId: 1 }).limit(2).toArray();
    const objectId = a!.documents[0].objectId as string;
    const chunk = await db.collection('objects.chunks').findOne({ files_id: objectId as never, n: 0 });
    const data = Buffer.from((chunk!.data as { buffer: Uint8Array }).buffer);
    data[10]! ^= 1;
    await db.collection('objects.chunks').updateOne({ _id: chunk!._id }, { $set: { data } });
    await db.collection('archiveVersions').updateOne({ _id: b!._id }, { $set: { receipt: a!.receipt } });
    await db.collection('trace').updateOne({ seq: 3 }, { $set: { requestId: 'nothing' } });
    const findings = (await fsck(home, ['yz1'], () => {})).map(({ where, reason }) => `${where}: ${reason}`);
    expect(findings).toEqual([
      expect.stringMatching(new RegExp(`^yz1 ${a!.archiveId} v1: original ${objectId}: object-integrity`)),
      `yz1 ${b!.archiveId} v1: receipt is invalid: file`,
      'yz1 trace entry 3: edited: what it says is not what was written',
    ]);
  } finally {
    await mongo.close();
  }
});
