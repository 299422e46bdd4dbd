import { MongoClient } from 'mongodb';
import { Person } from '../fixtures/api.ts';
import { raiseWithClocks } from '../fixtures/clock.ts';
import { verification } from '../fixtures/trace.ts';
import { bareArchives } from '../fixtures/loan.ts';
import { until } from '../fixtures/until.ts';

/** Less than a session may be idle, more than any difference that is let pass. */
const MOVE_MS = 10 * 60_000;
const MINUTE_MS = 60_000;
jest.setTimeout(240_000);

let raised: Awaited<ReturnType<typeof raiseWithClocks>>;
let mongo: MongoClient;
let doctor: Person, clerk: Person, clerk2: Person;
beforeAll(async () => {
  raised = await raiseWithClocks(['yz1']);
  mongo = await MongoClient.connect(raised.mongoUri);
  [doctor, clerk, clerk2] = await Promise.all([login('doctor'), login('clerk'), login('clerk2')]);
});
afterEach(() => Promise.all([raised.move('api', 0), raised.move('worker', 0)]));
afterAll(async () => {
  await mongo.close();
  await raised.end();
});

const rows = (name: string) => mongo.db('sealfolio-yz1').collection(name);
async function login(username: string): Promise<Person> {
  const person = new Person(raised.consortium.url('yz1'), username);
  await person.login(raised.consortium.made.demoPassword);
  return person;
}

let count = 0;
/** Archives as they lie in the store, without pages. */
async function archives(n: number): Promise<string[]> {
  const made = bareArchives(n, 'c', count);
  count += n;
  await rows('archives').insertMany(made);
  return made.map(({ archiveId }) => archiveId);
}
interface Asked {
  loanId: string;
  archiveId: string;
}
async function applied(n: number, change: object = {}): Promise<Asked[]> {
  const ids = (await archives(n)).map((archiveId) => ({ archiveId }));
  const wish = { purpose: 'treatment', reason: '复诊', days: 30, rights: ['view'], archives: ids, ...change };
  return (await doctor.ok<{ results: Asked[] }>('post', '/loans', wish)).results;
}
async function started(): Promise<Asked> {
  const [asked] = await applied(1);
  await clerk.ok('post', `/loans/${asked!.loanId}/approve`, { taskId: 't1' });
  await doctor.ok('post', `/loans/${asked!.loanId}/start`, {});
  return asked!;
}
/** The loan's row says that it begins, or is due, so long from now. */
const edit = ({ loanId }: Asked, field: 'startedAt' | 'dueAt', inMs: number) =>
  rows('loans').updateOne({ loanId }, { $set: { [field]: Date.now() + inMs } });
/** On what ground the doctor reads it, and what the api says to whoever asks for a page: of these archives none is there. */
const access = async ({ archiveId }: Asked) => [
  (await doctor.ok<{ basis: string }>('get', `/archives/${archiveId}/access`)).basis,
  await doctor.refusal('get', `/archives/${archiveId}/pages/1`),
];
const OPEN = ['loan', 'version-not-found'];
const CLOSED = ['none', 'loan-needed'];

test.each([
  ['behind', -MOVE_MS],
  ['ahead', MOVE_MS],
])('the api’s clock is %s: a loan opens when it has begun, and closes at its due instant', async (_, ms) => {
  await raised.move('api', ms);
  const loan = await started();
  expect(await access(loan)).toEqual(OPEN);
  await edit(loan, 'dueAt', MINUTE_MS);
  expect(await access(loan)).toEqual(OPEN);
  await edit(loan, 'dueAt', -1000);
  expect(await access(loan)).toEqual(CLOSED);
  await edit(loan, 'dueAt', MINUTE_MS);
  await edit(loan, 'startedAt', MINUTE_MS);
  expect(await access(loan)).toEqual(CLOSED);
});

test('one that is to begin later is not begun early by a clock that is ahead', async () => {
  await Promise.all([raised.move('api', MOVE_MS), raised.move('worker', MOVE_MS)]);
  const [loan] = await applied(1, { startAt: new Date(Date.now() + MINUTE_MS * 5).toISOString() });
  await clerk.ok('post', `/loans/${loan!.loanId}/approve`, { taskId: 't1' });
  expect(await doctor.refusal('post', `/loans/${loan!.loanId}/start`, {})).toBe('loan-start-early');
  expect(await access(loan!)).toEqual(CLOSED);
});

test.each([
  ['ended a minute ago', 'behind', -60, -1, -MOVE_MS],
  ['begins in a minute', 'ahead', 1, 60, MOVE_MS],
])('a deputy’s term %s, the api’s clock is %s: it gives nothing', async (_, _is, from, to, ms) => {
  const [loan] = await applied(1);
  const at = (minutes: number) => new Date(Date.now() + minutes * MINUTE_MS);
  const term = { deputyId: `de_${ms > 0}`, principal: 'clerk', deputy: 'head', reason: '', createdBy: 'clerk' };
  await rows('deputies').insertOne({ ...term, from: at(from), to: at(to), createdAt: at(0) });
  const head = await login('head');
  await raised.move('api', ms);
  expect(await head.refusal('post', `/loans/${loan!.loanId}/approve`, { taskId: 't1' })).toBe('loan-not-reviewer');
  await rows('deputies').updateOne({ deputyId: term.deputyId }, { $set: { from: at(-1), to: at(1) } });
  await head.ok('post', `/loans/${loan!.loanId}/approve`, { taskId: 't1' });
  await rows('deputies').deleteOne({ deputyId: term.deputyId });
});

test('system administrators are told by how much, the metrics too, and no more once it is right', async () => {
  const admin = await login('sysadmin');
  const clock = async () =>
    (
      await admin.ok<{ services: { clock: { state: string; detail: { skewMs: number; behindLedgerMs: number } } } }>(
        'get',
        '/status',
      )
    ).services.clock;
  expect(await clock()).toMatchObject({ state: 'ok' });
  await raised.move('api', MOVE_MS);
  const ahead = await clock();
  expect([ahead.state, Math.round(ahead.detail.skewMs / MINUTE_MS)]).toEqual(['degraded', 10]);
  const metrics = async (port: number) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const { http, worker } = raised.consortium.made.ports.members.yz1!;
  expect(await metrics(http)).toMatch(/^clock_skew_seconds\{.*\} (599|600)/m);
  await raised.move('worker', MOVE_MS);
  expect(await metrics(worker)).toMatch(/^clock_skew_seconds\{.*\} (599|600)/m);
  await raised.move('api', -MOVE_MS);
  const behind = await clock();
  expect([behind.state, Math.round(behind.detail.skewMs / MINUTE_MS)]).toEqual(['degraded', -10]);
  // What other members vouch for shows it too: a whole machine may be behind, its database with it.
  expect(behind.detail.behindLedgerMs).toBeGreaterThan(MINUTE_MS);
  await raised.move('api', 0);
  expect(await clock()).toMatchObject({ state: 'ok' });
});

test('while the clocks of api and worker jump to and fro: each decision is made once, none is lost, and the trace holds', async () => {
  const loans = await applied(16);
  const decide = async (person: Person, loanId: string) => {
    const { status, body } = await person.call('post', `/loans/${loanId}/approve`, { taskId: 't1' });
    return [status, (body as { code?: string }).code] as const;
  };
  for (const [i, { loanId }] of loans.entries()) {
    const ahead = MOVE_MS * (1 - (i % 3));
    await Promise.all([raised.move('api', ahead), raised.move('worker', -ahead)]);
    const answers = await Promise.all([decide(clerk, loanId), decide(clerk2, loanId)]);
    expect(answers.map(([status]) => status).sort()).toEqual([200, 409]);
    expect(answers.map(([, code]) => code)).toContain('loan-task-decided');
  }
  for (const { loanId } of loans) {
    const events = () => rows('loanEvents').find({ loanId }).sort({ seq: 1 }).toArray();
    await until(async () => (await events()).length >= 2);
    expect((await events()).map(({ seq, act }) => [seq, act as string])).toEqual([
      [1, 'submit'],
      [2, 'approve'],
    ]);
    expect((await rows('loans').findOne({ loanId }))!.decisions).toHaveLength(1);
  }
  // The rows of the trace lie in the order in which they were written, whatever time each tells, and are attested as soon.
  const written = await rows('trace').find().sort({ seq: 1 }).toArray();
  const times = written.map(({ at }) => (at as Date).getTime());
  expect(times.some((at, i) => at < (times[i - 1] ?? 0))).toBe(true);
  await until(
    async () =>
      (await rows('traceBatches').findOne({
        to: { $gte: written.at(-1)!.seq as number },
        attestation: { $exists: true },
      })) !== null,
  );
  const auditor = await login('auditor');
  const lines = await verification(auditor, raised.consortium.url('yz1'));
  expect(lines.at(-1)).toMatchObject({ type: 'done', findings: 0 });
});
