import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ApiClient } from '../../../ops/ingest/client.ts';
import { FolderStation, type WatchOptions } from '../../../ops/watch-folder/watch.ts';
import { type Person, TestApi } from '../../fixtures/api.ts';
import { barcodePage } from '../../fixtures/barcodes.ts';
import { jpegScan, pngScan } from '../../fixtures/documents.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';

const member = new TestMember('folders');
const api = new TestApi(member);
let client: ApiClient;
let clerk: Person;
let home: string;
const running: (() => Promise<void>)[] = [];

beforeAll(async () => {
  await member.start();
  await api.start();
  client = new ApiClient(api.url, { appId: 'scanner', algorithm: 'hmac-sha256', key: api.scannerSecret });
  clerk = await api.login('clerk');
  home = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-watched-'));
});
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});
afterAll(async () => {
  api.stop();
  await member.stop();
  rmSync(home, { recursive: true, force: true });
});

const WITHIN_MS = 90_000;
const visitOf = (patientNo: string) => ({
  patientNo,
  visitNo: '1',
  patientName: '样例甲',
  dischargedAt: '2026-11-24T08:00:00Z',
});

/** A folder as a scanner leaves it: the scans first, then what visit they are of. */
function write(dir: string, name: string, files: Record<string, Buffer | object | string>): string {
  const where = path.join(dir, name);
  mkdirSync(where, { recursive: true });
  for (const [file, data] of Object.entries(files))
    writeFileSync(
      path.join(where, file),
      Buffer.isBuffer(data) || typeof data === 'string' ? data : JSON.stringify(data),
    );
  return where;
}
function watched(name: string): string {
  const dir = path.join(home, name);
  mkdirSync(dir);
  return dir;
}
function start(dir: string, options: Partial<WatchOptions> = {}): string[] {
  const lines: string[] = [];
  const ending = new AbortController();
  const station = new FolderStation(client, {
    dir,
    scannerId: path.basename(dir),
    settleMs: 50,
    patienceMs: 600_000,
    rescanMs: 200,
    say: (line) => lines.push(line),
    signal: ending.signal,
    ...options,
  });
  const run = station.run();
  running.push(async () => {
    ending.abort();
    await run;
  });
  return lines;
}
interface Outcome {
  refused?: Record<string, unknown>;
  refusals?: object[];
  batches: { batchId: string; archiveId: string; state: string; refused: { fileName: string; code: string }[] }[];
}
const outcomeIn = (dir: string, place: string, name: string) =>
  JSON.parse(readFileSync(path.join(dir, place, name, 'outcome.json'), 'utf8')) as Outcome;
async function ended(dir: string, place: 'done' | 'refused', name: string): Promise<Outcome> {
  await until(() => existsSync(path.join(dir, place, name, 'outcome.json')), WITHIN_MS);
  return outcomeIn(dir, place, name);
}
const stationOf = async (scannerId: string) =>
  (
    await clerk.ok<{ items: { scannerId: string; lastContactAt: string; waiting: number; refused: number }[] }>(
      'get',
      '/stations',
    )
  ).items.find((station) => station.scannerId === scannerId);

test('a folder waits until visit.json is there, goes in, and ends in done/; the station says what lies with it', async () => {
  const dir = watched('CZ-07');
  start(dir);
  const where = write(dir, '张三', { '01 病案首页.jpg': await jpegScan(1), '02 医嘱.png': await pngScan(2) });
  await until(async () => (await stationOf('CZ-07'))?.waiting === 1);
  const { lastContactAt } = (await stationOf('CZ-07'))!;
  await until(async () => (await stationOf('CZ-07'))!.lastContactAt > lastContactAt);
  expect(existsSync(where)).toBe(true);
  write(dir, '张三', { 'visit.json': `\ufeff${JSON.stringify(visitOf('W1'))}` });

  const { batches } = await ended(dir, 'done', '张三');
  expect(batches).toMatchObject([{ state: 'attested', refused: [] }]);
  const { archiveId, batchId } = batches[0]!;
  expect(await client.call('GET', `/api/v1/archives/${archiveId}`)).toMatchObject({ state: 'attested', pageCount: 2 });
  expect(await client.call('GET', `/api/v1/batches/${batchId}`)).toMatchObject({ scannerId: 'CZ-07' });
  expect(readdirSync(path.join(dir, 'done', '张三')).sort()).toEqual(
    ['01 病案首页.jpg', '02 医嘱.png', 'outcome.json', 'visit.json'].sort(),
  );
  await until(async () => (await stationOf('CZ-07'))!.waiting === 0);
  expect(await stationOf('CZ-07')).toMatchObject({ refused: 0 });

  // The same scans once more: the same batch, and nothing twice.
  write(dir, '张三', {
    '01 病案首页.jpg': await jpegScan(1),
    '02 医嘱.png': await pngScan(2),
    'visit.json': visitOf('W1'),
  });
  expect(await ended(dir, 'done', '张三.2')).toMatchObject({ batches: [{ batchId, archiveId }] });
  expect(await client.call('GET', `/api/v1/archives/${archiveId}`)).toMatchObject({ currentVersion: 1 });
});

describe('what cannot be taken lies in refused/ with the reason, and its files are untouched', () => {
  test.each<[string, Record<string, Buffer | object | string>, object]>([
    ['no visit.json', {}, { code: 'sidecar-missing', file: 'visit.json', field: 'patientNo' }],
    [
      'a discharge that is no time',
      { 'visit.json': { ...visitOf('R1'), dischargedAt: 'yesterday' } },
      { code: 'sidecar-invalid', field: 'dischargedAt' },
    ],
    [
      'a front page of which the hospital does not know a field',
      { 'visit.json': { ...visitOf('R4'), frontPage: { colour: 'red' } } },
      { code: 'request-invalid', errors: [{ pointer: '/body/frontPage' }] },
    ],
    ['a word too many', { 'visit.json': { ...visitOf('R2'), colour: 'red' } }, { code: 'sidecar-invalid' }],
    ['no JSON', { 'visit.json': '{"patientNo": "样例' }, { code: 'sidecar-invalid', field: '' }],
    ['a field that the hospital refuses', { 'visit.json': visitOf('R3\u0007') }, { code: 'request-invalid' }],
  ])('%s', async (name, sidecar, reason) => {
    const dir = watched(`refused ${name}`);
    const scan = await jpegScan(11);
    write(dir, '李四', { '首页.jpg': scan, ...sidecar });
    const lines = start(dir, { scannerId: 'refusing', patienceMs: 50 });
    const { refused } = await ended(dir, 'refused', '李四');
    expect(refused).toMatchObject(reason);
    expect(JSON.stringify(refused)).not.toContain('样例');
    expect(readFileSync(path.join(dir, 'refused', '李四', '首页.jpg')).equals(scan)).toBe(true);
    await until(() => lines.some((line) => line.startsWith(`refused: ${(reason as { code: string }).code}`)));
    expect(lines.join()).not.toContain('李四');
  });

  test('a folder in a folder; a file without a folder; a folder without scans', async () => {
    const dir = watched('shapes');
    write(path.join(dir, 'deep'), 'inner', { '首页.jpg': await jpegScan(12) });
    write(dir, 'deep', { 'visit.json': visitOf('R4') });
    write(dir, 'empty', { 'visit.json': visitOf('R5') });
    writeFileSync(path.join(dir, 'loose.jpg'), await jpegScan(13));
    start(dir, { patienceMs: 50 });
    expect((await ended(dir, 'refused', 'deep')).refused).toMatchObject({ code: 'folder-in-folder' });
    expect(existsSync(path.join(dir, 'refused', 'deep', 'inner', '首页.jpg'))).toBe(true);
    expect((await ended(dir, 'refused', 'empty')).refused).toMatchObject({ code: 'folder-empty' });
    expect((await ended(dir, 'refused', 'loose.jpg')).refused).toMatchObject({ code: 'sidecar-missing' });
    expect(existsSync(path.join(dir, 'refused', 'loose.jpg', 'loose.jpg'))).toBe(true);
    await until(async () => (await stationOf('shapes'))?.refused === 3);
  });

  test('a bad file is named, its neighbours are in; a late scan needs a reason, and goes in with one', async () => {
    const dir = watched('late');
    start(dir);
    const good = await jpegScan(14);
    write(dir, 'a', {
      '首页.jpg': good,
      '医嘱.jpg': (await jpegScan(15)).subarray(0, -500),
      'visit.json': visitOf('R6'),
    });
    expect(await ended(dir, 'refused', 'a')).toMatchObject({
      refused: { code: 'files-refused' },
      batches: [{ state: 'attested', refused: [{ fileName: '医嘱.jpg', code: 'document-truncated' }] }],
    });
    write(dir, 'b', { '医嘱.jpg': await jpegScan(15), 'visit.json': visitOf('R6') });
    expect((await ended(dir, 'refused', 'b')).refused).toMatchObject({ code: 'reason-required' });
    write(dir, 'c', { '医嘱.jpg': await jpegScan(15), 'visit.json': { ...visitOf('R6'), reason: '补扫医嘱' } });
    const { batches } = await ended(dir, 'done', 'c');
    expect(await client.call('GET', `/api/v1/archives/${batches[0]!.archiveId}`)).toMatchObject({ currentVersion: 2 });
  });
});

describe('a stack of several visits', () => {
  const separator = (...texts: string[]) =>
    barcodePage([{ format: 'QRCode', text: 'SEP' }, ...texts.map((text) => ({ format: 'Code128' as const, text }))]);
  const forms = { 'MR-01': 'frontPage', 'MR-04': 'orders' };

  test('its visits are archives of their own; separator sheets are kept, and not shown', async () => {
    const dir = watched('stack');
    const bad = { ...visitOf('S3'), department: '\u0007' };
    write(dir, '一叠', {
      '1.png': await separator('SEP/V/S1/1', 'SEP/F/MR-01'),
      '2.jpg': await jpegScan(31),
      '3.png': await separator('SEP/F/MR-04'),
      '4.jpg': await jpegScan(32),
      '5.png': await separator('SEP/V/S2/1', 'SEP/F/MR-01'),
      '6.jpg': await jpegScan(33),
      '7.png': await separator('SEP/V/S3/1'),
      '8.jpg': await jpegScan(34),
      'stack.json': { visits: [visitOf('S1'), visitOf('S2'), bad], forms },
    });
    start(dir);
    const { refused, batches, refusals } = await ended(dir, 'refused', '一叠');
    expect(refused).toMatchObject({ code: 'request-invalid', patientNo: 'S3' });
    expect(refusals).toHaveLength(1);
    expect(batches).toMatchObject([{ state: 'attested' }, { state: 'attested' }]);
    type Branch = { type: string; pageCount: number; pages: { mark?: string }[] };
    const { catalog, currentVersion } = await client.call<{ catalog: Branch[]; currentVersion: number }>(
      'GET',
      `/api/v1/archives/${batches[0]!.archiveId}`,
    );
    expect(currentVersion).toBe(1);
    expect(catalog.map(({ type, pageCount }) => [type, pageCount])).toEqual([
      ['frontPage', 1],
      ['orders', 1],
      ['other', 0],
    ]);
    expect(catalog[2]!.pages.map(({ mark }) => mark)).toEqual(['separator', 'separator']);
  });

  test('未出院: of a visit without its discharge the hospital has all, and waits; the other one is archived', async () => {
    const dir = watched('stack-parked');
    const { dischargedAt: _none, ...inHospital } = visitOf('S6');
    write(dir, '一叠', {
      '1.png': await separator('SEP/V/S6/1', 'SEP/F/MR-01'),
      '2.jpg': await jpegScan(36),
      '3.png': await separator('SEP/V/S7/1', 'SEP/F/MR-01'),
      '4.jpg': await jpegScan(37),
      'stack.json': { visits: [inHospital, { ...visitOf('S7'), frontPage: { name: '样例乙' } }], forms },
    });
    start(dir);
    const { batches } = await ended(dir, 'done', '一叠');
    expect(batches.map(({ state }) => state)).toEqual(['parked', 'attested']);
    const parked = batches[0]!.batchId;
    expect(await client.call('GET', `/api/v1/batches/${parked}`)).toMatchObject({ visit: { patientNo: 'S6' } });
    expect(await clerk.ok('get', `/archives/${batches[1]!.archiveId}`)).toMatchObject({
      frontPage: { state: 'faulty', by: 'scanner' },
    });
    await clerk.ok('post', `/batches/${parked}/discharge`, { dischargedAt: '2026-11-24T08:00:00Z' });
    await until(
      async () => (await client.call<{ state: string }>('GET', `/api/v1/batches/${parked}`)).state === 'archived',
    );
  });

  test('withdrawn at the hospital: the same scans are told so; under the right name they go in', async () => {
    const dir = watched('withdrawn');
    const { dischargedAt, ...inHospital } = visitOf('W9');
    const scan = { '首页.jpg': await jpegScan(39) };
    write(dir, '甲', { ...scan, 'visit.json': inHospital });
    start(dir);
    const { batchId } = (await ended(dir, 'done', '甲')).batches[0]!;
    await clerk.ok('post', `/batches/${batchId}/withdraw`, { reason: '姓名有误' });
    write(dir, '甲', { ...scan, 'visit.json': inHospital });
    expect(await ended(dir, 'refused', '甲')).toMatchObject({
      refused: { code: 'batch-withdrawn' },
      batches: [{ batchId, state: 'withdrawn' }],
    });
    write(dir, '乙', { ...scan, 'visit.json': { ...inHospital, patientName: '样例乙', dischargedAt } });
    expect((await ended(dir, 'done', '乙')).batches).toMatchObject([{ state: 'attested' }]);
  });

  test('two patients in one document: nothing of it goes in', async () => {
    const dir = watched('mixed');
    write(dir, '一叠', {
      '1.png': await separator('SEP/V/S4/1'),
      '2.png': await barcodePage([{ format: 'Code128', text: 'PAT/S5/1' }]),
      'stack.json': { visits: [visitOf('S4')] },
    });
    start(dir);
    const { refused, batches } = await ended(dir, 'refused', '一叠');
    expect(refused).toMatchObject({ code: 'patient-mismatch', sheet: '2.png', page: 1 });
    expect(batches).toEqual([]);
    expect(await member.store.models.Archive.countDocuments({ patientNo: 'S4' })).toBe(0);
  });
});

test('a disk that is full: the folder stays, and goes in once there is space', async () => {
  const dir = watched('full');
  const thresholds = api.deps.disk;
  api.deps.disk = { warnAt: Number.MIN_VALUE, refuseAt: Number.MIN_VALUE };
  try {
    write(dir, '王五', { '首页.jpg': await jpegScan(21), 'visit.json': visitOf('F1') });
    const lines = start(dir);
    await until(() => lines.includes('tried again later: disk-full'), WITHIN_MS);
    expect(readdirSync(path.join(dir, 'taken'))).toEqual(['王五']);
  } finally {
    api.deps.disk = thresholds;
  }
  expect(await ended(dir, 'done', '王五')).toMatchObject({ batches: [{ state: 'attested' }] });
});

test('killed at any moment and started again: one batch, one archive, every page once', async () => {
  const dir = watched('killed');
  const secret = path.join(home, 'secret');
  writeFileSync(secret, api.scannerSecret.toString('hex'));
  const args = [
    '--url',
    api.url,
    '--secret-file',
    secret,
    '--settle',
    '0.05',
    '--rescan',
    '0.2',
    '--station',
    'killed',
  ];
  let child: ChildProcess;
  const raise = () => {
    child = spawn(process.execPath, [path.join('dist', 'watch-folder.cjs'), dir, ...args], { stdio: 'ignore' });
  };
  const kill = async (signal: NodeJS.Signals) => {
    const gone = once(child, 'exit');
    child.kill(signal);
    return (await gone) as [number | null, string | null];
  };
  const { Batch } = member.store.models;
  const batch = async () => (await Batch.find({ scannerId: 'killed' }).lean())[0];
  const scans = await Promise.all(Array.from({ length: 12 }, (_, i) => jpegScan(100 + i)));
  try {
    raise();
    write(dir, '赵六', {
      ...Object.fromEntries(scans.map((scan, i) => [`${i + 1}.jpg`, scan])),
      'visit.json': visitOf('K1'),
    });
    for (const isReached of [
      () => existsSync(path.join(dir, 'taken', '赵六')),
      async () => (await batch()) !== undefined,
      async () => (await batch())?.parts.some(({ state }) => state === 'received') === true || (await isCommitted()),
      () => isCommitted(),
    ]) {
      await until(isReached, WITHIN_MS);
      await kill('SIGKILL');
      raise();
    }
    const { batches } = await ended(dir, 'done', '赵六');
    expect(batches).toMatchObject([{ state: 'attested', refused: [] }]);
    expect(await Batch.countDocuments({ scannerId: 'killed' })).toBe(1);
    const { archiveId } = batches[0]!;
    expect(await client.call('GET', `/api/v1/archives/${archiveId}`)).toMatchObject({
      currentVersion: 1,
      pageCount: 12,
    });
    expect(readdirSync(path.join(dir, 'taken'))).toEqual([]);
    expect(readdirSync(path.join(dir, 'done'))).toEqual(['赵六']);

    // One at a time; and it ends in good order.
    const second = spawn(process.execPath, [path.join('dist', 'watch-folder.cjs'), dir, ...args], { stdio: 'ignore' });
    expect((await once(second, 'exit'))[0]).toBe(2);
    expect(await kill('SIGTERM')).toEqual([0, null]);
    expect(existsSync(path.join(dir, '.watch-folder.lock'))).toBe(false);
  } finally {
    child!.kill('SIGKILL');
  }

  async function isCommitted(): Promise<boolean> {
    return (await batch())?.committedAt !== undefined;
  }
});
