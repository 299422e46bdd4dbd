import { ApiClient } from '../../../ops/ingest/client.ts';
import { sm3 } from '../../../platform/crypto/index.ts';
import { type Person, TestApi } from '../../fixtures/api.ts';
import { jpegScan } from '../../fixtures/documents.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';

/** 登记: what else a batch says of the visit that it is of. */
const member = new TestMember('visits');
const api = new TestApi(member);
let client: ApiClient;
let clerk: Person, medical: Person, doctor: Person;

beforeAll(async () => {
  await member.start();
  await api.start();
  client = new ApiClient(api.url, { appId: 'scanner', algorithm: 'hmac-sha256', key: api.scannerSecret });
  [clerk, medical, doctor] = (await Promise.all(['clerk', 'medical', 'doctor'].map((name) => api.login(name)))) as [
    Person,
    Person,
    Person,
  ];
});
afterAll(async () => {
  api.stop();
  await member.stop();
});

interface Shown {
  archiveId: string;
  batchId: string;
}
const DISCHARGED = '2026-11-24T08:00:00Z';
const REQUEST = { purpose: 'treatment', place: 'online', days: 3, rights: ['view'], emergency: false, reason: '复诊' };
let count = 0;
/** A file, and the batch that announces it. */
async function announced(patientNo: string, more: object = {}) {
  count += 1;
  const data = await jpegScan(1300 + count);
  const part = {
    ...{ partNo: 1, fileName: 'a.jpg', mediaType: 'image/jpeg', documentType: 'frontPage' },
    ...{ bytes: data.length, sm3: sm3(data).toString('hex'), pageCount: 1 },
  };
  const said = 'inHospital' in more ? {} : { dischargedAt: DISCHARGED };
  const visit = { patientNo, visitNo: '1', patientName: '样例甲', ...said, documentsComplete: true, parts: [part] };
  return { data, registration: { batchId: `visits-${count}`, ...visit, ...more } };
}
const register = (registration: object) => client.call<Shown>('POST', '/api/v1/batches', registration);
async function sent(patientNo: string, more: object = {}): Promise<Shown> {
  const { data, registration } = await announced(patientNo, more);
  await register(registration);
  await client.upload(registration.batchId, 1, data);
  return client.call<Shown>('POST', `/api/v1/batches/${registration.batchId}/commit`);
}
/** The archive of a visit, with a version that is attested. */
async function archived(patientNo: string, more: object = {}): Promise<string> {
  const { archiveId } = await sent(patientNo, more);
  await until(async () => (await member.store.models.Archive.findOne({ archiveId }).lean())?.state === 'attested');
  return archiveId;
}
const open = <T>(archiveId: string) => clerk.ok<T>('get', `/archives/${archiveId}`);
const marksOf = async (archiveId: string) => (await open<{ marks: string[] }>(archiveId)).marks;
const refused = async (call: Promise<unknown>) =>
  call.then(
    () => null,
    (thrown: unknown) => (thrown as { problem: { code: string; errors?: object[]; data?: object } }).problem,
  );
interface Results {
  results: { loanId?: string; refusal?: { code: string } }[];
}
/** What becomes of a loan that the doctor asks for: the levels of its review, or the code by which it is refused. */
async function asked(archiveId: string): Promise<string | string[]> {
  const { results } = await doctor.ok<Results>('post', '/loans', { archives: [{ archiveId }], ...REQUEST });
  const [{ loanId, refusal }] = results as [Results['results'][0]];
  if (refusal !== undefined) return refusal.code;
  return (await member.store.models.Loan.findOne({ loanId }).lean<{ levels: string[] }>())!.levels;
}

describe('死亡 (离院方式 5)', () => {
  test('said when the visit is registered, it marks the archive: found by it, and 医务科 decides on its loans too', async () => {
    const [died, left] = [await archived('died-1', { died: true }), await archived('left-1')];
    expect([await marksOf(died), await marksOf(left)]).toEqual([['death'], []]);
    const { items } = await clerk.ok<{ items: Shown[] }>('get', '/archives?mark=death');
    expect(items.map(({ archiveId }) => archiveId)).toEqual([died]);
    expect(await asked(died)).toEqual(['recordsClerk', 'medicalAffairs']);
    expect(await asked(left)).toEqual(['recordsClerk']);
    const [entry] = await member.store.models.TraceEntry.find({ 'details.died': true }).lean();
    expect(entry).toMatchObject({ action: 'batch.register', actor: { id: 'scanner' } });
  });

  test('said by a later batch, or with the discharge of one that waited, it marks the archive as well; left out it takes no mark off', async () => {
    const later = await archived('died-2');
    await register((await announced('died-2', { died: true, reason: '补扫' })).registration);
    expect(await marksOf(later)).toEqual(['death']);
    await register((await announced('died-2', { reason: '补扫' })).registration);
    expect(await marksOf(later)).toEqual(['death']);
    await medical.ok('put', `/archives/${later}/marks`, { reason: '首页登记有误', marks: [] });
    expect(await marksOf(later)).toEqual([]);

    const { batchId } = await sent('died-3', { inHospital: true });
    const body = { dischargedAt: DISCHARGED, died: true };
    expect(await marksOf((await clerk.ok<Shown>('post', `/batches/${batchId}/discharge`, body)).archiveId)).toEqual([
      'death',
    ]);
  });

  test('who is in hospital has not died: refused, naming the field', async () => {
    const { registration } = await announced('died-4', { inHospital: true, died: true });
    expect(await refused(register(registration))).toMatchObject({
      code: 'request-invalid',
      errors: [{ pointer: '/body/died' }],
    });
  });
});

describe('新生儿', () => {
  interface Kin {
    archiveId: string;
    patientName: string;
  }
  interface Detail {
    motherPatientNo?: string;
    mother: Kin[];
    newborns: Kin[];
    corrected: number;
  }
  const newborn = (patientNo: string, motherPatientNo: string, more: object = {}) =>
    archived(patientNo, { patientName: '样例乙之子', motherPatientNo, ...more });

  test('with a number of its own, and its mother’s: the page of each leads to the other, whichever came first', async () => {
    const child = await newborn('child-1', 'mother-1');
    expect(await open<Detail>(child)).toMatchObject({ motherPatientNo: 'mother-1', mother: [], newborns: [] });
    const mother = await archived('mother-1', { patientName: '样例乙' });
    const second = await archived('mother-1', {
      patientName: '样例乙',
      visitNo: '2',
      dischargedAt: '2026-11-25T08:00:00Z',
    });
    const kin = (archiveId: string, patientName: string) => expect.objectContaining({ archiveId, patientName });
    expect(await open<Detail>(child)).toMatchObject({
      mother: [kin(second, '样例乙'), kin(mother, '样例乙')],
      newborns: [],
    });
    expect(await open<Detail>(mother)).toMatchObject({ mother: [], newborns: [kin(child, '样例乙之子')] });
    expect(await open<Detail>(mother)).not.toHaveProperty('motherPatientNo');
  });

  test('of one in hospital it waits with the files; what no batch has said yet, a later one says', async () => {
    const { batchId, ...parked } = await sent('child-2', { inHospital: true, motherPatientNo: 'mother-2' });
    expect(parked).toMatchObject({ visit: { motherPatientNo: 'mother-2' } });
    const { archiveId } = await clerk.ok<Shown>('post', `/batches/${batchId}/discharge`, { dischargedAt: DISCHARGED });
    expect(await open<Detail>(archiveId)).toMatchObject({ motherPatientNo: 'mother-2' });

    const later = await archived('child-3');
    await register((await announced('child-3', { motherPatientNo: 'mother-2', reason: '补扫' })).registration);
    expect(await open<Detail>(later)).toMatchObject({ motherPatientNo: 'mother-2' });
  });

  test('a mother that was mistyped is corrected as what else was registered; then no batch says otherwise', async () => {
    const child = await newborn('child-4', 'mother-4');
    const { patientName, department, dischargedAt } = await open<Record<string, string>>(child);
    const registered = { patientName, department, admittedAt: null, dischargedAt };
    const correct = async (base: number, motherPatientNo: string | null) => {
      const at = `/archives/${child}/corrections`;
      const wanted = { base, registered: { ...registered, motherPatientNo }, reason: '与病案首页核对' };
      const { correction } = await clerk.ok<{ correction: number }>('post', at, wanted);
      return medical.ok('post', `${at}/${correction}/approve`, {});
    };
    expect(await correct(0, 'mother-5')).toMatchObject({
      before: { motherPatientNo: 'mother-4' },
      after: { motherPatientNo: 'mother-5' },
    });
    expect(await open<Detail>(child)).toMatchObject({ motherPatientNo: 'mother-5', corrected: 1 });
    await correct(1, null);
    expect(await open<Detail>(child)).not.toHaveProperty('motherPatientNo');
    const { registration } = await announced('child-4', {
      ...{ patientName, motherPatientNo: 'mother-4', reason: '补扫' },
    });
    expect(await refused(register(registration))).toMatchObject({
      code: 'visit-conflict',
      data: { field: 'motherPatientNo' },
    });
  });

  test('refused by code: its own mother, and another mother than it is registered with', async () => {
    const own = await announced('child-6', { motherPatientNo: 'child-6' });
    expect(await refused(register(own.registration))).toMatchObject({
      code: 'request-invalid',
      errors: [{ pointer: '/body/motherPatientNo' }],
    });
    const child = await newborn('child-7', 'mother-7');
    const other = await announced('child-7', {
      patientName: '样例乙之子',
      motherPatientNo: 'mother-8',
      reason: '补扫',
    });
    expect(await refused(register(other.registration))).toMatchObject({
      code: 'visit-conflict',
      data: { field: 'motherPatientNo' },
    });
    const { patientName, department, dischargedAt } = await open<Record<string, string>>(child);
    const registered = { patientName, department, admittedAt: null, dischargedAt, motherPatientNo: 'child-7' };
    const wanted = { base: 0, registered, reason: '核对' };
    expect((await clerk.call('post', `/archives/${child}/corrections`, wanted)).body).toMatchObject({
      code: 'request-invalid',
      errors: [{ pointer: '/body/registered/motherPatientNo' }],
    });
  });

  test('a relative’s record is that of the newborn and that of its mother', async () => {
    const [mother, child] = [
      await archived('mother-9', { patientName: '样例乙' }),
      await newborn('child-9', 'mother-9'),
    ];
    const other = await newborn('child-10', 'mother-10');
    const related = (relatedPatientNos: string[]) =>
      member.store.models.User.updateOne({ username: 'doctor' }, { $set: { relatedPatientNos } });
    await related(['mother-9']);
    expect(await asked(child)).toBe('loan-related-record');
    await related(['child-9']);
    expect(await asked(mother)).toBe('loan-related-record');
    expect(await asked(other)).toEqual(['recordsClerk']);
    await related([]);
    expect(await asked(child)).toEqual(['recordsClerk']);
  });
});
