import { jcs, sm3 } from '../../../platform/crypto/index.ts';
import { CALENDAR } from '../../../domain/calendar.ts';
import { DEFAULT_LOAN_POLICY } from '../../../domain/loan/policy.ts';
import {
  type ArchiveVersion,
  type LoanEventRow,
  type LoanRow,
  type Notice,
  projectLoan,
} from '../../../platform/store/index.ts';
import { tellVolumes } from '../../../platform/store/volumes.ts';
import { loanQuery, loanWorkflowId, TaskQueue, WorkflowName } from '../../../workflows/shared.ts';
import { type Person, TestApi } from '../../fixtures/api.ts';
import { committed, frontPage, type Original, startArchiving } from '../../fixtures/archiving.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';

const member = new TestMember('loans');
const api = new TestApi(member);
let doctor: Person, head: Person, clerk: Person, clerk2: Person, medical: Person;
const DAY_MS = 86_400_000;

beforeAll(async () => {
  await member.start();
  await api.start();
  [doctor, head, clerk, clerk2, medical] = (await Promise.all(
    ['doctor', 'head', 'clerk', 'clerk2', 'medical'].map((name) => api.login(name)),
  )) as [Person, Person, Person, Person, Person];
  const orders: Original = { ...(await frontPage(2)), documentType: 'orders' };
  const batchId = await committed(member, 'ar_pages', [await frontPage(1), orders]);
  await (await startArchiving(member, 'ar_pages', batchId)).result();
});
afterAll(async () => {
  api.stop();
  await member.stop();
});

let count = 0;
/** Archives as they lie in the store, without pages. */
async function archives(n: number, change: object = {}): Promise<string[]> {
  const now = new Date();
  const rows = Array.from({ length: n }, () => ({
    archiveId: `ar_l${(count += 1)}`,
    patientNo: `L${count}`,
    visitNo: '1',
    patientName: `样例${count}`,
    dischargedAt: now,
    currentVersion: 1,
    state: 'attested' as const,
    pageCount: 1,
    documentTypes: [],
    createdAt: now,
    updatedAt: now,
    ...change,
  }));
  await member.store.models.Archive.insertMany(rows);
  return rows.map(({ archiveId }) => archiveId);
}

interface Item {
  archiveId: string;
  loanId?: string;
  state?: string;
  refusal?: { code: string; data: Record<string, unknown> };
}
type Shown = { loan: { loanId: string; state: string; task?: { taskId: string }; [field: string]: unknown } };
const wish = { purpose: 'treatment', reason: '复诊对照', days: 30, rights: ['view'] };
const paper = { place: 'outOfRoom', days: 3 };
const apply = (person: Person, ids: readonly string[], change: object = {}, headers: Record<string, string> = {}) =>
  person
    .ok<{ applicationId: string; results: Item[] }>(
      'post',
      '/loans',
      { ...wish, archives: ids.map((archiveId) => ({ archiveId })), ...change },
      headers,
    )
    .then(({ results }) => results);
async function one(person = doctor, change: object = {}, archive: object = {}): Promise<string> {
  const [item] = await apply(person, await archives(1, archive), change);
  if (item!.loanId === undefined) throw new Error(JSON.stringify(item));
  return item!.loanId;
}
const act = (person: Person, loanId: string, what: string, body: object = {}) =>
  person.ok<Shown>('post', `/loans/${loanId}/${what}`, body);
const refused = async (person: Person, loanId: string, what: string, body: object = {}) => {
  const { status, body: problem } = await person.call('post', `/loans/${loanId}/${what}`, body);
  return { status, ...(problem as { code: string; data?: Record<string, unknown> }) };
};
const show = (person: Person, loanId: string) =>
  person.ok<Shown & { events: { act: string; [field: string]: unknown }[]; names: Record<string, string> }>(
    'get',
    `/loans/${loanId}`,
  );
const taskOf = async (loanId: string) => (await show(medical, loanId)).loan.task!.taskId;
const approve = async (person: Person, loanId: string, more: object = {}) =>
  act(person, loanId, 'approve', { taskId: await taskOf(loanId), ...more });
const started = async (change: object = {}) => {
  const loanId = await one(doctor, change);
  await approve(clerk, loanId);
  await act(doctor, loanId, 'start');
  return loanId;
};
const row = (loanId: string) => member.store.models.Loan.findOne({ loanId }).lean<LoanRow>();
/** Waits until the row shows it: the workflow writes after the answer. */
const reaches = (loanId: string, state: string): Promise<LoanRow> =>
  until(async () => {
    const found = (await row(loanId))!;
    return found.state === state && found;
  });

test('applied for, claimed, approved, started, renewed, returned: each step shown, attested, told', async () => {
  const loanId = await one();
  const taskId = await taskOf(loanId);
  await act(clerk, loanId, 'claim', { taskId });
  expect(await refused(clerk2, loanId, 'approve', { taskId })).toMatchObject({
    status: 409,
    code: 'loan-task-claimed',
    data: { by: 'clerk' },
  });
  await act(clerk, loanId, 'approve', { taskId, days: 20, conditions: '不得外传' });
  expect(await refused(doctor, loanId, 'renewals', { days: 15, reason: 'x' })).toMatchObject({
    code: 'loan-move-invalid',
  });
  const { loan } = await act(doctor, loanId, 'start');
  expect(loan).toMatchObject({ state: 'onLoan', granted: { days: 20, conditions: '不得外传' } });
  await act(doctor, loanId, 'renewals', { days: 15, reason: '未写完' });
  const renewed = await approve(clerk2, loanId);
  const extended = Date.parse(renewed.loan.dueAt as string) - Date.parse(loan.dueAt as string);
  expect(extended).toBeGreaterThanOrEqual(15 * DAY_MS);
  expect((await act(doctor, loanId, 'return')).loan).toMatchObject({
    state: 'returned',
    closed: { cause: 'borrower' },
  });
  await member.client.workflow.getHandle(loanWorkflowId('yz1', loanId)).result();

  const { events, names } = await show(doctor, loanId);
  const acts = ['submit', 'claim', 'approve', 'start', 'requestRenewal', 'grantRenewal', 'return'];
  expect(events.map((event) => event.act)).toEqual(acts);
  expect(names).toMatchObject({ doctor: '周启明', clerk: '林晓岚', clerk2: '罗敏' });
  const kinds = (await member.store.models.Notice.find({ loanId }).sort({ at: 1 }).lean<Notice[]>()).map(
    ({ kind }) => kind,
  );
  expect(kinds).toEqual(['approved', 'renewed']);
  const audit = await member.store.models.TraceEntry.find({ loanId }).sort({ seq: 1 }).lean();
  expect(audit.map(({ action }) => action)).toEqual(
    expect.arrayContaining(['loan.claim', 'loan.approve', 'loan.start', 'loan.renew', 'loan.return']),
  );
});

test('every transition is on the ledger once: a salted digest under an opaque key, which says nothing', async () => {
  const loanId = await one();
  await act(doctor, loanId, 'withdraw');
  const { LoanEvent, OutboxItem } = member.store.models;
  await until(async () => (await LoanEvent.countDocuments({ loanId, attestation: { $exists: true } })) >= 2);
  const events = await LoanEvent.find({ loanId }).sort({ seq: 1 }).lean<LoanEventRow[]>();
  for (const { seq, act: what, manifest, salt } of events) {
    const proof = await doctor.ok<{ manifest: object; salt: string; ledger: LedgerProof }>(
      'get',
      `/loans/${loanId}/events/${seq}/proof`,
    );
    expect(proof).toMatchObject({ manifest, salt });
    const digest = sm3(Buffer.from('sealfolio/attest/1\0'), Buffer.from(salt!, 'hex'), Buffer.from(jcs(manifest)));
    const key = sm3(Buffer.from('sealfolio/key/1\0'), Buffer.from(loanId));
    expect(proof.ledger.entry.record).toEqual({
      stream: 'loan',
      key: key.toString('hex'),
      digest: digest.toString('hex'),
      note: '',
    });
    expect(JSON.stringify(manifest)).not.toContain('doctor');
    expect(manifest).toMatchObject({ act: what, loanId });
  }
  expect(await OutboxItem.countDocuments({ archiveId: loanId, stream: 'loan', state: 'final' })).toBe(2);
});
interface LedgerProof {
  entry: { record: object };
}

test('抢救 of what is still taken in: the loan stands, nothing is open; once it is archived its pages open under it', async () => {
  const [archiveId] = (await archives(1, { currentVersion: 0, state: 'pending', pageCount: 0 })) as [string];
  const [item] = await apply(doctor, [archiveId], { emergency: true });
  const loanId = item!.loanId!;
  await approve(clerk, loanId);
  await act(doctor, loanId, 'start');
  const access = () => doctor.ok<object>('get', `/archives/${archiveId}/access`);
  expect(await access()).toMatchObject({ basis: 'loan', loanId, rights: ['view'] });
  expect(await doctor.ok('get', `/archives/${archiveId}`)).toMatchObject({ currentVersion: 0, pageCount: 0 });
  expect(await doctor.refusal('get', `/archives/${archiveId}/pages/1`)).toBe('version-not-found');

  const batchId = await committed(member, archiveId, [await frontPage(700)]);
  await (await startArchiving(member, archiveId, batchId)).result();
  expect(await access()).toMatchObject({ basis: 'loan', loanId });
  const page = await doctor.call('get', `/archives/${archiveId}/pages/1`).expect(200);
  expect(page.headers['content-type']).toBe('image/jpeg');
  // It ends as any other: with it the pages close.
  await act(doctor, loanId, 'return');
  expect(await doctor.refusal('get', `/archives/${archiveId}/pages/1`)).toBe('loan-needed');
});

describe('an application', () => {
  test('for fifty archives: a result for each; the bad ones do the others no harm', async () => {
    const good = await archives(46);
    const [held] = await archives(1, { legalHold: { reason: 'x', by: 'medical', at: new Date() } });
    const [unarchived] = await archives(1, { currentVersion: 0 });
    const [related] = await archives(1, { patientNo: 'OWN1' });
    await member.store.models.User.updateOne({ username: 'doctor' }, { $set: { relatedPatientNos: ['OWN1'] } });
    const results = await apply(doctor, [...good, held!, unarchived!, related!, 'ar_nothing']);
    const codes = results.map(({ refusal, state }) => refusal?.code ?? state);
    expect(codes.slice(0, 46)).toEqual(Array(46).fill('pendingReview'));
    expect(codes.slice(46)).toEqual([
      'loan-archive-held',
      'loan-archive-unarchived',
      'loan-related-record',
      'archive-not-found',
    ]);
    const tooMany = await doctor.call('post', '/loans', {
      ...wish,
      archives: Array.from({ length: 51 }, (_, i) => ({ archiveId: `ar_t${i}` })),
    });
    expect(tooMany.body).toMatchObject({ code: 'loan-batch-limit', status: 422 });
  });

  test('the same key again is the same application; broken off half way, it is finished', async () => {
    const ids = await archives(3);
    const key = { 'Idempotency-Key': 'application-0001' };
    const first = await apply(doctor, ids, {}, key);
    expect(await apply(doctor, ids, {}, key)).toEqual(first);
    await member.store.models.IdempotentCall.deleteMany({});
    await member.store.models.Loan.deleteOne({ loanId: first[2]!.loanId });
    await member.client.workflow.getHandle(loanWorkflowId('yz1', first[2]!.loanId!)).terminate();
    const more = await archives(1);
    const again = await apply(doctor, [...ids.slice(0, 2), ...more], {}, key);
    expect(again.slice(0, 2)).toEqual(first.slice(0, 2));
    expect(again[2]).toMatchObject({ state: 'pendingReview' });
    expect(await member.store.models.Loan.countDocuments({ archiveId: { $in: ids.slice(0, 2) } })).toBe(2);
  });

  test('one person has one open loan of an archive, though asked for ten times at once', async () => {
    const ids = await archives(1);
    const results = (await Promise.all(Array.from({ length: 10 }, () => apply(doctor, ids)))).flat();
    expect(results.filter(({ loanId }) => loanId !== undefined)).toHaveLength(1);
    expect(new Set(results.flatMap(({ refusal }) => (refusal ? [refusal.code] : [])))).toEqual(
      new Set(['loan-duplicate']),
    );
    expect((await apply(head, ids))[0]).toMatchObject({ state: 'pendingReview' });
  });

  test('kept as a draft, edited and handed in, or thrown away; nobody else sees it', async () => {
    const [a, b] = await apply(doctor, await archives(2), { draft: true });
    expect(a).toMatchObject({ state: 'draft' });
    expect(await clerk.refusal('get', `/loans/${a!.loanId}`)).toBe('loan-not-found');
    await doctor.call('delete', `/loans/${b!.loanId}`).expect(204);
    expect(await doctor.refusal('delete', `/loans/${b!.loanId}`)).toBe('loan-not-found');
    const { loan } = await act(doctor, a!.loanId!, 'submit', { ...wish, purpose: 'research' });
    expect(loan).toMatchObject({
      state: 'pendingReview',
      purpose: 'research',
      levels: ['departmentHead', 'recordsClerk'],
    });
    expect(await doctor.refusal('delete', `/loans/${a!.loanId}`)).toBe('loan-not-found');
  });

  test.each<[string, object, object, object]>([
    ['loan-term-limit', { days: 31 }, {}, {}],
    ['loan-right-not-allowed', { rights: ['view', 'download'] }, {}, {}],
    ['loan-not-entitled', {}, { employment: 'trainee' }, {}],
    ['loan-scope-invalid', { archives: 'nodes' }, {}, {}],
    ['loan-quota', {}, {}, { quota: 1 }],
  ])('refused: %s', async (code, change, person, policy) => {
    const { User, LoanPolicy } = member.store.models;
    await User.updateOne({ username: 'head' }, { $set: person });
    const { items } = await medical.ok<{ items: { version: number; policy: object }[] }>('get', '/loan-policies');
    const { version, policy: before } = items[0]!;
    if (Object.keys(policy).length > 0)
      await LoanPolicy.create({
        version: version + 1,
        policy: { ...before, ...policy } as never,
        by: 'medical',
        reason: 'test',
        createdAt: new Date(),
      });
    const [id] = await archives(1);
    const body = { ...wish, archives: [{ archiveId: id, ...('archives' in change && { nodes: [7] }) }] };
    const { archives: _nodes, ...rest } = change as { archives?: unknown };
    const { results } = await head.ok<{ results: Item[] }>('post', '/loans', { ...body, ...rest });
    expect(results[0]!.refusal?.code).toBe(code);
    await LoanPolicy.deleteOne({ version: version + 1 });
    await User.updateOne({ username: 'head' }, { $set: { employment: 'staff' } });
  });

  test('nothing new while something is overdue; archives marked, and many at once, go to more people', async () => {
    const held = await one(head);
    await member.store.models.Loan.updateOne({ loanId: held }, { $set: { state: 'overdue' } });
    expect((await apply(head, await archives(1)))[0]!.refusal?.code).toBe('loan-overdue-held');
    await member.store.models.Loan.updateOne({ loanId: held }, { $set: { state: 'pendingReview' } });
    const [death] = await archives(1, { marks: ['death'] });
    const [item] = await apply(head, [death!]);
    expect((await row(item!.loanId!))!.levels).toEqual(['recordsClerk', 'medicalAffairs']);
  });
});

describe('a decision', () => {
  test('two at once: one wins, the other gets 409 and sees who won', async () => {
    for (let i = 0; i < 5; i += 1) {
      const loanId = await one();
      const taskId = await taskOf(loanId);
      const answers = await Promise.all([
        clerk.call('post', `/loans/${loanId}/approve`, { taskId }),
        clerk2.call('post', `/loans/${loanId}/refuse`, { taskId, reason: '理由不足' }),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
      const winner = answers[0].status === 200 ? 'clerk' : 'clerk2';
      const lost = answers.find(({ status }) => status === 409)!.body as object;
      expect(lost).toMatchObject({ code: 'loan-task-decided', data: { by: winner } });
      const { loan } = await show(clerk, loanId);
      expect(loan).toMatchObject({ state: winner === 'clerk' ? 'approved' : 'refused' });
      expect(loan.decisions).toHaveLength(1);
    }
  });

  test('sent twice by the same click, it is one decision and the same answer', async () => {
    const loanId = await one();
    const taskId = await taskOf(loanId);
    const key = { 'Idempotency-Key': `click-${loanId}` };
    const send = () => clerk.call('post', `/loans/${loanId}/approve`, { taskId }, key);
    const first = await send().expect(200);
    await member.store.models.IdempotentCall.deleteMany({});
    const again = await send().expect(200);
    expect((again.body as Shown).loan.state).toBe((first.body as Shown).loan.state);
    expect((await row(loanId))!.decisions).toHaveLength(1);
  });

  test('two levels: the head of the department, then the records room; each only at the own level', async () => {
    const loanId = await one(doctor, { purpose: 'research' });
    const first = await taskOf(loanId);
    expect(await refused(clerk, loanId, 'approve', { taskId: first })).toMatchObject({
      status: 403,
      code: 'loan-not-reviewer',
    });
    expect((await approve(head, loanId)).loan).toMatchObject({ state: 'pendingReview', passed: 1 });
    expect(await refused(head, loanId, 'approve', { taskId: await taskOf(loanId) })).toMatchObject({
      code: 'loan-not-reviewer',
    });
    expect(await refused(clerk, loanId, 'approve', { taskId: first })).toMatchObject({
      code: 'loan-task-decided',
      data: { by: 'head' },
    });
    expect((await approve(clerk, loanId)).loan).toMatchObject({ state: 'approved' });
  });

  test('sent back, edited, handed in again; refused; withdrawn', async () => {
    const loanId = await one();
    await act(clerk, loanId, 'send-back', { taskId: await taskOf(loanId), reason: '请写明用途' });
    expect(await refused(clerk, loanId, 'submit', { ...wish })).toMatchObject({ code: 'permission-denied' });
    const { loan } = await act(doctor, loanId, 'submit', { ...wish, reason: '门诊复诊，对照上次用药' });
    expect(loan).toMatchObject({ state: 'pendingReview', reason: '门诊复诊，对照上次用药' });
    await act(clerk, loanId, 'refuse', { taskId: await taskOf(loanId), reason: '非本科患者' });
    expect(await refused(clerk2, loanId, 'approve', { taskId: 't1' })).toMatchObject({ code: 'loan-task-decided' });
    expect(await refused(doctor, loanId, 'withdraw')).toMatchObject({ code: 'loan-move-invalid' });
  });

  test.each<[string, string, object, number]>([
    ['approve', 'loan-term-longer', { days: 31 }, 422],
    ['approve', 'loan-right-not-asked', { rights: ['view', 'print'] }, 422],
    ['release', 'loan-not-claimed', {}, 409],
  ])('%s: %s', async (what, code, more, status) => {
    const loanId = await one();
    expect(await refused(clerk, loanId, what, { taskId: await taskOf(loanId), ...more })).toMatchObject({
      code,
      status,
    });
  });

  test('what is the borrower’s to do is not a colleague’s, though the head knows of it', async () => {
    const [waiting, lent] = [await one(), await started()];
    for (const [loanId, what, body] of [
      [waiting, 'withdraw', {}],
      [waiting, 'submit', wish],
      [lent, 'renewals', { days: 5, reason: 'x' }],
      [lent, 'return', {}],
    ] as const)
      expect([what, await refused(head, loanId, what, body)]).toMatchObject([
        what,
        { status: 403, code: 'loan-not-borrower' },
      ]);
    expect((await row(lent))!.state).toBe('onLoan');
  });

  test('approved for later it is not started before', async () => {
    const startAt = new Date(Date.now() + 2 * DAY_MS).toISOString();
    const loanId = await one(doctor, { startAt });
    await approve(clerk, loanId);
    expect(await refused(doctor, loanId, 'start')).toMatchObject({
      status: 409,
      code: 'loan-start-early',
      data: { startAt: Date.parse(startAt) },
    });
    expect((await row(loanId))!.state).toBe('approved');
  });

  test('a renewal that would end before today is granted no more', async () => {
    const loanId = await started(paper);
    const handle = member.client.workflow.getHandle(loanWorkflowId('yz1', loanId));
    const held = await handle.query(loanQuery);
    // The same loan as it is weeks later, when the renewal that was asked for in time still waits.
    await handle.terminate();
    const [dueAt, ahead] = [Date.now() - 40 * DAY_MS, Date.now() + 40 * DAY_MS];
    const task = {
      taskId: 't90',
      kind: 'renewal' as const,
      role: 'recordsClerk' as const,
      openedAt: dueAt,
      remindAt: ahead,
      escalateAt: ahead,
      expireAt: ahead,
      isSure: true,
      reminded: true,
    };
    const renewals = [{ days: 5, reason: '未写完', requestedAt: dueAt }];
    const loan = { ...held, state: 'overdue' as const, seq: 90, dueAt, task, renewals, lastReminderAt: Date.now() };
    const policy = { ...DEFAULT_LOAN_POLICY, renewal: { ...DEFAULT_LOAN_POLICY.renewal, reviveAfterDue: true } };
    await member.client.workflow.start(WorkflowName.archiveLoan, {
      workflowId: loanWorkflowId('yz1', loanId),
      taskQueue: TaskQueue.loans,
      args: [{ loan, policy, calendar: CALENDAR }],
    });
    await projectLoan(member.store.models, loan);
    expect(await refused(clerk, loanId, 'approve', { taskId: 't90' })).toMatchObject({
      status: 409,
      code: 'loan-renewal-late',
    });
    await act(clerk, loanId, 'return');
  });

  test('without a reason it is no refusal', async () => {
    const loanId = await one();
    expect(await refused(clerk, loanId, 'refuse', { taskId: 't1' })).toMatchObject({ code: 'request-invalid' });
  });
});

describe('deputies', () => {
  const name = (principal: string, deputy: string, to = DAY_MS) =>
    api.login('secadmin').then((sec) =>
      sec.ok<{ deputyId: string }>('post', '/deputies', {
        principal,
        deputy,
        from: new Date(Date.now() - 1000).toISOString(),
        to: new Date(Date.now() + to).toISOString(),
      }),
    );
  const end = async ({ deputyId }: { deputyId: string }) =>
    (await api.login('secadmin')).call('delete', `/deputies/${deputyId}`).expect(204);

  test('decides for the head who is away, and the loan says for whom; when it is over, no longer', async () => {
    const loanId = await one(doctor, { purpose: 'research' });
    const taskId = await taskOf(loanId);
    expect(await refused(clerk2, loanId, 'approve', { taskId })).toMatchObject({ code: 'loan-not-reviewer' });
    const term = await name('head', 'clerk2');
    const { items } = await clerk2.ok<{ items: { loanId: string }[] }>('get', '/loans?view=tasks&limit=200');
    expect(items.map((item) => item.loanId)).toContain(loanId);
    const { loan } = await act(clerk2, loanId, 'approve', { taskId });
    expect(loan.decisions).toMatchObject([{ by: 'clerk2', actingFor: 'head', role: 'departmentHead' }]);
    // The next level is clerk2's own; whoever decided for the head does not decide it too.
    expect(await refused(clerk2, loanId, 'approve', { taskId: await taskOf(loanId) })).toMatchObject({
      code: 'loan-reviewer-twice',
    });
    await end(term);
    const other = await one(doctor, { purpose: 'research' });
    expect(await refused(clerk2, other, 'approve', { taskId: await taskOf(other) })).toMatchObject({
      code: 'loan-not-reviewer',
    });
  });

  test('an applicant decides nothing of the own, neither as the deputy nor through one', async () => {
    const mine = await one(doctor);
    const asDeputy = await name('clerk', 'doctor');
    expect(await refused(doctor, mine, 'approve', { taskId: await taskOf(mine) })).toMatchObject({
      status: 403,
      code: 'loan-own-application',
    });
    const { items } = await doctor.ok<{ items: { loanId: string }[] }>('get', '/loans?view=tasks&limit=200');
    expect(items.map(({ loanId }) => loanId)).not.toContain(mine);
    await end(asDeputy);
    const ofHead = await one(head, { purpose: 'research' });
    const through = await name('head', 'doctor');
    expect(await refused(doctor, ofHead, 'approve', { taskId: await taskOf(ofHead) })).toMatchObject({
      code: 'loan-own-application',
    });
    await end(through);
  });
});

describe('reading', () => {
  const page = (person: Person, query = '') => person.call('get', `/archives/ar_pages/pages/1${query}`);
  const lend = async (change: object = {}) => {
    const { results } = await doctor.ok<{ results: Item[] }>('post', '/loans', {
      ...wish,
      archives: [{ archiveId: 'ar_pages' }],
      ...change,
    });
    const loanId = results[0]!.loanId!;
    await approve(clerk, loanId);
    await act(doctor, loanId, 'start');
    return loanId;
  };

  test('a doctor reads under a loan only: from its start until it is returned, nothing before and nothing after', async () => {
    expect((await page(doctor)).body).toMatchObject({ code: 'loan-needed', status: 403 });
    expect((await page(clerk)).status).toBe(200);
    const loanId = await lend();
    expect((await page(doctor)).status).toBe(200);
    expect(await doctor.ok('get', '/archives/ar_pages/access')).toMatchObject({
      basis: 'loan',
      loanId,
      rights: ['view'],
    });
    expect((await page(doctor, '?use=print')).body).toMatchObject({ code: 'loan-right-missing' });
    expect(await doctor.refusal('get', '/archives/ar_pages/package')).toBe('loan-right-missing');
    expect((await page(doctor, '?use=prefetch')).status).toBe(200);
    await doctor.call('post', '/archives/ar_pages/pages/1/shown').expect(204);
    expect((await page(head)).body).toMatchObject({ code: 'loan-needed' });
    await act(doctor, loanId, 'return');
    expect((await page(doctor)).body).toMatchObject({ code: 'loan-needed' });
    expect(await doctor.refusal('post', '/archives/ar_pages/pages/1/shown')).toBe('loan-needed');
    const trace = await member.store.models.TraceEntry.find({ loanId, kind: { $in: ['page', 'preview'] } })
      .sort({ seq: 1 })
      .lean();
    const version = await member.store.models.ArchiveVersion.findOne({ archiveId: 'ar_pages' }).lean<ArchiveVersion>();
    // By the digest of the very package that was attested.
    const details = { version: 1, page: 1, sm3: version!.package!.sm3 };
    expect(trace).toMatchObject([
      { actor: { id: 'doctor' }, action: 'archive.page', purpose: 'treatment', details },
      { action: 'archive.prefetch', details },
      { action: 'archive.page', details: { ...details, isAhead: true } },
    ]);
  });

  test('a version, or a page, that is not there', async () => {
    expect((await page(clerk, '?version=9')).body).toMatchObject({ code: 'version-not-found', status: 404 });
    const beyond = await clerk.call('get', '/archives/ar_pages/pages/99');
    expect(beyond.body).toMatchObject({ code: 'page-not-found', status: 404 });
  });

  test('paper opens nothing on the screen, and goes out to one person at a time: from being asked for until it is back', async () => {
    const second = async () => (await apply(head, ['ar_pages'], paper))[0]!.refusal?.code;
    const [mine] = await apply(doctor, ['ar_pages'], paper);
    const loanId = mine!.loanId!;
    expect(await second()).toBe('loan-volume-out');
    await approve(clerk, loanId);
    expect(await second()).toBe('loan-volume-out');
    await act(doctor, loanId, 'start');
    expect(await second()).toBe('loan-volume-out');
    expect(await member.store.models.Loan.countDocuments({ applicant: 'head', archiveId: 'ar_pages' })).toBe(0);

    expect((await page(doctor)).body).toMatchObject({ code: 'loan-needed', status: 403 });
    expect(await doctor.refusal('get', '/archives/ar_pages/package')).toBe('loan-needed');
    expect(await doctor.refusal('post', '/archives/ar_pages/pages/1/shown')).toBe('loan-needed');
    expect(await doctor.ok('get', '/archives/ar_pages/access')).toMatchObject({ basis: 'none' });

    const [draft] = await apply(head, ['ar_pages'], { ...paper, draft: true });
    expect(await refused(head, draft!.loanId!, 'submit', { ...wish, ...paper })).toMatchObject({
      status: 409,
      code: 'loan-volume-out',
      data: { archiveId: 'ar_pages' },
    });
    expect((await row(draft!.loanId!))!.state).toBe('draft');
    // On the screen it is lent meanwhile; sent back, it does not become a loan of paper either.
    await act(head, draft!.loanId!, 'submit', wish);
    await act(clerk, draft!.loanId!, 'send-back', { taskId: await taskOf(draft!.loanId!), reason: '请写明用途' });
    expect(await refused(head, draft!.loanId!, 'submit', { ...wish, ...paper })).toMatchObject({
      code: 'loan-volume-out',
    });
    expect((await act(clerk, loanId, 'return')).loan).toMatchObject({ state: 'returned' });
    expect((await act(head, draft!.loanId!, 'submit', { ...wish, ...paper })).loan).toMatchObject({
      state: 'pendingReview',
      place: 'outOfRoom',
    });
    expect((await apply(doctor, ['ar_pages'], paper))[0]!.refusal?.code).toBe('loan-volume-out');
    await act(head, draft!.loanId!, 'withdraw');
    const [again] = await apply(doctor, ['ar_pages'], paper);
    await act(doctor, again!.loanId!, 'withdraw');
  });

  test('of two who ask for the same paper at once one gets it', async () => {
    for (const archiveId of await archives(5)) {
      const results = await Promise.all([doctor, head].map((person) => apply(person, [archiveId], paper)));
      const codes = results.flat().map(({ state, refusal }) => refusal?.code ?? state);
      expect(codes.sort()).toEqual(['loan-volume-out', 'pendingReview']);
    }
  });

  test('rows of before say it too, the first of two', async () => {
    const [archiveId] = await archives(1);
    const [mine] = await apply(doctor, [archiveId!], paper);
    const { Loan } = member.store.models;
    await Loan.updateOne({ loanId: mine!.loanId }, { $unset: { volume: 1 } });
    const [other] = await apply(head, [archiveId!], paper);
    await Loan.updateOne({ loanId: other!.loanId }, { $unset: { volume: 1 } });
    await tellVolumes(member.store.models);
    const told = await Promise.all([mine, other].map(async (item) => (await row(item!.loanId!))!.volume));
    expect(told).toEqual([archiveId, undefined]);
  });

  test('only the branches that were lent', async () => {
    const loanId = await lend({ archives: [{ archiveId: 'ar_pages', nodes: [1] }] });
    expect((await page(doctor)).body).toMatchObject({ code: 'page-out-of-scope' });
    await doctor.call('get', '/archives/ar_pages/pages/2').expect(200);
    await act(doctor, loanId, 'return');
  });

  test('only the branches that the reviewer left', async () => {
    const [item] = await apply(doctor, ['ar_pages']);
    const loanId = item!.loanId!;
    const { scope } = await clerk.ok<{ scope: { nodesOf: object; branches: { node: number; pages: number }[] } }>(
      'get',
      `/loans/${loanId}`,
    );
    expect(scope.branches.map(({ node, pages }) => [node, pages])).toEqual([
      [0, 1],
      [1, 1],
    ]);
    const taskId = await taskOf(loanId);
    const left = (nodes: number[], nodesOf = scope.nodesOf) =>
      refused(clerk, loanId, 'approve', { taskId, scope: { nodes, nodesOf } });
    expect(await left([2])).toMatchObject({ status: 422, code: 'loan-scope-invalid', data: { node: 2 } });
    expect(await left([0], { version: 9, edit: 0 })).toMatchObject({ code: 'loan-scope-invalid' });
    expect(await left([])).toMatchObject({ status: 400, code: 'request-invalid' });
    const { loan } = await approve(clerk, loanId, { scope: { nodes: [1], nodesOf: scope.nodesOf } });
    expect(loan).toMatchObject({ granted: { scope: { nodes: [1] } } });
    await act(doctor, loanId, 'start');
    expect((await page(doctor)).body).toMatchObject({ code: 'page-out-of-scope' });
    await doctor.call('get', '/archives/ar_pages/pages/2').expect(200);
    const seen = await show(doctor, loanId);
    expect(seen).toMatchObject({ scope: { branches: [{ node: 1 }] } });
    // The borrower and the reviewer see what it took away, and it is what was attested.
    const approval = seen.events.find(({ act: what }) => what === 'approve')!;
    expect(approval).toMatchObject({
      grant: {
        asked: { rights: ['view'] },
        given: { rights: ['view'], scope: { nodes: [1], nodesOf: scope.nodesOf } },
      },
      withheldBranches: ['病案首页'],
    });
    expect(approval.grant).not.toHaveProperty('asked.scope');
    expect((await show(clerk, loanId)).events).toContainEqual(expect.objectContaining({ grant: approval.grant }));
    const event = await member.store.models.LoanEvent.findOne({ loanId, act: 'approve' }).lean<LoanEventRow>();
    expect(event!.manifest).toMatchObject({ grant: approval.grant });
    await act(doctor, loanId, 'return');
  });

  test('a reviewer leaves no branch that was not asked for', async () => {
    const [item] = await apply(doctor, [], { archives: [{ archiveId: 'ar_pages', nodes: [1] }] });
    const loanId = item!.loanId!;
    const scope = { nodes: [0], nodesOf: { version: 1, edit: 0 } };
    expect(await refused(clerk, loanId, 'approve', { taskId: await taskOf(loanId), scope })).toMatchObject({
      status: 422,
      code: 'loan-branch-not-asked',
      data: { field: 'scope', node: 0 },
    });
    await act(doctor, loanId, 'withdraw');
  });

  test('with the right to download, of the whole', async () => {
    const loanId = await lend({ purpose: 'insurance', rights: ['view', 'print', 'download'] });
    // What a borrower takes away is a copy with a watermark, not the sealed original.
    const copy = await doctor.call('get', '/archives/ar_pages/package').responseType('blob').expect(200);
    const original = await clerk.call('get', '/archives/ar_pages/package').responseType('blob').expect(200);
    const names = (body: unknown) => (body as Buffer).toString('latin1').match(/Doc_0\/(Signs|Res)\/\w+/g) ?? [];
    expect(names(copy.body).some((name) => name.includes('Signs'))).toBe(false);
    expect(names(original.body).some((name) => name.includes('Signs'))).toBe(true);
    expect((copy.body as Buffer).includes((original.body as Buffer).subarray(600, 1600))).toBe(false);
    expect((await page(doctor, '?use=print')).status).toBe(200);
    expect(await doctor.ok('get', '/archives/ar_pages/access')).toMatchObject({ printed: 1 });
    await act(doctor, loanId, 'return');
  });

  test('at the due instant it is over, whatever the workflow does by then', async () => {
    const loanId = await lend();
    expect((await page(doctor)).status).toBe(200);
    await member.store.models.Loan.updateOne({ loanId }, { $set: { dueAt: Date.now() } });
    expect((await page(doctor)).body).toMatchObject({ code: 'loan-needed' });
    await act(clerk, loanId, 'recall', { reason: '到期' });
  });

  test('put on hold: it is recalled, the borrower is told, nobody borrows; released, it is lent again', async () => {
    const loanId = await lend();
    expect(await clerk.refusal('post', '/archives/ar_pages/hold', { reason: 'x' })).toBe('permission-denied');
    await medical.call('post', '/archives/ar_pages/hold', { reason: '医疗纠纷，双方在场封存' }).expect(204);
    expect((await page(doctor)).body).toMatchObject({
      code: expect.stringMatching(/archive-held|loan-needed/) as string,
    });
    expect(await reaches(loanId, 'recalled')).toMatchObject({ closed: { cause: 'hold', by: 'system' } });
    await member.client.workflow.getHandle(loanWorkflowId('yz1', loanId)).result();
    expect(await member.store.models.Notice.countDocuments({ loanId, kind: 'recalled', username: 'doctor' })).toBe(1);
    expect((await apply(doctor, ['ar_pages']))[0]!.refusal?.code).toBe('loan-archive-held');
    expect(await medical.refusal('post', '/archives/ar_pages/hold', { reason: 'x' })).toBe('hold-present');
    await medical.call('post', '/archives/ar_pages/hold-release', { reason: '纠纷已结' }).expect(204);
    expect(await medical.refusal('post', '/archives/ar_pages/hold-release', { reason: 'x' })).toBe('hold-absent');
    expect(await medical.refusal('post', '/archives/ar_none/hold', { reason: 'x' })).toBe('archive-not-found');
    await medical.call('put', '/archives/ar_pages/marks', { marks: ['dispute'], reason: '纠纷' }).expect(204);
    expect((await row((await apply(doctor, ['ar_pages']))[0]!.loanId!))!.levels).toContain('medicalAffairs');
  });
});

test('whoever changes department returns what they hold', async () => {
  const loanId = await started();
  const sys = await api.login('sysadmin');
  const { departmentId } = await sys.ok<{ departmentId: string }>('post', '/departments', { name: '呼吸科' });
  const { revision, displayName } = await sys.ok<{ revision: number; displayName: string }>('get', '/users/doctor');
  const headers = { 'If-Match': `${revision}` };
  const before = (await member.store.models.User.findOne({ username: 'doctor' }).lean())!;
  await sys.ok('put', '/users/doctor', { displayName, departmentId }, headers);
  expect(await reaches(loanId, 'returned')).toMatchObject({ closed: { cause: 'left' } });
  await member.store.models.User.updateOne({ username: 'doctor' }, { $set: { departmentId: before.departmentId } });
  expect(await member.store.models.Loan.countDocuments({ applicant: 'doctor', state: 'onLoan' })).toBe(0);
});

test('whoever loses the role to borrow, or is disabled, returns what they hold', async () => {
  const { User } = member.store.models;
  const { passwordHash, departmentId } = (await User.findOne({ username: 'doctor' }).lean())!;
  const person = (username: string) => ({
    username,
    displayName: '住院医',
    departmentId,
    roles: ['doctor' as const],
    passwordHash,
  });
  await User.create([person('leaving'), person('moving')]);
  const [sys, sec] = [await api.login('sysadmin'), await api.login('secadmin')];
  const lend = async (username: string) => {
    const borrower = await api.login(username);
    const loanId = await one(borrower);
    await approve(clerk, loanId);
    await act(borrower, loanId, 'start');
    return loanId;
  };
  const [left, moved] = [await lend('leaving'), await lend('moving')];
  await sys.ok('post', '/users/leaving/disable', { reason: '离职' }, { 'If-Match': '1' });
  await sec.ok('put', '/users/moving/roles', { roles: ['recordsClerk'], reason: '调岗' }, { 'If-Match': '1' });
  expect(await reaches(left, 'returned')).toMatchObject({ closed: { cause: 'left', by: 'system' } });
  expect(await reaches(moved, 'returned')).toMatchObject({ closed: { cause: 'left', by: 'system' } });
});

test('归还率: what is back, late, overdue, recalled, by department; each sees what they may know of', async () => {
  interface Rate {
    department: string;
    begun: number;
    returned: number;
    overdue: number;
    rate: number | null;
  }
  const rates = (who: Person, query = '') => who.ok<{ items: Rate[] }>('get', `/loans/statistics${query}`);
  const loanId = await started();
  await member.store.models.Loan.updateOne({ loanId }, { $set: { state: 'overdue' } });
  const { items } = await rates(clerk);
  const heart = items.find(({ department }) => department === '心内科')!;
  expect(heart.overdue).toBe(1);
  expect(heart.returned).toBeGreaterThan(0);
  expect(heart.rate).toBeLessThan(1);
  expect((await rates(head)).items.map(({ department }) => department)).toEqual(['心内科']);
  expect((await rates(clerk, '?from=2000-01-01T00:00:00Z&to=2001-01-01T00:00:00Z')).items).toEqual([]);
  await member.store.models.Loan.updateOne({ loanId }, { $set: { state: 'onLoan' } });
  await act(clerk, loanId, 'recall', { reason: 'x' });
});

test('recalled by the records room, with the reason; a borrower does not recall', async () => {
  const loanId = await started();
  expect(await refused(doctor, loanId, 'recall', { reason: 'x' })).toMatchObject({ code: 'permission-denied' });
  expect((await act(clerk, loanId, 'recall', { reason: '院内急用' })).loan).toMatchObject({ state: 'recalled' });
  expect(await refused(doctor, loanId, 'return')).toMatchObject({ code: 'loan-move-invalid' });
});

test('a loan keeps the policy it began with; the next has the new one, and both say so', async () => {
  const before = await one();
  const { items } = await medical.ok<{ items: { version: number; policy: { renewal: object } }[] }>(
    'get',
    '/loan-policies',
  );
  const { version, policy } = items[0]!;
  const changed = { ...policy, renewal: { ...policy.renewal, times: 0 } };
  const body = { from: version, policy: changed, reason: '本院试行：不得续借' };
  expect(await clerk.refusal('post', '/loan-policies', body)).toBe('permission-denied');
  expect(await medical.refusal('post', '/loan-policies', { ...body, from: version + 5 })).toBe('policy-changed');
  expect(await medical.refusal('post', '/loan-policies', { ...body, policy: { ...changed, colour: 1 } })).toBe(
    'request-invalid',
  );
  await medical.ok('post', '/loan-policies', body);
  expect(await medical.refusal('post', '/loan-policies', body)).toBe('policy-changed');
  const after = await one();
  for (const loanId of [before, after]) {
    await approve(clerk, loanId);
    await act(doctor, loanId, 'start');
  }
  expect((await act(doctor, before, 'renewals', { days: 5, reason: 'x' })).loan).toMatchObject({
    policyVersion: version,
  });
  expect(await refused(doctor, after, 'renewals', { days: 5, reason: 'x' })).toMatchObject({
    code: 'loan-renewal-limit',
  });
  expect((await show(doctor, after)).loan).toMatchObject({ policyVersion: version + 1 });
  await member.store.models.LoanPolicy.deleteMany({});
});

test('the calendar is data: a year is entered as it was published', async () => {
  const { items } = await clerk.ok<{ items: { year: number; status: string }[] }>('get', '/calendar');
  expect(items).toMatchObject([
    { year: 2026, status: 'published' },
    { year: 2027, status: 'provisional' },
  ]);
  const year = { status: 'published', source: '国务院办公厅通知', holidays: ['2027-01-01'], workdays: ['2027-01-03'] };
  expect(await clerk.refusal('put', '/calendar/2027', year)).toBe('permission-denied');
  expect(await medical.refusal('put', '/calendar/2028', year)).toBe('request-invalid');
  await medical.call('put', '/calendar/2027', year).expect(204);
  const again = await clerk.ok<{ items: object[] }>('get', '/calendar');
  expect(again.items[1]).toMatchObject({ year: 2027, status: 'published', workdays: ['2027-01-03'] });
});

describe('who may know of a loan', () => {
  test('a colleague of another department gets 404 for every id, by every route', async () => {
    await member.store.models.Department.create({ departmentId: 'dp_other', name: '皮肤科', createdAt: new Date() });
    const { passwordHash } = (await member.store.models.User.findOne({ username: 'doctor' }).lean())!;
    await member.store.models.User.create([
      { username: 'stranger', displayName: '外科', departmentId: 'dp_other', roles: ['doctor'], passwordHash },
      {
        username: 'otherhead',
        displayName: '外主任',
        departmentId: 'dp_other',
        roles: ['departmentHead'],
        passwordHash,
      },
    ]);
    const loanIds = [await one(), await started()];
    for (const who of ['stranger', 'otherhead']) {
      const person = await api.login(who);
      for (const loanId of [...loanIds, 'ln_nothing']) {
        expect([who, await person.refusal('get', `/loans/${loanId}`)]).toEqual([who, 'loan-not-found']);
        expect(await person.refusal('get', `/loans/${loanId}/events/1/proof`)).toBe('loan-not-found');
        for (const [what, body] of [
          ['claim', { taskId: 't1' }],
          ['release', { taskId: 't1' }],
          ['approve', { taskId: 't1' }],
          ['refuse', { taskId: 't1', reason: 'x' }],
          ['send-back', { taskId: 't1', reason: 'x' }],
          ['withdraw', {}],
          ['start', {}],
          ['renewals', { days: 1, reason: 'x' }],
          ['return', {}],
          ['submit', wish],
        ] as const) {
          const { code, status } = await refused(person, loanId, what, body);
          expect([what, status, code]).toEqual([what, 404, 'loan-not-found']);
        }
        expect(await person.refusal('delete', `/loans/${loanId}`)).toBe('loan-not-found');
      }
      const { items, total } = await person.ok<{ items: unknown[]; total: number }>('get', '/loans?view=all');
      expect([items, total]).toEqual([[], 0]);
    }
  });

  test('lists: mine, my tasks, all; by state, by name, by due; page after page, each row once', async () => {
    const list = (person: Person, query: string) =>
      person.ok<{ items: { loanId: string; state: string }[]; total: number; nextCursor: string | null }>(
        'get',
        `/loans?${query}`,
      );
    const { total } = await list(doctor, 'view=mine&limit=1');
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const answer = await list(doctor, `view=mine&limit=7${cursor === '' ? '' : `&cursor=${cursor}`}`);
      seen.push(...answer.items.map(({ loanId }) => loanId));
      cursor = answer.nextCursor;
    }
    expect([seen.length, new Set(seen).size]).toEqual([total, total]);
    const pending = await list(clerk, 'view=all&state=pendingReview&limit=200');
    expect(new Set(pending.items.map(({ state }) => state))).toEqual(new Set(['pendingReview']));
    const tasks = await list(clerk, 'view=tasks&sort=expire&limit=200');
    expect(tasks.items.length).toBeGreaterThan(0);
    expect((await list(doctor, 'view=tasks')).items).toEqual([]);
    expect((await list(clerk, `view=all&q=${encodeURIComponent('周启')}`)).total).toBeGreaterThan(10);
    expect(await clerk.refusal('get', '/loans?cursor=nonsense')).toBe('request-invalid');
    expect(await clerk.refusal('get', '/loans?colour=red')).toBe('request-invalid');
    const counts = await clerk.ok<{ tasks: number; all: Record<string, number> }>('get', '/loans/counts');
    expect(counts.tasks).toBe(tasks.total);
  });
});

test('what the list shows is what the workflow holds', async () => {
  const rows = await member.store.models.Loan.find({ state: { $in: ['pendingReview', 'onLoan'] } })
    .limit(10)
    .lean<LoanRow[]>();
  for (const { loanId, seq, state } of rows) {
    const held = await member.client.workflow.getHandle(loanWorkflowId('yz1', loanId)).query(loanQuery);
    expect({ loanId, seq: held.seq, state: held.state }).toEqual({ loanId, seq, state });
  }
});
