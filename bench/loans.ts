import { setTimeout as delay } from 'node:timers/promises';
import type { MongoClient } from 'mongodb';
import { CALENDAR } from '../domain/calendar.ts';
import type { Loan } from '../domain/loan/loan.ts';
import { DEFAULT_LOAN_POLICY } from '../domain/loan/policy.ts';
import { layout } from '../ops/launch/layout.ts';
import { cardOf } from '../platform/card/index.ts';
import { MemberKeys } from '../platform/card/keys.ts';
import { readConfig } from '../platform/config/read.ts';
import { memberConfigSchema } from '../platform/config/schemas.ts';
import { connectTemporal } from '../platform/temporal/client.ts';
import { EncryptingCodec } from '../platform/temporal/codec.ts';
import { loanWorkflowId, TaskQueue, WorkflowName } from '../workflows/shared.ts';
import { say, withMember } from './member.ts';
import { rssMib } from './process.ts';
import { report } from './report.ts';
import { quantile } from './statistics.ts';

const LIVE = 10_000;
const DECISIONS = 300;
const CLOSES = 1000;
/** Archives of one application. */
const BATCH = 50;
/** Applications on their way at once. */
const AT_ONCE = 4;
/** From the making of the loans to their due instant, so that all are waiting for it. */
const DUE_IN_MS = 90_000;

/** A person as a browser is one. */
export async function login(url: string, username: string, password: string) {
  const send = (method: string, target: string, body: unknown, headers: Record<string, string>) =>
    fetch(`${url}/api/v1${target}`, {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  const answer = await send('POST', '/session', { username, password }, {});
  const cookie = answer.headers.get('set-cookie')!.split(';')[0]!;
  const { csrf } = (await answer.json()) as { csrf: string };
  const call = async <T>(method: string, target: string, body?: unknown): Promise<T> => {
    const response = await send(method, target, body, { cookie, 'x-csrf-token': csrf });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${target}: ${response.status} ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  };
  const bytes = async (target: string): Promise<number> => {
    const response = await send('GET', target, undefined, { cookie });
    if (!response.ok) throw new Error(`GET ${target}: ${response.status}`);
    return (await response.arrayBuffer()).byteLength;
  };
  return Object.assign(call, { bytes });
}
export type Person = Awaited<ReturnType<typeof login>>;

async function inParallel<T>(items: readonly T[], atOnce: number, run: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await run(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** Archives as they lie in the database, without pages: what is lent here is not read. */
export async function makeArchives(mongo: MongoClient, count: number, prefix: string): Promise<string[]> {
  const now = new Date();
  const rows = Array.from({ length: count }, (_, i) => ({
    archiveId: `ar_${prefix}${i}`,
    patientNo: `${prefix}${i}`,
    visitNo: '1',
    patientName: '样例',
    department: '',
    dischargedAt: now,
    currentVersion: 1,
    state: 'attested',
    pageCount: 1,
    documentTypes: [],
    createdAt: now,
    updatedAt: now,
  }));
  await mongo.db('sealfolio-yz1').collection('archives').insertMany(rows);
  return rows.map(({ archiveId }) => archiveId);
}

/** Applies for all of them; the ids of the loans, all under review. */
export async function apply(
  doctor: Person,
  archiveIds: readonly string[],
  onDone: (n: number) => void,
): Promise<string[]> {
  const batches = Array.from({ length: Math.ceil(archiveIds.length / BATCH) }, (_, i) =>
    archiveIds.slice(i * BATCH, (i + 1) * BATCH),
  );
  const loanIds: string[] = [];
  await inParallel(batches, AT_ONCE, async (batch) => {
    const { results } = await doctor<{ results: { loanId?: string; refusal?: object }[] }>('POST', '/loans', {
      purpose: 'treatment',
      reason: 'bench',
      days: 30,
      rights: ['view'],
      archives: batch.map((archiveId) => ({ archiveId })),
    });
    for (const { loanId, refusal } of results) {
      if (loanId === undefined) throw new Error(JSON.stringify(refusal));
      loanIds.push(loanId);
    }
    onDone(loanIds.length);
  });
  return loanIds;
}

/**
 * 10,000 live loans wait on one member: memory of its worker as they grow, and the time of a decision, from the click to
 * its answer over HTTP. Then 1,000 loans that are due at one instant: until the last is closed. `LIVE CLOSES` makes it smaller.
 */
export async function bench([live = String(LIVE), closes = String(CLOSES)]: readonly string[]): Promise<void> {
  await withMember(async ({ consortium, url, home, mongo }) => {
    const { demoPassword } = consortium.made;
    try {
      const db = mongo.db('sealfolio-yz1');
      const [doctor, clerk, medical] = [
        await login(url, 'doctor', demoPassword),
        await login(url, 'clerk', demoPassword),
        await login(url, 'medical', demoPassword),
      ];
      const { items } = await medical<{ items: { version: number; policy: object }[] }>('GET', '/loan-policies');
      const policy = { ...items[0]!.policy, quota: 100_000, directorAbove: 100_000 };
      await medical('POST', '/loan-policies', { from: items[0]!.version, policy, reason: 'bench' });

      const worker = consortium.parts.get('worker-yz1')!;
      const total = Number(live);
      const memory: number[] = [];
      const began = performance.now();
      const loanIds = await apply(doctor, await makeArchives(mongo, total, 'b'), (n) => {
        if (n % Math.max(BATCH, Math.round(total / 10 / BATCH) * BATCH) === 0) {
          memory.push(rssMib(worker.pid!));
          say(
            `${n} loans after ${((performance.now() - began) / 1000).toFixed(0)} s, worker ${memory.at(-1)!.toFixed(0)} MiB`,
          );
        }
      });
      // What is written after the answer, and anchored, is let come to rest.
      while ((await db.collection('outbox').countDocuments({ state: { $ne: 'final' } })) > 0) await delay(500);
      memory.push(rssMib(worker.pid!));
      const half = memory[Math.floor(memory.length / 2)]!;
      const rest = memory.at(-1)!;
      const note = `${total} loans waiting; at half of them ${half.toFixed(0)} MiB`;
      report({ bench: 'loans', figure: 'loans.worker.rss', value: rest, unit: 'MiB', note });

      // Decisions come one after the other, of loans all over the list: few of them are in the worker's cache.
      const step = Math.max(1, Math.floor(loanIds.length / DECISIONS));
      const times: number[] = [];
      for (const loanId of loanIds.filter((_id, i) => i % step === 0).slice(0, DECISIONS)) {
        const start = performance.now();
        await clerk('POST', `/loans/${loanId}/approve`, { taskId: 't1' });
        times.push(performance.now() - start);
      }
      say(`decisions: median ${quantile(times, 0.5).toFixed(0)} ms, longest ${quantile(times, 1).toFixed(0)} ms`);
      const decisions = `${times.length} approvals over HTTP while ${total} loans wait; median ${quantile(times, 0.5).toFixed(0)} ms`;
      report({
        bench: 'loans',
        figure: 'loans.decision.p99',
        value: quantile(times, 0.99),
        unit: 'ms',
        note: decisions,
      });

      const seconds = await closeAtOnce(mongo, home, Number(closes));
      const closing = `${closes} loans due at one instant, on one member with ${total} waiting: until the last is closed`;
      report({ bench: 'loans', figure: 'loans.close_1000', value: seconds, unit: 's', note: closing });
    } catch (error) {
      for (const name of ['api-yz1', 'worker-yz1'])
        say(`the end of the log of ${name}:\n${consortium.parts.get(name)!.logTail()}`);
      throw error;
    }
  });
}

/**
 * Seconds from the due instant until no loan is open any more. A real due instant is a midnight days away: here the
 * workflows begin where one that continued as new does, on loan already, and due in a minute and a half.
 */
async function closeAtOnce(mongo: MongoClient, home: string, count: number): Promise<number> {
  const config = readConfig(layout(home).member('yz1').config, memberConfigSchema, 'the member');
  const card = cardOf(config.card);
  const keys = new MemberKeys(config.keysFile, card);
  const client = await connectTemporal(config.temporal, new EncryptingCodec(() => keys.get('payload')));
  try {
    const loans = mongo.db(config.mongo.db).collection('loans');
    const now = Date.now();
    const dueAt = now + DUE_IN_MS;
    const made = Array.from({ length: count }, (_, i): Loan => {
      const id = `due${i}`;
      return {
        loanId: `ln_${id}`,
        applicationId: 'la_bench',
        archiveId: `ar_${id}`,
        applicant: 'doctor',
        request: {
          purpose: 'treatment',
          place: 'online',
          days: 30,
          rights: ['view'],
          emergency: false,
          reason: 'bench',
        },
        policyVersion: 1,
        state: 'onLoan',
        seq: 3,
        round: 1,
        levels: ['recordsClerk'],
        passed: 1,
        decisions: [],
        renewals: [],
        granted: { days: 30, rights: ['view'] },
        submittedAt: now,
        approvedAt: now,
        startedAt: now,
        dueAt,
        lastReminderAt: dueAt,
      };
    });
    const shown = { open: true, applicantName: '周启明', patientNo: 'x', visitNo: '1', patientName: '样例' };
    await loans.insertMany(made.map((loan) => ({ ...loan, ...shown, createdAt: now, updatedAt: now })));
    await inParallel(made, 16, async (loan) => {
      await client.workflow.start(WorkflowName.archiveLoan, {
        workflowId: loanWorkflowId(config.memberId, loan.loanId),
        taskQueue: TaskQueue.loans,
        args: [{ loan, policy: DEFAULT_LOAN_POLICY, calendar: [...CALENDAR] }],
      });
    });
    if (Date.now() > dueAt) throw new Error('the loans were due before the last of them had begun');
    say(`${count} loans due in ${((dueAt - Date.now()) / 1000).toFixed(0)} s`);
    await delay(dueAt - Date.now());
    for (;;) {
      const left = await loans.countDocuments({ open: true, applicationId: 'la_bench' });
      if (left === 0) return (Date.now() - dueAt) / 1000;
      await delay(100);
    }
  } finally {
    await client.connection.close();
    card.close();
  }
}
