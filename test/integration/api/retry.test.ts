import { randomBytes } from 'node:crypto';
import { ApiClient } from '../../../ops/ingest/client.ts';
import { type BatchAnswer, waitForEnd } from '../../../ops/ingest/send.ts';
import { sm3 } from '../../../platform/crypto/index.ts';
import type { Batch } from '../../../platform/store/index.ts';
import { type Person, TestApi } from '../../fixtures/api.ts';
import { jpegScan } from '../../fixtures/documents.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';

const member = new TestMember('retry');
const api = new TestApi(member);
let client: ApiClient;
let clerk: Person;

beforeAll(async () => {
  await member.start();
  await api.start();
  client = new ApiClient(api.url, { appId: 'scanner', algorithm: 'hmac-sha256', key: api.scannerSecret });
  clerk = await api.login('clerk');
});
afterAll(async () => {
  api.stop();
  await member.stop();
});

type Shown = Omit<BatchAnswer, 'parts'> & {
  isRetried: boolean;
  isLate: boolean;
  retryOf?: string;
  parts: { partNo: number; retriedBy?: string }[];
};
const shown = (batchId: string) => client.call<Shown>('GET', `/api/v1/batches/${batchId}`);
const partOf = (partNo: number, data: Buffer) => ({
  partNo,
  fileName: `${partNo}.jpg`,
  mediaType: 'image/jpeg',
  documentType: partNo === 1 ? 'frontPage' : 'orders',
  bytes: data.length,
  sm3: sm3(data).toString('hex'),
  pageCount: 1,
});
const cut = (scan: Buffer) => scan.subarray(0, -500);

/** A batch as a scanner sends it; some of its files are cut off. Waits until it has been checked. */
async function sent(batchId: string, files: readonly Buffer[]): Promise<BatchAnswer> {
  const visit = { patientNo: batchId, visitNo: '1', patientName: '样例甲', dischargedAt: '2026-11-24T08:00:00Z' };
  const parts = files.map((data, i) => partOf(i + 1, data));
  await client.call('POST', '/api/v1/batches', {
    batchId,
    scannerId: 'CZ-09',
    ...visit,
    documentsComplete: true,
    parts,
  });
  for (const [i, data] of files.entries()) await client.upload(batchId, i + 1, data);
  const batch = await client.call<BatchAnswer>('POST', `/api/v1/batches/${batchId}/commit`);
  await until(async () => ['partlyFailed', 'refused', 'archived'].includes((await shown(batchId)).state));
  return batch;
}
/** Registers files in place of refused ones. */
const register = (parent: string, batchId: string, files: Record<number, Buffer>, as = client) =>
  as.call<Shown>('POST', `/api/v1/batches/${parent}/retry`, {
    batchId,
    reason: '重扫被拒收的页',
    parts: Object.entries(files).map(([partNo, data]) => partOf(Number(partNo), data)),
  });
/** Uploads and commits a registered batch, and waits for its end. */
async function finish(batchId: string, files: Record<number, Buffer>) {
  for (const [partNo, data] of Object.entries(files)) await client.upload(batchId, Number(partNo), data);
  return waitForEnd(client, await client.call<BatchAnswer>('POST', `/api/v1/batches/${batchId}/commit`));
}
const partlyFailed = async () => {
  const { items } = await clerk.ok<{ items: { scannerId: string; backlog: { partlyFailed: number } }[] }>(
    'get',
    '/stations',
  );
  return items.find(({ scannerId }) => scannerId === 'CZ-09')!.backlog.partlyFailed;
};

test('what was refused goes in alone, into the next version; the batch before stays as it was', async () => {
  const scans = await Promise.all([1, 2, 3].map(jpegScan));
  const parent = await sent('half', [scans[0]!, cut(scans[1]!), cut(scans[2]!)]);
  await waitForEnd(client, parent);
  const archive = () =>
    client.call<{ currentVersion: number; pageCount: number; versions: { reason?: string }[] }>(
      'GET',
      `/api/v1/archives/${parent.archiveId}`,
    );
  expect(await archive()).toMatchObject({ currentVersion: 1, pageCount: 1 });
  const { Batch: batches } = member.store.models;
  const before = (await batches.findOne({ batchId: 'half' }).lean<Batch>())!;
  const open = await partlyFailed();

  const child = await register('half', 'half-2', { 2: scans[1]! });
  expect(child).toMatchObject({ retryOf: 'half', isLate: true, archiveId: parent.archiveId, state: 'receiving' });
  expect(await register('half', 'half-2', { 2: scans[1]! })).toMatchObject({ batchId: 'half-2' });
  expect((await shown('half')).parts[1]).not.toHaveProperty('retriedBy');
  expect(await finish('half-2', { 2: scans[1]! })).toMatchObject({ state: 'attested', refused: [] });
  expect(await archive()).toMatchObject({ currentVersion: 2, pageCount: 2 });
  expect((await archive()).versions.map(({ reason }) => reason)).toContain('重扫被拒收的页');
  const half = await shown('half');
  expect(half).toMatchObject({ state: 'partlyFailed', isRetried: false });
  expect(half.parts.map(({ retriedBy }) => retriedBy)).toEqual([undefined, 'half-2', undefined]);
  expect(await partlyFailed()).toBe(open);

  await register('half', 'half-3', { 3: scans[2]! });
  await finish('half-3', { 3: scans[2]! });
  expect(await archive()).toMatchObject({ currentVersion: 3, pageCount: 3 });
  expect(await shown('half')).toMatchObject({ state: 'partlyFailed', isRetried: true });
  expect(await partlyFailed()).toBe(open - 1);
  const {
    retried: _retried,
    isRetried: _isRetried,
    ...after
  } = (await batches.findOne({ batchId: 'half' }).lean<Batch>())!;
  expect(after).toEqual(before);
});

test('a batch of which everything was refused; what is refused once more is sent again from there', async () => {
  const scan = await jpegScan(11);
  const { archiveId } = await sent('whole', [cut(scan)]);
  expect(await register('whole', 'whole-2', { 1: cut(scan) })).toMatchObject({ isLate: false });
  expect(await finish('whole-2', { 1: cut(scan) })).toMatchObject({ state: 'refused' });
  await register('whole-2', 'whole-3', { 1: scan });
  expect(await finish('whole-3', { 1: scan })).toMatchObject({ state: 'attested', archiveId });
  expect(await client.call('GET', `/api/v1/archives/${archiveId}`)).toMatchObject({ currentVersion: 1, pageCount: 1 });
});

describe('refused', () => {
  let scans: Buffer[];
  beforeAll(async () => {
    scans = await Promise.all([21, 22, 23].map(jpegScan));
    await sent('good', [scans[0]!]);
    await waitForEnd(client, await sent('bad', [scans[0]!, cut(scans[1]!)]));
  });
  const refusal = (code: string, status: number) => expect.objectContaining({ code, status });

  test('no such batch', async () => {
    await expect(register('none', 'r-0', { 1: scans[1]! })).rejects.toEqual(refusal('batch-not-found', 404));
  });
  test('nothing failed', async () => {
    await expect(register('good', 'r-1', { 1: scans[1]! })).rejects.toEqual(refusal('batch-nothing-refused', 409));
  });
  test.each([1, 7])('a file that did not fail: %i', async (partNo) => {
    await expect(register('bad', 'r-2', { [partNo]: scans[1]! })).rejects.toMatchObject({
      code: 'part-not-refused',
      status: 409,
      problem: { data: { field: 'parts/0/partNo' } },
    });
  });
  test('another system’s; the records room may', async () => {
    const key = randomBytes(32);
    await member.store.models.App.create({
      appId: 'his',
      name: 'HIS',
      kind: 'hmac',
      secret: await member.card.card.wrapKey(key),
      permissions: ['batch:write', 'batch:read'],
      disabled: false,
    });
    const his = new ApiClient(api.url, { appId: 'his', algorithm: 'hmac-sha256', key });
    await expect(register('bad', 'r-3', { 2: scans[1]! }, his)).rejects.toEqual(refusal('batch-of-another', 403));
    await expect(his.call('POST', '/api/v1/batches/bad/commit')).rejects.toEqual(refusal('batch-of-another', 403));
    const body = { batchId: 'r-3', reason: '重扫', parts: [partOf(2, scans[1]!)] };
    expect(await clerk.ok('post', '/batches/bad/retry', body)).toMatchObject({ state: 'receiving', retryOf: 'bad' });
  });
  test('without a reason; a file twice; another batch’s id', async () => {
    const parts = [partOf(2, scans[1]!)];
    const code = (body: object) => clerk.refusal('post', '/batches/bad/retry', body);
    expect(await code({ batchId: 'r-4', parts })).toBe('request-invalid');
    expect(await code({ batchId: 'r-4', reason: '重扫', parts: [...parts, ...parts] })).toBe('request-invalid');
    expect(await code({ batchId: 'good', reason: '重扫', parts })).toBe('batch-conflict');
  });
  test('sent again already: at the registration, and of two that were registered the second to be committed', async () => {
    await register('bad', 'r-5', { 2: scans[1]! });
    await register('bad', 'r-6', { 2: scans[2]! });
    await client.upload('r-6', 2, scans[2]!);
    expect(await finish('r-5', { 2: scans[1]! })).toMatchObject({ state: 'attested' });
    await expect(client.call('POST', '/api/v1/batches/r-6/commit')).rejects.toEqual(refusal('part-retried', 409));
    expect(await client.call('POST', '/api/v1/batches/r-5/commit')).toMatchObject({ batchId: 'r-5' });
    await expect(register('bad', 'r-7', { 2: scans[2]! })).rejects.toEqual(refusal('part-retried', 409));
    expect(await shown('bad')).toMatchObject({ isRetried: true });
  });
});
