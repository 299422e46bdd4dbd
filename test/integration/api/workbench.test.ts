import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Role } from '../../../domain/access.ts';
import { type LoanRow, type News, type Notice, writeNotices } from '../../../platform/store/index.ts';
import { webhookChannel } from '../../../platform/notices/webhook.ts';
import { type Person, TestApi } from '../../fixtures/api.ts';
import { TestMember } from '../../fixtures/member.ts';
import { unzip } from '../../fixtures/zip.ts';
import { until } from '../../fixtures/until.ts';

const member = new TestMember('workbench');
const api = new TestApi(member);
let doctor: Person, head: Person, clerk: Person, clerk2: Person;
/** A gateway of messages that answers as it is told. */
const gateway = { status: 200, got: [] as { noticeId: string; kind: string; username: string }[] };
const server = http.createServer((request, response) => {
  let text = '';
  request.on('data', (part: Buffer) => (text += part.toString()));
  request.on('end', () => {
    if (gateway.status < 300) gateway.got.push(JSON.parse(text) as (typeof gateway.got)[number]);
    response.writeHead(gateway.status).end();
  });
});

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/robot`;
  member.noticeChannels = [webhookChannel('im', url)];
  await member.start();
  await api.start();
  [doctor, head, clerk, clerk2] = (await Promise.all(
    ['doctor', 'head', 'clerk', 'clerk2'].map((name) => api.login(name)),
  )) as [Person, Person, Person, Person];
});
afterAll(async () => {
  api.stop();
  await member.stop();
  server.close();
});

let count = 0;
async function lend(n: number, change: object = {}, names: Partial<Record<number, string>> = {}): Promise<string[]> {
  const now = new Date();
  const rows = Array.from({ length: n }, (_, i) => ({
    archiveId: `ar_w${(count += 1)}`,
    patientNo: `W${String(count).padStart(4, '0')}`,
    visitNo: '1',
    patientName: names[i] ?? `样例${count}`,
    dischargedAt: now,
    currentVersion: 1,
    state: 'attested' as const,
    pageCount: 1,
    documentTypes: [],
    createdAt: now,
    updatedAt: now,
  }));
  await member.store.models.Archive.insertMany(rows);
  const { results } = await doctor.ok<{ results: { loanId: string }[] }>('post', '/loans', {
    purpose: 'treatment',
    reason: '复诊',
    days: 30,
    rights: ['view'],
    archives: rows.map(({ archiveId }) => ({ archiveId })),
    ...change,
  });
  return results.map(({ loanId }) => loanId);
}
const row = (loanId: string) => member.store.models.Loan.findOne({ loanId }).lean<LoanRow>();
interface Job {
  jobId: string;
  state: string;
  total: number;
  done: number;
  failed: number;
}
const ended = (person: Person, { jobId }: Job) =>
  until(async () => {
    const answer = await person.ok<{ job: Job; rows: { state: string; refusal?: { code: string } }[] }>(
      'get',
      `/loan-jobs/${jobId}?limit=200`,
    );
    return answer.job.state === 'done' && answer;
  });

describe('one thing done to many', () => {
  test('to all that the filter finds, not only to those on the page; a result for each', async () => {
    const loanIds = await lend(40);
    await clerk2.ok('post', `/loans/${loanIds[7]}/claim`, { taskId: 't1' });
    const filter = { view: 'tasks', state: 'pendingReview' };
    const { total } = await clerk.ok<{ total: number }>('get', '/loans?view=tasks&state=pendingReview&limit=5');
    expect(total).toBe(40);
    const body = { what: { act: 'approve', conditions: '不得外传' }, filter, expected: total };
    expect(await clerk.refusal('post', '/loan-jobs', { ...body, expected: 39 })).toBe('job-changed');
    const job = await clerk.ok<Job>('post', '/loan-jobs', body);
    expect(job).toMatchObject({ total: 40, state: 'running' });
    const { job: after, rows } = await ended(clerk, job);
    expect(after).toMatchObject({ done: 39, failed: 1 });
    expect(rows[7]).toMatchObject({ state: 'failed', refusal: { code: 'loan-task-claimed' } });
    for (const [i, loanId] of loanIds.entries())
      expect([i, (await row(loanId))!.state]).toEqual([i, i === 7 ? 'pendingReview' : 'approved']);
    expect(await clerk2.refusal('get', `/loan-jobs/${job.jobId}`)).toBe('job-not-found');
    const { items } = await clerk.ok<{ items: Job[] }>('get', '/loan-jobs');
    expect(items[0]).toMatchObject({ jobId: job.jobId, state: 'done' });
  });

  test('two do it to the same rows at once: each row is decided once', async () => {
    const loanIds = await lend(30);
    const make = (person: Person, act: object) => person.ok<Job>('post', '/loan-jobs', { what: act, loanIds });
    const jobs = await Promise.all([
      make(clerk, { act: 'approve' }),
      make(clerk2, { act: 'refuse', reason: '停借盘点' }),
    ]);
    const [a, b] = await Promise.all([ended(clerk, jobs[0]), ended(clerk2, jobs[1])]);
    expect(a.job.done + b.job.done).toBe(30);
    expect(a.job.failed + b.job.failed).toBe(30);
    for (const loanId of loanIds) expect((await row(loanId))!.decisions).toHaveLength(1);
    const codes = [...a.rows, ...b.rows].flatMap(({ refusal }) => (refusal === undefined ? [] : [refusal.code]));
    expect(new Set(codes)).toEqual(new Set(['loan-task-decided']));
  });

  test('what one may not do is a failed row, each with its reason; others’ rows are not found', async () => {
    const research = await lend(2, { purpose: 'research' });
    const { rows } = await ended(
      clerk,
      await clerk.ok<Job>('post', '/loan-jobs', { what: { act: 'approve' }, loanIds: research }),
    );
    expect(rows.map(({ refusal }) => refusal?.code)).toEqual(['loan-not-reviewer', 'loan-not-reviewer']);
    const own = await ended(
      doctor,
      await doctor.ok<Job>('post', '/loan-jobs', { what: { act: 'recall', reason: 'x' }, loanIds: research }),
    );
    expect(own.rows.map(({ refusal }) => refusal?.code)).toEqual(['permission-denied', 'permission-denied']);
    const withdrawn = await ended(
      doctor,
      await doctor.ok<Job>('post', '/loan-jobs', { what: { act: 'withdraw' }, loanIds: research }),
    );
    expect(withdrawn.job).toMatchObject({ done: 2, failed: 0 });
    expect(await head.refusal('post', '/loan-jobs', { what: { act: 'start' }, filter: { view: 'mine' } })).toBe(
      'job-empty',
    );
    expect(await head.refusal('post', '/loan-jobs', { what: { act: 'start' }, loanIds: ['ln_none'] })).toBe(
      'job-empty',
    );
    expect(await clerk.refusal('post', '/loan-jobs', { what: { act: 'refuse' }, loanIds: research })).toBe(
      'request-invalid',
    );
  });

  describe('what the person may do is asked again at each row', () => {
    /** Makes a job, lets something happen before its first row, and gives what became of the rows. */
    async function between(username: string, loanIds: string[], what: object, change: () => Promise<unknown>) {
      const { BulkJob, BulkRow } = member.store.models;
      let go!: () => void;
      const gone = new Promise<void>((done) => (go = done));
      const { workflow } = member.client;
      const start: typeof workflow.start = async (...args) => gone.then(() => workflow.start(...args));
      const other = new TestApi(member);
      await other.start({ temporal: { workflow: { start } } as never });
      const made = (await other.login(username)).ok<Job>('post', '/loan-jobs', { what, loanIds });
      const mine = { loanId: { $in: loanIds } };
      await until(async () => (await BulkRow.countDocuments({ ...mine, state: 'waiting' })) >= loanIds.length);
      await change();
      go();
      const { jobId } = await made;
      await until(async () => (await BulkJob.exists({ jobId, state: 'done' })) !== null);
      other.stop();
      return (await BulkRow.find({ jobId }).lean()).map(({ state, code }) => code ?? state);
    }
    let made = 0;
    async function join(role: Role): Promise<string> {
      const { User } = member.store.models;
      const { passwordHash, departmentId } = (await User.findOne({ username: 'doctor' }).lean())!;
      const username = `other${(made += 1)}`;
      await User.create({ username, displayName: '临时', departmentId, roles: [role], passwordHash });
      return username;
    }
    const match = { 'If-Match': '1' };
    const roles = async (username: string, role: Role) =>
      (await api.login('secadmin')).ok('put', `/users/${username}/roles`, { roles: [role], reason: '调岗' }, match);
    const term = (principal: string, deputy: string) =>
      api.login('secadmin').then((sec) =>
        sec.ok<{ deputyId: string }>('post', '/deputies', {
          principal,
          deputy,
          from: new Date(Date.now() - 1000).toISOString(),
          to: new Date(Date.now() + 3_600_000).toISOString(),
        }),
      );
    const approve = { act: 'approve' };

    test('what is still so is done', async () => {
      const rows = await between(await join('recordsClerk'), await lend(2), approve, () => Promise.resolve());
      expect(rows).toEqual(['done', 'done']);
    });

    test.each<[Role, string]>([
      ['doctor', 'loan-not-reviewer'],
      ['auditor', 'permission-denied'],
    ])('the role was lost: a clerk is %s now: %s, and nothing is decided', async (role, code) => {
      const [username, loanIds] = [await join('recordsClerk'), await lend(2)];
      expect(await between(username, loanIds, approve, () => roles(username, role))).toEqual([code, code]);
      for (const loanId of loanIds) expect(await row(loanId)).toMatchObject({ state: 'pendingReview', decisions: [] });
    });

    test('a head has another department now', async () => {
      const [username, loanIds] = [await join('departmentHead'), await lend(1, { purpose: 'research' })];
      const sys = await api.login('sysadmin');
      const { departmentId } = await sys.ok<{ departmentId: string }>('post', '/departments', { name: '风湿科' });
      const moved = () => sys.ok('put', `/users/${username}`, { displayName: '临时', departmentId }, match);
      expect(await between(username, loanIds, approve, moved)).toEqual(['loan-not-reviewer']);
    });

    test('whoever no longer manages loans recalls none', async () => {
      const [username, loanIds] = [await join('recordsClerk'), await lend(1)];
      await ended(clerk, await clerk.ok<Job>('post', '/loan-jobs', { what: approve, loanIds }));
      await doctor.ok('post', `/loans/${loanIds[0]}/start`);
      const what = { act: 'recall', reason: '盘点' };
      const lost = () => roles(username, 'departmentHead');
      expect(await between(username, loanIds, what, lost)).toEqual(['permission-denied']);
      expect((await row(loanIds[0]!))!.state).toBe('onLoan');
    });

    test('a deputy: decides; not when the term was ended, nor when whom they act for lost the role', async () => {
      const [principal, deputy] = [await join('departmentHead'), await join('doctor')];
      const { deputyId } = await term(principal, deputy);
      const research = () => lend(1, { purpose: 'research' });
      expect(await between(deputy, await research(), approve, () => Promise.resolve())).toEqual(['done']);
      const sec = await api.login('secadmin');
      const end = () => sec.call('delete', `/deputies/${deputyId}`).expect(204);
      expect(await between(deputy, await research(), approve, end)).toEqual(['loan-deputy-ended']);
      await term(principal, deputy);
      const lost = () => roles(principal, 'doctor');
      expect(await between(deputy, await research(), approve, lost)).toEqual(['loan-not-reviewer']);
    });
  });

  test('part of an application is returned; the rest stays', async () => {
    const loanIds = await lend(4);
    await ended(clerk, await clerk.ok<Job>('post', '/loan-jobs', { what: { act: 'approve' }, loanIds }));
    await ended(doctor, await doctor.ok<Job>('post', '/loan-jobs', { what: { act: 'start' }, loanIds }));
    const some = loanIds.slice(0, 2);
    await ended(doctor, await doctor.ok<Job>('post', '/loan-jobs', { what: { act: 'return' }, loanIds: some }));
    const states = await Promise.all(loanIds.map(async (loanId) => (await row(loanId))!.state));
    expect(states).toEqual(['returned', 'returned', 'onLoan', 'onLoan']);
  });
});

test('a job takes ten thousand rows; a filter that finds more is refused with how many, and nothing is done', async () => {
  const { BulkJob, Loan } = member.store.models;
  const [loanId] = await lend(1);
  await doctor.ok('post', `/loans/${loanId}/withdraw`);
  const like = await Loan.collection.findOne({ loanId }, { projection: { _id: 0 } });
  const rows = Array.from({ length: 10_001 }, (_, i) => ({ ...like, loanId: `ln_many${i}`, applicant: 'many' }));
  await Loan.collection.insertMany(rows);
  const jobs = await BulkJob.countDocuments();
  const body = { what: { act: 'recall', reason: '盘点' }, filter: { view: 'all', applicant: 'many' } };
  expect(await doctor.refusal('post', '/loan-jobs', body)).toBe('job-empty');
  const refused = await head.call('post', '/loan-jobs', body);
  expect([refused.status, refused.body]).toMatchObject([
    422,
    { code: 'job-limit', data: { limit: 10_000, found: 10_001 } },
  ]);
  expect(await BulkJob.countDocuments()).toBe(jobs);
  await Loan.deleteOne({ loanId: 'ln_many0' });
  // A head of department recalls nothing: each row is refused when the job is made.
  expect(await head.ok<Job>('post', '/loan-jobs', body)).toMatchObject({ total: 10_000, failed: 10_000 });
  await Loan.deleteMany({ applicant: 'many' });
});

test('filters are saved by name, each person’s own', async () => {
  const body = { page: 'loans', name: '我的逾期', query: { view: 'mine', state: 'overdue' } };
  const made = await clerk.ok<{ filterId: string }>('post', '/saved-filters', body);
  expect(await clerk.refusal('post', '/saved-filters', body)).toBe('filter-taken');
  expect(await clerk.ok('get', '/saved-filters?page=loans')).toMatchObject({ items: [body] });
  expect(await clerk2.ok('get', '/saved-filters?page=loans')).toEqual({ items: [] });
  expect(await clerk2.refusal('delete', `/saved-filters/${made.filterId}`)).toBe('filter-not-found');
  await clerk.call('delete', `/saved-filters/${made.filterId}`).expect(204);
  const many = Array.from({ length: 49 }, (_, i) => ({
    filterId: `fi_many${i}`,
    username: 'clerk',
    page: 'loans',
    name: `筛选${i}`,
    query: {},
    createdAt: new Date(),
  }));
  await member.store.models.SavedFilter.insertMany(many);
  await clerk.ok('post', '/saved-filters', body);
  const full = await clerk.call('post', '/saved-filters', { ...body, name: '又一个' });
  expect([full.status, full.body]).toMatchObject([409, { code: 'filter-limit', data: { limit: 50 } }]);
  await clerk.ok('post', '/saved-filters', { ...body, page: 'archives' });
});

test('a list is exported whole, with who took it and when behind and around it; text is never a formula', async () => {
  await lend(1, { reason: '=HYPERLINK("http://evil","点我")&<b>' }, { 0: '=1+1' });
  const answer = await clerk.call('get', '/loans.xlsx?view=all').responseType('blob').expect(200);
  expect(answer.headers['content-disposition']).toMatch(/loans-\d{4}-\d\d-\d\d\.xlsx/);
  const files = await unzip(answer.body as Buffer);
  const sheet = files.get('xl/worksheets/sheet1.xml')!.toString('utf8');
  expect(sheet.match(/<row>/g)!.length - 1).toBe(
    await member.store.models.Loan.countDocuments({ state: { $ne: 'draft' } }),
  );
  expect(sheet).toContain('林晓岚（clerk）');
  expect(sheet).toContain(
    '<t xml:space="preserve">=HYPERLINK(&quot;http://evil&quot;,&quot;点我&quot;)&amp;&lt;b&gt;</t>',
  );
  expect(sheet).not.toContain('<f>');
  expect(files.get('xl/media/mark.png')!.subarray(1, 4).toString()).toBe('PNG');
  const audit = await member.store.models.TraceEntry.findOne({ action: /^loan\.export/ }).lean();
  expect(audit).toMatchObject({ actor: { id: 'clerk' } });
  const cut = await unzip(
    (await clerk.call('get', '/loans.xlsx?view=all&limit=1').responseType('blob')).body as Buffer,
  );
  expect(sheet).not.toContain('本表只含');
  expect(cut.get('xl/worksheets/sheet1.xml')!.toString('utf8')).toContain('本表只含最前的 1 行，符合条件的不止这些');
  const own = await unzip((await doctor.call('get', '/loans.xlsx?view=tasks').responseType('blob')).body as Buffer);
  expect(own.get('xl/worksheets/sheet1.xml')!.toString('utf8').match(/<row>/g)).toHaveLength(1);
});

describe('notices', () => {
  const deliveries = async (kind: string) =>
    (await member.store.models.Notice.find({ kind }).sort({ at: -1 }).limit(1).lean<Notice[]>())[0]?.deliveries[0];

  test('told in the app; read, one or all', async () => {
    const { items, unread } = await doctor.ok<{ items: { noticeId: string; kind: string }[]; unread: number }>(
      'get',
      '/notices',
    );
    expect(items.map(({ kind }) => kind)).toContain('approved');
    expect(unread).toBeGreaterThan(0);
    await doctor.call('post', '/notices/read', { noticeIds: [items[0]!.noticeId] }).expect(204);
    expect(await doctor.ok('get', '/notices')).toMatchObject({ unread: unread - 1 });
    expect(await head.refusal('post', '/notices/read', { noticeIds: [items[0]!.noticeId] })).toBe('notice-not-found');
    await doctor.call('post', '/notices/read', {}).expect(204);
    expect(await doctor.ok('get', '/notices')).toMatchObject({ unread: 0 });
  });

  test('of a correction the gateway hears who is told and of which kind, and nothing of the patient', async () => {
    const loanId = (await lend(1))[0]!;
    const { archiveId } = (await row(loanId))!;
    const registered = {
      patientName: '样例更正',
      department: '',
      admittedAt: null,
      dischargedAt: '2026-01-02T00:00:00Z',
    };
    await clerk.ok('post', `/archives/${archiveId}/corrections`, { base: 0, registered, reason: '样例更正' });
    await until(async () => (await deliveries('correctionWaits'))?.state === 'sent');
    const heard = gateway.got.filter(({ kind }) => kind === 'correctionWaits');
    expect(heard).toEqual([{ noticeId: expect.stringMatching(/^no_/), username: 'medical', kind: 'correctionWaits' }]);
  });

  test('who was asked to decide is asked no more once another has, and is sent nothing; of the next level it is asked', async () => {
    gateway.status = 500;
    const [loanId] = await lend(1, { purpose: 'research' });
    const { archiveId, applicant } = (await row(loanId!))!;
    const { Notice } = member.store.models;
    let n = 0;
    const remind = async (people: string[]) => {
      const of = `${loanId}/reminder${(n += 1)}`;
      const news: News = { of, kind: 'taskReminder', people, archiveId, loanId: loanId!, at: new Date() };
      await writeNotices(member.store.models, [news, { ...news, kind: 'dueSoon', people: [applicant] }], ['im']);
    };
    const told = async (username: string) =>
      (await Notice.find({ loanId, kind: 'taskReminder', username }).sort({ at: 1 }).lean<Notice[]>()).map(
        ({ settledAt, deliveries }) => [settledAt !== undefined, deliveries[0]!.state],
      );
    const unread = async () => (await clerk2.ok<{ unread: number }>('get', '/notices')).unread;
    await remind(['head', 'clerk2']);
    const before = await unread();
    await head.ok('post', `/loans/${loanId}/approve`, { taskId: 't1' });
    await until(async () => (await unread()) === before - 1);
    expect([await told('head'), await told('clerk2')]).toEqual([[[true, 'settled']], [[true, 'settled']]]);

    await remind(['clerk2']);
    await clerk.ok('post', `/loans/${loanId}/claim`, { taskId: (await row(loanId!))!.task!.taskId });
    await until(async () => (await member.store.models.LoanEvent.countDocuments({ loanId, act: 'claim' })) === 1);
    expect(await unread()).toBe(before);
    await clerk.ok('post', `/loans/${loanId}/refuse`, {
      taskId: (await row(loanId!))!.task!.taskId,
      reason: '理由不足',
    });
    await until(async () => (await unread()) === before - 1);
    // What asks for nothing is read, and sent, by itself.
    const others = await Notice.find({ loanId, kind: 'dueSoon' }).lean<Notice[]>();
    expect(others.map(({ settledAt, deliveries }) => [settledAt, deliveries[0]!.state])).toEqual([
      [undefined, 'pending'],
      [undefined, 'pending'],
    ]);
    gateway.status = 200;
  });

  test('the gateway fails: the decision stands, the app has the notice; it is sent when the gateway is back, once', async () => {
    gateway.status = 500;
    const [loanId] = await lend(1);
    await clerk.ok('post', `/loans/${loanId}/refuse`, { taskId: 't1', reason: '理由不足' });
    expect((await row(loanId!))!.state).toBe('refused');
    const { Notice } = member.store.models;
    const about = { loanId, kind: 'refused' };
    const found = await until(() => Notice.findOne({ ...about, 'deliveries.attempts': { $gt: 0 } }).lean<Notice>());
    expect(found.deliveries).toMatchObject([{ channel: 'im', state: 'pending', code: 'notice-failed' }]);
    expect((await doctor.ok<{ items: object[] }>('get', '/notices')).items[0]).toMatchObject({
      kind: 'refused',
      loanId,
      reason: '理由不足',
    });
    gateway.status = 200;
    const before = gateway.got.length;
    await Notice.updateMany({}, { $set: { 'deliveries.$[].nextAt': new Date() } });
    await member.deps.signals.notices();
    await until(() => Notice.exists({ ...about, 'deliveries.state': 'sent' }));
    expect(gateway.got.slice(before).filter(({ noticeId }) => noticeId === found.noticeId)).toHaveLength(1);
    expect(JSON.stringify(gateway.got)).not.toContain('样例');
    expect((await row(loanId!))!.decisions).toHaveLength(1);
  });
});

describe('live updates', () => {
  /** What a page hears, as it comes. */
  async function listen(person: Person) {
    const events: string[] = [];
    const request = http.get(`${api.url}/api/v1/events`, { headers: { cookie: person.cookie } });
    const response = await new Promise<http.IncomingMessage>((done) => request.once('response', done));
    response.setEncoding('utf8');
    response.on('data', (text: string) => events.push(...[...text.matchAll(/event: (\w+)/g)].map(([, name]) => name!)));
    return { events, response, end: () => request.destroy() };
  }
  const heard = async (events: string[], name: string) => {
    await until(() => events.includes(name));
  };

  test('an application is heard by the applicant and the records room, and by nobody else; the answer holds no content', async () => {
    const pages = {
      doctor: await listen(doctor),
      clerk: await listen(clerk),
      auditor: await listen(await api.login('auditor')),
    };
    await Promise.all(Object.values(pages).map(({ events }) => heard(events, 'open')));
    const [loanId] = await lend(1);
    await Promise.all([heard(pages.doctor.events, 'loans'), heard(pages.clerk.events, 'loans')]);
    await clerk.ok('post', `/loans/${loanId}/approve`, { taskId: 't1' });
    await heard(pages.doctor.events, 'notices');
    expect(pages.auditor.events).toEqual(['open']);
    expect(pages.clerk.events).not.toContain('notices');
    for (const { end } of Object.values(pages)) end();
  });

  test('what is taken in, and what is tried again and again or is so no more, is heard by those who may read it only', async () => {
    const pages = {
      clerk: await listen(clerk),
      sysadmin: await listen(await api.login('sysadmin')),
      doctor: await listen(doctor),
      secadmin: await listen(await api.login('secadmin')),
    };
    await Promise.all(Object.values(pages).map(({ events }) => heard(events, 'open')));
    await clerk.ok('post', '/stations/contact', { scannerId: 'live', waiting: 1, refused: 0 });
    await Promise.all([heard(pages.clerk.events, 'batches'), heard(pages.sysadmin.events, 'batches')]);
    const { WorkflowTrouble } = member.store.models;
    const trouble = { workflowId: 'anchoring:yz1', activity: 'commit', workflowType: 'anchoringWorkflow' };
    const now = new Date();
    await WorkflowTrouble.create({ ...trouble, code: 'ledger-unavailable', attempt: 3, since: now, at: now });
    await Promise.all([heard(pages.clerk.events, 'workflows'), heard(pages.sysadmin.events, 'workflows')]);
    pages.sysadmin.events.length = 0;
    await WorkflowTrouble.deleteOne({ workflowId: trouble.workflowId });
    await heard(pages.sysadmin.events, 'workflows');
    for (const { events } of [pages.doctor, pages.secadmin]) expect(events).toEqual(['open']);
    for (const { end } of Object.values(pages)) end();
  });

  test('when the process stops, pages are let go', async () => {
    const page = await listen(doctor);
    await heard(page.events, 'open');
    const closed = new Promise((done) => page.response.once('end', done));
    await api.deps.events.close();
    await closed;
  });
});
