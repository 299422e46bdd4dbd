import { createSweepingActivities } from '../../../../activities/sweeping.ts';
import { buildCatalog, DEFAULT_TEMPLATE, type DocumentType } from '../../../../domain/catalog.ts';
import { createLogger } from '../../../../platform/observe/logger.ts';
import { type Archive, openStore, type Store } from '../../../../platform/store/index.ts';
import { MockActivityEnvironment } from '@temporalio/testing';
import { makeCard } from '../../../fixtures/card.ts';

let made: Awaited<ReturnType<typeof makeCard>>;
let store: Store;
beforeAll(async () => {
  made = await makeCard();
  store = await openStore({ uri: process.env.TEST_MONGODB_URI!, db: 'store-completeness' }, made.card);
});
afterAll(async () => {
  await store.connection.dropDatabase();
  await store.close();
  made.close();
});

/** An archive as it was kept before lists knew whether it is complete. */
async function old(archiveId: string, dischargedAt: string, types: readonly DocumentType[]): Promise<void> {
  const now = new Date();
  const fresh = types.map((documentType, i) => ({ objectId: `${archiveId}${i}`, documentType, pageCount: 1 }));
  const common = { archiveId, createdAt: now, state: 'attested' as const };
  const who = { patientNo: archiveId, visitNo: '1', patientName: '样例', dischargedAt: new Date(dischargedAt) };
  await store.models.Archive.create({
    ...common,
    ...who,
    currentVersion: types.length > 0 ? 1 : 0,
    pageCount: types.length,
    documentTypes: [],
    updatedAt: now,
  });
  if (types.length === 0) return;
  const catalog = buildCatalog(DEFAULT_TEMPLATE, fresh);
  const version = { version: 1, batchIds: [], documents: [], catalogSignature: 'x' };
  await store.models.ArchiveVersion.create({ ...common, ...version, catalog });
}
const refresh = () =>
  new MockActivityEnvironment().run(
    createSweepingActivities({ store, logger: createLogger('test', 'silent') }).refreshCompleteness,
  );
const kept = async () => {
  const rows = await store.models.Archive.find().sort({ archiveId: 1 }).lean<Archive[]>();
  return rows.map(({ archiveId, completeness, completenessTemplate }) => [
    archiveId,
    completeness,
    completenessTemplate,
  ]);
};

test('what is not known is filled; a template that was published since is gone by; again nothing is left to do', async () => {
  await old('ar_1', '2026-01-01T15:59:59Z', ['frontPage', 'labReport']);
  await old('ar_2', '2026-01-01T16:00:00Z', ['frontPage', 'labReport']);
  await old('ar_3', '2026-03-01T00:00:00Z', ['labReport', 'other']);
  await old('ar_4', '2026-03-01T00:00:00Z', ['frontPage', 'other']);
  await old('ar_5', '2026-03-01T00:00:00Z', []);
  expect(await refresh()).toEqual({ written: 4 });
  const first = [
    ['ar_1', 'complete', 1],
    ['ar_2', 'complete', 1],
    ['ar_3', 'missing', 1],
    ['ar_4', 'doubtful', 1],
    ['ar_5', undefined, undefined],
  ];
  expect(await kept()).toEqual(first);
  expect(await refresh()).toEqual({ written: 0 });

  // From the second of January on, in China, a consent must be there.
  const branches = DEFAULT_TEMPLATE.branches.map((one) => (one.type === 'consent' ? { ...one, mandatory: true } : one));
  const published = { by: 'x', reason: 'x', createdAt: new Date(), version: 2, effectiveFrom: '2026-01-02', branches };
  await store.models.CatalogTemplate.create({ ...published, templateId: DEFAULT_TEMPLATE.templateId });
  expect(await refresh()).toEqual({ written: 3 });
  expect(await kept()).toEqual([
    first[0],
    ['ar_2', 'missing', 2],
    ['ar_3', 'missing', 2],
    ['ar_4', 'missing', 2],
    first[4],
  ]);
  expect(await refresh()).toEqual({ written: 0 });
});
