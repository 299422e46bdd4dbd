import { listQueue, QUEUE_ORDERS, queuePlan } from '../../../api/catalog/queue.ts';
import { orderedStages } from '../../../api/ordered.ts';
import { reclassify } from '../../../domain/catalog/classify.ts';
import { DEFAULT_TEMPLATE, type DocumentType } from '../../../domain/catalog.ts';
import type { NumberedNode } from '../../../domain/catalog/numbered.ts';
import { scanOf } from '../../../ops/demo/scans.ts';
import { findTitleReader } from '../../../platform/ocr/tesseract.ts';
import { sm3 } from '../../../platform/crypto/index.ts';
import type { ArchiveVersion, CatalogEdit, CatalogSuggestion } from '../../../platform/store/index.ts';
import { type Person, TestApi } from '../../fixtures/api.ts';
import { committed, type Original, startArchiving } from '../../fixtures/archiving.ts';
import { barcodeSheet } from '../../fixtures/barcodes.ts';
import { TestMember } from '../../fixtures/member.ts';
import { titleTest } from '../../fixtures/titles.ts';
import { until } from '../../fixtures/until.ts';

const member = new TestMember('rebuild');
const api = new TestApi(member);
let clerk: Person, medical: Person, doctor: Person;
/** Titles are looked for by the one test that has some: to read the top of a page takes half a second. */
let readsTitles = false;
beforeAll(async () => {
  const titles = await findTitleReader();
  member.titles = titles && { ...titles, read: async (image) => (readsTitles ? titles.read(image) : []) };
  await member.start();
  await api.start();
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

let seed = 0;
const sheet = (documentType: DocumentType, ...codes: string[]): Promise<Original> =>
  barcodeSheet(documentType, codes, (seed += 1));
/** By its title alone. */
const titled = async (documentType: DocumentType, title: string): Promise<Original> => ({
  data: await scanOf(title, '云州市第一人民医院', (seed += 1)),
  mediaType: 'image/jpeg',
  documentType,
  pageCount: 1,
});
async function archived(archiveId: string, files: readonly Original[], department = '骨科'): Promise<string> {
  const batchId = await committed(member, archiveId, files);
  await (await startArchiving(member, archiveId, batchId)).result();
  await member.store.models.Archive.updateOne({ archiveId }, { $set: { department } });
  return archiveId;
}
/** Pages: 1 front page, 2 orders that are a lab report by their form, 3 of two forms at once, 4 of none. */
const muddled = async (archiveId: string, department?: string) =>
  archived(
    archiveId,
    [
      await sheet('frontPage', 'MR-01'),
      await sheet('orders', 'MR-07|x'),
      await sheet('other', 'MR-06', 'MR-09'),
      await sheet('other'),
    ],
    department,
  );

interface Job {
  rebuildId: string;
  workflowId: string;
  state: string;
  total: number;
  counts: Record<string, number>;
  doubtful: number;
}
interface Row {
  archiveId: string;
  outcome: string;
  refusal?: { code: string };
  moves: { page: number; from: string; to: string; confidence: number }[];
  doubtful: number;
  place?: string;
  template?: object;
}
const start = (mode: string, range: object, reason = '按表单代码归类') =>
  clerk.ok<Job>('post', '/catalog-rebuilds', { mode, range, reason });
const read = (rebuildId: string, more = '') =>
  clerk.ok<{ job: Job; rows: Row[]; nextAfter: string | null }>('get', `/catalog-rebuilds/${rebuildId}${more}`);
/** Waits for it beside the api, where each look would leave a trace. */
const WITHIN_MS = 100_000;
const reaches = (rebuildId: string, state: 'done' | 'paused' | 'cancelled') =>
  until(async () => (await member.store.models.CatalogJob.exists({ rebuildId, state })) !== null, WITHIN_MS);
async function ran(mode: string, range: object): Promise<{ job: Job; rows: Row[] }> {
  const { rebuildId } = await start(mode, range);
  await reaches(rebuildId, 'done');
  return read(rebuildId);
}
interface Suggestions {
  at: string | null;
  acceptFrom: number;
  items: {
    page: number;
    kept?: boolean;
    suggested: {
      type: DocumentType;
      confidence: number;
      evidence: { kind: string; code?: string; word?: string }[];
    } | null;
  }[];
}
const suggestions = (id: string) => clerk.ok<Suggestions>('get', `/archives/${id}/catalog/suggestions`);
const shown = async (id: string) =>
  clerk.ok<{ place: { version: number; edit: number }; nodes: NumberedNode[]; by?: string; reason?: string }>(
    'get',
    `/archives/${id}/catalog`,
  );
const text = (nodes: readonly NumberedNode[]) =>
  nodes.map(({ title, pages }) => `${title}:${pages.map(({ page }) => page).join(',')}`).join(' ');
const queued = async (more = '') =>
  (await clerk.ok<{ items: { archiveId: string; doubtful: number; lowest: number }[] }>('get', `/catalog-queue${more}`))
    .items;
const versionOf = async (archiveId: string) =>
  (await member.store.models.ArchiveVersion.findOne({ archiveId }).lean<ArchiveVersion>())!;

test('a dry run says what would be done, page by page, and does none of it', async () => {
  const id = await muddled('ar_dry');
  const { job, rows } = await ran('dryRun', { archiveId: id });
  expect(job).toMatchObject({ total: 1, counts: { changed: 1, unchanged: 0, skipped: 0, failed: 0 }, doubtful: 2 });
  expect(rows).toEqual([
    expect.objectContaining({
      archiveId: id,
      outcome: 'changed',
      moves: [{ page: 2, from: 'orders', to: 'labReport', confidence: 0.96 }],
      doubtful: 2,
    }),
  ]);
  expect(rows[0]!.place).toBeUndefined();
  expect((await shown(id)).place).toEqual({ version: 1, edit: 0 });
  expect((await suggestions(id)).at).toBeNull();
  expect((await queued()).map(({ archiveId }) => archiveId)).not.toContain(id);
});

test('rebuilt: what is sure moves as a signed edit, what is not waits in the queue; originals and package stay', async () => {
  const id = await muddled('ar_apply');
  const before = await versionOf(id);
  const { rows } = await ran('apply', { archiveId: id });
  expect(rows).toMatchObject([{ outcome: 'changed', place: '1.1', doubtful: 2 }]);
  const now = await shown(id);
  expect(now).toMatchObject({ place: { version: 1, edit: 1 }, by: 'clerk', reason: '按表单代码归类' });
  expect(text(now.nodes)).toBe('病案首页:1 检验报告:2 其他:3,4');
  expect(await versionOf(id)).toEqual(before);
  for (const { objectId, sm3: digest } of before.documents)
    expect(sm3(await member.store.objects.readAll(objectId)).toString('hex')).toBe(digest);
  await until(
    async () =>
      (await member.store.models.CatalogEdit.findOne({ archiveId: id, edit: 1 }).lean<CatalogEdit>())?.attestation !==
      undefined,
  );
  const proof = await clerk.ok<{ manifest: { edit: number } }>('get', `/archives/${id}/catalog/edits/1.1/proof`);
  expect(proof.manifest.edit).toBe(1);

  expect((await queued()).find(({ archiveId }) => archiveId === id)).toMatchObject({ doubtful: 2, lowest: 0 });
  const { items, acceptFrom } = await suggestions(id);
  expect(acceptFrom).toBe(0.85);
  expect(items.map(({ page, suggested }) => [page, suggested?.type ?? null])).toEqual([
    [1, 'frontPage'],
    [2, 'labReport'],
    [3, expect.stringMatching(/nursing|consent/)],
    [4, null],
  ]);
  // Of two forms on one page neither is believed.
  expect(items[2]!.suggested!.confidence).toBeLessThan(0.1);
  expect(items[1]!.suggested!.evidence).toMatchObject([{ kind: 'formCode', code: 'MR-07' }]);
  const traced = await member.store.models.TraceEntry.find({ archiveId: id, action: 'catalog.rebuilt' }).lean();
  expect(traced).toMatchObject([{ details: { place: '1.1', moved: 1 } }]);

  // Again it is found as it should be.
  expect((await ran('apply', { archiveId: id })).rows).toMatchObject([{ outcome: 'unchanged', doubtful: 2 }]);
  expect((await shown(id)).place).toEqual({ version: 1, edit: 1 });
});

test('the same activity tried again after it was killed writes no second edit', async () => {
  const id = await muddled('ar_killed');
  const { rebuildId, workflowId } = await start('apply', { archiveId: id });
  await reaches(rebuildId, 'done');
  // As a worker leaves it that was killed between the edit and the row.
  await member.store.models.CatalogJobRow.deleteMany({ rebuildId });
  const handle = member.client.workflow.getHandle(workflowId);
  await handle.result();
  await member.client.workflow.start('catalogRebuildWorkflow', {
    workflowId: `${workflowId}-again`,
    taskQueue: 'archiving',
    args: [{ rebuildId, pagesPerRun: 1 }],
  });
  await member.client.workflow.getHandle(`${workflowId}-again`).result();
  expect((await read(rebuildId)).rows).toMatchObject([{ outcome: 'changed', place: '1.1', doubtful: 2 }]);
  expect(await member.store.models.CatalogEdit.countDocuments({ archiveId: id })).toBe(1);
});

test('accepted by a person: an ordinary edit; what is left where it lies waits no more, and is not moved later', async () => {
  const id = await muddled('ar_accept');
  await ran('suggest', { archiveId: id });
  expect((await shown(id)).place).toEqual({ version: 1, edit: 0 });
  expect((await queued()).find(({ archiveId }) => archiveId === id)).toMatchObject({ doubtful: 3 });
  const { nodes } = await shown(id);
  const arranged = reclassify(DEFAULT_TEMPLATE, nodes, [{ page: 2, type: 'labReport' }]);
  await clerk.ok('put', `/archives/${id}/catalog`, {
    base: { version: 1, edit: 0 },
    nodes: arranged,
    reason: '采纳建议',
  });
  expect((await queued()).find(({ archiveId }) => archiveId === id)).toMatchObject({ doubtful: 2 });
  await clerk.ok('post', `/archives/${id}/catalog/suggestions/leave`, { pages: [3, 4] });
  expect((await queued()).map(({ archiveId }) => archiveId)).not.toContain(id);
  expect((await suggestions(id)).items.map(({ kept }) => kept === true)).toEqual([false, false, true, true]);
  // Looked at anew, what a person decided stands.
  expect((await ran('suggest', { archiveId: id })).rows).toMatchObject([{ outcome: 'unchanged', doubtful: 0 }]);
  expect((await queued()).map(({ archiveId }) => archiveId)).not.toContain(id);
  expect(await clerk.refusal('post', `/archives/${id}/catalog/suggestions/leave`, { pages: [99] })).toBe(
    'suggestion-not-found',
  );
});

test('where a person arranged it nothing is moved without a person', async () => {
  const id = await muddled('ar_person');
  const { nodes } = await shown(id);
  await clerk.ok('put', `/archives/${id}/catalog`, {
    base: { version: 1, edit: 0 },
    nodes: [...nodes].reverse(),
    reason: '人工整理',
  });
  expect((await ran('apply', { archiveId: id })).rows).toMatchObject([
    { outcome: 'unchanged', moves: [], doubtful: 3 },
  ]);
  expect((await shown(id)).place).toEqual({ version: 1, edit: 1 });
});

test('a range by department and days; what is held or has files coming in is skipped and listed; pages of the report', async () => {
  const ids = await Promise.all(['ar_r1', 'ar_r2', 'ar_r3'].map((id) => muddled(id, '肾内科')));
  await muddled('ar_r4', '眼科');
  await medical.ok('post', `/archives/${ids[1]}/hold`, { reason: '纠纷封存' });
  // Files are being added to it.
  await member.store.models.ArchiveVersion.create({
    ...(await versionOf(ids[2]!)),
    _id: undefined,
    version: 2,
    state: 'pending',
  });
  const day = { dischargedFrom: '2020-01-01T00:00:00Z', dischargedTo: '2099-01-01T00:00:00Z' };
  const { job, rows } = await ran('apply', { department: '肾内科', ...day });
  expect(job).toMatchObject({ total: 3, counts: { changed: 1, unchanged: 0, skipped: 2, failed: 0 } });
  expect(rows.map(({ archiveId, outcome, refusal }) => [archiveId, outcome, refusal?.code])).toEqual([
    ['ar_r1', 'changed', undefined],
    ['ar_r2', 'skipped', 'archive-held'],
    ['ar_r3', 'skipped', 'catalog-version-pending'],
  ]);
  expect((await shown('ar_r2')).place).toEqual({ version: 1, edit: 0 });
  const { rows: skipped, nextAfter } = await read(job.rebuildId, '?outcome=skipped&limit=1');
  expect([skipped.map(({ archiveId }) => archiveId), nextAfter]).toEqual([['ar_r2'], 'ar_r2']);
  const more = await read(job.rebuildId, `?outcome=skipped&limit=1&after=${nextAfter}`);
  expect([more.rows.map(({ archiveId }) => archiveId), more.nextAfter]).toEqual([['ar_r3'], null]);
  const ended = { department: '肾内科', dischargedTo: '2020-01-01T00:00:00Z' };
  expect(await clerk.refusal('post', '/catalog-rebuilds', { mode: 'dryRun', range: ended, reason: 'x' })).toBe(
    'rebuild-empty',
  );
});

test('on loan: skipped and listed', async () => {
  const id = await muddled('ar_lent');
  const wish = { purpose: 'treatment', reason: '复诊', days: 30, rights: ['view'], archives: [{ archiveId: id }] };
  const { results } = await doctor.ok<{ results: { loanId: string }[] }>('post', '/loans', wish);
  const { loanId } = results[0]!;
  const { loan } = await clerk.ok<{ loan: { task: { taskId: string } } }>('get', `/loans/${loanId}`);
  await clerk.ok('post', `/loans/${loanId}/approve`, { taskId: loan.task.taskId });
  await doctor.ok('post', `/loans/${loanId}/start`);
  expect((await ran('apply', { archiveId: id })).rows).toMatchObject([
    { outcome: 'skipped', refusal: { code: 'catalog-on-loan' }, moves: [] },
  ]);
});

test('an original that was changed in the store fails its archive by name, and not the job', async () => {
  const [bad, good] = [await muddled('ar_t1', '损坏科'), await muddled('ar_t2', '损坏科')];
  const { objectId } = (await versionOf(bad)).documents[0]!;
  const chunks = member.store.connection.db!.collection('objects.chunks');
  const files = await member.store.connection.db!.listCollections().toArray();
  expect(files.map(({ name }) => name)).toContain('objects.chunks');
  const file = await member.store.connection
    .db!.collection('objects.files')
    .findOne({ $or: [{ filename: objectId }, { _id: objectId as never }] });
  const chunk = (await chunks.findOne({ files_id: file!._id }))!;
  const data = Buffer.from((chunk.data as { buffer: Buffer }).buffer);
  data[data.length - 1]! ^= 1;
  await chunks.updateOne({ _id: chunk._id }, { $set: { data } });
  const { rows } = await ran('apply', { department: '损坏科' });
  expect(rows.map(({ archiveId, outcome, refusal }) => [archiveId, outcome, refusal?.code])).toEqual([
    [bad, 'failed', 'object-integrity'],
    [good, 'changed', undefined],
  ]);
});

test('a new version of the template: its rules, its threshold, its number in the catalogues that are rebuilt', async () => {
  const id = await archived('ar_template', [await sheet('frontPage', 'MR-01'), await sheet('orders', 'YZ-LAB')]);
  const { items } = await clerk.ok<{
    items: { version: number; branches: { type: string; formCodes?: string[] }[]; acceptFrom: number }[];
  }>('get', '/catalog-templates');
  expect(items[0]!.acceptFrom).toBe(0.85);
  expect((await ran('dryRun', { archiveId: id })).rows).toMatchObject([{ outcome: 'unchanged', doubtful: 0 }]);
  const branches = items[0]!.branches.map((one) =>
    one.type === 'labReport' ? { ...one, formCodes: ['MR-07', 'YZ-LAB'] } : one,
  );
  const publish = (change: object) => {
    const body = { from: 1, effectiveFrom: '2000-01-01', branches, acceptFrom: 0.995, reason: '新表单', ...change };
    return medical.call('post', '/catalog-templates', body);
  };
  const twice = branches.map((one) => (one.type === 'consent' ? { ...one, formCodes: ['YZ-LAB'] } : one));
  expect((await publish({ branches: twice })).body).toMatchObject({ code: 'request-invalid' });
  expect((await publish({ acceptFrom: 0.2 })).body).toMatchObject({
    code: 'request-invalid',
    errors: [{ pointer: '/body/acceptFrom' }],
  });
  await publish({}).expect(201);
  // Below this template's threshold nothing moves by itself; its number is written.
  expect((await ran('apply', { archiveId: id })).rows).toMatchObject([
    { outcome: 'changed', moves: [], doubtful: 1, template: { from: 1, to: 2 }, place: '1.1' },
  ]);
  expect(await shown(id)).toMatchObject({ templateVersion: 2 });
  await publish({ from: 2, acceptFrom: 0.9 }).expect(201);
  const { job, rows } = await ran('apply', { templateVersion: 2 });
  expect(job.total).toBeGreaterThan(1);
  expect(rows).toMatchObject([{ archiveId: id, moves: [{ page: 2, to: 'labReport' }], template: { from: 2, to: 3 } }]);
});

titleTest(
  'by the title of a page, where it can be read; of what was read nothing but the template’s word is kept',
  async () => {
    readsTitles = true;
    const id = await archived('ar_title', [
      await titled('frontPage', '病案首页'),
      await titled('other', '护理记录'),
      await titled('orders', '手术知情同意书'),
      await titled('other', '缴费清单'),
    ]);
    const { rows } = await ran('suggest', { archiveId: id });
    expect(rows).toMatchObject([{ outcome: 'unchanged', doubtful: 3 }]);
    const { items } = await suggestions(id);
    // Packed by the template: front page, orders, other.
    expect(items.map(({ suggested }) => suggested?.type ?? null)).toEqual(['frontPage', 'consent', 'nursing', null]);
    expect(items[2]!.suggested).toMatchObject({ evidence: [{ kind: 'title', word: '护理记录' }] });
    expect(items[2]!.suggested!.confidence).toBeGreaterThan(0.8);
    const kept = await member.store.models.CatalogSuggestion.findOne({ archiveId: id }).lean<CatalogSuggestion>();
    expect(JSON.stringify(kept)).not.toContain('人民医院');
    readsTitles = false;
  },
);

test('paused, resumed, cancelled; each with a reason and in the trace; ended is ended', async () => {
  const pages = async () => [await sheet('frontPage', 'MR-01'), await sheet('orders', 'MR-07'), await sheet('other')];
  await Promise.all(Array.from({ length: 6 }, async (_, i) => archived(`ar_p${i}`, await pages(), '暂停科')));
  const why = { reason: '先处理急件' };
  const { rebuildId, workflowId } = await start('apply', { department: '暂停科' });
  await clerk.ok('post', `/catalog-rebuilds/${rebuildId}/pause`, why);
  await reaches(rebuildId, 'paused');
  const { counts } = (await read(rebuildId)).job;
  expect(counts.changed).toBeLessThan(6);
  const timeline = await clerk.ok<{ type: string; steps: { step: string }[]; mayCancel: boolean }>(
    'get',
    `/workflows/${encodeURIComponent(workflowId)}`,
  );
  expect(timeline).toMatchObject({ type: 'catalogRebuildWorkflow', mayCancel: true });
  expect(timeline.steps.map(({ step }) => step)).toEqual(expect.arrayContaining(['started', 'pause', 'recordRebuild']));
  await clerk.ok('post', `/catalog-rebuilds/${rebuildId}/resume`, why);
  await reaches(rebuildId, 'done');
  expect((await read(rebuildId)).job.counts).toMatchObject({ changed: 6, failed: 0 });
  expect(await clerk.refusal('post', `/catalog-rebuilds/${rebuildId}/pause`, why)).toBe('rebuild-ended');
  const second = await start('suggest', { department: '暂停科' });
  await clerk.ok('post', `/catalog-rebuilds/${second.rebuildId}/pause`, why);
  await reaches(second.rebuildId, 'paused');
  await clerk.ok('post', `/catalog-rebuilds/${second.rebuildId}/cancel`, why);
  await reaches(second.rebuildId, 'cancelled');
  expect(await clerk.refusal('post', `/catalog-rebuilds/${second.rebuildId}/resume`, why)).toBe('rebuild-ended');
  const acts = await member.store.models.TraceEntry.find({
    kind: 'write',
    'object.id': rebuildId,
    'object.type': 'rebuild',
  })
    .sort({ seq: 1 })
    .lean();
  expect(acts.map(({ action }) => action)).toEqual([
    'catalog.rebuild',
    'catalog.rebuild.pause',
    'catalog.rebuild.resume',
  ]);
});

test('who lost the right meanwhile moves nothing any more', async () => {
  const id = await muddled('ar_power');
  const job = {
    rebuildId: 'rb_power',
    by: 'doctor',
    mode: 'apply' as const,
    range: { archiveId: id },
    reason: 'x',
    state: 'running' as const,
    total: 1,
    createdAt: new Date(),
  };
  await member.store.models.CatalogJob.create(job);
  await member.client.workflow.execute('catalogRebuildWorkflow', {
    workflowId: 'catalog-rebuild:yz1:rb_power',
    taskQueue: 'archiving',
    args: [{ rebuildId: 'rb_power', pagesPerRun: 1 }],
  });
  expect((await read('rb_power')).rows).toMatchObject([{ outcome: 'failed', refusal: { code: 'permission-denied' } }]);
  expect((await shown(id)).place).toEqual({ version: 1, edit: 0 });
});

test.each([
  ['no range', { range: {} }, '/body/range'],
  [
    'a range that ends before it begins',
    { range: { dischargedFrom: '2026-02-01T00:00:00Z', dischargedTo: '2026-01-01T00:00:00Z' } },
    '/body/range',
  ],
  ['an unknown mode', { mode: 'all' }, '/body/mode'],
  ['no reason', { reason: ' ' }, '/body/reason'],
  ['an unknown field', { range: { department: '骨科', name: 'x' } }, '/body/range'],
])('refused: %s', async (_name, change, pointer) => {
  const body = { mode: 'dryRun', range: { department: '骨科' }, reason: 'x', ...change };
  const answer = await clerk.call('post', '/catalog-rebuilds', body);
  expect(answer.body).toMatchObject({ code: 'request-invalid', errors: [{ pointer }] });
});

test('refused: not a clerk, not there, a cursor of another list', async () => {
  for (const person of [doctor, medical]) {
    expect(await person.refusal('get', '/catalog-queue')).toBe('permission-denied');
    expect(await person.refusal('post', '/catalog-rebuilds', { mode: 'dryRun', range: {}, reason: 'x' })).toBe(
      'permission-denied',
    );
  }
  expect(await clerk.refusal('get', '/catalog-rebuilds/rb_none')).toBe('rebuild-not-found');
  expect(await clerk.refusal('post', '/catalog-rebuilds/rb_none/pause', { reason: 'x' })).toBe('rebuild-not-found');
  expect(await clerk.refusal('get', '/archives/ar_none/catalog/suggestions')).toBe('archive-not-found');
  expect(await clerk.refusal('post', '/archives/ar_none/catalog/suggestions/leave', { pages: [1] })).toBe(
    'archive-not-found',
  );
  expect(await clerk.refusal('get', '/catalog-queue?cursor=e30')).toBe('request-invalid');
});

describe('the queue', () => {
  beforeAll(async () => {
    const now = Date.UTC(2026, 0, 1);
    const of = (i: number) => ({
      archiveId: `ar_q${i}`,
      department: ['甲科', '乙科'][i % 2]!,
      dischargedAt: new Date(now + (i % 10) * 86_400_000),
    });
    await member.store.models.Archive.insertMany(
      Array.from({ length: 60 }, (_, i) => ({
        ...of(i),
        patientNo: `Q${i}`,
        visitNo: '1',
        patientName: '样例',
        currentVersion: 1,
        state: 'attested',
        pageCount: 1,
        documentTypes: [],
        createdAt: new Date(now),
        updatedAt: new Date(now),
      })),
    );
    await member.store.models.CatalogSuggestion.insertMany(
      Array.from({ length: 60 }, (_, i) => ({
        ...of(i),
        templateVersion: 1,
        pages: [],
        doubtful: i % 3,
        lowest: (i % 7) / 10,
        isOpen: i % 3 > 0,
        at: new Date(now),
      })),
    );
  });
  const toId = (id: string) => new member.store.connection.base.Types.ObjectId(id);
  const FILTERS = [
    {},
    { department: '甲科' },
    { dischargedFrom: '2026-01-02T00:00:00Z', dischargedTo: '2026-01-08T00:00:00Z' },
    { department: '甲科', dischargedFrom: '2026-01-04T00:00:00Z' },
  ];
  const CASES = QUEUE_ORDERS.flatMap((order) => FILTERS.map((filter) => [order, filter] as const));

  test.each(CASES)('by %s, filter %j: from an index, in its order; page by page each once', async (order, filter) => {
    const stages = (explained: unknown): string[] =>
      typeof explained !== 'object' || explained === null
        ? []
        : Object.entries(explained).flatMap(([name, one]) => [
            ...(name === 'stage' && typeof one === 'string' ? [one] : []),
            ...(name === '$sort' ? ['SORT'] : []),
            ...stages(one),
          ]);
    const place = [order === 'lowest' ? 0.3 : '2026-01-05T00:00:00.000Z', 'a'.repeat(24)] as const;
    for (const at of [null, [...place] as [unknown, unknown]]) {
      const plan = orderedStages(queuePlan(filter, order, at, toId), 50);
      const explained = await member.store.models.CatalogSuggestion.aggregate(plan).explain('queryPlanner');
      const { queryPlanner, stages: piped } = explained as unknown as {
        queryPlanner?: { winningPlan: unknown };
        stages?: { $cursor?: { queryPlanner: { winningPlan: unknown } } }[];
      };
      const seen = stages(queryPlanner?.winningPlan ?? piped?.[0]?.$cursor?.queryPlanner.winningPlan);
      expect(seen).toContain('IXSCAN');
      expect(seen).not.toContain('COLLSCAN');
      expect(seen).not.toContain('SORT');
    }
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await listQueue(member.store, filter, { order, cursor, limit: 4 });
      seen.push(...page.rows.map(({ row }) => row.archiveId));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    const all = await member.store.models.CatalogSuggestion.find({ isOpen: true }).lean<CatalogSuggestion[]>();
    const { department, dischargedFrom, dischargedTo } = filter as Record<string, string | undefined>;
    const expected = all.filter(
      (one) =>
        (department === undefined || one.department === department) &&
        (dischargedFrom === undefined || one.dischargedAt >= new Date(dischargedFrom)) &&
        (dischargedTo === undefined || one.dischargedAt < new Date(dischargedTo)),
    );
    expect(seen).toHaveLength(new Set(seen).size);
    expect([...seen].sort()).toEqual(expected.map(({ archiveId }) => archiveId).sort());
  });
});
