import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import iconv from 'iconv-lite';
import sharp from 'sharp';
import request from 'supertest';
import { createRoutes } from '../../../api/app.ts';
import type { ApiDeps } from '../../../api/deps.ts';
import { uploadIdOf, UPLOADS_PATH } from '../../../api/uploads/ids.ts';
import { ApiClient } from '../../../ops/ingest/client.ts';
import { scanFolder } from '../../../ops/ingest/scan-folder.ts';
import { sendVisit, waitForEnd } from '../../../ops/ingest/send.ts';
import { sm2, sm3 } from '../../../platform/crypto/index.ts';
import type { ArchiveVersion } from '../../../platform/store/index.ts';
import { verifyReceipt } from '../../../verifier/index.ts';
import { PASSWORD, TestApi } from '../../fixtures/api.ts';
import { jpegScan, multiPageTiff, pdf, pngScan } from '../../fixtures/documents.ts';
import { ofd, ofdOfPages } from '../../fixtures/ofd.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';
import { unzip } from '../../fixtures/zip.ts';

const member = new TestMember('api');
const api = new TestApi(member);
let deps: ApiDeps;
let url: string;
let client: ApiClient;
let dir: string;

beforeAll(async () => {
  await member.start();
  await api.start();
  ({ deps, url } = api);
  const { scannerSecret } = api;
  client = new ApiClient(url, { appId: 'scanner', algorithm: 'hmac-sha256', key: scannerSecret });
  dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-scans-'));
});
afterAll(async () => {
  api.stop();
  await member.stop();
  rmSync(dir, { recursive: true, force: true });
});

function folder(name: string, files: Record<string, Buffer>): string {
  const where = path.join(mkdtempSync(path.join(dir, 'visit-')), name);
  mkdirSync(where);
  for (const [file, data] of Object.entries(files)) writeFileSync(path.join(where, file), data);
  return where;
}

async function login(username: string) {
  const agent = request.agent(url);
  const { body } = await agent.post('/api/v1/session').send({ username, password: PASSWORD }).expect(200);
  return { agent, csrf: (body as { csrf: string }).csrf };
}

test('a folder of scans goes in, is attested, is read, and its receipt holds for its file', async () => {
  const where = folder('张三', {
    '01 病案首页.jpg': await jpegScan(1),
    '02 医嘱.png': await pngScan(2),
    '03 检验报告.pdf': await pdf(2),
    '04 护理记录.tif': await multiPageTiff(2),
  });
  const [visit] = await scanFolder(where);
  expect(visit!.files.map(({ documentType }) => documentType)).toEqual(['frontPage', 'orders', 'labReport', 'nursing']);
  const batch = await sendVisit(client, visit!);
  const outcome = await waitForEnd(client, batch);
  expect(outcome).toMatchObject({ state: 'attested', refused: [] });

  const base = `/api/v1/archives/${outcome.archiveId}`;
  const [receipt, ofd] = [await client.download(`${base}/receipt`), await client.download(`${base}/package`)];
  const file = { bytes: ofd.length, sm3: sm3(ofd).toString('hex') };
  const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
  expect(verifyReceipt(receipt.toString('utf8'), file, deps.trust, crypto).verdict).toBe('valid');

  const { agent } = await login('clerk');
  const list = await agent.get('/api/v1/archives').query({ q: '张' }).expect(200);
  expect((list.body as { items: unknown[] }).items).toMatchObject([{ archiveId: outcome.archiveId, pageCount: 6 }]);
  const { body: detail } = await agent.get(base).expect(200);
  expect(detail).toMatchObject({
    state: 'attested',
    catalog: [
      { title: '病案首页', firstPage: 1, pageCount: 1 },
      { title: '医嘱', firstPage: 2 },
      { title: '护理记录', firstPage: 3, pageCount: 2 },
      { title: '检验报告', firstPage: 5, pageCount: 2 },
    ],
  });
  const page = await agent.get(`${base}/pages/1`).buffer(true).expect(200).expect('content-type', 'image/jpeg');
  expect((page.body as Buffer).equals(await jpegScan(1))).toBe(false); // it carries who read it
  await agent.get(`${base}/pages/6?size=thumbnail`).expect(200).expect('content-type', 'image/webp');
  const part = await agent.get(`${base}/package`).set('Range', 'bytes=0-3').responseType('blob').expect(206);
  expect((part.body as Buffer).toString('latin1')).toBe('PK\x03\x04');
  const timeline = await agent.get(`${base}/timeline`).expect(200);
  expect((timeline.body as { steps: { step: string }[] }).steps.map(({ step }) => step)).toEqual(
    expect.arrayContaining([
      'started',
      'checkBatches',
      'buildCatalog',
      'packArchive',
      'requestAttestation',
      'attested',
      'completed',
    ]),
  );
  const read = await deps.store.models.TraceEntry.find({ 'object.id': outcome.archiveId }).lean();
  expect(read.map(({ action }) => action)).toEqual(
    expect.arrayContaining(['archive.open', 'archive.page', 'archive.receipt', 'archive.package']),
  );
});

test('an OFD of another maker goes in as it is, and its pages are read as those of others', async () => {
  const lab = ofdOfPages([await jpegScan(41), await pngScan(42)]);
  const where = folder('钱七', { '01 病案首页.jpg': await jpegScan(40), '02 检验报告.ofd': lab });
  const [visit] = await scanFolder(where);
  expect(visit!.files[1]).toMatchObject({ mediaType: 'application/ofd', pageCount: 2 });
  const outcome = await waitForEnd(client, await sendVisit(client, visit!));
  expect(outcome).toMatchObject({ state: 'attested', refused: [] });

  const { models, objects } = deps.store;
  const version = (await models.ArchiveVersion.findOne({ archiveId: outcome.archiveId }).lean<ArchiveVersion>())!;
  const document = version.documents.find(({ mediaType }) => mediaType === 'application/ofd')!;
  expect(document.sm3).toBe(sm3(lab).toString('hex'));
  expect((await objects.readAll(document.objectId)).equals(lab)).toBe(true);
  expect(document.pages).toEqual(Array.from({ length: 2 }, () => ({ widthMm: 210, heightMm: 297 })));

  // What is packed is what is seen: the page as it was scanned, drawn once.
  const packed = await unzip(await client.download(`/api/v1/archives/${outcome.archiveId}/package`));
  const page = await sharp(packed.get('Doc_0/Res/image_1.jpg')).resize(827, 1169, { fit: 'fill' }).raw().toBuffer();
  const scanned = await sharp(await jpegScan(41))
    .raw()
    .toBuffer();
  const differing = page.filter((value, i) => Math.abs(value - scanned[i]!) > 96).length;
  expect(differing / page.length).toBeLessThan(0.02);
  const { agent } = await login('clerk');
  const shown = await agent.get(`/api/v1/archives/${outcome.archiveId}/pages/3`).buffer(true).expect(200);
  expect((await sharp(shown.body as Buffer).metadata()).format).toBe('jpeg');
});

test('OFDs that are unsafe, encrypted, cut off, or of other pages than announced are refused; their neighbours go in', async () => {
  const sound = ofdOfPages([await jpegScan(51)]);
  const where = folder('孙八', {
    '01 病案首页.jpg': await jpegScan(50),
    '02 医嘱.ofd': ofd({ pages: [''], files: { 'Doc_0/../../x': Buffer.alloc(1) } }),
    '03 护理.ofd': ofd({ pages: [''], files: { 'Encryptions.xml': Buffer.alloc(1) } }),
    '04 检查.ofd': sound.subarray(0, -30),
    '05 检验.ofd': sound,
  });
  const [visit] = await scanFolder(where);
  const files = visit!.files.map((file) => (file.fileName === '05 检验.ofd' ? { ...file, pageCount: 3 } : file));
  const outcome = await waitForEnd(client, await sendVisit(client, { ...visit!, files }));
  expect(outcome).toMatchObject({
    state: 'attested',
    refused: [
      { fileName: '02 医嘱.ofd', code: 'document-unsafe' },
      { fileName: '03 护理.ofd', code: 'document-encrypted' },
      { fileName: '04 检查.ofd', code: 'document-truncated' },
      { fileName: '05 检验.ofd', code: 'page-count-mismatch' },
    ],
  });
});

test('the same folder again is the same batch; the same files as another batch are a duplicate', async () => {
  const where = folder('李四', { '首页.jpg': await jpegScan(11) });
  const [visit] = await scanFolder(where);
  const first = await sendVisit(client, visit!);
  await waitForEnd(client, first);
  const again = await sendVisit(client, visit!);
  expect(again).toMatchObject({ batchId: first.batchId, archiveId: first.archiveId, state: 'archived' });
  const registration = { batchId: 'other', ...registrationOf(visit!) };
  expect(await client.call('POST', '/api/v1/batches', registration)).toMatchObject({ state: 'duplicate' });
});

test('files of an archived visit that are new need a reason, and make the next version', async () => {
  const where = folder('王五', { '首页.jpg': await jpegScan(21) });
  const [visit] = await scanFolder(where);
  const { archiveId } = await waitForEnd(client, await sendVisit(client, visit!));
  const late = path.join(where, '检查.png');
  writeFileSync(late, await pngScan(22));
  const [both] = await scanFolder(where);
  const more = { ...visit!, files: both!.files };
  await expect(sendVisit(client, more)).rejects.toMatchObject({ status: 422, code: 'reason-required' });
  const again = await sendVisit(client, more, () => {}, { reason: '补扫检查报告' });
  expect(again).toMatchObject({ isLate: true });
  await waitForEnd(client, again);
  expect(await client.call('GET', `/api/v1/archives/${archiveId}`)).toMatchObject({ currentVersion: 2 });
});

type Visit = Awaited<ReturnType<typeof scanFolder>>[number];
const registrationOf = ({ files, ...visit }: Visit) => ({
  ...visit,
  parts: files.map(({ location: _where, ...file }, i) => ({ ...file, partNo: i + 1 })),
});

test('a bad file is refused with the reason, and its neighbours go in', async () => {
  const where = folder('赵六', {
    '首页.jpg': await jpegScan(31),
    '医嘱.jpg': (await jpegScan(32)).subarray(0, -500),
    '护理.png': await pngScan(33),
  });
  const [visit] = await scanFolder(where);
  const outcome = await waitForEnd(client, await sendVisit(client, visit!));
  expect(outcome).toMatchObject({ state: 'attested', refused: [{ fileName: '医嘱.jpg', code: 'document-truncated' }] });
});

test('a file that is not the announced one is refused by its SM3, and the right one may follow', async () => {
  const right = await jpegScan(41);
  const [visit] = await scanFolder(folder('孙七', { '首页.jpg': right }));
  const registration = { batchId: 'wrong-sm3', ...registrationOf(visit!) };
  await client.call('POST', '/api/v1/batches', registration);
  const wrong = Buffer.from(right);
  wrong[1000]! ^= 1;
  await expect(client.upload('wrong-sm3', 1, wrong)).rejects.toMatchObject({ status: 422, code: 'sm3-mismatch' });
  await client.upload('wrong-sm3', 1, right);
  await client.call('POST', '/api/v1/batches/wrong-sm3/commit');
});

test('an upload goes on where it stopped', async () => {
  const big = Buffer.concat([await jpegScan(51), Buffer.alloc(3 * 1024 * 1024 + 77)]);
  const [visit] = await scanFolder(folder('周八', { '首页.jpg': big }));
  await client.call('POST', '/api/v1/batches', { batchId: 'resumed', ...registrationOf(visit!) });
  const objectId = await deps.store.objects.create({ kind: 'original', mediaType: 'image/jpeg', length: big.length });
  await deps.store.models.Batch.updateOne(
    { batchId: 'resumed' },
    { $set: { 'parts.0.objectId': objectId, 'parts.0.state': 'receiving' } },
  );
  await deps.store.objects.append(
    objectId,
    0,
    (async function* () {
      yield big.subarray(0, 2 * 1024 * 1024 + 5);
    })(),
  );
  expect(await deps.store.objects.offset(objectId)).toBe(2 * 1024 * 1024);
  await client.upload('resumed', 1, big);
  expect(await client.call('GET', '/api/v1/batches/resumed')).toMatchObject({ parts: [{ state: 'received' }] });
});

test('an upload whose last byte was stored by a process that was killed then is here, or refused, when it is asked for', async () => {
  const whole = await jpegScan(52);
  const other = Buffer.from(whole);
  other[1000]! ^= 1;
  const [visit] = await scanFolder(folder('吴九', { '首页.jpg': whole }));
  const asked = async (batchId: string, stored: Buffer) => {
    await client.call('POST', '/api/v1/batches', { batchId, ...registrationOf(visit!) });
    const length = whole.length;
    const objectId = await deps.store.objects.create({ kind: 'original', mediaType: 'image/jpeg', length });
    const set = { 'parts.0.objectId': objectId, 'parts.0.state': 'receiving' };
    await deps.store.models.Batch.updateOne({ batchId }, { $set: set });
    await deps.store.objects.append(objectId, 0, Readable.from([stored]));
    const { agent } = await login('clerk');
    const upload = `/api/v1${UPLOADS_PATH}/${uploadIdOf(batchId, 1)}`;
    const answer = await agent.head(upload).set('Tus-Resumable', '1.0.0');
    return { status: answer.status, offset: answer.headers['upload-offset'] as string | undefined };
  };
  expect(await asked('killed', whole)).toEqual({ status: 200, offset: String(whole.length) });
  expect(await client.call('GET', '/api/v1/batches/killed')).toMatchObject({ parts: [{ state: 'received' }] });
  expect(await asked('killed-wrong', other)).toMatchObject({ status: 422 });
  const refused = { state: 'refused', refusal: { code: 'sm3-mismatch' } };
  expect(await client.call('GET', '/api/v1/batches/killed-wrong')).toMatchObject({ parts: [refused] });
  await client.call('POST', '/api/v1/batches/killed/commit');
});

test('a file that is here is not sent again, nor anything into a batch that was committed', async () => {
  const data = await jpegScan(53);
  const [visit] = await scanFolder(folder('郑十', { '首页.jpg': data }));
  await client.call('POST', '/api/v1/batches', { batchId: 'closed', ...registrationOf(visit!) });
  await client.upload('closed', 1, data);
  const { agent, csrf } = await login('clerk');
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const send = async () => {
    const headers = {
      'X-CSRF-Token': csrf,
      'Tus-Resumable': '1.0.0',
      'Upload-Length': String(data.length),
      'Upload-Metadata': `batchId ${base64('closed')},partNo ${base64('1')}`,
    };
    const { status, body } = await agent.post(`/api/v1${UPLOADS_PATH}`).set(headers).responseType('blob');
    return { status, ...(JSON.parse((body as Buffer).toString('utf8')) as object) };
  };
  expect(await send()).toMatchObject({ status: 409, code: 'batch-closed', data: { field: 'partNo' } });
  await client.call('POST', '/api/v1/batches/closed/commit');
  expect(await send()).toMatchObject({ status: 409, code: 'batch-closed', data: { field: 'batchId' } });
});

test('names in GB18030 are read', async () => {
  const where = path.join(dir, 'gb');
  mkdirSync(where);
  const raw = Buffer.concat([Buffer.from(`${where}/`), iconv.encode('病案首页.jpg', 'gb18030')]);
  writeFileSync(raw, await jpegScan(61));
  const [visit] = await scanFolder(where);
  expect(visit!.files[0]).toMatchObject({ fileName: '病案首页.jpg', documentType: 'frontPage' });
});

describe('a registration that is wrong is refused, naming the field', () => {
  const part = {
    partNo: 1,
    fileName: 'a.jpg',
    mediaType: 'image/jpeg',
    documentType: 'frontPage',
    bytes: 10,
    sm3: '0'.repeat(64),
    pageCount: 1,
  };
  const good = {
    batchId: 'b',
    patientNo: '1',
    visitNo: '1',
    patientName: '甲',
    dischargedAt: '2026-11-24T00:00:00Z',
    parts: [part],
  };
  test.each<[string, object]>([
    ['/body/colour', { ...good, colour: 'red' }],
    ['/body/batchId', { ...good, batchId: '../x' }],
    ['/body/patientName', { ...good, patientName: 'nul\u0000' }],
    ['/body/dischargedAt', { ...good, dischargedAt: 'yesterday' }],
    ['/body/parts', { ...good, parts: [] }],
    ['/body/parts', { ...good, parts: [part, part] }],
    ['/body/parts/0/fileName', { ...good, parts: [{ ...part, fileName: '../../etc/passwd' }] }],
    ['/body/parts/0/fileName', { ...good, parts: [{ ...part, fileName: 'a\u0000.jpg' }] }],
    ['/body/parts/0/fileName', { ...good, parts: [{ ...part, fileName: 'broken \ufffd.jpg' }] }],
    ['/body/parts/0/bytes', { ...good, parts: [{ ...part, bytes: 0 }] }],
    ['/body/parts/0/bytes', { ...good, parts: [{ ...part, bytes: 1024 ** 3 }] }],
    ['/body/parts/0/mediaType', { ...good, parts: [{ ...part, mediaType: 'application/zip' }] }],
    ['/body/parts/0/sm3', { ...good, parts: [{ ...part, sm3: 'xyz' }] }],
    ['/body/parts/0/size', { ...good, parts: [{ ...part, size: 3 }] }],
  ])('%s', async (pointer, registration) => {
    const refused = client.call('POST', '/api/v1/batches', registration);
    await expect(refused).rejects.toMatchObject({ status: 400, code: 'request-invalid' });
    const { problem } = (await refused.catch((error: unknown) => error)) as {
      problem: { errors: { pointer: string; message: string }[] };
    };
    const field = pointer.slice(pointer.lastIndexOf('/') + 1);
    expect(problem.errors.some((error) => error.pointer === pointer || error.message.includes(`"${field}"`))).toBe(
      true,
    );
  });

  test('another batch under the same id', async () => {
    await client.call('POST', '/api/v1/batches', { ...good, batchId: 'same', patientNo: 'same' });
    const other = { ...good, batchId: 'same', patientNo: 'same', visitNo: '2' };
    await expect(client.call('POST', '/api/v1/batches', other)).rejects.toMatchObject({
      status: 409,
      code: 'batch-conflict',
    });
  });

  test('committed before its files are here', async () => {
    await client.call('POST', '/api/v1/batches', { ...good, batchId: 'early', patientNo: 'early' });
    const refused = client.call('POST', '/api/v1/batches/early/commit');
    await expect(refused).rejects.toMatchObject({
      status: 409,
      code: 'batch-incomplete',
      problem: { data: { missing: [1] } },
    });
  });
});

describe('a second batch of a visit', () => {
  const register = async (batchId: string, more: object = {}) =>
    client.call<{ archiveId: string }>('POST', '/api/v1/batches', { ...visit(batchId), ...more });
  const visit = (batchId: string) => ({
    batchId,
    patientNo: `second-${batchId.split('.')[0]}`,
    visitNo: '1',
    patientName: '样例甲',
    dischargedAt: '2026-11-24T08:00:30Z',
    parts: [
      {
        partNo: 1,
        fileName: 'a.jpg',
        mediaType: 'image/jpeg',
        documentType: 'frontPage',
        bytes: 10,
        sm3: '0'.repeat(64),
        pageCount: 1,
      },
    ],
  });

  test('goes to the same archive; a discharge is the same to the minute', async () => {
    const { archiveId } = await register('agrees.1');
    expect(await register('agrees.2', { dischargedAt: '2026-11-24T08:00:00Z' })).toMatchObject({ archiveId });
  });

  test.each([
    ['patientName', { patientName: '样例乙' }],
    ['dischargedAt', { dischargedAt: '2026-11-25T08:00:00Z' }],
  ])('with another %s is refused, and what the archive holds is not told', async (field, other) => {
    const name = `other-${field}`;
    const { archiveId } = await register(`${name}.1`);
    const refusal = await register(`${name}.2`, other).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ status: 409, code: 'visit-conflict', problem: { data: { field } } });
    const { problem } = refusal as { problem: object };
    expect(JSON.stringify(problem)).not.toMatch(/样例甲|2026-11-24/);
    const { Batch, Archive } = deps.store.models;
    expect(await Batch.countDocuments({ batchId: `${name}.2` })).toBe(0);
    const kept = { patientName: '样例甲', dischargedAt: new Date('2026-11-24T08:00:30Z') };
    expect(await Archive.findOne({ archiveId }).lean()).toMatchObject(kept);
    // The first one again is the same answer as ever.
    expect(await register(`${name}.1`)).toMatchObject({ archiveId });
  });

  test('says what the archive does not say yet; from then on it holds', async () => {
    const { archiveId } = await register('absent.1');
    const { Archive } = deps.store.models;
    await Archive.collection.updateOne({ archiveId }, { $unset: { patientName: 1, dischargedAt: 1 } });
    const said = { patientName: '样例丙', dischargedAt: '2026-11-26T08:00:00Z' };
    await register('absent.2', said);
    const kept = { patientName: '样例丙', dischargedAt: new Date(said.dischargedAt) };
    expect(await Archive.findOne({ archiveId }).lean()).toMatchObject(kept);
    await expect(register('absent.3')).rejects.toMatchObject({ code: 'visit-conflict' });
  });
});

describe('who may do what', () => {
  test('a change without the page’s token', async () => {
    const { agent } = await login('clerk');
    await agent.post('/api/v1/batches').send({}).expect(403);
  });

  test('a request cannot be sent twice, nor changed, nor kept for later', async () => {
    const { signRequest } = await import('../../../platform/http/signature.ts');
    const wrong = new ApiClient(url, { appId: 'scanner', algorithm: 'hmac-sha256', key: Buffer.alloc(32) });
    await expect(wrong.call('GET', '/api/v1/batches')).rejects.toMatchObject({ code: 'signature-invalid' });
    const { key } = (client as unknown as { apiKey: { key: Buffer } }).apiKey;
    const created = Math.floor(Date.now() / 1000);
    const sign = (target: string, at: number, nonce: string) =>
      signRequest({ method: 'GET', target }, { keyId: 'scanner', nonce, created: at, algorithm: 'hmac-sha256' }, key);
    const code = async (target: string, headers: Record<string, string>) =>
      ((await request(url).get(target).set(headers)).body as { code?: string }).code;
    const once = sign('/api/v1/batches', created, 'once-and-only-once');
    expect(await code('/api/v1/batches', once)).toBeUndefined();
    expect(await code('/api/v1/batches', once)).toBe('nonce-used');
    expect(await code('/api/v1/batches?limit=9', sign('/api/v1/batches', created, 'other-target-nonce'))).toBe(
      'signature-invalid',
    );
    expect(await code('/api/v1/batches', sign('/api/v1/batches', created - 600, 'ten-minutes-ago-1'))).toBe(
      'signature-expired',
    );
  });
});

test('the description of the api has every route', async () => {
  const { body } = await request(url).get('/api/v1/openapi.json').expect(200);
  const { openapi, paths } = body as { openapi: string; paths: Record<string, object> };
  expect(openapi).toBe('3.1.0');
  for (const { path: target, method } of createRoutes(deps)) expect(paths[target]).toHaveProperty(method);
});

test('a stored file that was damaged hands the archive to a person; put right, and tried again at their word', async () => {
  const [visit] = await scanFolder(folder('郑十', { '首页.jpg': await jpegScan(81) }));
  await client.call('POST', '/api/v1/batches', { batchId: 'damaged', ...registrationOf(visit!) });
  await client.upload('damaged', 1, await jpegScan(81));
  const files = deps.store.connection.collection('objects.files');
  const { parts } = (await deps.store.models.Batch.findOne({ batchId: 'damaged' }).lean())!;
  const _id = parts[0]!.objectId as never;
  const { metadata } = (await files.findOne({ _id }))!;
  await files.updateOne({ _id }, { $set: { 'metadata.sm3': '0'.repeat(64) } });
  const { agent, csrf } = await login('clerk');
  const batch = await client.call<{ archiveId: string }>('POST', '/api/v1/batches/damaged/commit');
  const archive = () => client.call<{ state: string }>('GET', `/api/v1/archives/${batch.archiveId}`);
  await until(async () => (await archive()).state === 'failed');
  await files.updateOne({ _id }, { $set: { metadata } });
  const retry = () => agent.post(`/api/v1/archives/${batch.archiveId}/retry`).set('X-CSRF-Token', csrf);
  await retry().send({}).expect(400);
  await retry().send({ reason: '已从备份恢复原件' }).expect(204);
  expect(await waitForEnd(client, batch as never)).toMatchObject({ state: 'attested' });
  expect((await retry().send({ reason: '再试' }).expect(409)).body).toMatchObject({ code: 'retry-not-needed' });
});

test('scan stations: when each was last heard of, what it has under way, and how long the disk will do', async () => {
  const { agent } = await login('clerk');
  const scan = await jpegScan(95);
  const [visit] = await scanFolder(folder('冯一', { '首页.jpg': scan }));
  const stations = async () =>
    (await agent.get('/api/v1/stations').expect(200)).body as {
      disk: { level: string; daysLeft: number };
      items: {
        sender: string;
        scannerId: string;
        lastContactAt: string;
        backlog: Record<string, number>;
        lastHour: { pages: number; bytes: number };
      }[];
    };
  const station = async () => (await stations()).items.find(({ scannerId }) => scannerId === 'CZ-01')!;
  const registration = { batchId: 'station-1', ...registrationOf(visit!), scannerId: 'CZ-01' };
  await client.call('POST', '/api/v1/batches', registration);
  const announced = await station();
  expect(announced).toMatchObject({
    sender: 'scanner',
    backlog: { receiving: 1, parked: 0, checking: 0, partlyFailed: 0 },
  });
  // Announced is not yet here.
  expect(announced.lastHour).toEqual({ pages: 0, bytes: 0 });
  await client.upload('station-1', 1, scan);
  expect((await station()).lastContactAt > announced.lastContactAt).toBe(true);
  expect((await station()).lastHour).toEqual({ pages: 1, bytes: scan.length });
  const batch = await client.call<Awaited<ReturnType<typeof sendVisit>>>('POST', '/api/v1/batches/station-1/commit');
  await waitForEnd(client, batch);
  expect(await station()).toMatchObject({ backlog: { receiving: 0, checking: 0, awaitingCatalog: 0 } });
  expect((await stations()).disk).toMatchObject({ level: 'ok', daysLeft: expect.any(Number) });
});

test('what a station brought more than an hour ago is not of the last hour', async () => {
  const { agent } = await login('clerk');
  const scan = await jpegScan(96);
  const [visit] = await scanFolder(folder('冯二', { '首页.jpg': scan }));
  const lastHour = async () => {
    const { body } = await agent.get('/api/v1/stations').expect(200);
    const { items } = body as { items: { scannerId: string; lastHour: object }[] };
    return items.find(({ scannerId }) => scannerId === 'CZ-09')!.lastHour;
  };
  await client.call('POST', '/api/v1/batches', { batchId: 'hour-1', ...registrationOf(visit!), scannerId: 'CZ-09' });
  await client.upload('hour-1', 1, scan);
  expect(await lastHour()).toEqual({ pages: 1, bytes: scan.length });
  const before = new Date(Date.now() - 61 * 60_000);
  await deps.store.models.Batch.updateOne({ batchId: 'hour-1' }, { $set: { createdAt: before } });
  expect(await lastHour()).toEqual({ pages: 0, bytes: 0 });
});

describe('batches are listed', () => {
  const list = async (query: object) => {
    const { agent } = await login('clerk');
    const { status, body } = await agent.get('/api/v1/batches').query(query);
    return {
      status,
      body: body as { code?: string; items: { batchId: string; scannerId?: string; isLate: boolean }[] },
    };
  };
  const ids = async (query: object) => (await list(query)).body.items.map(({ batchId }) => batchId);

  test('by station', async () => {
    const [visit] = await scanFolder(folder('冯三', { '首页.jpg': await jpegScan(97) }));
    const register = (batchId: string, scannerId?: string) =>
      client.call('POST', '/api/v1/batches', {
        ...registrationOf(visit!),
        batchId,
        ...(scannerId !== undefined && { scannerId }),
      });
    await register('listed-1', 'CZ-07');
    await register('listed-2', 'CZ-08');
    await register('listed-3');
    await register('listed-4', 'CZ-07');
    expect(await ids({ sender: 'scanner', scannerId: 'CZ-07' })).toEqual(['listed-4', 'listed-1']);
    expect(await ids({ sender: 'scanner', scannerId: 'CZ-07', state: 'archived' })).toEqual([]);
    const unnamed = (await list({ sender: 'scanner', scannerId: '', limit: 100 })).body.items;
    expect(unnamed.map(({ batchId }) => batchId)).toContain('listed-3');
    expect(unnamed.every(({ scannerId }) => scannerId === undefined)).toBe(true);
    expect(await ids({ sender: 'nobody' })).toEqual([]);
    expect(await list({ scannerId: '../x' })).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
  });

  test('by late scans', async () => {
    const where = folder('冯四', { '首页.jpg': await jpegScan(98) });
    const [visit] = await scanFolder(where);
    const first = await sendVisit(client, visit!);
    await waitForEnd(client, first);
    writeFileSync(path.join(where, '检查.png'), await pngScan(99));
    const [both] = await scanFolder(where);
    const late = await sendVisit(client, { ...visit!, files: both!.files }, () => {}, { reason: '补扫检查报告' });
    const { items } = (await list({ late: 'true', limit: 100 })).body;
    expect(items.map(({ batchId }) => batchId)).toContain(late.batchId);
    expect(items.every(({ isLate }) => isLate)).toBe(true);
    expect(items.map(({ batchId }) => batchId)).not.toContain(first.batchId);
    expect(await list({ late: 'maybe' })).toMatchObject({ status: 400, body: { code: 'request-invalid' } });
  });

  test.each<[string, object]>([
    ['a station', { sender: 'scanner', scannerId: 'CZ-07' }],
    ['a station without a name', { sender: 'scanner', scannerId: null }],
    ['late scans', { isLate: true }],
  ])('of %s: an index has them in order', async (_what, filter) => {
    const explained = await deps.store.models.Batch.find(filter)
      .sort({ createdAt: -1, _id: -1 })
      .explain('queryPlanner');
    const plan = JSON.stringify(
      (explained as unknown as { queryPlanner: { winningPlan: object } }).queryPlanner.winningPlan,
    );
    expect(plan).toContain('IXSCAN');
    expect(plan).not.toMatch(/"(SORT|COLLSCAN)"/);
  });
});

test('a disk that is full: nothing new is taken in, and what was begun goes on once there is space', async () => {
  const { agent } = await login('sysadmin');
  const disk = async () =>
    ((await agent.get('/api/v1/status').expect(200)).body as { services: { disk: { state: string; detail: object } } })
      .services.disk;
  const scan = await jpegScan(91);
  const [visit] = await scanFolder(folder('褚满', { '首页.jpg': scan }));
  const register = (batchId: string) =>
    client.call<{ batchId: string }>('POST', '/api/v1/batches', { batchId, ...registrationOf(visit!) });
  await register('disk-full');
  const { disk: thresholds } = deps;
  const full = expect.objectContaining({ code: 'disk-full', status: 507 });
  try {
    // The disk is as it is; the thresholds are set where it stands.
    deps.disk = { warnAt: Number.MIN_VALUE, refuseAt: 1 };
    expect(await disk()).toMatchObject({ state: 'degraded', detail: { usedFraction: expect.any(Number) } });
    expect((await disk()).detail).not.toHaveProperty('code');
    deps.disk = { warnAt: Number.MIN_VALUE, refuseAt: Number.MIN_VALUE };
    expect(await disk()).toMatchObject({ state: 'degraded', detail: { code: 'disk-full' } });
    await expect(register('disk-full-2')).rejects.toEqual(full);
    expect(await deps.store.models.Batch.countDocuments({ batchId: 'disk-full-2' })).toBe(0);
    // Who asks for what is there already is told of it.
    expect(await register('disk-full')).toMatchObject({ batchId: 'disk-full' });
    await expect(client.upload('disk-full', 1, scan)).rejects.toEqual(full);
    expect(await deps.store.models.Batch.findOne({ batchId: 'disk-full' }).lean()).toMatchObject({
      parts: [{ state: 'expected' }],
    });
  } finally {
    deps.disk = thresholds;
  }
  await client.upload('disk-full', 1, scan);
  const batch = await client.call<Awaited<ReturnType<typeof sendVisit>>>('POST', '/api/v1/batches/disk-full/commit');
  expect(await waitForEnd(client, batch)).toMatchObject({ state: 'attested' });
});

test('the card taken away: the status says so, work waits, and goes on by itself when it is back', async () => {
  const { agent } = await login('sysadmin');
  const status = async () =>
    (
      (await agent.get('/api/v1/status').expect(200)).body as {
        services: Record<string, { state: string; detail: object }>;
      }
    ).services;
  expect(await status()).toMatchObject({
    card: { state: 'ok' },
    ledger: { state: 'ok' },
    database: { state: 'ok' },
    workflows: { state: 'ok' },
  });
  const [visit] = await scanFolder(folder('吴九', { '首页.jpg': await jpegScan(71) }));
  await client.call('POST', '/api/v1/batches', { batchId: 'card-away', ...registrationOf(visit!) });
  await client.upload('card-away', 1, await jpegScan(71));
  const tokens = path.join(member.card.dir, 'tokens');
  renameSync(tokens, `${tokens}.away`);
  expect((await status()).card).toMatchObject({
    state: 'down',
    detail: { code: 'card-unavailable', cause: 'removed' },
  });
  const batch = await client.call<{ batchId: string; archiveId: string }>('POST', '/api/v1/batches/card-away/commit');
  let steps: { state: string; failure?: string }[] = [];
  while (!steps.some(({ state }) => state === 'retrying')) {
    const timeline = await client.call<{ steps: typeof steps }>('GET', `/api/v1/archives/${batch.archiveId}/timeline`);
    ({ steps } = timeline);
  }
  expect(steps.at(-1)).toMatchObject({ state: 'retrying', failure: 'card-unavailable' });
  renameSync(`${tokens}.away`, tokens);
  expect(await waitForEnd(client, batch as never)).toMatchObject({ state: 'attested' });
});
