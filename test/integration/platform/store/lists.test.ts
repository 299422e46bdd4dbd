import { type ArchiveFilter, archivePlan, listArchives } from '../../../../api/archives/list.ts';
import { countLoans, countStages } from '../../../../api/loans/counts.ts';
import { filterOf, type LoanFilter, listLoans, loanPlan, type OrderName } from '../../../../api/loans/list.ts';
import type { Powers } from '../../../../api/loans/powers.ts';
import { orderedStages, totalStages } from '../../../../api/ordered.ts';
import { listTrace, tracePlan } from '../../../../api/trace/list.ts';
import type { ReviewTask } from '../../../../domain/loan/loan.ts';
import { dueWithin, SOON_DAYS } from '../../../../domain/loan/due.ts';
import { waitsFor } from '../../../../domain/loan/powers.ts';
import { isEnded, LoanState, READING_STATES } from '../../../../domain/loan/state.ts';
import { openStore, type Store, type TraceEntry } from '../../../../platform/store/index.ts';
import { makeCard } from '../../../fixtures/card.ts';

let made: Awaited<ReturnType<typeof makeCard>>;
let store: Store;
beforeAll(async () => {
  made = await makeCard();
  store = await openStore({ uri: process.env.TEST_MONGODB_URI!, db: 'store-lists' }, made.card);
  const now = Date.UTC(2026, 0, 1);
  await store.models.Archive.insertMany(
    Array.from({ length: 300 }, (_, i) => ({
      archiveId: `ar_${i}`,
      patientNo: `P${String(i % 100).padStart(3, '0')}`,
      visitNo: String(Math.floor(i / 100)),
      patientName: `王${i % 7}`,
      department: ['心内科', '骨科'][i % 2],
      dischargedAt: new Date(now + (i % 50) * 86_400_000),
      currentVersion: 1,
      state: i % 50 === 0 ? 'failed' : 'attested',
      // Some are not known yet.
      ...(i % 4 > 0 && { completeness: (['complete', 'missing', 'doubtful'] as const)[i % 3] }),
      frontPage: (['passed', 'faulty', 'unchecked'] as const)[i % 3]!,
      marks: i % 20 === 0 ? ['death' as const] : [],
      pageCount: 1,
      documentTypes: [],
      createdAt: new Date(now),
      updatedAt: new Date(now),
    })),
  );
  await Promise.all(
    Array.from({ length: 300 }, (_, i) =>
      store.trace.append({
        actor: { type: 'user', id: `u${i % 3}`, roles: [] },
        action: i % 2 === 0 ? 'archive.open' : 'archive.search',
        object: { type: 'archive', id: `ar_${i % 5}` },
        ...(i % 2 === 0 && { archiveId: `ar_${i % 5}`, patientId: `pt_${i % 5}`, loanId: `ln_${i % 4}` }),
        ...(i % 2 === 1 && { term: `t${i % 5}` }),
        result: i % 10 === 0 ? 'denied' : 'allowed',
        requestId: `${i}`,
      }),
    ),
  );
});
const DAY_MS = 86_400_000;
const BEGAN = Date.UTC(2026, 0, 1);
const LATER = Date.UTC(2999, 0, 1);
const STATES = Object.values(LoanState);
beforeAll(async () => {
  await store.models.Loan.insertMany(
    Array.from({ length: 400 }, (_, i) => {
      const state = STATES[i % STATES.length]!;
      const isReviewed = state === 'pendingReview' || state === 'renewalReview';
      const task = {
        role: (['recordsClerk', 'departmentHead', 'medicalAffairs'] as const)[i % 3]!,
        ...(i % 4 === 0 && { escalatedTo: 'medicalAffairs' as const }),
        ...(i % 6 === 0 && { claimedBy: 'u1' }),
        expireAt: BEGAN + (i % 50) * DAY_MS,
        escalateAt: i % 7 === 0 ? LATER : BEGAN,
      } as ReviewTask;
      return {
        loanId: `ln_${i}`,
        applicationId: `la_${i % 40}`,
        archiveId: `ar_${i % 61}`,
        applicant: `u${i % 9}`,
        applicantName: `周${i % 9}`,
        departmentId: `dp_${i % 4}`,
        request: { purpose: i % 3 === 0 ? 'treatment' : 'research', place: 'online', emergency: i % 5 === 0 },
        policyVersion: 1,
        state,
        seq: i,
        round: 1,
        levels: ['recordsClerk'],
        passed: 0,
        open: !isEnded(state),
        patientNo: `P${String(i % 100).padStart(3, '0')}`,
        visitNo: '1',
        patientName: `${i % 2 === 0 ? '王' : '周'}${i % 7}`,
        ...(isReviewed && { task }),
        waitsFor: waitsFor(isReviewed ? { task } : {}),
        ...(i % 2 === 0 && { dueAt: i % 4 === 0 ? Date.now() + ((i / 4) % 10) * DAY_MS : BEGAN + (i % 30) * DAY_MS }),
        createdAt: BEGAN + (i % 80) * DAY_MS,
        updatedAt: BEGAN,
      };
    }) as never,
  );
});
afterAll(async () => {
  await store.connection.dropDatabase();
  await store.close();
  made.close();
});

/** Stages of the plan that the database has chosen. */
function stagesIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(stagesIn);
  if (typeof value !== 'object' || value === null) return [];
  const { stage, rejectedPlans: _not, command: _asked, ...rest } = value as Record<string, unknown>;
  return [
    ...(typeof stage === 'string' ? [stage] : []),
    ...Object.entries(rest).flatMap(([name, one]) => (name === '$sort' ? ['SORT'] : stagesIn(one))),
  ];
}
const isIndexed = (explained: unknown) => {
  const stages = stagesIn(explained);
  expect(stages).toContain('IXSCAN');
  expect(stages).not.toContain('COLLSCAN');
  // In the order of an index: nothing is sorted in memory, however much there is.
  expect(stages).not.toContain('SORT');
};
const toId = (text: string) => new store.connection.base.Types.ObjectId(text);
const some = { state: 'failed' as const, department: '骨科' };
const range = { dischargedFrom: '2026-01-05T00:00:00Z', dischargedTo: '2026-02-01T00:00:00Z' };

const ARCHIVE_FILTERS = [
  {},
  { state: some.state },
  { department: some.department },
  some,
  range,
  { ...some, ...range },
  { completeness: 'missing' as const },
  { completeness: 'complete' as const, department: some.department },
  { completeness: 'doubtful' as const, state: 'attested' as const },
  { completeness: 'missing' as const, ...some, ...range },
  { frontPage: 'faulty' as const },
  { frontPage: 'unchecked' as const, department: some.department },
  { frontPage: 'passed' as const, state: 'attested' as const },
  { frontPage: 'faulty' as const, completeness: 'missing' as const, ...some, ...range },
  { mark: 'death' as const },
  { mark: 'death' as const, completeness: 'missing' as const, ...some, ...range },
  { mark: 'death' as const, frontPage: 'faulty' as const, completeness: 'missing' as const, ...some },
];
test.each([
  ...ARCHIVE_FILTERS.map((filter) => ['dischargedAt', filter] as const),
  ...ARCHIVE_FILTERS.map((filter) => ['patientNo', { ...filter, q: 'P0' }] as const),
  ...ARCHIVE_FILTERS.map((filter) => ['patientName', { ...filter, q: '王' }] as const),
])('archives by %s, filter %j: from an index, in its order; the first page and the next', async (order, filter) => {
  const explain = (place: [string, string] | null) =>
    store.models.Archive.aggregate(orderedStages(archivePlan(filter, order, place, toId), 50)).explain('queryPlanner');
  isIndexed(await explain(null));
  const place = { dischargedAt: '2026-01-20T00:00:00.000Z', patientNo: 'P010', patientName: '王3' }[order];
  isIndexed(await explain([place, order === 'patientNo' ? '1' : 'a'.repeat(24)]));
});

/** What is looked for row by row, beside what the index finds. */
function readThrough(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(readThrough);
  if (typeof value !== 'object' || value === null) return [];
  const { stage, filter, rejectedPlans: _not, ...rest } = value as Record<string, unknown>;
  return [...(stage === 'FETCH' && filter !== undefined ? [filter] : []), ...Object.values(rest).flatMap(readThrough)];
}
test.each([
  { frontPage: 'faulty' as const },
  { frontPage: 'unchecked' as const },
  { frontPage: 'faulty' as const, department: some.department },
  { frontPage: 'faulty' as const, ...range },
])(
  'archives by how their front pages stand, filter %j: an index finds them, no other archive is read',
  async (filter) => {
    const stages = orderedStages(archivePlan(filter, 'dischargedAt', null, toId), 50);
    const explained = await store.models.Archive.aggregate(stages).explain('queryPlanner');
    isIndexed(explained);
    expect(readThrough(explained)).toEqual([]);
  },
);

test('archives by the other numbers of merged patients too: from an index, in its order; the first page and the next', async () => {
  const explain = (place: [string, string] | null) => {
    const plan = archivePlan({ q: 'P01' }, 'patientNo', place, toId, ['P042', 'X1']);
    return store.models.Archive.aggregate(orderedStages(plan, 50)).explain('queryPlanner');
  };
  isIndexed(await explain(null));
  isIndexed(await explain(['P010', '1']));
});

const TRACE_FILTERS = [
  {},
  { archiveId: 'ar_0' },
  { patientId: 'pt_0' },
  { loanId: 'ln_0' },
  { term: 't1' },
  { 'actor.id': 'u0' },
  { 'actor.id': 'u0', kind: 'open' },
  { 'actor.id': 'u0', result: 'denied' },
  { 'actor.id': 'u0', kind: 'open', result: 'denied' },
  { 'actor.id': 'u0', kind: 'open', result: 'allowed' },
  { kind: 'open' },
  { kind: 'open', result: 'denied' },
  { result: 'denied' },
  { result: 'failed' },
  { result: 'allowed' },
  { archiveId: 'ar_0', kind: 'open', result: 'allowed', 'actor.id': 'u0' },
];
test.each(TRACE_FILTERS)('the trace, filter %j: from an index, newest first', async (filter) => {
  const stages = orderedStages(tracePlan(filter, { $gte: 10, $lt: 250 }), 50);
  isIndexed(await store.models.TraceEntry.aggregate(stages).explain('queryPlanner'));
});

test.each([{ patientId: 'pt_0' }, { patientId: 'pt_0', kind: 'open' }, { patientId: 'pt_0', archiveId: 'ar_0' }])(
  'the trace of a patient with an id of before, whose archives were corrected, filter %j: from indexes, newest first',
  async (filter) => {
    const also = [{ patientId: 'pt_3' }, { archiveId: 'ar_1' }, { archiveId: 'ar_2' }];
    const stages = orderedStages(tracePlan(filter, { $gte: 10, $lt: 250 }, also), 50);
    isIndexed(await store.models.TraceEntry.aggregate(stages).explain('queryPlanner'));
    const rows = await store.models.TraceEntry.aggregate<TraceEntry>(stages);
    expect(rows.map(({ seq }) => seq)).toEqual([...rows].map(({ seq }) => seq).sort((a, b) => b - a));
    const those = 'archiveId' in filter ? ['ar_0'] : ['ar_0', 'ar_1', 'ar_2', 'ar_3'];
    expect([...new Set(rows.map(({ archiveId }) => archiveId))].sort()).toEqual(those);
  },
);

test.each([
  ...[{}, some, range, { q: 'P0' }, { q: '王', ...some }, { q: 'P0', ...range, department: '骨科' }],
  { frontPage: 'faulty' as const },
  { frontPage: 'unchecked' as const, completeness: 'missing' as const, state: 'attested' as const },
  { frontPage: 'passed' as const, q: '王', ...range },
])('archives, filter %j: page by page each once, as one look at all gives', async (filter) => {
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await listArchives(store, filter, { cursor, limit: 7 });
    seen.push(...page.rows.map(({ archiveId }) => archiveId));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  const all = await store.models.Archive.find().lean();
  const { q, state, department, completeness, frontPage, dischargedFrom, dischargedTo }: ArchiveFilter = filter;
  const expected = all.filter(
    (one) =>
      (q === undefined || one.patientNo.startsWith(q) || one.patientName.startsWith(q)) &&
      (state === undefined || one.state === state) &&
      (department === undefined || one.department === department) &&
      (completeness === undefined || one.completeness === completeness) &&
      (frontPage === undefined || one.frontPage === frontPage) &&
      (dischargedFrom === undefined || one.dischargedAt >= new Date(dischargedFrom)) &&
      (dischargedTo === undefined || one.dischargedAt < new Date(dischargedTo)),
  );
  expect(new Set(seen).size).toBe(seen.length);
  expect([...seen].sort()).toEqual(expected.map(({ archiveId }) => archiveId).sort());
});

test('another list’s cursor is refused', async () => {
  const of = (content: unknown) => Buffer.from(JSON.stringify(content)).toString('base64url');
  for (const cursor of [
    'x',
    of(['nothing', 'a', 'b']),
    of(['dischargedAt', 'x', 'a'.repeat(24)]),
    of(['patientName', 'a', 'b']),
  ]) {
    await expect(listArchives(store, {}, { cursor, limit: 5 })).rejects.toMatchObject({ code: 'request-invalid' });
    const loans = listLoans(store, { view: 'all' }, WHO.clerk!, { sort: 'created', cursor: `${cursor}`, limit: 5 });
    if (cursor !== of(['patientName', 'a', 'b']))
      await expect(loans).rejects.toMatchObject({ code: 'request-invalid' });
  }
});

test('a page of the trace that would look too far ends early, and tells where it goes on', async () => {
  const { rows, nextBefore } = await listTrace(store, { actor: 'u0', result: 'allowed' }, { limit: 20 });
  expect(rows).toHaveLength(20);
  expect(nextBefore).toBe(rows.at(-1)!.seq);
});

const person = (username: string, role: Powers['self']['roles'][number], departmentId = 'dp_1') => ({
  username,
  roles: [role],
  departmentId,
});
/** Who may know of what: a doctor, a head of a department who stands in for another, the records room, 医务科. */
const WHO: Record<string, Powers> = {
  doctor: { self: person('u1', 'doctor'), manages: false, principals: [] },
  head: {
    self: person('u2', 'departmentHead'),
    manages: false,
    principals: [{ ...person('u3', 'departmentHead', 'dp_2'), until: BEGAN }],
  },
  clerk: { self: person('u4', 'recordsClerk'), manages: true, principals: [] },
  medical: { self: person('u5', 'medicalAffairs'), manages: true, principals: [] },
};
const LOAN_FILTERS: LoanFilter[] = [
  { view: 'all' },
  { view: 'mine' },
  { view: 'tasks' },
  { view: 'tasks', claimed: 'nobody', purpose: 'treatment' },
  { view: 'all', state: 'onLoan' },
  { view: 'all', purpose: 'research' },
  { view: 'all', purpose: 'research', place: 'online' },
  { view: 'all', state: 'onLoan,overdue', emergency: 'true' },
  { view: 'all', applicant: 'u1' },
  { view: 'all', departmentId: 'dp_1', state: 'returned' },
  { view: 'all', archiveId: 'ar_3' },
  { view: 'all', applicationId: 'la_3' },
  { view: 'all', dueAfter: '2026-01-05T00:00:00Z', dueBefore: '2026-01-20T00:00:00Z' },
  { view: 'all', q: 'P0' },
  { view: 'all', q: '周' },
  { view: 'tasks', q: '周' },
  { view: 'mine', q: 'P00', state: 'returned' },
];
const SORTS = ['created', 'due', 'expire'] as const;
const every = Object.keys(WHO).flatMap((who) => LOAN_FILTERS.map((filter) => [who, filter] as const));

test.each(every)('loans of %s, filter %j: from an index, in its order, whichever it is', async (who, filter) => {
  const orders: OrderName[] = filter.q === undefined ? [...SORTS] : ['patientNo', 'patientName', 'applicantName'];
  for (const order of orders)
    for (const place of [null, [filter.q === undefined ? BEGAN + 5 * DAY_MS : filter.q, 'ln_5']] as const) {
      const stages = orderedStages(loanPlan(filter, WHO[who]!, order, place as never), 50);
      isIndexed(await store.models.Loan.aggregate(stages).explain('queryPlanner'));
    }
});

test.each(every)('loans of %s, filter %j: page by page each once, as one look at all gives', async (who, filter) => {
  const powers = WHO[who]!;
  for (const sort of filter.q === undefined ? SORTS : (['created'] as const)) {
    const seen: string[] = [];
    let cursor: string | undefined;
    let counted: number | undefined;
    do {
      const page = await listLoans(store, filter, powers, { sort, cursor, limit: 7 });
      seen.push(...page.rows.map(({ loanId }) => loanId));
      counted ??= page.total;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    const present = { created: {}, due: { dueAt: { $gt: 0 } }, expire: { 'task.expireAt': { $gt: 0 } } }[sort];
    const all = await store.models.Loan.find({ $and: [filterOf(filter, powers), present] }).lean();
    expect([sort, seen.length]).toEqual([sort, new Set(seen).size]);
    expect([sort, [...seen].sort()]).toEqual([sort, all.map(({ loanId }) => loanId).sort()]);
    expect([sort, counted]).toEqual([sort, seen.length]);
  }
});

const COUNTED: (readonly [LoanFilter, OrderName])[] = [
  ...(['all', 'mine'] as const).flatMap((view) => SORTS.map((sort) => [{ view }, sort] as const)),
  [{ view: 'tasks' }, 'expire'],
  [{ view: 'all', purpose: 'research' }, 'created'],
  ...(['patientNo', 'patientName', 'applicantName'] as const).map((text) => [{ view: 'all', q: '周' }, text] as const),
];
// Those who may know of few find them by that, whatever they were lent for.
const countedBy = Object.entries(WHO).flatMap(([who, { manages }]) =>
  COUNTED.filter(([{ purpose }]) => manages || purpose === undefined).map((one) => [who, ...one] as const),
);
test.each(countedBy)(
  'how many loans %s has by filter %j, by %s: an index holds all that is asked',
  async (who, filter, order) => {
    const stages = totalStages(loanPlan(filter, WHO[who]!, order, null));
    const explained = await store.models.Loan.aggregate(stages).explain('executionStats');
    expect(JSON.stringify(explained)).toMatch(/"totalDocsExamined":0\b/);
    expect(JSON.stringify(explained)).not.toMatch(/"totalDocsExamined":[1-9]/);
  },
);

test('rows of before, which do not tell for whom their task waits, are found when the database is opened again', async () => {
  const { Loan } = store.models;
  const of = () => Loan.find({ waitsFor: 'medicalAffairs' }).sort({ loanId: 1 }).lean();
  const before = await of();
  expect(before.some(({ task }) => task?.role !== 'medicalAffairs')).toBe(true);
  await Loan.collection.updateMany({}, { $unset: { waitsFor: 1 } });
  expect(await of()).toEqual([]);
  await (await openStore({ uri: process.env.TEST_MONGODB_URI!, db: 'store-lists' }, made.card)).close();
  expect((await of()).map(({ loanId }) => loanId)).toEqual(before.map(({ loanId }) => loanId));
});

/** Loans of a view that have not ended. */
const counted = async (who: string, view: LoanFilter['view'], more: object) =>
  store.models.Loan.countDocuments({ $and: [filterOf({ view }, WHO[who]!), { open: true }, more] });

test.each(Object.keys(WHO))(
  'counts of %s: what the lists hold; an index has all of it, no loan is read',
  async (who) => {
    const counts = await countLoans(store, WHO[who]!);
    const late = { 'task.escalateAt': { $lt: LATER } };
    const [tasks, tasksOverdue] = [await counted(who, 'tasks', {}), await counted(who, 'tasks', late)];
    const { from, before } = dueWithin(SOON_DAYS, Date.now());
    const soon = { state: { $in: READING_STATES }, dueAt: { $gte: from, $lt: before } };
    const dueSoon = await counted(who, WHO[who]!.manages ? 'all' : 'mine', soon);
    expect(counts).toMatchObject({ tasks, tasksOverdue, dueSoon });
    for (const state of STATES) {
      const all = state === 'draft' ? 0 : await counted(who, 'all', { state });
      expect([state, counts.mine[state] ?? 0]).toEqual([state, await counted(who, 'mine', { state })]);
      expect([state, counts.all[state] ?? 0]).toEqual([state, all]);
    }
    for (const { stages, hint } of Object.values(countStages(WHO[who]!))) {
      const explained = await store.models.Loan.aggregate(stages).hint(hint).explain('executionStats');
      expect(JSON.stringify(explained)).toMatch(/"totalDocsExamined":0\b/);
      expect(JSON.stringify(explained)).not.toMatch(/"totalDocsExamined":[1-9]/);
    }
  },
);

test('of all loans some are due soon', async () => {
  expect((await countLoans(store, WHO.clerk!)).dueSoon).toBeGreaterThan(0);
});

test('a loan and an application are found by their ids, by who may know of them', async () => {
  const find = (q: string, who: string) =>
    listLoans(store, { view: 'all', q }, WHO[who]!, { sort: 'created', limit: 50 }).then(({ rows }) => rows.length);
  expect([await find('ln_1', 'clerk'), await find('ln_2', 'doctor'), await find('la_1', 'clerk')]).toEqual([1, 0, 10]);
});

test('more loans of a name than are counted: how many at least, and each of them is found', async () => {
  const [one] = await store.models.Loan.find({ loanId: 'ln_1' }).lean();
  const { _id, ...like } = one!;
  const many = Array.from({ length: 1003 }, (_, i) => ({
    ...like,
    loanId: `ln_m${i}`,
    archiveId: `ar_m${i}`,
    // As many by the patient as are counted, and three more by the applicant.
    ...(i < 1000 ? { patientName: '孙甲' } : { patientName: '吴乙', applicantName: '孙丙' }),
  }));
  await store.models.Loan.collection.insertMany(many as never);
  const find = (q: string, cursor?: string) =>
    listLoans(store, { view: 'all', q }, WHO.clerk!, { sort: 'created', limit: 500, ...(cursor && { cursor }) });
  expect(await find('孙丙')).toMatchObject({ total: 3, isCapped: false });
  const first = await find('孙');
  expect(first).toMatchObject({ total: 1003, isCapped: false });
  expect(await find('孙', first.nextCursor!)).toMatchObject({ total: 1003, isCapped: false });
  await store.models.Loan.updateOne({ loanId: 'ln_m1000' }, { patientName: '孙乙' });
  const capped = await find('孙');
  expect(capped).toMatchObject({ total: 1001, isCapped: true });
  expect(await find('孙', capped.nextCursor!)).toMatchObject({ total: 1001, isCapped: true });
});
