import { ApiClient } from '../../../ops/ingest/client.ts';
import { sm3 } from '../../../platform/crypto/index.ts';
import type { Batch } from '../../../platform/store/index.ts';
import { type Person, TestApi } from '../../fixtures/api.ts';
import { jpegScan } from '../../fixtures/documents.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';

const member = new TestMember('parking');
const api = new TestApi(member);
let client: ApiClient;
let clerk: Person, sysadmin: Person;

beforeAll(async () => {
  await member.start();
  await api.start();
  client = new ApiClient(api.url, { appId: 'scanner', algorithm: 'hmac-sha256', key: api.scannerSecret });
  [clerk, sysadmin] = (await Promise.all(['clerk', 'sysadmin'].map((name) => api.login(name)))) as [Person, Person];
});
afterAll(async () => {
  api.stop();
  await member.stop();
});

interface Shown {
  batchId: string;
  archiveId: string;
  state: string;
  visit?: { patientNo: string; patientName: string };
  corrected?: { before: { patientName: string }; by: string; reason: string }[];
  withdrawn?: { by: string; reason: string };
  parts: { state: string }[];
}
const DISCHARGED = '2026-11-24T08:00:00Z';
let count = 0;
/** A file, and the batch that announces it. */
async function announced(patientNo: string, more: object) {
  count += 1;
  const data = await jpegScan(700 + count);
  const batchId = `parking-${count}`;
  const part = {
    ...{ partNo: 1, fileName: 'a.jpg', mediaType: 'image/jpeg', documentType: 'frontPage' },
    ...{ bytes: data.length, sm3: sm3(data).toString('hex'), pageCount: 1 },
  };
  const visit = { patientNo, visitNo: '1', patientName: '样例甲', documentsComplete: true, parts: [part] };
  return { data, registration: { batchId, ...visit, ...more } };
}
const register = (registration: object) => client.call<Shown>('POST', '/api/v1/batches', registration);
const batch = (batchId: string) => client.call<Shown>('GET', `/api/v1/batches/${batchId}`);
const commit = (batchId: string) => client.call<Shown>('POST', `/api/v1/batches/${batchId}/commit`);
async function sent(patientNo: string, more: object): Promise<Shown> {
  const { data, registration } = await announced(patientNo, more);
  await register(registration);
  await client.upload(registration.batchId, 1, data);
  return commit(registration.batchId);
}
const parked = (patientNo: string, more: object = {}) => sent(patientNo, { inHospital: true, ...more });
const discharge = (batchId: string, dischargedAt = DISCHARGED, person = clerk) =>
  person.call('post', `/batches/${batchId}/discharge`, { dischargedAt });
const codeOf = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown as { code?: string },
  );
  return error?.code;
};
const attested = (archiveId: string) =>
  until(async () => (await member.store.models.Archive.findOne({ archiveId }).lean())?.state === 'attested');

test('未出院: what is sent waits, in sight of the records room; its discharge is told, and all of the visit is archived', async () => {
  const [first, second] = [await parked('park-1', { admittedAt: '2026-11-20T02:00:00Z' }), await parked('park-1')];
  expect([first.state, second.state]).toEqual(['parked', 'parked']);
  expect((await commit(first.batchId)).state).toBe('parked');
  expect(await member.store.models.Archive.exists({ patientNo: 'park-1' })).toBeNull();
  const list = async (person: Person) =>
    (await person.ok<{ items: Shown[] }>('get', '/batches?state=parked')).items.map(({ visit }) => visit?.patientNo);
  expect(await list(clerk)).toEqual(['park-1', 'park-1']);
  // Who runs the system sees that it waits, not who it is of.
  expect(await list(sysadmin)).toEqual([undefined, undefined]);

  const { body } = await discharge(first.batchId).expect(200);
  const { archiveId, visit } = body as Shown;
  expect(visit).toBeUndefined();
  await attested(archiveId);
  await until(async () => (await batch(second.batchId)).state === 'archived');
  const detail = await clerk.ok<object>('get', `/archives/${archiveId}`);
  expect(detail).toMatchObject({
    patientNo: 'park-1',
    patientName: '样例甲',
    dischargedAt: '2026-11-24T08:00:00.000Z',
  });
  const [entry] = await member.store.models.TraceEntry.find({ action: 'batch.discharge' }).lean();
  expect(entry).toMatchObject({ actor: { id: 'clerk' }, object: { id: first.batchId } });
});

test('a batch that says the discharge releases what waits of its visit, and no other', async () => {
  const [waits, other, otherName] = [
    await parked('park-2'),
    await parked('park-3'),
    await parked('park-2', { patientName: '样例乙' }),
  ];
  const { archiveId } = await sent('park-2', { dischargedAt: DISCHARGED });
  await until(async () => (await batch(waits.batchId)).state === 'archived');
  expect((await batch(waits.batchId)).archiveId).toBe(archiveId);
  expect((await batch(other.batchId)).state).toBe('parked');
  // Someone else's name: a person looks at it.
  expect((await batch(otherName.batchId)).state).toBe('parked');
  expect((await discharge(otherName.batchId)).body).toMatchObject({
    code: 'visit-conflict',
    data: { field: 'patientName' },
  });
});

test('its discharge is told while it is being sent: committed, it is archived', async () => {
  const { data, registration } = await announced('park-4', { inHospital: true });
  await register(registration);
  const { archiveId } = await sent('park-4', { dischargedAt: DISCHARGED });
  await attested(archiveId);
  await client.upload(registration.batchId, 1, data);
  const { state } = await commit(registration.batchId);
  expect(state).toBe('checking');
  await until(async () => (await batch(registration.batchId)).state === 'archived');
  expect(await member.store.models.Batch.findOne({ batchId: registration.batchId }).lean<Batch>()).toMatchObject({
    ...{ archiveId, isLate: true, version: 2, reason: '出院前登记的文书' },
  });
});

test('refused by code: neither said nor both, an ended visit, not waiting, before the admission, by another system', async () => {
  const invalid = async (more: object) => (await announced('park-5', more)).registration;
  expect(await codeOf(register(await invalid({})))).toBe('request-invalid');
  expect(await codeOf(register(await invalid({ inHospital: true, dischargedAt: DISCHARGED })))).toBe('request-invalid');
  const ended = await sent('park-6', { dischargedAt: DISCHARGED });
  expect(await codeOf(register((await announced('park-6', { inHospital: true })).registration))).toBe('visit-conflict');
  expect((await discharge(ended.batchId)).body).toMatchObject({ code: 'batch-not-parked' });
  expect((await discharge('nothing')).body).toMatchObject({ code: 'batch-not-found' });
  expect((await discharge(ended.batchId, DISCHARGED, sysadmin)).body).toMatchObject({ code: 'permission-denied' });
  const waits = await parked('park-7', { admittedAt: '2026-11-20T02:00:00Z' });
  expect((await discharge(waits.batchId, '2026-11-19T02:00:00Z')).body).toMatchObject({
    code: 'request-invalid',
    errors: [{ pointer: '/dischargedAt' }],
  });
});

const withdraw = (batchId: string, reason = '登记有误', person = clerk) =>
  person.call('post', `/batches/${batchId}/withdraw`, { reason });
const said = (patientNo: string, more: object = {}) => ({
  ...{ patientNo, visitNo: '1', patientName: '样例甲', reason: '与腕带核对' },
  ...more,
});
const correct = (batchId: string, visit: object, person = clerk) =>
  person.call('put', `/batches/${batchId}/visit`, visit);
const inStation = async (state: string) =>
  (
    await clerk.ok<{ items: { sender: string; scannerId: string; backlog: Record<string, number> }[] }>(
      'get',
      '/stations',
    )
  ).items.find(({ sender, scannerId }) => sender === 'scanner' && scannerId === 'CZ-11')?.backlog[state];

test('撤回: what was sent goes, who withdrew it and why stay, and its discharge archives nothing', async () => {
  const { batchId } = await parked('park-20', { scannerId: 'CZ-11' });
  expect(await inStation('parked')).toBe(1);
  const { parts } = (await member.store.models.Batch.findOne({ batchId }).lean<Batch>())!;
  const { body } = await withdraw(batchId).expect(200);
  expect(body).toMatchObject({ state: 'withdrawn', withdrawn: { by: 'clerk', reason: '登记有误' } });
  expect(await codeOf(member.store.objects.stat(parts[0]!.objectId!))).toBe('object-not-found');
  expect(await inStation('parked')).toBe(0);
  const [entry] = await member.store.models.TraceEntry.find({ action: 'batch.withdraw' }).lean();
  expect(entry).toMatchObject({ actor: { id: 'clerk' }, object: { id: batchId }, reason: '登记有误' });
  // Again it is the same, and stays who was first.
  expect((await withdraw(batchId, '再次')).body).toMatchObject({ withdrawn: { reason: '登记有误' } });
  expect((await commit(batchId)).state).toBe('withdrawn');
  expect((await discharge(batchId)).body).toMatchObject({ code: 'batch-not-parked' });
  expect((await correct(batchId, said('park-21'))).body).toMatchObject({ code: 'batch-not-parked' });
  const { archiveId } = await sent('park-20', { dischargedAt: DISCHARGED });
  await attested(archiveId);
  expect((await batch(batchId)).state).toBe('withdrawn');
  // Who runs the system sees that it was withdrawn, not what was written of it.
  const seen = await sysadmin.ok<Shown>('get', `/batches/${batchId}`);
  expect([seen.state, seen.withdrawn, seen.visit]).toEqual(['withdrawn', undefined, undefined]);
});

test('one that was registered and is never sent: its system withdraws it, and it is in no backlog', async () => {
  const { data, registration } = await announced('park-22', { dischargedAt: DISCHARGED, scannerId: 'CZ-11' });
  await register(registration);
  expect(await inStation('receiving')).toBe(1);
  const withdrawn = await client.call<Shown>('POST', `/api/v1/batches/${registration.batchId}/withdraw`, {
    reason: '扫错',
  });
  expect(withdrawn.state).toBe('withdrawn');
  expect(await inStation('receiving')).toBe(0);
  expect(await codeOf(client.upload(registration.batchId, 1, data))).toBe('batch-closed');
});

test('更正: a mistyped name or number of what waits is put right, and what it was stays', async () => {
  const wrong = await parked('park-30', { patientName: '样列甲' });
  const { body } = await correct(wrong.batchId, said('park-31', { department: '心内科' })).expect(200);
  expect(body).toMatchObject({
    state: 'parked',
    visit: { patientNo: 'park-31', patientName: '样例甲', department: '心内科' },
    corrected: [{ before: { patientNo: 'park-30', patientName: '样列甲' }, by: 'clerk', reason: '与腕带核对' }],
  });
  const [entry] = await member.store.models.TraceEntry.find({ action: 'batch.correct' }).lean();
  expect(entry).toMatchObject({
    reason: '与腕带核对',
    details: { fields: ['patientNo', 'patientName', 'department'] },
  });
  expect(JSON.stringify(entry)).not.toContain('样列甲');
  // The old number's discharge is another's; the right one's is its own.
  await attested((await sent('park-30', { dischargedAt: DISCHARGED })).archiveId);
  expect((await batch(wrong.batchId)).state).toBe('parked');
  const { archiveId } = await sent('park-31', { dischargedAt: DISCHARGED });
  await until(async () => (await batch(wrong.batchId)).state === 'archived');
  expect((await batch(wrong.batchId)).archiveId).toBe(archiveId);
});

test('更正: of a visit that has ended it is archived with it; while it is sent, once it is committed', async () => {
  const { archiveId } = await sent('park-40', { dischargedAt: DISCHARGED });
  await attested(archiveId);
  const wrong = await parked('park-41');
  expect((await correct(wrong.batchId, said('park-40', { patientName: '样例乙' }))).body).toMatchObject({
    code: 'visit-conflict',
    data: { field: 'patientName' },
  });
  await correct(wrong.batchId, said('park-40')).expect(200);
  await until(async () => (await batch(wrong.batchId)).state === 'archived');
  expect((await batch(wrong.batchId)).archiveId).toBe(archiveId);

  const { data, registration } = await announced('park-42', { inHospital: true });
  await register(registration);
  await correct(registration.batchId, said('park-40')).expect(200);
  await client.upload(registration.batchId, 1, data);
  await commit(registration.batchId);
  await until(async () => (await batch(registration.batchId)).state === 'archived');
});

test('withdrawn or corrected: refused by code', async () => {
  const ended = await sent('park-50', { dischargedAt: DISCHARGED });
  await attested(ended.archiveId);
  expect((await withdraw(ended.batchId)).body).toMatchObject({ code: 'batch-not-open', data: { reason: 'archived' } });
  expect((await correct(ended.batchId, said('park-51'))).body).toMatchObject({ code: 'batch-not-parked' });
  const waits = await parked('park-52');
  expect((await correct(waits.batchId, said('park-52'))).body).toMatchObject({ code: 'correction-unchanged' });
  expect((await correct(waits.batchId, said('park-53', { reason: '' }))).body).toMatchObject({
    code: 'request-invalid',
  });
  expect((await withdraw(waits.batchId, '')).body).toMatchObject({ code: 'request-invalid' });
  expect((await withdraw('nothing')).body).toMatchObject({ code: 'batch-not-found' });
  expect((await correct('nothing', said('park-53'))).body).toMatchObject({ code: 'batch-not-found' });
  for (const act of [withdraw(waits.batchId, 'x', sysadmin), correct(waits.batchId, said('park-53'), sysadmin)])
    expect((await act).body).toMatchObject({ code: 'permission-denied' });
  // Another system's is not its own; the records room looks after all.
  await member.store.models.Batch.updateOne({ batchId: waits.batchId }, { sender: 'his' });
  const url = `/api/v1/batches/${waits.batchId}`;
  expect(await codeOf(client.call('POST', `${url}/withdraw`, { reason: 'x' }))).toBe('batch-of-another');
  expect(await codeOf(client.call('PUT', `${url}/visit`, said('park-53')))).toBe('batch-of-another');
  await withdraw(waits.batchId).expect(200);
});
