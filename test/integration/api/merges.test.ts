import type { LedgerRecordSeen } from '../../../ops/fsck/ledger.ts';
import { ASKED_LATE_MS } from '../../../ops/fsck/asked.ts';
import { checkMerges } from '../../../ops/fsck/merges.ts';
import { sm2, sm3 } from '../../../platform/crypto/index.ts';
import { type ArchiveVersion, enactMerge, type OutboxItem, type PatientMerge } from '../../../platform/store/index.ts';
import { type AttestedProof, verifyMerge } from '../../../verifier/attested.ts';
import { type Person, TestApi } from '../../fixtures/api.ts';
import { committed, frontPage, startArchiving } from '../../fixtures/archiving.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';

const member = new TestMember('merges');
const api = new TestApi(member);
const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
let clerk: Person, clerk2: Person, medical: Person, doctor: Person, auditor: Person;

beforeAll(async () => {
  await member.start();
  await api.start();
  [clerk, clerk2, medical, doctor, auditor] = (await Promise.all(
    ['clerk', 'clerk2', 'medical', 'doctor', 'auditor'].map((name) => api.login(name)),
  )) as [Person, Person, Person, Person, Person];
});
afterAll(async () => {
  api.stop();
  await member.stop();
});
afterEach(() => {
  api.deps.corrections.needApproval = true;
});

interface Merge {
  mergeId: string;
  archiveId: string;
  kind: string;
  state: string;
  retired: string;
  surviving: string;
  stands: boolean;
  by: string;
  reason: string;
  at: string;
  decidedBy?: string;
  decidedAt?: string;
  attestation?: object;
}
interface Row {
  archiveId: string;
  patientNo: string;
  currentPatientNo?: string;
  formerPatientNos: string[];
}
const DISCHARGED = '2026-11-24T08:00:00.000Z';
let count = 0;
const visit = (patientNo: string, more: object = {}) => ({
  batchId: `merges-${(count += 1)}`,
  ...{ patientNo, visitNo: '1', patientName: '样例甲' },
  ...('inHospital' in more ? {} : { dischargedAt: DISCHARGED }),
  parts: [
    {
      ...{ partNo: 1, fileName: 'a.jpg', mediaType: 'image/jpeg', documentType: 'frontPage' },
      ...{ bytes: 10, sm3: String(count).padStart(64, '0'), pageCount: 1 },
    },
  ],
  ...more,
});
const registered = async (patientNo: string, more: object = {}) =>
  (await clerk.ok<{ archiveId: string }>('post', '/batches', visit(patientNo, more))).archiveId;
/** The same, with a version that is packed and attested. */
async function archived(patientNo: string): Promise<string> {
  const archiveId = await registered(patientNo);
  const batchId = await committed(member, archiveId, [await frontPage((count += 1))]);
  await (await startArchiving(member, archiveId, batchId)).result();
  return archiveId;
}
const ask = (archiveId: string, surviving: string, person = clerk) =>
  person.call('post', `/archives/${archiveId}/merges`, { surviving, reason: '同一患者重复建号' });
const asked = async (archiveId: string, surviving: string) =>
  (await ask(archiveId, surviving).expect(201)).body as Merge;
const decide = (mergeId: string, how: 'approve' | 'refuse' | 'withdraw', person = medical) =>
  person.call('post', `/merges/${mergeId}/${how}`, how === 'refuse' ? { reason: '不是同一人' } : {});
async function merged(archiveId: string, surviving: string): Promise<Merge> {
  const { mergeId } = await asked(archiveId, surviving);
  return (await decide(mergeId, 'approve').expect(200)).body as Merge;
}
async function split(mergeId: string): Promise<Merge> {
  const { mergeId: second } = await clerk.ok<Merge>('post', `/merges/${mergeId}/split`, { reason: '同名不同人' });
  return (await decide(second, 'approve').expect(200)).body as Merge;
}
const open = (archiveId: string) => clerk.ok<Row>('get', `/archives/${archiveId}`);
const found = async (q: string) =>
  (await clerk.ok<{ items: Row[] }>('get', `/archives?q=${q}`)).items.map(({ archiveId }) => archiveId).sort();
const code = async (call: PromiseLike<{ body: unknown }>) => ((await call).body as { code?: string }).code;
async function findings(): Promise<string[]> {
  const items = await member.store.models.OutboxItem.find({ state: 'final', stream: 'merge' }).lean<OutboxItem[]>();
  const records = items.map(({ key, digest }): LedgerRecordSeen => ({
    ...{ sender: member.memberId, stream: 'merge', key, digest, note: '', height: 1 },
  }));
  const keys = [{ memberId: member.memberId, publicKey: member.keys.publicKey('ledger').toString('hex'), from: 1 }];
  const all: string[] = [];
  const asOf = Date.now() + 2 * ASKED_LATE_MS;
  await checkMerges(member.store, member.memberId, { records, keys }, asOf, (where, reason) =>
    all.push(`${where}: ${reason}`),
  );
  return all;
}

test('a clerk asks, 医务科 approves: both archives are found by either number, say both, and stay as they were sealed', async () => {
  const [old, now] = [await archived('old-1'), await registered('now-1')];
  const version = () => member.store.models.ArchiveVersion.findOne({ archiveId: old }).lean<ArchiveVersion>();
  const before = await version();
  const waiting = await asked(old, 'now-1');
  expect(waiting).toMatchObject({
    kind: 'merge',
    state: 'proposed',
    retired: 'old-1',
    surviving: 'now-1',
    by: 'clerk',
  });
  expect(await found('old-1')).toEqual([old]);
  expect((await medical.ok<{ items: Merge[] }>('get', '/merges')).items).toMatchObject([{ mergeId: waiting.mergeId }]);

  expect((await decide(waiting.mergeId, 'approve').expect(200)).body).toMatchObject({
    ...{ state: 'inForce', stands: true, decidedBy: 'medical' },
  });
  expect(await open(old)).toMatchObject({ patientNo: 'old-1', currentPatientNo: 'now-1', formerPatientNos: [] });
  expect(await open(now)).toMatchObject({ patientNo: 'now-1', formerPatientNos: ['old-1'] });
  expect(await open(now)).not.toHaveProperty('currentPatientNo');
  for (const q of ['old-1', 'now-1']) expect(await found(q)).toEqual([old, now].sort());
  const page = await clerk.ok<{ items: Row[]; nextCursor: string }>('get', '/archives?q=old-1&limit=1');
  const next = await clerk.ok<{ items: Row[] }>('get', `/archives?q=old-1&limit=1&cursor=${page.nextCursor}`);
  expect([...page.items, ...next.items].map(({ archiveId }) => archiveId).sort()).toEqual([old, now].sort());
  for (const archiveId of [old, now])
    expect((await clerk.ok<{ items: Merge[] }>('get', `/archives/${archiveId}/merges`)).items).toMatchObject([
      { mergeId: waiting.mergeId },
    ]);
  expect(await version()).toEqual(before);
  const entries = await member.store.models.TraceEntry.find({ archiveId: old, action: /^merge\./ } as never)
    .sort({ seq: 1 })
    .lean();
  expect(entries.map(({ action, actor }) => [action, actor.id])).toEqual([
    ['merge.propose', 'clerk'],
    ['merge.approve', 'medical'],
    ['merge.open', 'clerk'],
  ]);
});

test('split again by another entry, with a reason: each is its own patient as before, and may be merged anew', async () => {
  const [old, now] = [await registered('old-2'), await registered('now-2')];
  const { mergeId } = await merged(old, 'now-2');
  expect(await split(mergeId)).toMatchObject({ kind: 'split', state: 'inForce', stands: false, reason: '同名不同人' });
  expect([await found('old-2'), await found('now-2')]).toEqual([[old], [now]]);
  expect(await open(old)).not.toHaveProperty('currentPatientNo');
  expect((await open(now)).formerPatientNos).toEqual([]);
  const { items } = await clerk.ok<{ items: Merge[] }>('get', `/archives/${old}/merges`);
  expect(items.map(({ kind, stands }) => [kind, stands])).toEqual([
    ['split', false],
    ['merge', false],
  ]);
  expect(await code(clerk.call('post', `/merges/${mergeId}/split`, { reason: 'x' }))).toBe('merge-absent');
  await merged(now, 'old-2');
  expect(await open(now)).toMatchObject({ currentPatientNo: 'old-2' });
});

test('a number that others were merged into is merged in its turn: all go by the last', async () => {
  const [a, b, c] = [await registered('chain-a'), await registered('chain-b'), await registered('chain-c')];
  await merged(a, 'chain-b');
  await merged(b, 'chain-c');
  expect(await open(a)).toMatchObject({ currentPatientNo: 'chain-c' });
  expect((await open(c)).formerPatientNos.sort()).toEqual(['chain-a', 'chain-b']);
  for (const q of ['chain-a', 'chain-b', 'chain-c']) expect(await found(q)).toEqual([a, b, c].sort());
});

test('refused by code: itself, a circle, unknown, merged already, into one that is merged, one waits, not one’s own', async () => {
  const [old, now, other] = [await registered('old-3'), await registered('now-3'), await registered('other-3')];
  expect(await code(ask(old, 'old-3'))).toBe('merge-itself');
  expect(await code(ask(old, 'nobody'))).toBe('patient-not-found');
  expect(await code(ask(old, 'now-3', doctor))).toBe('permission-denied');
  const { mergeId } = await asked(old, 'now-3');
  expect(await code(ask(old, 'other-3'))).toBe('merge-pending');
  expect(await code(decide(mergeId, 'approve', clerk2))).toBe('permission-denied');
  expect(await code(decide(mergeId, 'withdraw', clerk2))).toBe('merge-others');
  await member.store.models.User.updateOne({ username: 'clerk' }, { $addToSet: { roles: 'medicalAffairs' } });
  expect(await code(decide(mergeId, 'approve', await api.login('clerk')))).toBe('merge-own');
  await member.store.models.User.updateOne({ username: 'clerk' }, { $pull: { roles: 'medicalAffairs' } });
  await decide(mergeId, 'approve').expect(200);
  expect(await code(decide(mergeId, 'approve'))).toBe('merge-decided');
  expect(await code(decide(mergeId, 'refuse'))).toBe('merge-decided');
  expect(await code(ask(old, 'other-3'))).toBe('merge-present');
  expect(await code(ask(now, 'old-3'))).toBe('merge-circle');
  expect(await code(ask(other, 'old-3'))).toBe('merge-into-retired');
  expect(await code(decide('mg_none', 'approve'))).toBe('merge-not-found');
});

test('two that together would make a circle, put in force in the same instant: one of them is refused', async () => {
  for (let n = 0; n < 5; n += 1) {
    const [a, b] = [await registered(`ring-a${n}`), await registered(`ring-b${n}`)];
    const waiting = [await asked(a, `ring-b${n}`), await asked(b, `ring-a${n}`)];
    const outcomes = await Promise.allSettled(
      waiting.map(async ({ mergeId }) => {
        const found = await member.store.models.PatientMerge.findOne({ mergeId }).select('-_id').lean<PatientMerge>();
        return enactMerge(api.deps, { ...found!, decidedBy: 'medical', decidedAt: new Date() }, []);
      }),
    );
    const said = outcomes.map((one) =>
      one.status === 'fulfilled' ? one.value : (one.reason as { code: string }).code,
    );
    expect(said.sort()).toEqual(['merge-circle', true]);
  }
});

test('refused or withdrawn it changes nothing; who may decide and who asked are told', async () => {
  const [old] = [await registered('old-4'), await registered('now-4')];
  interface Told {
    kind: string;
    archiveId?: string;
    isSettled: boolean;
  }
  const told = async (person: Person) =>
    (await person.ok<{ items: Told[] }>('get', '/notices')).items
      .filter(({ archiveId }) => archiveId === old)
      .map(({ kind, isSettled }) => [kind, isSettled]);
  const { mergeId } = await asked(old, 'now-4');
  expect(await told(medical)).toEqual([['mergeWaits', false]]);
  expect((await decide(mergeId, 'refuse').expect(200)).body).toMatchObject({ state: 'refused', refusal: '不是同一人' });
  expect([await told(medical), await told(clerk)]).toEqual([[['mergeWaits', true]], [['mergeRefused', false]]]);
  const second = await asked(old, 'now-4');
  await decide(second.mergeId, 'withdraw', clerk).expect(200);
  expect(await open(old)).not.toHaveProperty('currentPatientNo');
  expect(await clerk.refusal('get', `/merges/${mergeId}/proof`)).toBe('receipt-not-found');
});

test('where nobody has to approve it is in force at once', async () => {
  const [old] = [await registered('old-5'), await registered('now-5')];
  api.deps.corrections.needApproval = false;
  expect(await asked(old, 'now-5')).toMatchObject({ state: 'inForce', stands: true });
});

describe('what follows it', () => {
  test('a new stay under the retired number is refused; what is known under it goes on, in the archive and waiting', async () => {
    const old = await registered('old-6');
    await registered('now-6');
    const waits = visit('old-6', { visitNo: '2', inHospital: true });
    await clerk.ok('post', '/batches', waits);
    await member.store.models.Batch.updateOne({ batchId: waits.batchId }, { $set: { state: 'parked' } });
    const { mergeId } = await merged(old, 'now-6');
    const register = (more: object) => code(clerk.call('post', '/batches', visit('old-6', more)));
    expect(await register({ visitNo: '3' })).toBe('patient-merged');
    expect(await register({ visitNo: '3', inHospital: true })).toBe('patient-merged');
    const other = visit('now-6', { visitNo: '4', inHospital: true });
    await clerk.ok('post', '/batches', other);
    const wrong = { patientNo: 'old-6', visitNo: '4', patientName: other.patientName, reason: '与腕带核对' };
    expect(await code(clerk.call('put', `/batches/${other.batchId}/visit`, wrong))).toBe('patient-merged');
    expect(await registered('old-6')).toBe(old);
    const { archiveId } = await clerk.ok<Row>('post', `/batches/${waits.batchId}/discharge`, {
      dischargedAt: '2026-11-28T08:00:00Z',
    });
    expect(await open(archiveId)).toMatchObject({ patientNo: 'old-6', currentPatientNo: 'now-6' });
    await split(mergeId);
    expect(await register({ visitNo: '3' })).toBeUndefined();
  });

  test('a relative’s record is one under either number, and so is a newborn’s mother', async () => {
    const [old, now] = [await archived('old-7'), await archived('now-7')];
    const child = await registered('child-7', { motherPatientNo: 'old-7' });
    await merged(old, 'now-7');
    await registered('child-7', { motherPatientNo: 'now-7' });
    type Kin = { newborns: Row[]; mother: Row[] };
    expect((await clerk.ok<Kin>('get', `/archives/${now}`)).newborns).toMatchObject([{ archiveId: child }]);
    const { mother } = await clerk.ok<Kin>('get', `/archives/${child}`);
    expect(mother.map(({ archiveId }) => archiveId).sort()).toEqual([old, now].sort());
    const { User } = member.store.models;
    const request = {
      purpose: 'treatment',
      place: 'online',
      days: 3,
      rights: ['view'],
      emergency: false,
      reason: '复诊',
    };
    const refusals = async () => {
      const archives = [old, now, child].map((archiveId) => ({ archiveId }));
      type Results = { results: { refusal?: { code: string } }[] };
      const { results } = await doctor.ok<Results>('post', '/loans', { archives, ...request, emergency: true });
      return results.map(({ refusal }) => refusal?.code);
    };
    for (const number of ['old-7', 'now-7', 'child-7']) {
      await User.updateOne({ username: 'doctor' }, { $set: { relatedPatientNos: [number] } });
      expect(await refusals()).toEqual(['loan-related-record', 'loan-related-record', 'loan-related-record']);
    }
    await User.updateOne({ username: 'doctor' }, { $set: { relatedPatientNos: [] } });
    expect(await refusals()).toEqual([undefined, undefined, undefined]);
  });

  test('the trace of the patient has what was done to the archives of both, by either number', async () => {
    const [old, now] = [await registered('old-8'), await registered('now-8')];
    await Promise.all([open(old), open(now)]);
    const { mergeId } = await merged(old, 'now-8');
    type Page = { items: { action: string; object: { id: string } }[] };
    const opened = async (number: string) =>
      (await auditor.ok<Page>('get', `/trace?patientNo=${number}&limit=100`)).items
        .filter(({ action }) => action === 'archive.open')
        .map(({ object }) => object.id)
        .sort();
    for (const number of ['old-8', 'now-8']) expect(await opened(number)).toEqual([old, now].sort());
    await split(mergeId);
    expect(await opened('old-8')).toEqual([old]);
  });
});

test('attested, without a number; the proof is checked without believing the server, and fsck finds what was changed', async () => {
  const [old] = [await registered('old-9'), await registered('now-9')];
  const { mergeId } = await merged(old, 'now-9');
  const shown = async () =>
    (await clerk.ok<{ items: Merge[] }>('get', `/archives/${old}/merges`)).items.find(
      (one) => one.mergeId === mergeId,
    )!;
  await until(async () => (await shown()).attestation !== undefined);
  const proof = await clerk.ok<AttestedProof>('get', `/merges/${mergeId}/proof`);
  const { kind, retired, surviving, by, reason, decidedBy, decidedAt } = await shown();
  const said = { mergeId, kind, at: decidedAt!, by, approver: decidedBy!, reason, retired, surviving };
  const check = (change: object = {}) => verifyMerge(proof, { ...said, ...change }, member.deps.trust, crypto).verdict;
  expect(check()).toBe('valid');
  for (const change of [{ kind: 'split' }, { by: 'x' }, { approver: 'x' }, { reason: 'x' }, { retired: surviving }])
    expect(check(change)).toBe('invalid');
  for (const personal of ['old-9', 'now-9', 'clerk', 'medical', '同一患者'])
    expect(JSON.stringify(proof)).not.toContain(personal);

  await until(async () => (await findings()).length === 0);
  const { collection } = member.store.models.PatientMerge;
  const tampered = async (update: object) => {
    const was = await collection.findOne({ mergeId });
    await collection.updateOne({ mergeId }, update);
    const all = (await findings()).map((text) => text.replace(mergeId, 'it'));
    await collection.replaceOne({ mergeId }, was!);
    return all;
  };
  expect(await tampered({ $set: { surviving: 'x' } })).toEqual(['merge it: says another surviving than its manifest']);
  expect(await tampered({ $unset: { stands: 1 } })).toEqual(['merge it: does not stand, and was not split']);
  expect(await tampered({ $set: { state: 'refused' } })).toEqual([
    'merge it: stands, and is not the last',
    'merges: 1 on the ledger are not here as they were',
  ]);
  expect(await findings()).toEqual([]);
});
