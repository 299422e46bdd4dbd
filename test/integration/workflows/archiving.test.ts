import { MockActivityEnvironment } from '@temporalio/testing';
import { createAnchoringActivities } from '../../../activities/anchoring.ts';
import { createArchivingActivities } from '../../../activities/archiving.ts';
import { chainStart, checkChain, nodeAt } from '../../../ops/fsck/ledger.ts';
import { checkVersions } from '../../../ops/fsck/versions.ts';
import { sm2, sm3 } from '../../../platform/crypto/index.ts';
import type { ArchiveVersion, Batch } from '../../../platform/store/index.ts';
import { verifyReceipt } from '../../../verifier/index.ts';
import { archivingWorkflowId, archivingStatusQuery } from '../../../workflows/shared.ts';
import { committed, frontPage, type Original, startArchiving } from '../../fixtures/archiving.ts';
import { pdf } from '../../fixtures/documents.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';

const member = new TestMember('archiving');
beforeAll(() => member.start());
afterAll(() => member.stop());

/** Runs a step as a try of an activity. */
const tryOf = <T>(step: () => Promise<T>): Promise<T> => new MockActivityEnvironment().run(step);
const start = (archiveId: string, batchId: string) => startArchiving(member, archiveId, batchId);
const commit = (archiveId: string, files: Original[], options: Partial<Batch> = {}) =>
  committed(member, archiveId, files, options);

test('a committed batch becomes an attested version with a receipt that anyone can check', async () => {
  const lab: Original = { data: await pdf(2), mediaType: 'application/pdf', documentType: 'labReport', pageCount: 2 };
  const batchId = await commit('ar_one', [await frontPage(1), lab]);
  const handle = await start('ar_one', batchId);
  expect(await handle.result()).toMatchObject({ state: 'attested', version: 1 });

  const { models, objects } = member.store;
  const version = (await models.ArchiveVersion.findOne({ archiveId: 'ar_one' }).lean<ArchiveVersion>())!;
  const ofd = await objects.readAll(version.package!.objectId);
  const file = { bytes: ofd.length, sm3: sm3(ofd).toString('hex') };
  const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
  expect(verifyReceipt(version.receipt!, file, member.deps.trust, crypto).verdict).toBe('valid');
  expect(await models.Archive.findOne({ archiveId: 'ar_one' }).lean()).toMatchObject({
    state: 'attested',
    pageCount: 3,
    currentVersion: 1,
  });
  expect(await models.Batch.findOne({ batchId }).lean()).toMatchObject({ state: 'archived' });
});

test('a bad file is refused with its reason, and its neighbours go on', async () => {
  const bad: Original = { ...(await frontPage(2)), data: Buffer.from('not an image'), documentType: 'orders' };
  const batchId = await commit('ar_partly', [await frontPage(2), bad]);
  expect(await (await start('ar_partly', batchId)).result()).toMatchObject({ state: 'attested' });
  const batch = await member.store.models.Batch.findOne({ batchId }).lean<Batch>();
  expect(batch).toMatchObject({ state: 'partlyFailed' });
  expect(batch!.parts[1]).toMatchObject({ state: 'refused', refusal: { code: 'document-type-unsupported' } });
});

test('nothing good in it: refused, no version', async () => {
  const bad: Original = { ...(await frontPage(3)), pageCount: 5 };
  const batchId = await commit('ar_bad', [bad]);
  expect(await (await start('ar_bad', batchId)).result()).toMatchObject({ state: 'refused', version: null });
  expect(await member.store.models.ArchiveVersion.countDocuments({ archiveId: 'ar_bad' })).toBe(0);
  const batch = await member.store.models.Batch.findOne({ batchId }).lean<Batch>();
  expect(batch!.parts[0]!.refusal).toMatchObject({ code: 'page-count-mismatch', field: 'pageCount' });
});

test('waits for the mandatory document; it comes in another batch of the same visit', async () => {
  const orders: Original = { ...(await frontPage(4)), documentType: 'orders' };
  const first = await commit('ar_waits', [orders], { documentsComplete: false });
  const handle = await start('ar_waits', first);
  const status = () => handle.query(archivingStatusQuery);
  await until(async () => (await status()).state !== 'checking');
  expect(await status()).toMatchObject({ state: 'awaitingDocuments', missing: ['frontPage'] });
  await start('ar_waits', await commit('ar_waits', [await frontPage(5)], { documentsComplete: false }));
  expect(await handle.result()).toMatchObject({ state: 'attested', version: 1, missing: [] });
  const version = await member.store.models.ArchiveVersion.findOne({ archiveId: 'ar_waits' }).lean<ArchiveVersion>();
  expect(version!.documents).toHaveLength(2);
});

test('a late batch makes the next version, and the first is superseded', async () => {
  const first = await start('ar_late', await commit('ar_late', [await frontPage(6)]));
  await first.result();
  const late: Original = { ...(await frontPage(7)), documentType: 'examReport' };
  const second = await start('ar_late', await commit('ar_late', [late], { reason: '补扫' }));
  expect(await second.result()).toMatchObject({ state: 'attested', version: 2 });
  const versions = await member.store.models.ArchiveVersion.find({ archiveId: 'ar_late' }).sort({ version: 1 }).lean();
  expect(versions.map(({ state, reason, documents }) => [state, reason, documents.length])).toEqual([
    ['superseded', undefined, 1],
    ['attested', '补扫', 2],
  ]);
});

test('many at once share transactions, and each is in the log once', async () => {
  const before = (await member.ledger.status()).logSize;
  const ids = Array.from({ length: 12 }, (_, i) => `ar_many${i}`);
  const handles = await Promise.all(ids.map(async (id, i) => start(id, await commit(id, [await frontPage(10 + i)]))));
  await Promise.all(handles.map((handle) => handle.result()));
  expect((await member.ledger.status()).logSize).toBe(before + 12);
  expect(await member.store.models.AnchoringTx.countDocuments()).toBeLessThan(12 + 6);
});

test('told once more that a batch is committed, alone and beside a new one, it takes nothing in twice', async () => {
  const first = await commit('ar_again', [await frontPage(30)]);
  await (await start('ar_again', first)).result();
  expect(await (await start('ar_again', first)).result()).toMatchObject({ state: 'attested', version: 1 });
  expect(await member.store.models.Batch.findOne({ batchId: first }).lean()).toMatchObject({ state: 'archived' });
  const late = await commit('ar_again', [{ ...(await frontPage(31)), documentType: 'orders' }], { reason: '补扫' });
  const { buildCatalog, checkBatches } = createArchivingActivities(member.deps);
  await tryOf(() => checkBatches({ archiveId: 'ar_again', batchIds: [first, late] }));
  expect(await tryOf(() => buildCatalog({ archiveId: 'ar_again', batchIds: [first, late] }))).toBe(2);
  const version = await member.store.models.ArchiveVersion.findOne({ archiveId: 'ar_again', version: 2 }).lean();
  expect(version).toMatchObject({ batchIds: [late], documents: [{ title: '1' }, { title: '1' }] });
});

test('two tries of one step side by side do it once', async () => {
  // Nobody else is woken.
  const quiet = {
    ...member.deps,
    signals: { ...member.deps.signals, attested: async () => {}, backlog: async () => {} },
  };
  const archiving = createArchivingActivities(quiet);
  const anchoring = createAnchoringActivities(quiet);
  const twice = <T>(step: () => Promise<T>) => Promise.all([tryOf(step), tryOf(step)]);
  const before = (await member.ledger.status()).logSize;
  const archiveId = 'ar_twice';
  const batchIds = [await commit(archiveId, [await frontPage(32)])];
  await twice(() => archiving.checkBatches({ archiveId, batchIds }));
  expect(await twice(() => archiving.buildCatalog({ archiveId, batchIds }))).toEqual([1, 1]);
  await twice(() => archiving.packArchive({ archiveId, version: 1 }));
  await twice(() => archiving.requestAttestation({ archiveId, version: 1 }));
  await twice(() => anchoring.anchorBacklog());
  expect((await member.ledger.status()).logSize).toBe(before + 1);
  const { models } = member.store;
  expect(await models.ArchiveVersion.find({ archiveId }).lean()).toMatchObject([{ version: 1, state: 'attested' }]);
  expect(await models.Batch.findOne({ archiveId }).lean()).toMatchObject({ state: 'archived' });
});

test('what Temporal keeps is encrypted', async () => {
  const { history } = await member.client.workflow
    .getHandle(archivingWorkflowId('yz1', 'ar_one'))
    .fetchHistory()
    .then((h) => ({ history: h }));
  expect(JSON.stringify(history)).not.toContain(Buffer.from('documentDeadlineMs').toString('base64').slice(2, 16));
  expect(JSON.stringify(history)).toContain(Buffer.from('binary/sm4-gcm').toString('base64'));
});

test('fsck finds versions as they were attested, and names what was changed in the database', async () => {
  const { models } = member.store;
  const chain = await checkChain(nodeAt(member.rpcUrl), chainStart(member.nodes.genesis));
  const look = async ({ records, keys } = chain) => {
    const found: string[] = [];
    const find = (where: string, reason: string) => found.push(`${where}: ${reason}`);
    await checkVersions(member.store, 'yz1', member.deps.trust, { records, keys }, find);
    return found;
  };
  // A test before this one left it so.
  const unfinished = ['ar_again v2: has no package'];
  expect(await look()).toEqual(unfinished);
  const id = { archiveId: 'ar_one', version: 1 };
  const kept = (await models.ArchiveVersion.findOne(id).lean<ArchiveVersion>())!;
  const other = (await models.ArchiveVersion.findOne({ archiveId: 'ar_late', version: 1 }).lean<ArchiveVersion>())!;
  const catalog = { ...kept.catalog, nodes: kept.catalog.nodes.map((node) => ({ ...node, title: 'x' })) };
  for (const [change, reasons] of [
    [{ catalog }, ['catalogue is not the one that was attested', 'catalogue is not signed']],
    [{ catalogSignature: other.catalogSignature }, ['catalogue is not signed']],
    [{ 'documents.0.documentType': 'orders' }, ['documents are not those that were attested']],
    [{ receipt: other.receipt, package: other.package }, ['receipt is of another version']],
  ] as const) {
    await models.ArchiveVersion.collection.updateOne(id, { $set: change });
    const found = await look();
    await models.ArchiveVersion.collection.replaceOne(id, kept as never);
    for (const reason of reasons) expect(found).toContain(`ar_one v1: ${reason}`);
    expect(found.every((one) => one.startsWith('ar_one v1: ') || unfinished.includes(one))).toBe(true);
  }
  expect(await look()).toEqual(unfinished);
  const nobody = chain.keys.filter(({ memberId }) => memberId !== 'yz1');
  expect(await look({ ...chain, keys: nobody })).toContain('ar_one v1: catalogue is not signed');
});
