import { MockActivityEnvironment } from '@temporalio/testing';
import { mongo } from 'mongoose';
import { createSweepingActivities } from '../../../activities/sweeping.ts';
import { DEFAULT_TEMPLATE } from '../../../domain/catalog.ts';
import { type FrontPage, isIdNumber } from '../../../domain/front-page.ts';
import { ApiClient } from '../../../ops/ingest/client.ts';
import { jcs, sm3 } from '../../../platform/crypto/index.ts';
import { type Batch, keepFrontPage, openStore, sealFrontPage } from '../../../platform/store/index.ts';
import { archivingStatusQuery, archivingWorkflowId } from '../../../workflows/shared.ts';
import { type Person, TestApi } from '../../fixtures/api.ts';
import { committed, frontPage, startArchiving } from '../../fixtures/archiving.ts';
import { jpegScan } from '../../fixtures/documents.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';

const member = new TestMember('front-page');
const api = new TestApi(member);
let client: ApiClient;
let doctor: Person, clerk: Person, medical: Person, sysadmin: Person;

beforeAll(async () => {
  await member.start();
  await api.start();
  client = new ApiClient(api.url, { appId: 'scanner', algorithm: 'hmac-sha256', key: api.scannerSecret });
  [doctor, clerk, medical, sysadmin] = (await Promise.all(
    ['doctor', 'clerk', 'medical', 'sysadmin'].map((name) => api.login(name)),
  )) as [Person, Person, Person, Person];
});
afterAll(async () => {
  api.stop();
  await member.stop();
});

const ID_NUMBER = [...'0123456789X'].map((digit) => `44010119800101001${digit}`).find(isIdNumber)!;
const PHONE = '19900012345';
const ADMITTED = '2026-11-20T02:00:00Z';
const DISCHARGED = '2026-11-24T08:00:00Z';
const page = (patientNo: string, more: Partial<FrontPage> = {}): FrontPage => ({
  ...{ patientNo, name: '样例甲', sex: 'male', birthDate: '1980-01-01', idNumber: ID_NUMBER, phone: PHONE },
  ...{ admittedAt: '2026-11-20T10:00:00+08:00', dischargedAt: DISCHARGED },
  ...{ mainDiagnosis: '高血压', mainDiagnosisCode: 'I10.x00' },
  ...more,
});
const WRONG = { admittedAt: '2026-11-25T02:00:00Z' };

interface Check {
  check: number;
  state: string;
  rules: number;
  findings: { field: string; rule: string }[];
  by: string;
  at: string;
  batchId?: string;
  correction?: number;
}
let count = 0;
async function announced(patientNo: string, more: object = {}) {
  count += 1;
  const data = await jpegScan(800 + count);
  const part = {
    ...{ partNo: 1, fileName: 'a.jpg', mediaType: 'image/jpeg', documentType: 'frontPage' },
    ...{ bytes: data.length, sm3: sm3(data).toString('hex'), pageCount: 1 },
  };
  const visit = { patientNo, visitNo: '1', patientName: '样例甲', admittedAt: ADMITTED, dischargedAt: DISCHARGED };
  return {
    data,
    registration: { batchId: `front-${count}`, ...visit, documentsComplete: true, parts: [part], ...more },
  };
}
const register = (registration: object) => client.call<Batch>('POST', '/api/v1/batches', registration);
/** Gives the id of its archive. */
async function sent(patientNo: string, more: object = {}): Promise<string> {
  const { data, registration } = await announced(patientNo, more);
  await register(registration);
  await client.upload(registration.batchId, 1, data);
  return (await client.call<Batch>('POST', `/api/v1/batches/${registration.batchId}/commit`)).archiveId;
}
const attested = (archiveId: string) =>
  until(async () => (await member.store.models.Archive.findOne({ archiveId }).lean())?.state === 'attested');
async function archived(patientNo: string, more: object = {}): Promise<string> {
  const archiveId = await sent(patientNo, more);
  await attested(archiveId);
  return archiveId;
}
const checkOf = async (id: string, person = clerk) =>
  (await person.ok<{ frontPage: Check | null }>('get', `/archives/${id}`)).frontPage;
const listed = async (state: string, person = clerk) =>
  (await person.ok<{ items: { archiveId: string }[] }>('get', `/archives?frontPage=${state}&limit=100`)).items.map(
    ({ archiveId }) => archiveId,
  );
const read = (id: string, person = clerk) =>
  person.ok<{ page: FrontPage | null; checks: Check[] }>('get', `/archives/${id}/front-page`);
const enter = (id: string, base: number, said: FrontPage, person = clerk) =>
  person.call('put', `/archives/${id}/front-page`, { base, page: said });
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => null,
    (thrown: unknown) => (thrown as { code?: string }).code,
  );

test('首页数据 comes with the files: checked, kept with who, when and by which rules, and found in lists', async () => {
  const id = await archived('front-1', { frontPage: page('front-1') });
  const check = await checkOf(id, doctor);
  expect(check).toMatchObject({ check: 1, state: 'passed', rules: 1, findings: [], by: 'scanner', batchId: 'front-1' });
  expect(Date.parse(check!.at)).toBeLessThanOrEqual(Date.now());
  expect([await listed('passed'), await listed('faulty'), await listed('unchecked')]).toEqual([[id], [], []]);
  expect((await read(id)).page).toEqual(page('front-1'));
});

test('its id number and phone are nowhere in the database in clear, nor a digest of what names the batch', async () => {
  const kept: Buffer[] = [];
  for (const { name } of await member.store.connection.db!.listCollections().toArray())
    for await (const row of member.store.connection.db!.collection(name).find())
      kept.push(Buffer.from(mongo.BSON.serialize(row)));
  const all = Buffer.concat(kept);
  // What is looked for would be found: the name is there.
  expect(all.includes('样例甲')).toBe(true);
  expect([ID_NUMBER, PHONE, 'I10.x00'].filter((secret) => all.includes(secret))).toEqual([]);
  const { registration } = await announced('front-digest', { frontPage: page('front-digest') });
  await register(registration);
  const { registrationSm3 } = (await member.store.models.Batch.findOne({ batchId: registration.batchId }).lean())!;
  expect(registrationSm3).not.toBe(sm3(Buffer.from(jcs(registration))).toString('hex'));
  await register(registration);
  expect(await codeOf(register({ ...registration, frontPage: page('front-digest', { phone: '19900012346' }) }))).toBe(
    'batch-conflict',
  );
  // The same page sealed twice has two digests: no other is guessed by it.
  const { objects } = member.store;
  const digests = await Promise.all(
    [1, 2].map(async () => (await objects.stat(await sealFrontPage(objects, page('front-digest')))).sm3),
  );
  expect(digests[0]).not.toBe(digests[1]);
});

test('one with faults is told of and archived all the same, unless the template asks for it; the timeline names them in Chinese', async () => {
  const id = await archived('front-2', { frontPage: page('front-2', WRONG) });
  expect(await checkOf(id)).toMatchObject({
    state: 'faulty',
    findings: [
      { field: 'dischargedAt', rule: 'dischargeBeforeAdmission' },
      { field: 'admittedAt', rule: 'differs' },
    ],
  });
  expect(await listed('faulty')).toEqual([id]);
  const steps = async (person: Person, path: string) =>
    (await person.ok<{ steps: { step: string; text?: string }[] }>('get', path)).steps
      .filter(({ step }) => step === 'askFrontPage')
      .map(({ text }) => text);
  expect(await steps(clerk, `/archives/${id}/timeline`)).toEqual([
    '出院时间：早于入院时间；入院时间：与登记信息不一致',
  ]);
  // Who runs the system sees that it was asked, not what was found.
  const workflowId = archivingWorkflowId(member.memberId, id);
  expect(await steps(sysadmin, `/workflows/${encodeURIComponent(workflowId)}`)).toEqual([undefined]);
});

test('entered by the records room on the archive, put right there, each with its trace', async () => {
  const id = await archived('front-3');
  expect([await checkOf(id), await read(id)]).toEqual([null, { page: null, checks: [] }]);
  expect(await listed('unchecked')).toContain(id);
  const { body } = await enter(id, 0, page('front-3', { idNumber: ID_NUMBER.replace('1980', '1981') })).expect(200);
  expect(body).toMatchObject({ check: 1, state: 'faulty', by: 'clerk', findings: [{ rule: 'idInvalid' }] });
  await enter(id, 1, page('front-3')).expect(200);
  const { page: said, checks } = await read(id);
  expect(said).toEqual(page('front-3'));
  expect(checks.map(({ check, state }) => [check, state])).toEqual([
    [2, 'passed'],
    [1, 'faulty'],
  ]);
  const rows = await member.store.models.TraceEntry.find({ archiveId: id, action: /^frontPage/ }).lean();
  expect(rows.map(({ action, actor }) => [action, actor.id])).toEqual([
    ['frontPage.open', 'clerk'],
    ['frontPage.enter', 'clerk'],
    ['frontPage.enter', 'clerk'],
    ['frontPage.open', 'clerk'],
  ]);
});

test('it comes with files that are all there already: taken as well', async () => {
  const { data, registration } = await announced('front-4');
  const { archiveId } = await register(registration);
  await client.upload(registration.batchId, 1, data);
  await client.call('POST', `/api/v1/batches/${registration.batchId}/commit`);
  await attested(archiveId);
  const again = { ...registration, batchId: 'front-4-again', frontPage: page('front-4') };
  expect((await register(again)).state).toBe('duplicate');
  await register(again);
  expect(await checkOf(archiveId)).toMatchObject({ check: 1, state: 'passed', batchId: 'front-4-again' });
});

test('of a visit that has not ended it waits with the files', async () => {
  const { data, registration } = await announced('front-5', { frontPage: page('front-5') });
  const { dischargedAt: _ended, ...inHospital } = registration;
  await register({ ...inHospital, inHospital: true });
  await client.upload(registration.batchId, 1, data);
  await client.call('POST', `/api/v1/batches/${registration.batchId}/commit`);
  const { archiveId } = await clerk.ok<Batch>('post', `/batches/${registration.batchId}/discharge`, {
    dischargedAt: DISCHARGED,
  });
  await attested(archiveId);
  expect(await checkOf(archiveId)).toMatchObject({ state: 'passed', by: 'scanner' });
});

test('what the archive is registered with is corrected: its front page is held against that', async () => {
  api.deps.corrections.needApproval = false;
  const id = await archived('front-6', { frontPage: page('front-6', { name: '样例乙' }) });
  expect(await checkOf(id)).toMatchObject({ state: 'faulty', findings: [{ field: 'name', rule: 'differs' }] });
  const registered = { patientName: '样例乙', department: '', admittedAt: ADMITTED, dischargedAt: DISCHARGED };
  await clerk.ok('post', `/archives/${id}/corrections`, { base: 0, registered, reason: '与首页核对' });
  expect(await checkOf(id)).toMatchObject({ check: 2, state: 'passed', by: 'clerk', correction: 1 });
});

test('refused by code: no archive, on hold, entered meanwhile, what is none of its fields, by who may not', async () => {
  const id = await archived('front-7');
  expect((await enter('ar_none', 0, {})).body).toMatchObject({ code: 'archive-not-found' });
  expect((await enter(id, 1, page('front-7'))).body).toMatchObject({ code: 'front-page-changed', data: { base: 0 } });
  const answers = await Promise.all([1, 2].map(() => enter(id, 0, page('front-7'))));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  expect(answers.find(({ status }) => status === 409)!.body).toMatchObject({
    code: 'front-page-changed',
    data: { base: 1, theirs: { check: 1, by: 'clerk', byName: expect.any(String) as string } },
  });
  expect((await enter(id, 1, { ...page('front-7'), other: 1 } as never)).body).toMatchObject({
    code: 'request-invalid',
  });
  expect((await enter(id, 1, page('front-7', { name: 'a\u0000' }))).body).toMatchObject({
    code: 'request-invalid',
    errors: [{ pointer: '/body/page/name' }],
  });
  const bad = await announced('front-8', { frontPage: { sex: 'x' } });
  expect(await codeOf(register(bad.registration))).toBe('request-invalid');
  for (const person of [doctor, medical, sysadmin]) {
    expect((await enter(id, 1, {}, person)).body).toMatchObject({ code: 'permission-denied' });
    expect(await person.refusal('get', `/archives/${id}/front-page`)).toBe('permission-denied');
  }
  await medical.ok('post', `/archives/${id}/hold`, { reason: '纠纷' });
  expect((await enter(id, 1, page('front-7'))).body).toMatchObject({ code: 'archive-held' });
  // What a system sends while it is on hold is taken in, as its files are.
  expect(await keepFrontPage(member.store, id, await taken('front-7'))).toMatchObject({ check: 2 });
});
const taken = async (patientNo: string) => ({
  objectId: await sealFrontPage(member.store.objects, page(patientNo)),
  by: 'his',
});

test('a sweep leaves what is named, and takes what a try that broke off left behind', async () => {
  const { objects, models } = member.store;
  const orphan = (await taken('front-none')).objectId;
  const { sweepObjects } = createSweepingActivities(member.deps);
  const environment = new MockActivityEnvironment();
  await environment.run(() => sweepObjects({ unfinishedMs: 86_400_000, orphanedMs: 0 }));
  expect(await codeOf(objects.stat(orphan))).toBe('object-not-found');
  for (const { objectId } of await models.FrontPage.find().lean()) await objects.stat(objectId);
  const { frontPage: waiting } = (await models.Batch.findOne({ state: 'receiving', frontPage: /./ }).lean())!;
  await objects.stat(waiting!);
});

test('archives of before are not checked, and found as such', async () => {
  const { Archive } = member.store.models;
  const [archiveId] = await listed('passed');
  await Archive.collection.updateOne({ archiveId }, { $unset: { frontPage: 1 } });
  const uri = process.env.TEST_MONGODB_URI!;
  await (await openStore({ uri, db: member.store.connection.name }, member.card.card)).close();
  expect(await listed('unchecked')).toContain(archiveId);
});

test('where the template asks for it, archiving waits until it passes, though all documents are there', async () => {
  const template = { branches: DEFAULT_TEMPLATE.branches, effectiveFrom: '2026-01-01', reason: '首页质控' };
  const { body } = await medical
    .call('post', '/catalog-templates', { from: 1, ...template, frontPage: 'required' })
    .expect(201);
  expect(body).toMatchObject({ frontPage: 'required' });
  const id = await sent('front-9');
  const status = () =>
    member.client.workflow.getHandle(archivingWorkflowId(member.memberId, id)).query(archivingStatusQuery);
  await until(async () => (await status()).state === 'awaitingDocuments');
  expect(await status()).toMatchObject({ missing: [], frontPage: { state: 'unchecked', text: '未检查' } });
  await enter(id, 0, page('front-9', { mainDiagnosisCode: 'S72.0' })).expect(200);
  await until(async () => (await status()).frontPage?.state === 'faulty');
  expect((await status()).frontPage!.text).toBe('损伤中毒外部原因编码：主要诊断为损伤或中毒，必须填写');
  await until(async () => (await status()).state === 'awaitingDocuments');
  await enter(id, 1, page('front-9', { mainDiagnosisCode: 'S72.0', externalCauseCode: 'W01.0' })).expect(200);
  await attested(id);
  const items = (await clerk.ok<{ items: { version: number; frontPage: string }[] }>('get', '/catalog-templates'))
    .items;
  expect(items.map(({ version, frontPage: policy }) => [version, policy])).toEqual([
    [2, 'required'],
    [1, 'advisory'],
  ]);
});

test('a step that is tried again takes what came with a batch once', async () => {
  const batchId = await committed(member, 'ar_front', [await frontPage(99)], {
    frontPage: (await taken('ar_front')).objectId,
  });
  const told = {
    objectId: (await member.store.models.Batch.findOne({ batchId }).lean())!.frontPage!,
    by: 'test',
    batchId,
  };
  await Promise.all([1, 2].map(() => keepFrontPage(member.store, 'ar_front', told)));
  await startArchiving(member, 'ar_front', batchId);
  await until(async () => (await member.store.models.Batch.findOne({ batchId }).lean())?.state !== 'checking');
  expect(await member.store.models.FrontPage.countDocuments({ archiveId: 'ar_front' })).toBe(1);
});
