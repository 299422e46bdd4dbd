import { createRoutes } from '../../../api/app.ts';
import { ROLE_PERMISSIONS, type Role } from '../../../domain/access.ts';
import type { TraceAction } from '../../../domain/trace.ts';
import type { TraceEntry } from '../../../platform/store/index.ts';
import { type Person, PEOPLE, TestApi } from '../../fixtures/api.ts';
import { committed, frontPage, startArchiving } from '../../fixtures/archiving.ts';
import { TestMember } from '../../fixtures/member.ts';
import { unzip } from '../../fixtures/zip.ts';

const member = new TestMember('exports');
const api = new TestApi(member);
const people = {} as Record<Role, Person>;
const DISCHARGED = new Date('2026-01-02T03:04:05Z');
const COUNT = 1200;

/** Archives E0000 and so on, in two departments; every tenth waits for somebody to look at its pages. */
async function fill(): Promise<void> {
  const { Archive, CatalogSuggestion, Correction } = member.store.models;
  const rows = Array.from({ length: COUNT }, (_, i) => ({
    archiveId: `ar_e${i}`,
    patientNo: `E${String(i).padStart(4, '0')}`,
    visitNo: '1',
    patientName: i === 7 ? '=1+1' : `样例${i}`,
    department: i % 2 === 0 ? '外科' : '内科',
    dischargedAt: new Date(DISCHARGED.getTime() - i * 60_000),
    currentVersion: 1,
    state: 'attested' as const,
    pageCount: 1,
    documentTypes: [],
    createdAt: DISCHARGED,
    updatedAt: DISCHARGED,
  }));
  await Archive.insertMany(rows);
  await CatalogSuggestion.insertMany(
    rows
      .filter((_, i) => i % 10 === 0)
      .map(({ archiveId, dischargedAt, department }, i) => ({
        ...{ archiveId, dischargedAt, department, templateVersion: 1, pages: [], at: DISCHARGED, isOpen: true },
        ...{ doubtful: 2, lowest: 0.1 + i / 1000 },
      })),
  );
  const registered = { department: '外科', admittedAt: null, dischargedAt: DISCHARGED.toISOString() };
  await Correction.insertMany(
    [1, 2].map((n) => ({
      archiveId: `ar_e${n}`,
      correction: 1,
      state: 'proposed',
      before: { patientName: `样例${n}`, ...registered },
      after: { patientName: `更正${n}`, ...registered },
      by: 'clerk',
      reason: '录入有误',
      at: DISCHARGED,
    })),
  );
}

beforeAll(async () => {
  await member.start();
  await api.start();
  for (const [role, name] of Object.entries(PEOPLE)) people[role as Role] = await api.login(name);
  await fill();
  const batchId = await committed(member, 'ar_batch', [await frontPage(1)]);
  await (await startArchiving(member, 'ar_batch', batchId)).result();
});
afterAll(async () => {
  api.stop();
  await member.stop();
});

/** Cells of the rows of a workbook, the heads first. */
async function rowsOf(person: Person, path: string): Promise<string[][]> {
  const { body } = await person.call('get', path).responseType('blob').expect(200);
  const sheet = (await unzip(body as Buffer)).get('xl/worksheets/sheet1.xml')!.toString('utf8');
  return [...sheet.matchAll(/<row>(.*?)<\/row>/g)].map(([, row]) =>
    [...row!.matchAll(/<c\/>|<c[^>]*>(?:<v>|<is><t[^>]*>)(.*?)<\//g)].map(([, value]) => value ?? ''),
  );
}
const lastTrace = async (action: TraceAction) =>
  member.store.models.TraceEntry.findOne({ action }).sort({ seq: -1 }).lean<TraceEntry>();

/** Each list, who works in it, a filter of it, and what finds the rows of its export in the list itself. */
const LISTS: [path: string, role: Role, filter: string, action: TraceAction, idOf: (item: never) => string][] = [
  ['/archives', 'recordsClerk', '', 'archive.export', ({ archiveId }: { archiveId: string }) => archiveId],
  ['/archives', 'doctor', '?department=外科', 'archive.export', ({ archiveId }: { archiveId: string }) => archiveId],
  ['/archives', 'doctor', '?q=E00', 'archive.export', ({ archiveId }: { archiveId: string }) => archiveId],
  ['/archives', 'doctor', '?q=样例11', 'archive.export', ({ archiveId }: { archiveId: string }) => archiveId],
  ['/archives', 'doctor', '?q=ar_e12', 'archive.export', ({ archiveId }: { archiveId: string }) => archiveId],
  ['/batches', 'recordsClerk', '?state=archived', 'batch.export', ({ batchId }: { batchId: string }) => batchId],
  ['/catalog-queue', 'recordsClerk', '', 'catalog.queueExport', ({ archiveId }: { archiveId: string }) => archiveId],
  [
    '/catalog-queue',
    'recordsClerk',
    '?order=lowest&department=外科',
    'catalog.queueExport',
    ({ archiveId }: { archiveId: string }) => archiveId,
  ],
  ['/corrections', 'medicalAffairs', '', 'correction.export', ({ archiveId }: { archiveId: string }) => archiveId],
  ['/users', 'systemAdmin', '?role=recordsClerk', 'user.export', ({ username }: { username: string }) => username],
  [
    '/workflows',
    'recordsClerk',
    '?type=dischargeArchivingWorkflow&state=Completed',
    'workflow.export',
    ({ workflowId }: { workflowId: string }) => workflowId,
  ],
  [
    '/workflows/attention',
    'recordsClerk',
    '?attention=late',
    'workflow.export',
    ({ workflowId }: { workflowId: string }) => workflowId,
  ],
];

describe.each(LISTS)('%s as %s, %s', (path, role, filter, action, idOf) => {
  test('holds the rows of the list, all of them, in its order; who took it is in the trace', async () => {
    const person = people[role];
    const shown: string[] = [];
    for (let cursor: string | null | undefined = ''; cursor !== null && cursor !== undefined;) {
      const page: { items: never[]; nextCursor?: string | null } = await person.ok(
        'get',
        encodeURI(`${path}${filter}${filter === '' ? '?' : '&'}${cursor === '' ? '' : `cursor=${cursor}`}`),
      );
      shown.push(...page.items.map(idOf));
      cursor = page.nextCursor;
    }
    const [heads, ...rows] = await rowsOf(person, encodeURI(`${path}.xlsx${filter}`));
    expect(heads!.length).toBe(new Set(heads).size);
    expect(rows.map((row) => row.find((value) => shown.includes(value)))).toEqual(shown);
    const told = await lastTrace(action);
    expect(told).toMatchObject({ kind: 'download', actor: { id: PEOPLE[role] }, details: { rows: shown.length } });
    expect(JSON.stringify(told)).not.toContain('样例');
  });

  test('is refused to whoever may not see the list', async () => {
    const { permission } = createRoutes(api.deps).find((one) => one.path === path && one.method === 'get')!;
    const others = Object.entries(ROLE_PERMISSIONS).filter(([, all]) => !(all as string[]).includes(permission));
    expect(others.length).toBeGreaterThan(0);
    for (const [other] of others)
      expect(await people[other as Role].refusal('get', encodeURI(`${path}.xlsx${filter}`))).toBe('permission-denied');
  });
});

test('the lists that were exported before are so by the same code', () => {
  const exported = createRoutes(api.deps).flatMap(({ path }) => (path.endsWith('.xlsx') ? [path] : []));
  expect(exported.sort()).toEqual(
    [...new Set(LISTS.map(([path]) => `${path}.xlsx`)), '/loans.xlsx', '/trace.xlsx'].sort(),
  );
});

test('one that does not hold all says so first, to the page too; more than the limit is refused', async () => {
  const answer = await people.doctor.call('get', '/archives.xlsx?limit=3').responseType('blob');
  expect(answer.headers['x-export-cut']).toBe('3');
  const [, note, ...rows] = await rowsOf(people.doctor, '/archives.xlsx?limit=3');
  expect(note).toEqual(['本表只含最前的 3 行，符合条件的不止这些。请缩小筛选范围后再导出。']);
  expect(rows).toHaveLength(3);
  expect(await lastTrace('archive.export')).toMatchObject({ details: { rows: 3, isCut: true } });
  expect(await people.doctor.refusal('get', '/archives.xlsx?limit=20001')).toBe('request-invalid');
});

test('nothing found is a workbook with heads alone', async () => {
  const [heads, ...rows] = await rowsOf(people.doctor, '/archives.xlsx?q=nobody');
  expect(heads).toContain('病案号');
  expect(rows).toEqual([]);
});

test('what a number is looked for by is in the trace by its opaque id only', async () => {
  await rowsOf(people.doctor, '/archives.xlsx?q=E0007');
  const told = await lastTrace('archive.export');
  expect(told!.term).toBe(await member.store.trace.termOf('E0007'));
  expect(JSON.stringify(told)).not.toContain('E0007');
});
