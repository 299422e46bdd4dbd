import { MockActivityEnvironment } from '@temporalio/testing';
import { createArchivingActivities } from '../../../activities/archiving.ts';
import { createClassifyingActivities } from '../../../activities/classifying.ts';
import type { DocumentType } from '../../../domain/catalog.ts';
import type { CatalogSuggestion } from '../../../platform/store/index.ts';
import { classificationWorkflowId, WorkflowName } from '../../../workflows/shared.ts';
import { type Person, TestApi } from '../../fixtures/api.ts';
import { committed, type Original, startArchiving } from '../../fixtures/archiving.ts';
import { barcodeSheet } from '../../fixtures/barcodes.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';

const member = new TestMember('classification');
const api = new TestApi(member);
let clerk: Person, admin: Person, medical: Person;
/** Whoever reads titles waits for this. */
let gate: Promise<void> = Promise.resolve();
let [reading, mostReading, read] = [0, 0, 0];
beforeAll(async () => {
  member.classifyAfterArchiving = true;
  member.titles = {
    version: 'waits',
    async read() {
      mostReading = Math.max(mostReading, (reading += 1));
      await gate;
      reading -= 1;
      read += 1;
      return [];
    },
  };
  await member.start();
  await api.start();
  const names = ['clerk', 'sysadmin', 'medical'];
  [clerk, admin, medical] = (await Promise.all(names.map((name) => api.login(name)))) as [Person, Person, Person];
});
afterAll(async () => {
  api.stop();
  await member.stop();
});

let seed = 0;
const sheet = (documentType: DocumentType, ...codes: string[]): Promise<Original> =>
  barcodeSheet(documentType, codes, (seed += 1));
async function archived(archiveId: string, files: readonly Original[], reason?: string): Promise<unknown> {
  const batchId = await committed(member, archiveId, files, reason === undefined ? {} : { reason });
  return (await startArchiving(member, archiveId, batchId)).result();
}
const handleOf = (archiveId: string, version: number) =>
  member.client.workflow.getHandle(classificationWorkflowId('yz1', archiveId, version));
const looked = (archiveId: string, version: number) => handleOf(archiveId, version).result();
const queued = async (archiveId: string) =>
  (
    await clerk.ok<{ items: { archiveId: string; doubtful: number; foreign: number; lowest: number }[] }>(
      'get',
      '/catalog-queue',
    )
  ).items.find((row) => row.archiveId === archiveId);
const rowOf = async (archiveId: string) =>
  (await member.store.models.CatalogSuggestion.findOne({ archiveId }).lean<CatalogSuggestion>())!;
const tryOf = <T>(step: () => Promise<T>): Promise<T> => new MockActivityEnvironment().run(step);
const typesOf = ({ pages }: CatalogSuggestion) => pages.map(({ suggested }) => suggested?.type ?? null);

test('archived: what its pages seem to be waits in the queue, and nobody asked for it; once for each version', async () => {
  const files = [await sheet('frontPage', 'MR-01'), await sheet('orders', 'MR-07'), await sheet('other')];
  expect(await archived('ar_first', files)).toMatchObject({ state: 'attested', version: 1 });
  await looked('ar_first', 1);
  expect(await queued('ar_first')).toMatchObject({ doubtful: 2 });
  const first = await rowOf('ar_first');
  expect(typesOf(first)).toEqual(['frontPage', 'labReport', null]);
  // The catalogue is as it was packed.
  const { catalogPlace } = await clerk.ok<{ catalogPlace: object }>('get', '/archives/ar_first');
  expect(catalogPlace).toEqual({ version: 1, edit: 0 });

  // The step is tried again, after it was done: nobody looks a second time.
  const { runId } = await handleOf('ar_first', 1).describe();
  await tryOf(() => createArchivingActivities(member.deps).packArchive({ archiveId: 'ar_first', version: 1 }));
  expect((await handleOf('ar_first', 1).describe()).runId).toBe(runId);
  expect(await rowOf('ar_first')).toEqual(first);

  // A late page: the version is looked at as a whole, and what a person left stays left.
  await clerk.ok('post', '/archives/ar_first/catalog/suggestions/leave', { pages: [3] });
  await archived('ar_first', [await sheet('examReport', 'MR-09')], '补扫');
  await looked('ar_first', 2);
  const second = await rowOf('ar_first');
  expect(typesOf(second)).toEqual(['frontPage', 'labReport', null, 'consent']);
  expect(second.pages.map(({ kept }) => kept?.by ?? null)).toEqual([null, null, 'clerk', null]);
  expect(await queued('ar_first')).toMatchObject({ doubtful: 2 });

  // A version that is no longer the archive's is left.
  const { classifyVersion } = createClassifyingActivities(member.deps);
  await tryOf(() => classifyVersion({ archiveId: 'ar_first', version: 1 }));
  expect(await rowOf('ar_first')).toEqual(second);
});

test('archiving waits for none of it, nor does a late batch; one archive is read after the other', async () => {
  let open = () => {};
  gate = new Promise((done) => (open = done));
  const before = read;
  const ids = ['ar_a', 'ar_b', 'ar_c'];
  await Promise.all(ids.map(async (id) => archived(id, [await sheet('frontPage')])));
  await until(() => reading === 1);
  expect(await archived('ar_a', [await sheet('orders')], '补扫')).toMatchObject({ state: 'attested', version: 2 });
  expect([read, mostReading]).toEqual([before, 1]);
  open();
  await Promise.all([looked('ar_a', 2), ...ids.map((id) => looked(id, 1))]);
  expect(mostReading).toBe(1);
  expect(typesOf(await rowOf('ar_a'))).toEqual([null, null]);
});

test('a person’s word that comes while pages are read is not lost', async () => {
  await archived('ar_word', [await sheet('frontPage', 'MR-01'), await sheet('other')]);
  await looked('ar_word', 1);
  let open = () => {};
  gate = new Promise((done) => (open = done));
  const { classifyVersion } = createClassifyingActivities(member.deps);
  const again = tryOf(() => classifyVersion({ archiveId: 'ar_word', version: 1 }));
  await until(() => reading === 1);
  await clerk.ok('post', '/archives/ar_word/catalog/suggestions/leave', { pages: [2] });
  open();
  await again;
  expect((await rowOf('ar_word')).pages.map(({ kept }) => kept?.by ?? null)).toEqual([null, 'clerk']);
  expect(await queued('ar_word')).toBeUndefined();
});

test('a page of another patient: doubtful by what is said of it and no more, never moved, left by a person', async () => {
  const other = await sheet('labReport', 'MR-07', 'PAT/OTHER42/1');
  await archived('ar_foreign', [await sheet('frontPage', 'MR-01', 'PAT/ar_foreign/1'), other]);
  await looked('ar_foreign', 1);
  const kept = await rowOf('ar_foreign');
  expect(kept.pages.map(({ foreign }) => foreign ?? null)).toEqual([null, 'barcode']);
  expect(JSON.stringify(kept)).not.toContain('OTHER42');
  expect(await queued('ar_foreign')).toMatchObject({ doubtful: 1, foreign: 1, lowest: 0 });
  const stands = async () => {
    const { completeness } = await clerk.ok<{ completeness: object }>('get', '/archives/ar_foreign');
    const { items } = await clerk.ok<{ items: { completeness: object }[] }>('get', '/archives?q=ar_foreign');
    return [completeness, items[0]!.completeness];
  };
  expect(await stands()).toEqual([
    { state: 'doubtful', findings: [{ rule: 'pageForeign', pages: 1 }] },
    { state: 'doubtful' },
  ]);
  const { items } = await clerk.ok<{ items: { page: number; foreign?: string }[] }>(
    'get',
    '/archives/ar_foreign/catalog/suggestions',
  );
  expect(items).toMatchObject([{ page: 1 }, { page: 2, foreign: 'barcode' }]);
  await clerk.ok('post', '/archives/ar_foreign/catalog/suggestions/leave', { pages: [2] });
  expect(await stands()).toEqual([{ state: 'complete', findings: [] }, { state: 'complete' }]);
  expect(await queued('ar_foreign')).toBeUndefined();
});

describe('the number of the archive was wrong, not its pages', () => {
  /** All of it says that it is of another number. */
  const wrong = async (archiveId: string) => {
    await archived(archiveId, [await sheet('frontPage', 'MR-01', 'PAT/RIGHT/1')]);
    await looked(archiveId, 1);
    expect((await rowOf(archiveId)).pages.map(({ foreign }) => foreign ?? null)).toEqual(['barcode']);
  };
  async function correct(archiveId: string, more: object = {}): Promise<void> {
    const { patientName, department, dischargedAt } = await clerk.ok<Record<string, string>>(
      'get',
      `/archives/${archiveId}`,
    );
    const registered = { patientName, department, admittedAt: null, dischargedAt, patientNo: 'RIGHT', ...more };
    const path = `/archives/${archiveId}/corrections`;
    const { correction } = await clerk.ok<{ correction: number }>('post', path, {
      base: 0,
      registered,
      reason: '核对',
    });
    await medical.ok('post', `${path}/${correction}/approve`, {});
  }
  const isOwn = async (archiveId: string) =>
    (await rowOf(archiveId)).pages.every(({ foreign }) => foreign === undefined);

  test('once it is corrected its pages are looked at again, and are its own', async () => {
    await wrong('ar_wrong');
    await correct('ar_wrong');
    await until(() => isOwn('ar_wrong'));
    expect(await queued('ar_wrong')).toBeUndefined();
    const { completeness } = await clerk.ok<{ completeness: object }>('get', '/archives/ar_wrong');
    expect(completeness).toMatchObject({ state: 'complete' });
  });

  test('corrected while they are being read for the first time: they are read again, under the number of now', async () => {
    let open = () => {};
    gate = new Promise((done) => (open = done));
    await archived('ar_during', [await sheet('frontPage', 'MR-01', 'PAT/RIGHT2/1')]);
    await until(() => reading === 1);
    await correct('ar_during', { patientNo: 'RIGHT2' });
    open();
    await looked('ar_during', 1);
    expect(await isOwn('ar_during')).toBe(true);
  });
});

test('it is in the list of workflows, with its steps', async () => {
  await archived('ar_list', [await sheet('frontPage', 'MR-01')]);
  await looked('ar_list', 1);
  const id = classificationWorkflowId('yz1', 'ar_list', 1);
  const list = async () =>
    (
      await admin.ok<{ items: { workflowId: string }[] }>(
        'get',
        `/workflows?type=${WorkflowName.classification}&state=Completed`,
      )
    ).items.some(({ workflowId }) => workflowId === id);
  await until(list);
  const shown = await admin.ok<{ steps: { step: string }[] }>('get', `/workflows/${encodeURIComponent(id)}`);
  expect(shown.steps.map(({ step }) => step)).toEqual(['started', 'classifyVersion', 'completed']);
});
