import { ASKED_LATE_MS } from '../../../ops/fsck/asked.ts';
import { checkCorrections } from '../../../ops/fsck/corrections.ts';
import type { LedgerRecordSeen } from '../../../ops/fsck/ledger.ts';
import { sm2, sm3 } from '../../../platform/crypto/index.ts';
import type { Archive, ArchiveVersion, OutboxItem, User } from '../../../platform/store/index.ts';
import { type AttestedProof, verifyCorrection } from '../../../verifier/attested.ts';
import { verifyReceipt } from '../../../verifier/index.ts';
import { type Person, TestApi } from '../../fixtures/api.ts';
import { committed, frontPage, startArchiving } from '../../fixtures/archiving.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';

const member = new TestMember('corrections');
const api = new TestApi(member);
const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
let doctor: Person, clerk: Person, clerk2: Person, medical: Person;

beforeAll(async () => {
  await member.start();
  await api.start();
  [doctor, clerk, clerk2, medical] = (await Promise.all(
    ['doctor', 'clerk', 'clerk2', 'medical'].map((name) => api.login(name)),
  )) as [Person, Person, Person, Person];
});
afterAll(async () => {
  api.stop();
  await member.stop();
});
afterEach(() => {
  api.deps.corrections.needApproval = true;
});

interface Shown {
  correction: number;
  state: string;
  before: Registered;
  after: Registered;
  by: string;
  reason: string;
  at: string;
  decidedBy?: string;
  decidedAt?: string;
  attestation?: { txId: string };
}
interface Registered {
  patientNo?: string;
  visitNo?: string;
  patientName: string;
  department: string;
  admittedAt: string | null;
  dischargedAt: string;
}
const RIGHT: Registered = {
  patientName: '样例甲',
  department: '心内科',
  admittedAt: '2026-11-20T02:00:00.000Z',
  dischargedAt: '2026-11-24T08:00:00.000Z',
};
const MISTYPED = { patientName: '样列甲', department: '心外科', dischargedAt: '2026-11-25T08:00:00.000Z' };

let count = 0;
const visit = (n: number, more: object = {}) => ({
  batchId: `correction-${(count += 1)}`,
  patientNo: `correction-${n}`,
  visitNo: '1',
  ...MISTYPED,
  parts: [
    {
      ...{ partNo: 1, fileName: 'a.jpg', mediaType: 'image/jpeg', documentType: 'frontPage' },
      ...{ bytes: 10, sm3: String(count).padStart(64, '0'), pageCount: 1 },
    },
  ],
  ...more,
});
const { admittedAt: _admitted, ...SAID } = RIGHT;
const REQUEST = { purpose: 'treatment', place: 'online', days: 3, rights: ['view'], emergency: false, reason: '复诊' };
/** Of what the database says of itself. */
interface Counts {
  transactions: { totalAborted: number };
}
/** An archive that was mistyped when its first batch was registered, and is still being taken in. */
const registered = async (n: number) => (await clerk.ok<{ archiveId: string }>('post', '/batches', visit(n))).archiveId;
/** The same, with a version that is packed and attested. */
async function archived(n: number): Promise<string> {
  const archiveId = await registered(n);
  const batchId = await committed(member, archiveId, [await frontPage(n)]);
  await (await startArchiving(member, archiveId, batchId)).result();
  return archiveId;
}
const wanted = (more: object = {}) => ({ base: 0, registered: RIGHT, reason: '与病案首页核对', ...more });
const propose = (id: string, more: object = {}, person = clerk) =>
  person.call('post', `/archives/${id}/corrections`, wanted(more));
const decide = (id: string, n: number, how: 'approve' | 'refuse' | 'withdraw', person = medical) =>
  person.call('post', `/archives/${id}/corrections/${n}/${how}`, how === 'refuse' ? { reason: '与首页不符' } : {});
const history = async (id: string) => (await clerk.ok<{ items: Shown[] }>('get', `/archives/${id}/corrections`)).items;
const archiveOf = async (archiveId: string) =>
  (await member.store.models.Archive.findOne({ archiveId }).lean<Archive>())!;
const open = (id: string) => clerk.ok<Registered & { corrected: number }>('get', `/archives/${id}`);
async function findings(asOf = Date.now() + 2 * ASKED_LATE_MS): Promise<string[]> {
  const items = await member.store.models.OutboxItem.find({ state: 'final', stream: 'correction' }).lean<
    OutboxItem[]
  >();
  const records = items.map(({ key, digest }): LedgerRecordSeen => ({
    sender: member.memberId,
    stream: 'correction',
    key,
    digest,
    note: '',
    height: 1,
  }));
  const found: string[] = [];
  const publicKey = member.keys.publicKey('ledger').toString('hex');
  const keys = [{ memberId: member.memberId, publicKey, from: 1 }];
  await checkCorrections(member.store, member.memberId, { records, keys }, asOf, (where, reason) =>
    found.push(`${where}: ${reason}`),
  );
  return found;
}

test('mistyped at its registration: corrected at once while it is taken in, and the right batch is let in', async () => {
  const id = await registered(1);
  expect(await clerk.refusal('post', '/batches', visit(1, SAID))).toBe('visit-conflict');
  const { body } = await propose(id).expect(201);
  expect(body).toMatchObject({ correction: 1, state: 'inForce', after: RIGHT, by: 'clerk', reason: '与病案首页核对' });
  expect((body as Shown).before).toEqual({
    ...{ ...MISTYPED, admittedAt: null, motherPatientNo: null },
    ...{ patientNo: 'correction-1', visitNo: '1' },
  });
  expect(await open(id)).toMatchObject({ ...RIGHT, corrected: 1 });
  await clerk.ok('post', '/batches', visit(1, SAID));
  const [entry] = await member.store.models.TraceEntry.find({ archiveId: id, action: 'correction.make' }).lean();
  expect(entry).toMatchObject({
    actor: { id: 'clerk' },
    reason: '与病案首页核对',
    details: { correction: 1, fields: ['patientName', 'department', 'admittedAt', 'dischargedAt'] },
  });
});

test('once archived it waits for 医务科; then lists, loans and the history follow, and what was sealed stays', async () => {
  const id = await archived(2);
  await doctor.ok('post', '/loans', { archives: [{ archiveId: id }], ...REQUEST });
  const version = () => member.store.models.ArchiveVersion.findOne({ archiveId: id }).lean<ArchiveVersion>();
  const before = (await version())!;
  expect((await propose(id).expect(201)).body).toMatchObject({ correction: 1, state: 'proposed' });
  expect(await open(id)).toMatchObject({ ...MISTYPED, corrected: 0 });
  const { items: waiting } = await medical.ok<{ items: Shown[] }>('get', '/corrections');
  expect(waiting).toMatchObject([{ archiveId: id, correction: 1, byName: '林晓岚' }]);

  expect((await decide(id, 1, 'approve').expect(200)).body).toMatchObject({ state: 'inForce', decidedBy: 'medical' });
  expect(await open(id)).toMatchObject({ ...RIGHT, corrected: 1 });
  expect((await medical.ok<{ items: Shown[] }>('get', '/corrections')).items).toEqual([]);
  const rows = async (path: string) => (await clerk.ok<{ items: object[] }>('get', path)).items;
  expect(await rows(`/archives?q=${encodeURIComponent('样例甲')}`)).toContainEqual(
    expect.objectContaining({ archiveId: id }),
  );
  expect(await rows(`/archives?department=${encodeURIComponent('心内科')}`)).toContainEqual(
    expect.objectContaining({ archiveId: id }),
  );
  expect(await rows(`/loans?archiveId=${id}`)).toMatchObject([{ patientName: '样例甲' }]);
  const suggestion = await member.store.models.CatalogSuggestion.findOne({ archiveId: id }).lean();
  if (suggestion !== null) expect(suggestion).toMatchObject({ department: '心内科' });

  const after = (await version())!;
  expect(after).toEqual(before);
  const ofd = await member.store.objects.readAll(after.package!.objectId);
  const file = { bytes: ofd.length, sm3: sm3(ofd).toString('hex') };
  expect(verifyReceipt(after.receipt!, file, member.deps.trust, crypto).verdict).toBe('valid');
});

test('attested, without a name; the proof is checked without believing the server, and fsck finds what was changed', async () => {
  const id = await archived(3);
  await propose(id).expect(201);
  await decide(id, 1, 'approve').expect(200);
  await until(async () => (await history(id))[0]!.attestation !== undefined);
  const [one] = (await history(id)) as [Shown];
  const path = `/archives/${id}/corrections/1/proof`;
  const proof = await clerk.ok<AttestedProof>('get', path);
  const { before, after, by, reason, decidedBy, decidedAt } = one;
  const shown = { archiveId: id, correction: 1, at: decidedAt!, by, approver: decidedBy!, reason, before, after };
  const check = (change: object = {}) =>
    verifyCorrection(proof, { ...shown, ...change }, member.deps.trust, crypto).verdict;
  expect(check()).toBe('valid');
  for (const change of [{ by: 'clerk2' }, { approver: 'x' }, { reason: 'x' }, { before: after }, { after: before }])
    expect(check(change)).toBe('invalid');
  for (const personal of ['clerk', 'medical', '样例甲', '样列甲', '心内科'])
    expect(JSON.stringify(proof)).not.toContain(personal);

  await until(async () => (await findings()).length === 0);
  const { Archive, Correction } = member.store.models;
  const tampered = async (collection: typeof Archive.collection | typeof Correction.collection, set: object) => {
    const was = await collection.findOne({ archiveId: id });
    await collection.updateOne({ archiveId: id }, { $set: set });
    const found = (await findings()).map((text) => text.replace(id, 'it'));
    await collection.replaceOne({ archiveId: id }, was!);
    return found;
  };
  expect(await tampered(Archive.collection, { patientName: '别人' })).toEqual([
    'it: is not registered as its last correction left it: patientName',
  ]);
  expect(await tampered(Correction.collection, { 'before.patientName': '别人' })).toEqual([
    'it correction 1: says another before than its manifest',
  ]);
  expect(await tampered(Correction.collection, { state: 'refused' })).toEqual([
    'corrections: 1 on the ledger are not here as they were',
  ]);
  expect(await findings()).toEqual([]);
});

test('a refused one changes nothing, and the next may be asked for', async () => {
  const id = await archived(4);
  await propose(id).expect(201);
  const { body } = await decide(id, 1, 'refuse').expect(200);
  expect(body).toMatchObject({ state: 'refused', refusal: '与首页不符', decidedBy: 'medical' });
  expect(await open(id)).toMatchObject({ ...MISTYPED, corrected: 0 });
  expect((await propose(id).expect(201)).body).toMatchObject({ correction: 2 });
  expect(await clerk.refusal('get', `/archives/${id}/corrections/1/proof`)).toBe('receipt-not-found');
});

test('who asked withdraws it while it waits: nothing changes, nobody can approve it any more, and the next may be asked for', async () => {
  const id = await archived(9);
  await propose(id).expect(201);
  const code = async (...args: Parameters<typeof decide>) => ((await decide(...args)).body as { code?: string }).code;
  expect(await code(id, 1, 'withdraw', clerk2)).toBe('correction-others');
  expect(await code(id, 1, 'withdraw', medical)).toBe('permission-denied');
  const { body } = await decide(id, 1, 'withdraw', clerk).expect(200);
  expect(body).toMatchObject({ state: 'withdrawn', decidedBy: 'clerk' });
  expect(await code(id, 1, 'approve')).toBe('correction-decided');
  expect(await code(id, 1, 'withdraw', clerk)).toBe('correction-decided');
  expect(await open(id)).toMatchObject({ ...MISTYPED, corrected: 0 });
  const { items: waiting } = await medical.ok<{ items: object[] }>('get', '/corrections');
  expect(waiting).not.toContainEqual(expect.objectContaining({ archiveId: id }));
  const [entry] = await member.store.models.TraceEntry.find({ archiveId: id, action: 'correction.withdraw' }).lean();
  expect(entry).toMatchObject({ actor: { id: 'clerk' }, details: { correction: 1 } });
  expect((await propose(id, {}, clerk2).expect(201)).body).toMatchObject({ correction: 2 });
});

describe('notices', () => {
  interface Told {
    kind: string;
    archiveId?: string;
    loanId?: string;
    patientName?: string;
    reason?: string;
    isRead: boolean;
    isSettled: boolean;
  }
  /** What the person is told of the archive, latest first. */
  const told = async (person: Person, id: string) =>
    (await person.ok<{ items: Told[] }>('get', '/notices')).items.filter(({ archiveId }) => archiveId === id);

  test('those who may decide are told that one waits; who asked, what became of it; nobody else anything', async () => {
    const id = await archived(20);
    await propose(id).expect(201);
    const [waits, ...more] = await told(medical, id);
    expect([waits, more]).toMatchObject([{ kind: 'correctionWaits', patientName: '样列甲', isRead: false }, []]);
    expect(waits).not.toHaveProperty('loanId');
    expect(await told(clerk, id)).toEqual([]);

    await decide(id, 1, 'refuse').expect(200);
    expect(await told(clerk, id)).toMatchObject([{ kind: 'correctionRefused', reason: '与首页不符' }]);
    await propose(id).expect(201);
    await decide(id, 2, 'approve').expect(200);
    expect((await told(clerk, id)).map(({ kind, reason }) => [kind, reason])).toEqual([
      ['correctionApproved', undefined],
      ['correctionRefused', '与首页不符'],
    ]);
    expect((await told(medical, id)).map(({ kind }) => kind)).toEqual(['correctionWaits', 'correctionWaits']);
    for (const person of [clerk2, doctor]) expect(await told(person, id)).toEqual([]);
  });

  test('once one of them has decided it, or it was withdrawn, it asks nobody any more: who decided as little as the others', async () => {
    const { User } = member.store.models;
    const { _id, ...other } = (await User.findOne({ username: 'medical' }).lean<User & { _id: unknown }>())!;
    await User.create({ ...other, username: 'medical2' });
    const medical2 = await api.login('medical2');
    const stands = async (id: string) =>
      Promise.all(
        [medical, medical2].map(async (person) => {
          const { items, unread } = await person.ok<{ items: Told[]; unread: number }>('get', '/notices');
          const about = items.filter(({ archiveId }) => archiveId === id);
          return { unread, latest: about.map(({ isRead, isSettled }) => [isRead, isSettled])[0] };
        }),
      );
    const deeds: [string, (id: string) => Promise<unknown>][] = [
      ['refuse', async (id) => decide(id, 1, 'refuse').expect(200)],
      ['withdraw', async (id) => decide(id, 2, 'withdraw', clerk).expect(200)],
      ['approve', async (id) => decide(id, 3, 'approve').expect(200)],
    ];
    const id = await archived(23);
    for (const [deed, decided] of deeds) {
      await propose(id).expect(201);
      const before = await stands(id);
      expect([deed, before.map(({ latest }) => latest)]).toEqual([
        deed,
        [
          [false, false],
          [false, false],
        ],
      ]);
      await decided(id);
      const after = await stands(id);
      expect([deed, after]).toEqual([deed, before.map(({ unread }) => ({ unread: unread - 1, latest: [true, true] }))]);
    }
    await User.deleteOne({ username: 'medical2' });
  });

  test('of what was withdrawn, and of what nobody had to approve, nobody is told', async () => {
    const id = await archived(21);
    await propose(id).expect(201);
    await decide(id, 1, 'withdraw', clerk).expect(200);
    expect(await told(clerk, id)).toEqual([]);
    api.deps.corrections.needApproval = false;
    await propose(id).expect(201);
    expect(await told(clerk, id)).toEqual([]);
    expect(await told(medical, id)).toHaveLength(1);
  });

  test('of two that decide at once only the first one’s decision is told', async () => {
    const id = await archived(22);
    await propose(id).expect(201);
    await Promise.all([decide(id, 1, 'approve'), decide(id, 1, 'refuse')]);
    const [{ state }] = (await history(id)) as [Shown];
    expect((await told(clerk, id)).map(({ kind }) => kind)).toEqual([
      state === 'inForce' ? 'correctionApproved' : 'correctionRefused',
    ]);
  });
});

describe('病案号 and 住院次数', () => {
  /** Everything else as it is. */
  const numbered = (patientNo: string, visitNo = '1') => ({
    registered: { ...MISTYPED, admittedAt: null, patientNo, visitNo },
  });
  const rows = async (path: string) => (await clerk.ok<{ items: object[] }>('get', path)).items;
  const code = async (call: Promise<{ body: unknown }>) => ((await call).body as { code?: string }).code;

  test('corrected once approved: lists, searches and loans in force go by the new number, and the archive stays the same one', async () => {
    const id = await archived(30);
    await doctor.ok('post', '/loans', { archives: [{ archiveId: id }], ...REQUEST });
    await propose(id, numbered('right-30', '2')).expect(201);
    expect(await open(id)).toMatchObject({ patientNo: 'correction-30', visitNo: '1' });
    await decide(id, 1, 'approve').expect(200);
    expect(await open(id)).toMatchObject({ patientNo: 'right-30', visitNo: '2', corrected: 1 });
    expect(await rows('/archives?q=right-30')).toMatchObject([{ archiveId: id }]);
    expect(await rows('/archives?q=correction-30')).toEqual([]);
    expect(await rows('/loans?q=right-30')).toMatchObject([{ archiveId: id, visitNo: '2' }]);
    const [one] = (await history(id)) as [Shown];
    expect([one.before, one.after]).toMatchObject([{ patientNo: 'correction-30' }, { patientNo: 'right-30' }]);
    await until(async () => (await findings()).length === 0);
  });

  test('a number that is another archive’s is refused, both named: when it is asked for, and when it is approved', async () => {
    const [id, other] = [await archived(31), await archived(32)];
    const taken = await propose(id, numbered('correction-32'));
    expect([taken.status, taken.body]).toMatchObject([
      409,
      {
        code: 'visit-taken',
        data: {
          archiveId: id,
          other: { archiveId: other, patientNo: 'correction-32', visitNo: '1', patientName: '样列甲' },
        },
      },
    ]);
    await propose(id, numbered('right-31')).expect(201);
    await propose(other, numbered('right-31')).expect(201);
    await decide(id, 1, 'approve').expect(200);
    expect(await code(decide(other, 1, 'approve'))).toBe('visit-taken');
    expect(await open(other)).toMatchObject({ patientNo: 'correction-32', corrected: 0 });
    await decide(other, 1, 'refuse').expect(200);
  });

  test('of two archives that are to have one number at the same time one gets it', async () => {
    const ids = [await archived(33), await archived(34)];
    for (const id of ids) await propose(id, numbered('right-33')).expect(201);
    const decided = await Promise.all(ids.map((id) => decide(id, 1, 'approve')));
    expect(decided.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(decided.find(({ status }) => status === 409)!.body).toMatchObject({ code: 'visit-taken' });
    expect(await rows('/archives?q=right-33')).toHaveLength(1);
  });

  test('batches go by the number of today; who still sends the old one is told, and another visit to which that belongs gets an archive of its own', async () => {
    const id = await archived(35);
    await propose(id, numbered('right-35')).expect(201);
    await decide(id, 1, 'approve').expect(200);
    const late = { reason: '补扫' };
    const again = await clerk.ok<{ archiveId: string }>(
      'post',
      '/batches',
      visit(0, { patientNo: 'right-35', ...late }),
    );
    expect(again.archiveId).toBe(id);
    expect(await clerk.refusal('post', '/batches', visit(35, late))).toBe('visit-renumbered');
    const { archiveId } = await clerk.ok<{ archiveId: string }>(
      'post',
      '/batches',
      visit(35, { patientName: '样例乙' }),
    );
    expect(archiveId).not.toBe(id);
    expect(await open(archiveId)).toMatchObject({ patientNo: 'correction-35', patientName: '样例乙' });
    const same = await clerk.ok<{ archiveId: string }>('post', '/batches', visit(35, { patientName: '样例乙' }));
    expect(same.archiveId).toBe(archiveId);
  });

  test('the trace of the patient has what was done to the archive before, too; what is done after is not of the other number', async () => {
    const auditor = await api.login('auditor');
    const id = await archived(36);
    await open(id);
    await propose(id, numbered('right-36')).expect(201);
    await decide(id, 1, 'approve').expect(200);
    await open(id);
    type Entry = { seq: number; action: string; actor: { id: string } };
    const of = async (query: string) =>
      (await auditor.ok<{ items: Entry[] }>('get', `/trace?${query}`)).items
        .filter(({ actor }) => actor.id !== 'auditor')
        .map(({ seq, action }) => `${seq} ${action}`);
    const all = await of(`archiveId=${id}`);
    expect(all[0]).toMatch(/archive\.open$/);
    expect(await of('patientNo=right-36')).toEqual(all);
    expect(await of('patientNo=right-36&kind=open')).toEqual(all.filter((text) => /\.open$/.test(text)));
    expect(await of('patientNo=correction-36')).toEqual(all.slice(1));
  });

  test('a loan that is applied for in the instant of a correction has the new number and name', async () => {
    const id = await archived(37);
    const { registered } = numbered('right-37');
    await propose(id, { registered: { ...registered, patientName: '样例丙' } }).expect(201);
    // The archive was read for the loan; before its row is written the correction comes, and waits, or is through.
    const { Loan } = member.store.models;
    const insertOne = Loan.collection.insertOne.bind(Loan.collection);
    const aborted = async () =>
      ((await member.store.connection.db!.admin().serverStatus()) as Counts).transactions.totalAborted;
    let approved: Promise<number> | undefined;
    let isThrough = false;
    Loan.collection.insertOne = async (...of: Parameters<typeof insertOne>) => {
      const before = await aborted();
      approved ??= decide(id, 1, 'approve').then(({ status }) => {
        isThrough = true;
        return status;
      });
      await until(async () => isThrough || (await aborted()) > before);
      return insertOne(...of);
    };
    try {
      await doctor.ok('post', '/loans', { archives: [{ archiveId: id }], ...REQUEST });
    } finally {
      Loan.collection.insertOne = insertOne;
    }
    expect(await approved).toBe(200);
    expect(await Loan.findOne({ archiveId: id }).lean()).toMatchObject({
      patientNo: 'right-37',
      patientName: '样例丙',
    });
  });

  test('a correction from before the numbers could be corrected says nothing of them, and holds', async () => {
    const id = await archived(43);
    await propose(id).expect(201);
    const old = { $unset: { 'before.patientNo': 1, 'before.visitNo': 1, 'after.patientNo': 1, 'after.visitNo': 1 } };
    await member.store.models.Correction.collection.updateOne({ archiveId: id }, old);
    await decide(id, 1, 'approve').expect(200);
    expect(await open(id)).toMatchObject({ ...RIGHT, patientNo: 'correction-43', visitNo: '1' });
    await until(async () => (await findings()).length === 0);
  });
});

test('refused by code: nothing to change, no such thing, on hold, one’s own, not in order, blank', async () => {
  const id = await archived(5);
  const { admittedAt, ...same } = { ...MISTYPED, admittedAt: null };
  const code = async (...args: Parameters<typeof propose>) => ((await propose(...args)).body as { code?: string }).code;
  expect(await code(id, { registered: { ...same, admittedAt } })).toBe('correction-unchanged');
  expect(await code('ar_nothing')).toBe('archive-not-found');
  for (const bad of [
    { patientNo: ' ' },
    { visitNo: '\u0007' },
    { patientName: ' ' },
    { patientName: 'a\u0007' },
    { dischargedAt: '2026-11-19T00:00:00Z' },
  ])
    expect(await code(id, { registered: { ...RIGHT, ...bad } })).toBe('request-invalid');
  expect(await code(id, { reason: ' ' })).toBe('request-invalid');
  expect(await code(id, {}, doctor)).toBe('permission-denied');
  expect(await code(id, {}, medical)).toBe('permission-denied');
  await propose(id).expect(201);
  const refusal = async (...args: Parameters<typeof decide>) =>
    ((await decide(...args)).body as { code?: string }).code;
  expect(await refusal(id, 7, 'approve')).toBe('correction-not-found');
  expect(await refusal(id, 1, 'approve', clerk)).toBe('permission-denied');

  // Someone who may do both: still not what they asked for themselves.
  const { User } = member.store.models;
  await User.updateOne({ username: 'clerk' }, { $set: { roles: ['recordsClerk', 'medicalAffairs'] } });
  expect(await refusal(id, 1, 'approve', clerk)).toBe('correction-own');
  await User.updateOne({ username: 'clerk' }, { $set: { roles: ['recordsClerk'] } });

  await medical.ok('post', `/archives/${id}/hold`, { reason: '纠纷' });
  expect(await refusal(id, 1, 'approve')).toBe('archive-held');
  expect(await code(id)).toBe('archive-held');
  await medical.ok('post', `/archives/${id}/hold-release`, { reason: '已结' });
  await decide(id, 1, 'approve').expect(200);
  expect((await archiveOf(id)).patientName).toBe('样例甲');
});

test('what changed meanwhile is answered with both sides', async () => {
  const id = await archived(6);
  const mine = { ...RIGHT, department: '急诊科' };
  await propose(id).expect(201);
  const pending = await propose(id, { registered: mine }, clerk2);
  expect(pending.status).toBe(409);
  expect(pending.body).toMatchObject({
    code: 'correction-pending',
    data: { base: 0, theirs: { correction: 1, by: 'clerk', after: RIGHT }, yours: mine },
  });
  await decide(id, 1, 'approve').expect(200);
  const changed = await propose(id, { registered: mine }, clerk2);
  expect(changed.status).toBe(409);
  expect(changed.body).toMatchObject({
    code: 'registration-changed',
    data: { base: 1, theirs: { correction: 1, before: MISTYPED, after: RIGHT }, yours: mine },
  });
  expect((await propose(id, { base: 1, registered: mine }, clerk2).expect(201)).body).toMatchObject({
    correction: 2,
    before: RIGHT,
  });
});

test('two at once: of two that ask one waits; of two that decide one does, and the other hears who was first', async () => {
  const id = await archived(7);
  const asked = await Promise.all([propose(id), propose(id, {}, clerk2)]);
  expect(asked.map(({ status }) => status).sort()).toEqual([201, 409]);
  expect(asked.find(({ status }) => status === 409)!.body).toMatchObject({ code: 'correction-pending' });
  const decided = await Promise.all([decide(id, 1, 'approve'), decide(id, 1, 'refuse')]);
  expect(decided.map(({ status }) => status).sort()).toEqual([200, 409]);
  const { body } = decided.find(({ status }) => status === 409)!;
  expect(body).toMatchObject({ code: 'correction-decided', data: { decidedBy: 'medical' } });
  const won = decided.find(({ status }) => status === 200)!.body as Shown;
  expect((await archiveOf(id)).patientName).toBe(won.state === 'inForce' ? '样例甲' : '样列甲');
});

test('where the hospital has set it so, what is archived is corrected at once too', async () => {
  const id = await archived(8);
  api.deps.corrections.needApproval = false;
  expect((await propose(id).expect(201)).body).toMatchObject({ state: 'inForce' });
  expect(await open(id)).toMatchObject({ ...RIGHT, corrected: 1 });
  await until(async () => (await history(id))[0]!.attestation !== undefined);
});
