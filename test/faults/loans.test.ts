import { MongoClient } from 'mongodb';
import { Person } from '../fixtures/api.ts';
import { raiseConsortium } from '../fixtures/consortium.ts';
import { bareArchives } from '../fixtures/loan.ts';
import { until } from '../fixtures/until.ts';

const LOANS = 24;
/** A decision that outlives a killed worker takes as long as its restart. */
jest.setTimeout(240_000);

let raised: Awaited<ReturnType<typeof raiseConsortium>>;
let mongo: MongoClient;
beforeAll(async () => {
  raised = await raiseConsortium(['yz1']);
  mongo = await MongoClient.connect(raised.mongoUri);
});
afterAll(async () => {
  await mongo.close();
  await raised.end();
});

async function login(username: string): Promise<Person> {
  const person = new Person(raised.consortium.url('yz1'), username);
  await person.login(raised.consortium.made.demoPassword);
  return person;
}

test('the worker is killed while 24 decisions are on their way, each sent twice: each is made once, none is lost', async () => {
  const db = mongo.db('sealfolio-yz1');
  const archives = bareArchives(LOANS, 'k');
  await db.collection('archives').insertMany(archives);
  const [doctor, clerk, clerk2] = await Promise.all([login('doctor'), login('clerk'), login('clerk2')]);
  const { results } = await doctor.ok<{ results: { loanId: string; state: string }[] }>('post', '/loans', {
    purpose: 'treatment',
    reason: '复诊',
    days: 30,
    rights: ['view'],
    archives: archives.map(({ archiveId }) => ({ archiveId })),
  });
  expect(results.map(({ state }) => state)).toEqual(Array(LOANS).fill('pendingReview'));

  /** Like a browser: a 503 is tried again with the same key, and so is no answer at all. */
  const decide = (person: Person, loanId: string): Promise<[number, string | undefined]> =>
    until(async () => {
      const headers = { 'Idempotency-Key': `decide-${loanId}-${person.username}` };
      const sent = person.call('post', `/loans/${loanId}/approve`, { taskId: 't1' }, headers);
      const { status, body } = await sent.catch(() => ({ status: 503, body: {} }));
      const { code } = body as { code?: string };
      return status !== 503 && code !== 'idempotency-in-flight' && [status, code];
    });
  const worker = raised.consortium.parts.get('worker-yz1')!;
  const decisions = results.flatMap(({ loanId }) => [decide(clerk, loanId), decide(clerk2, loanId)]);
  process.kill(worker.pid!, 'SIGKILL');
  const answers = await Promise.all(decisions);
  expect(worker.restarts).toBe(1);
  for (let i = 0; i < LOANS; i += 1) {
    const pair = [answers[2 * i]!, answers[2 * i + 1]!];
    expect(pair.map(([status]) => status).sort()).toEqual([200, 409]);
    expect(pair.map(([, code]) => code)).toContain('loan-task-decided');
  }
  const events = db.collection('loanEvents');
  for (const { loanId } of results) {
    await until(async () => (await events.countDocuments({ loanId })) >= 2);
    const seen = await events.find({ loanId }).sort({ seq: 1 }).toArray();
    expect(seen.map(({ seq, act }) => [seq, act as string])).toEqual([
      [1, 'submit'],
      [2, 'approve'],
    ]);
    expect((await db.collection('loans').findOne({ loanId }))!.decisions).toHaveLength(1);
  }
});
