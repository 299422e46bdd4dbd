import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { ApiClient } from '../../ops/ingest/client.ts';
import { layout, PORT_COUNT } from '../../ops/launch/layout.ts';
import { isFree } from '../../ops/launch/ports.ts';
import { startTicks } from '../../ops/launch/part.ts';

jest.setTimeout(300_000);
const home = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-start-'));
const where = layout(home);
let port = 0;
const running: ChildProcess[] = [];

beforeAll(async () => {
  // A row of free ports for a consortium.
  for (port = 12_000; ; port += 50) {
    const free = await Promise.all(Array.from({ length: PORT_COUNT }, (_, i) => isFree(port + i)));
    if (free.every(Boolean)) break;
  }
  writeFileSync(path.join(home, 'samples-loaded'), '');
});
afterAll(() => {
  for (const child of running) child.kill('SIGTERM');
  rmSync(home, { recursive: true, force: true });
});

/** The demo, as `npm start` runs it; resolves at its ready line or its end. */
function start(): Promise<{ child: ChildProcess; said: string; code: number | null }> {
  const child = spawn(process.execPath, [path.join(process.cwd(), 'dist', 'demo.cjs')], {
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      SEALFOLIO_HOME: home,
      SEALFOLIO_PORT: String(port),
      MONGOD: process.env.TEST_MONGOD,
      TEMPORAL: process.env.TEST_TEMPORAL,
      PKCS11_MODULE: process.env.TEST_SOFTHSM_MODULE,
    },
  });
  running.push(child);
  return new Promise((done) => {
    let said = '';
    const hear = (data: Buffer) => {
      said += data.toString();
      if (/^ready /m.test(said)) done({ child, said, code: null });
    };
    child.stdout!.on('data', hear);
    child.stderr!.on('data', hear);
    child.on('exit', (code) => done({ child, said, code }));
  });
}

/** Processes that the run wrote down and that still are. */
const alive = () =>
  readdirSync(where.run)
    .filter((file) => file.endsWith('.pid'))
    .map((file) => JSON.parse(readFileSync(path.join(where.run, file), 'utf8')) as { pid: number; started: string })
    .filter(({ pid, started }) => startTicks(pid) === started);

const ended = (child: ChildProcess) => new Promise<void>((done) => child.once('exit', () => done()));
const client = () => {
  const key = Buffer.from(readFileSync(where.member('yz1').scannerSecret, 'utf8').trim(), 'hex');
  return new ApiClient(`http://127.0.0.1:${port}`, { appId: 'scanner', algorithm: 'hmac-sha256', key });
};

test('a port that another program has: one sentence, and nothing is left running', async () => {
  const other = net.createServer().listen(port + 2, '127.0.0.1');
  const { said, code } = await start();
  other.close();
  expect(code).toBe(1);
  expect(said).toContain(`port ${port + 2} is taken by another program`);
  expect(alive()).toEqual([]);
});

test('it starts, keeps a second one out, ends all it started at Ctrl-C, and keeps its data', async () => {
  const { child, said } = await start();
  expect(said).toContain(`ready http://127.0.0.1:${port}`);
  expect(alive()).toHaveLength(14);
  const registration = {
    batchId: 'kept',
    patientNo: '1',
    visitNo: '1',
    patientName: '甲',
    dischargedAt: '2026-11-24T00:00:00Z',
    parts: [
      {
        partNo: 1,
        fileName: 'a.jpg',
        mediaType: 'image/jpeg',
        documentType: 'other',
        bytes: 5,
        sm3: '0'.repeat(64),
        pageCount: 1,
      },
    ],
  };
  await client().call('POST', '/api/v1/batches', registration);
  const second = await start();
  expect(second.code).toBe(1);
  expect(second.said).toContain('it is running already');
  child.kill('SIGINT');
  await ended(child);
  expect(alive()).toEqual([]);
});

test('after a kill -9 of everything, the next start recovers', async () => {
  const { child } = await start();
  const everything = alive();
  child.kill('SIGKILL');
  for (const { pid } of everything.slice(0, 7)) process.kill(pid, 'SIGKILL');
  await ended(child);
  expect(alive().length).toBeGreaterThan(0);
  const again = await start();
  expect(again.said).toContain('that an earlier run left behind');
  expect(again.said).toContain('ready ');
  expect(await client().call('GET', '/api/v1/batches/kept')).toMatchObject({ batchId: 'kept', state: 'receiving' });
  again.child.kill('SIGTERM');
  await ended(again.child);
  expect(alive()).toEqual([]);
});
