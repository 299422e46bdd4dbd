import { randomBytes } from 'node:crypto';
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { MongoClient } from 'mongodb';
import { TRACE_ACTIONS, type TraceAction } from '../domain/trace.ts';
import { login } from './loans.ts';
import { say, withMember } from './member.ts';
import { probe } from './probe.ts';
import { report } from './report.ts';
import { quantile } from './statistics.ts';

const ARCHIVES = 2_000_000;
const ROWS = 5_000_000;
const LOANS = 200_000;
const RATE = 50;
const SECONDS = 60;
/** Before anything is timed, at the same rate: code that has not run yet is slow. */
const WARM_UP_SECONDS = 20;
const AT_ONCE = 5000;
const DAY_MS = 86_400_000;
const DEPARTMENTS = ['心内科', '骨科', '眼科', '儿科', '神经内科', '呼吸科', '肿瘤科', '妇产科', '急诊科', '普外科'];
const SURNAMES = [...'赵钱孙李周吴郑王冯陈'];
const PEOPLE = 400;
/** What the list does not read of rows is one of these: made once, as millions of them would take longer than the rest. */
const RANDOM = Array.from({ length: 1024 }, () => randomBytes(32).toString('hex'));
const ACTIONS = Object.keys(TRACE_ACTIONS) as TraceAction[];

const patientNo = (i: number) => `B${String(i % 1_000_000).padStart(8, '0')}`;
const archiveId = (i: number) => `ar_b${i.toString(36)}`;

function archive(i: number) {
  const dischargedAt = new Date(Date.now() - ((i * 7919) % 3650) * DAY_MS - (i % 86_400) * 1000);
  return {
    archiveId: archiveId(i),
    patientNo: patientNo(i),
    visitNo: String(1 + Math.floor(i / 1_000_000)),
    patientName: `${SURNAMES[i % SURNAMES.length]!}样例${i % 5000}`,
    department: DEPARTMENTS[i % DEPARTMENTS.length]!,
    dischargedAt,
    currentVersion: 1,
    // A few that failed, as filters for the rare are the hard ones.
    state: i % 100_003 === 0 ? 'failed' : 'attested',
    pageCount: 40,
    documentTypes: ['frontPage'],
    marks: [],
    createdAt: dischargedAt,
    updatedAt: dischargedAt,
  };
}

function row(seq: number, first: number, archives: number) {
  const action = ACTIONS[seq % 97 === 0 ? seq % ACTIONS.length : 9 + (seq % 3)]!;
  const i = (seq * 7919) % archives;
  return {
    seq,
    at: new Date(Date.now() - (first + 5_000_000 - seq) * 6000),
    actor: { type: 'user', id: `u${(seq * 31) % PEOPLE}`, roles: ['doctor'] },
    from: { address: '10.1.2.3', agent: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/141.0.0.0' },
    action,
    kind: TRACE_ACTIONS[action].kind,
    object: { type: 'archive', id: archiveId(i) },
    archiveId: archiveId(i),
    patientId: `pt_${String(i % 1_000_000).padStart(32, '0')}`,
    ...(seq % 3 === 0 && { loanId: `ln_b${seq % 100_000}` }),
    details: { version: 1, page: 1 + (seq % 40) },
    result: seq % 499 === 0 ? 'denied' : 'allowed',
    requestId: RANDOM[seq % 1021]!.slice(32),
    previousHash: RANDOM[seq % 1023]!,
    hash: RANDOM[(seq + 1) % 1023]!,
    mac: RANDOM[seq % 1019]!.slice(32),
  };
}

function loan(i: number) {
  const createdAt = Date.now() - ((i * 7919) % 3650) * DAY_MS - i;
  const isPending = i % 40 === 0;
  return {
    loanId: `ln_b${i}`,
    applicationId: `la_b${Math.floor(i / 5)}`,
    archiveId: archiveId(i * 7),
    applicant: `u${i % PEOPLE}`,
    applicantName: `${SURNAMES[i % SURNAMES.length]!}医生${i % PEOPLE}`,
    departmentId: `dp_b${i % 10}`,
    request: { purpose: 'treatment', place: 'online', days: 30, rights: ['view'], emergency: false, reason: 'bench' },
    policyVersion: 1,
    state: isPending ? 'pendingReview' : i % 9973 === 0 ? 'overdue' : 'returned',
    seq: 5,
    round: 1,
    levels: ['recordsClerk'],
    passed: 1,
    ...(isPending && {
      task: {
        taskId: 't1',
        kind: 'application',
        role: 'recordsClerk',
        openedAt: createdAt,
        remindAt: createdAt + DAY_MS / 4,
        escalateAt: createdAt + DAY_MS / 2,
        expireAt: createdAt + DAY_MS,
        isSure: true,
        reminded: false,
      },
    }),
    decisions: [],
    renewals: [],
    submittedAt: createdAt,
    dueAt: createdAt + 30 * DAY_MS,
    open: isPending,
    waitsFor: isPending ? ['recordsClerk'] : [],
    patientNo: patientNo(i * 7),
    visitNo: '1',
    patientName: `${SURNAMES[i % SURNAMES.length]!}样例${i % 5000}`,
    createdAt,
    updatedAt: createdAt,
  };
}

/** Puts rows in without the collection's indexes, which are then made again as they were: far faster than row by row. */
async function fill(mongo: MongoClient, name: string, count: number, make: (i: number) => object): Promise<void> {
  const collection = mongo.db('sealfolio-yz1').collection(name);
  const began = performance.now();
  const seconds = () => ((performance.now() - began) / 1000).toFixed(0);
  const indexes = (await collection.indexes()).filter((index) => index.name !== '_id_');
  await collection.dropIndexes();
  const writeConcern = { w: 1, journal: false };
  let writing: Promise<unknown> = Promise.resolve();
  for (let i = 0; i < count; i += AT_ONCE) {
    const rows = Array.from({ length: Math.min(AT_ONCE, count - i) }, (_, n) => make(i + n));
    await writing;
    writing = collection.insertMany(rows, { ordered: false, writeConcern });
    if (i % (AT_ONCE * 40) === 0) say(`${name}: ${i} after ${seconds()} s`);
  }
  await writing;
  say(`${name}: rows after ${seconds()} s`);
  await collection.createIndexes(indexes.map(({ v: _version, ...index }) => index) as never);
  say(`${name}: ${indexes.length} indexes after ${seconds()} s`);
}

/**
 * Lists over 2,000,000 archives and 5,000,000 rows of the trace: every filter and sort that the pages offer, 50 requests a
 * second, each timed from when it was due. `ARCHIVES ROWS SECONDS` makes it smaller.
 */
export async function bench([
  archives = String(ARCHIVES),
  rows = String(ROWS),
  seconds = String(SECONDS),
]: readonly string[]): Promise<void> {
  await withMember(async ({ consortium, url, mongo }) => {
    const { demoPassword } = consortium.made;
    const [clerk, auditor] = [await login(url, 'clerk', demoPassword), await login(url, 'auditor', demoPassword)];
    // These rows are not attested: the worker would seal five million of them while the lists are timed.
    await consortium.parts.get('worker-yz1')!.stop();
    const [manyArchives, manyRows] = [Number(archives), Number(rows)];
    await fill(mongo, 'archives', manyArchives, archive);
    const manyLoans = Math.min(LOANS, manyArchives);
    await fill(mongo, 'loans', manyLoans, loan);
    // The rows lie after those that the logins wrote; what the list does not read of them is random.
    const last = await mongo
      .db('sealfolio-yz1')
      .collection('trace')
      .findOne({}, { sort: { seq: -1 } });
    const first = 1000 + (last?.seq as number);
    // Its batches are not what is measured: the api's own rows after this go on from here.
    await fill(mongo, 'trace', manyRows, (i) => row(first + i, first, manyArchives));

    // All of it is on the disk before the first request is timed.
    await mongo.db('admin').command({ fsync: 1 });
    const any = (n: number) => Math.floor(Math.random() * n);
    const day = (back: number) => new Date(Date.now() - back * DAY_MS).toISOString();
    const department = () => encodeURIComponent(DEPARTMENTS[any(DEPARTMENTS.length)]!);
    const queries: [name: string, who: typeof clerk, make: () => string][] = [
      ['archives', clerk, () => '/archives?limit=50'],
      ['archives state', clerk, () => '/archives?limit=50&state=failed'],
      ['archives department', clerk, () => `/archives?limit=50&department=${department()}`],
      ['archives state department', clerk, () => `/archives?limit=50&state=failed&department=${department()}`],
      ['archives discharged', clerk, () => `/archives?limit=50&dischargedFrom=${day(2000)}&dischargedTo=${day(1000)}`],
      [
        'archives department discharged',
        clerk,
        () => `/archives?limit=50&department=${department()}&dischargedTo=${day(900)}`,
      ],
      ['archives number', clerk, () => `/archives?limit=50&q=${patientNo(any(manyArchives))}`],
      ['archives number prefix', clerk, () => '/archives?limit=50&q=B0'],
      ['archives name prefix', clerk, () => `/archives?limit=50&q=${encodeURIComponent(SURNAMES[any(10)]!)}`],
      [
        'archives name state',
        clerk,
        () => `/archives?limit=50&state=failed&q=${encodeURIComponent(SURNAMES[any(10)]!)}`,
      ],
      ['loans', clerk, () => '/loans?limit=50'],
      ['loans tasks', clerk, () => '/loans?view=tasks&sort=expire&limit=50'],
      ['loans state', clerk, () => '/loans?state=overdue&limit=50'],
      ['loans states due', clerk, () => '/loans?state=overdue,onLoan&sort=due&limit=50'],
      ['loans person', clerk, () => `/loans?applicant=u${any(PEOPLE)}&limit=50`],
      ['loans department due', clerk, () => `/loans?departmentId=dp_b${any(10)}&sort=due&limit=50`],
      ['loans archive', clerk, () => `/loans?archiveId=${archiveId(7 * any(manyLoans))}&limit=50`],
      ['loans number', clerk, () => `/loans?q=${patientNo(7 * any(manyLoans))}&limit=50`],
      ['loans name', clerk, () => `/loans?q=${encodeURIComponent(SURNAMES[any(10)]!)}&limit=50`],
      ['loans purpose', clerk, () => '/loans?purpose=research&limit=50'],
      ['loans counts', clerk, () => '/loans/counts'],
      ['trace', auditor, () => '/trace?limit=100'],
      ['trace archive', auditor, () => `/trace?limit=100&archiveId=${archiveId(any(manyArchives))}`],
      ['trace person', auditor, () => `/trace?limit=100&actor=u${any(PEOPLE)}`],
      ['trace person kind', auditor, () => `/trace?limit=100&actor=u${any(PEOPLE)}&kind=print`],
      ['trace person denied', auditor, () => `/trace?limit=100&actor=u${any(PEOPLE)}&result=denied`],
      ['trace patient', auditor, () => `/trace?limit=100&patientNo=${patientNo(any(manyArchives))}`],
      ['trace loan', auditor, () => `/trace?limit=100&loanId=ln_b${any(100_000)}`],
      ['trace searched', auditor, () => '/trace?limit=100&searched=nobody'],
      ['trace kind', auditor, () => '/trace?limit=100&kind=admin'],
      ['trace kind denied', auditor, () => '/trace?limit=100&kind=admin&result=denied'],
      ['trace failed', auditor, () => '/trace?limit=100&result=failed'],
      ['trace time', auditor, () => `/trace?limit=100&from=${day(200)}&to=${day(100)}`],
      ['trace person kind time', auditor, () => `/trace?limit=100&actor=u${any(PEOPLE)}&kind=page&to=${day(100)}`],
    ];
    // Each by itself first: connections, plans and pages of the database are there, and what is slow alone is told apart.
    for (const [name, who, make] of queries) {
      const alone: number[] = [];
      for (let i = 0; i < 5; i += 1) {
        const began = performance.now();
        await who('GET', make());
        alone.push(performance.now() - began);
      }
      say(
        `${name.padEnd(34)} alone ${quantile(alone, 0.5).toFixed(0)} ms, longest ${quantile(alone, 1).toFixed(0)} ms`,
      );
    }
    const times = new Map<string, number[]>(queries.map(([name]) => [name, []]));
    const began = performance.now();
    const untimed = RATE * WARM_UP_SECONDS;
    const total = untimed + RATE * Number(seconds);
    const running: Promise<void>[] = [];
    // A look at one row by its id, straight at the database.
    const found = mongo.db('sealfolio-yz1').collection('archives');
    const beside = probe(() => found.findOne({ archiveId: archiveId(any(manyArchives)) }));
    for (let i = 0; i < total; i += 1) {
      const due = began + (i * 1000) / RATE;
      if (due > performance.now()) await delay(due - performance.now());
      // In no order, and each as often: people do not ask the dear ones one after the other.
      if (i % queries.length === 0) queries.sort(() => Math.random() - 0.5);
      const [name, who, make] = queries[i % queries.length]!;
      running.push(
        who('GET', make()).then(() => {
          if (i >= untimed) times.get(name)!.push(performance.now() - due);
        }),
      );
    }
    await Promise.all(running);
    const bare = await beside.stop();
    for (const [name, list] of times)
      say(
        `${name.padEnd(34)} p99 ${quantile(list, 0.99).toFixed(0)} ms, median ${quantile(list, 0.5).toFixed(0)} ms, longest ${quantile(list, 1).toFixed(0)} ms`,
      );
    const all = [...times.values()].flat();
    const note = `${queries.length} filters and sorts, ${RATE} requests/s for ${seconds} s, ${archives} archives and ${rows} rows; median ${quantile(all, 0.5).toFixed(0)} ms; load of the machine ${os.loadavg()[0]!.toFixed(1)}, one row by its id beside it: p99 ${quantile(bare, 0.99).toFixed(0)} ms`;
    report({ bench: 'lists', figure: 'lists.p99', value: quantile(all, 0.99), unit: 'ms', note });
  });
}
