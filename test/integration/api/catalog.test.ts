import sharp from 'sharp';
import { ATTEST_TAG } from '../../../domain/attestation.ts';
import type { CatalogPlace, NumberedNode } from '../../../domain/catalog/numbered.ts';
import { jcs, sm2, sm3 } from '../../../platform/crypto/index.ts';
import type { ArchiveVersion, CatalogEdit } from '../../../platform/store/index.ts';
import { verifyReceipt, verifyRecord } from '../../../verifier/index.ts';
import { type Person, TestApi } from '../../fixtures/api.ts';
import { committed, frontPage, type Original, startArchiving } from '../../fixtures/archiving.ts';
import { pdf } from '../../fixtures/documents.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';

const member = new TestMember('catalog');
const api = new TestApi(member);
const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
let doctor: Person, clerk: Person, clerk2: Person, medical: Person;

beforeAll(async () => {
  await member.start();
  await api.start();
  [doctor, clerk, clerk2, medical] = (await Promise.all(
    ['doctor', 'clerk', 'clerk2', 'medical'].map((name) => api.login(name)),
  )) as [Person, Person, Person, Person];
});
afterAll(async () => {
  api.stop();
  await member.stop();
});

interface Shown {
  place: CatalogPlace;
  isCurrent: boolean;
  nodes: NumberedNode[];
  by?: string;
  reason?: string;
}

let count = 0;
/** An archive of a front page (1), orders (2) and a report of three pages (3 to 5), attested. */
async function archive(): Promise<string> {
  const archiveId = `ar_c${(count += 1)}`;
  const orders: Original = { ...(await frontPage(100 + count)), documentType: 'orders' };
  const lab: Original = { data: await pdf(3), mediaType: 'application/pdf', documentType: 'labReport', pageCount: 3 };
  const batchId = await committed(member, archiveId, [await frontPage(count), orders, lab]);
  await (await startArchiving(member, archiveId, batchId)).result();
  return archiveId;
}
const shown = (id: string, place?: string, person = clerk) =>
  person.ok<Shown>('get', `/archives/${id}/catalog${place === undefined ? '' : `?place=${place}`}`);
const text = (nodes: readonly NumberedNode[]) =>
  nodes
    .map(
      ({ title, pages }) =>
        `${title}:${pages.map(({ page, rotation, mark }) => [page, rotation, mark].filter(Boolean).join('/')).join(',')}`,
    )
    .join(' ');
const ARRANGED: NumberedNode[] = [
  { type: 'frontPage', title: '病案首页', pages: [{ page: 1 }] },
  { type: 'labReport', title: '血常规', pages: [{ page: 4, rotation: 90 }, { page: 3 }] },
  { type: 'orders', title: '医嘱', pages: [{ page: 2 }, { page: 5, mark: 'blank' }] },
];
const first = { version: 1, edit: 0 };
const save = (person: Person, id: string, change: object = {}) =>
  person.call('put', `/archives/${id}/catalog`, { base: first, nodes: ARRANGED, reason: '按医嘱单整理', ...change });
const versionOf = async (archiveId: string, version = 1) =>
  (await member.store.models.ArchiveVersion.findOne({ archiveId, version }).lean<ArchiveVersion>())!;
const editOf = async (archiveId: string, edit: number) =>
  (await member.store.models.CatalogEdit.findOne({ archiveId, edit }).lean<CatalogEdit>())!;

test('arranged, signed, attested; the originals, the package and its receipt stay as they were', async () => {
  const id = await archive();
  expect(text((await shown(id)).nodes)).toBe('病案首页:1 医嘱:2 检验报告:3,4,5');
  const before = await versionOf(id);
  const { body } = await save(clerk, id).expect(200);
  expect(body).toEqual({ place: { version: 1, edit: 1 } });
  expect(await shown(id)).toMatchObject({ place: { edit: 1 }, isCurrent: true, by: 'clerk', reason: '按医嘱单整理' });
  expect(text((await shown(id)).nodes)).toBe('病案首页:1 血常规:4/90,3 医嘱:2,5/blank');
  expect(await shown(id, '1.0')).toMatchObject({ isCurrent: false });

  const after = await versionOf(id);
  expect(after).toEqual(before);
  const { objects } = member.store;
  const ofd = await objects.readAll(after.package!.objectId);
  const file = { bytes: ofd.length, sm3: sm3(ofd).toString('hex') };
  expect(verifyReceipt(after.receipt!, file, member.deps.trust, crypto).verdict).toBe('valid');
  for (const { objectId, sm3: announced } of after.documents)
    expect(sm3(await objects.readAll(objectId)).toString('hex')).toBe(announced);

  await until(async () => (await editOf(id, 1)).attestation !== undefined);
  const { manifest, salt, signature, ledger } = await clerk.ok<{
    manifest: CatalogEdit['manifest'];
    salt: string;
    signature: string;
    ledger: { entry: { record: { stream: string } } };
  }>('get', `/archives/${id}/catalog/edits/1.1/proof`);
  const edit = await editOf(id, 1);
  expect(manifest.catalog.sm3).toBe(sm3(Buffer.from(jcs(edit.catalog))).toString('hex'));
  expect(manifest.previousSm3).toBe(before.manifest!.catalog.sm3);
  expect(JSON.stringify(manifest)).not.toContain('clerk');
  const key = member.keys.publicKey('ledger');
  expect(sm2.verify(key, Buffer.from(jcs(manifest)), Buffer.from(signature, 'hex'))).toBe(true);
  const digest = sm3(Buffer.from(`${ATTEST_TAG}\0`), Buffer.from(salt, 'hex'), Buffer.from(jcs(manifest)));
  expect(verifyRecord(ledger, digest.toString('hex'), member.deps.trust, crypto).verdict).toBe('valid');
  expect(ledger.entry.record.stream).toBe('catalog');
  expect(await clerk.refusal('get', `/archives/${id}/catalog/edits/1.0/proof`)).toBe('receipt-not-found');
});

test('what is shown follows the catalogue: order, turn, marks; the numbers of pages stay', async () => {
  const id = await archive();
  await save(clerk, id).expect(200);
  const detail = await clerk.ok<{ catalog: { title: string; firstPage: number; pageCount: number }[] }>(
    'get',
    `/archives/${id}`,
  );
  expect(detail).toMatchObject({
    catalogPlace: { version: 1, edit: 1 },
    catalog: [
      { title: '病案首页', firstPage: 1, pageCount: 1 },
      { title: '血常规', firstPage: 2, pageCount: 2, pages: [{ page: 4, rotation: 90 }, { page: 3 }] },
      { title: '医嘱', firstPage: 4, pageCount: 1 },
    ],
  });
  const size = async (page: number) => {
    const { body } = await clerk.call('get', `/archives/${id}/pages/${page}`).responseType('blob').expect(200);
    const { width, height } = await sharp(body as Buffer).metadata();
    return width > height ? 'landscape' : 'portrait';
  };
  expect([await size(3), await size(4)]).toEqual(['portrait', 'landscape']);
});

test('versions, the difference of two, and one brought back', async () => {
  const id = await archive();
  await save(clerk, id).expect(200);
  const { changes } = await clerk.ok<{ changes: { what: string; page?: number }[] }>(
    'get',
    `/archives/${id}/catalog/diff?from=1.0&to=1.1`,
  );
  expect(changes.map(({ what, page }) => [what, page].filter(Boolean).join(' '))).toEqual([
    'nodeRenamed',
    'nodeMoved',
    'pageReordered 4',
    'pageRotated 4',
    'pageMoved 5',
    'pageMarked 5',
  ]);
  const back = { base: { version: 1, edit: 1 }, to: first, reason: '整理有误' };
  expect(await clerk2.ok('post', `/archives/${id}/catalog/restore`, back)).toEqual({ place: { version: 1, edit: 2 } });
  expect(text((await shown(id)).nodes)).toBe('病案首页:1 医嘱:2 检验报告:3,4,5');
  const { items } = await clerk.ok<{ items: object[] }>('get', `/archives/${id}/catalog/edits`);
  expect(items).toMatchObject([
    { place: { version: 1, edit: 2 }, by: 'clerk2', restores: '1.0', reason: '整理有误' },
    { place: { version: 1, edit: 1 }, by: 'clerk' },
    { place: { version: 1, edit: 0 } },
  ]);
  const trace = await member.store.models.TraceEntry.find({ 'object.id': id, kind: 'write' }).sort({ seq: 1 }).lean();
  expect(trace.map(({ action, reason, actor }) => [action, reason, actor.id])).toEqual([
    ['catalog.save', '按医嘱单整理', 'clerk'],
    ['catalog.restore', '整理有误', 'clerk2'],
  ]);
});

test('two at once: one is saved, the other gets both sides; sent again, the same answer', async () => {
  const id = await archive();
  const others = ARRANGED.map((node) => ({ ...node, title: `${node.title}2` }));
  const answers = await Promise.all([save(clerk, id), save(clerk2, id, { nodes: others })]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  const lost = answers.find(({ status }) => status === 409)!;
  const won = await shown(id);
  expect(lost.body).toMatchObject({
    code: 'catalog-changed',
    data: {
      base: first,
      theirs: { place: { version: 1, edit: 1 }, by: won.by, nodes: won.nodes },
      theirChanges: expect.arrayContaining([expect.objectContaining({ what: 'pageRotated', page: 4 })]) as unknown,
      yourChanges: expect.arrayContaining([expect.objectContaining({ what: 'pageMoved', page: 5 })]) as unknown,
    },
  });
  expect(await member.store.models.CatalogEdit.countDocuments({ archiveId: id })).toBe(1);
  // Its answer was lost on the way, say: who sent it asks again.
  const [winner, nodes] = won.by === 'clerk' ? [clerk, ARRANGED] : [clerk2, others];
  expect((await save(winner, id, { nodes })).body).toEqual({ place: { version: 1, edit: 1 } });
  expect(await member.store.models.CatalogEdit.countDocuments({ archiveId: id })).toBe(1);
});

describe('refused', () => {
  let id: string;
  beforeAll(async () => void (id = await archive()));
  const page = (n: number) => ({ type: 'other', title: 'x', pages: [{ page: n }] });

  test.each<[string, object]>([
    ['catalog-pages-differ', { nodes: ARRANGED.slice(1) }],
    ['catalog-pages-differ', { nodes: [...ARRANGED, page(6)] }],
    ['catalog-pages-differ', { nodes: [...ARRANGED, page(1)] }],
    ['catalog-not-found', { base: { version: 1, edit: 7 } }],
    ['catalog-not-found', { base: { version: 9, edit: 0 } }],
    ['request-invalid', { nodes: [] }],
    ['request-invalid', { nodes: [{ ...ARRANGED[0], pages: [] }, ...ARRANGED.slice(1)] }],
    ['request-invalid', { nodes: [{ ...ARRANGED[0], type: 'no type' }, ...ARRANGED.slice(1)] }],
    ['request-invalid', { nodes: [{ ...ARRANGED[0], title: 'x'.repeat(101) }, ...ARRANGED.slice(1)] }],
    ['request-invalid', { nodes: [{ ...ARRANGED[0], pages: [{ page: 1, rotation: 45 }] }, ...ARRANGED.slice(1)] }],
    ['request-invalid', { nodes: [{ ...ARRANGED[0], pages: [{ page: 1, mark: 'x' }] }, ...ARRANGED.slice(1)] }],
    ['request-invalid', { nodes: [{ ...ARRANGED[0], pages: [{ page: 1, objectId: 'x' }] }, ...ARRANGED.slice(1)] }],
    ['request-invalid', { reason: ' ' }],
    ['request-invalid', { reason: undefined }],
  ])('%s: %j', async (code, change) => {
    expect((await save(clerk, id, change)).body).toMatchObject({ code });
    expect(await member.store.models.CatalogEdit.countDocuments({ archiveId: id })).toBe(0);
  });

  test('as nothing was changed', async () => {
    const { nodes } = await shown(id);
    expect((await save(clerk, id, { nodes })).body).toMatchObject({ code: 'catalog-unchanged' });
  });

  test('to whoever is not of the records room', async () => {
    for (const person of [doctor, medical])
      expect((await save(person, id)).body).toMatchObject({ code: 'permission-denied' });
  });

  test('of an archive, and a catalogue, that is not there', async () => {
    expect((await save(clerk, 'ar_none')).body).toMatchObject({ code: 'archive-not-found' });
    expect(await clerk.refusal('get', `/archives/${id}/catalog?place=1.9`)).toBe('catalog-not-found');
    expect(await clerk.refusal('get', `/archives/${id}/catalog?place=x`)).toBe('request-invalid');
    expect(await clerk.refusal('get', `/archives/${id}/catalog/diff?from=1.0&to=1.9`)).toBe('catalog-not-found');
    const body = { base: first, to: { version: 1, edit: 9 }, reason: 'x' };
    expect(await clerk.refusal('post', `/archives/${id}/catalog/restore`, body)).toBe('catalog-not-found');
  });

  test('on hold', async () => {
    const held = await archive();
    await medical.call('post', `/archives/${held}/hold`, { reason: '双方在场封存' }).expect(204);
    const { status, body } = await save(clerk, held);
    expect([status, (body as { code: string }).code]).toEqual([423, 'archive-held']);
    await medical.call('post', `/archives/${held}/hold-release`, { reason: '解除' }).expect(204);
    await save(clerk, held).expect(200);
  });

  test('while files are being added', async () => {
    const busy = await archive();
    const { _id, ...copy } = (await versionOf(busy)) as ArchiveVersion & { _id: unknown };
    await member.store.models.ArchiveVersion.create({ ...copy, version: 2, state: 'pending' });
    expect((await save(clerk, busy)).body).toMatchObject({ code: 'catalog-version-pending' });
  });
});

test('lent by branches: what was lent stays what it was; while it is on loan nothing is arranged', async () => {
  const id = await archive();
  const wish = { purpose: 'treatment', reason: '复诊', days: 30, rights: ['view'] };
  const { results } = await doctor.ok<{ results: { loanId: string }[] }>('post', '/loans', {
    ...wish,
    archives: [{ archiveId: id, nodes: [2] }],
  });
  const { loanId } = results[0]!;
  // Arranged between the application and the approval: the third branch is another one now.
  await save(clerk, id).expect(200);
  const { loan } = await clerk.ok<{ loan: { task: { taskId: string } } }>('get', `/loans/${loanId}`);
  await clerk.ok('post', `/loans/${loanId}/approve`, { taskId: loan.task.taskId });
  await doctor.ok('post', `/loans/${loanId}/start`);
  const open = async () =>
    (await Promise.all([1, 2, 3, 4, 5].map((n) => doctor.call('get', `/archives/${id}/pages/${n}`)))).map(
      ({ status }) => status,
    );
  expect(await open()).toEqual([403, 403, 200, 200, 200]);
  expect(await doctor.ok('get', `/archives/${id}/access`)).toMatchObject({ pages: [3, 4, 5] });
  const again = { base: { version: 1, edit: 1 }, nodes: [...ARRANGED].reverse() };
  expect((await save(clerk, id, again)).body).toMatchObject({ code: 'catalog-on-loan' });
  await doctor.ok('post', `/loans/${loanId}/return`);
  await until(async () => (await member.store.models.Loan.exists({ loanId, state: 'returned' })) !== null);
  await save(clerk, id, again).expect(200);
});

test('what comes in later goes under what people arranged; an older version is not brought back over it', async () => {
  const id = await archive();
  await save(clerk, id).expect(200);
  const late: Original = { ...(await frontPage(900)), documentType: 'labReport' };
  const consent: Original = { ...(await frontPage(901)), documentType: 'nursing' };
  const batchId = await committed(member, id, [late, consent], { reason: '补扫' });
  expect(await (await startArchiving(member, id, batchId)).result()).toMatchObject({ version: 2 });
  const current = await shown(id);
  expect(current.place).toEqual({ version: 2, edit: 0 });
  // Packed in the order that people gave: the numbers are those of the new package.
  // Under a branch's last node, or a new one before the branches that come after it in the template.
  expect(text(current.nodes)).toBe('病案首页:1 护理记录:2 血常规:3/90,4,5 医嘱:6,7/blank');
  expect((await save(clerk, id, { base: { version: 1, edit: 1 }, nodes: ARRANGED.toReversed() })).body).toMatchObject({
    code: 'catalog-changed',
    data: { theirs: { place: { version: 2, edit: 0 } } },
  });
  const body = { base: { version: 2, edit: 0 }, to: { version: 1, edit: 1 }, reason: 'x' };
  expect(await clerk.refusal('post', `/archives/${id}/catalog/restore`, body)).toBe('catalog-pages-differ');
});

test('whether it is complete, by the catalogue of today', async () => {
  const id = await archive();
  const completeness = async () =>
    (await doctor.ok<{ completeness: { state: string; findings: { rule: string }[] } }>('get', `/archives/${id}`))
      .completeness;
  /** The states that the list finds it by. */
  const listed = async () => {
    const found: string[] = [];
    for (const state of ['complete', 'missing', 'doubtful']) {
      const { items } = await doctor.ok<{ items: { archiveId: string; completeness: { state: string } | null }[] }>(
        'get',
        `/archives?completeness=${state}&limit=100`,
      );
      expect(items.every((one) => one.completeness?.state === state)).toBe(true);
      if (items.some(({ archiveId }) => archiveId === id)) found.push(state);
    }
    return found;
  };
  expect(await completeness()).toEqual({ state: 'complete', findings: [] });
  expect(await listed()).toEqual(['complete']);
  await save(clerk, id).expect(200);
  expect(await listed()).toEqual(['doubtful']);
  expect(await completeness()).toMatchObject({ state: 'doubtful', findings: [{ rule: 'documentTorn' }] });
  const nodes = ARRANGED.map((node) => (node.type === 'frontPage' ? { ...node, type: 'other' } : node));
  await save(clerk, id, { base: { version: 1, edit: 1 }, nodes }).expect(200);
  expect(await completeness()).toMatchObject({ state: 'missing' });
  expect(await listed()).toEqual(['missing']);
  expect(await doctor.refusal('get', '/archives?completeness=x')).toBe('request-invalid');
});

test('a template is published, and is that of visits that end from its day on', async () => {
  const { items } = await clerk.ok<{ items: { version: number; branches: { type: string; zh: string }[] }[] }>(
    'get',
    '/catalog-templates',
  );
  expect(items).toMatchObject([{ version: 1, by: 'system' }]);
  const [{ branches }] = items as [(typeof items)[number]];
  const demanding = branches.map((branch) => (branch.type === 'consent' ? { ...branch, mandatory: true } : branch));
  const publish = (change: object = {}, person = medical) =>
    person.call('post', '/catalog-templates', {
      from: 1,
      effectiveFrom: '2026-01-01',
      branches: demanding,
      reason: '知情同意书必备',
      ...change,
    });
  for (const [code, change] of [
    ['request-invalid', { branches: [...demanding, demanding[0]] }],
    ['request-invalid', { branches: demanding.filter(({ type }) => type !== 'frontPage') }],
    ['request-invalid', { branches: demanding.filter(({ type }) => type !== 'other') }],
    ['request-invalid', { effectiveFrom: '2026-13-01' }],
    ['request-invalid', { reason: '' }],
    ['template-changed', { from: 2 }],
  ] as const)
    expect((await publish(change)).body).toMatchObject({ code });
  expect((await publish({}, clerk)).body).toMatchObject({ code: 'permission-denied' });
  await publish({ effectiveFrom: '2999-01-01' }).expect(201);
  const id = await archive();
  const state = async () =>
    (await clerk.ok<{ completeness: { state: string } }>('get', `/archives/${id}`)).completeness.state;
  expect(await state()).toBe('complete');
  await publish({ from: 2 }).expect(201);
  expect((await publish({ from: 2 })).body).toMatchObject({ code: 'template-changed' });
  expect(await state()).toBe('missing');
});

test('a front page is checked, field by field, and not kept', async () => {
  const body = { name: '样例甲', admittedAt: '2026-11-20T00:00:00Z', dischargedAt: '2026-11-19T00:00:00Z' };
  const { findings } = await clerk.ok<{ findings: object[] }>('post', '/front-pages/check', body);
  expect(findings).toContainEqual({ field: 'dischargedAt', rule: 'dischargeBeforeAdmission' });
  expect(await clerk.refusal('post', '/front-pages/check', { unknown: 1 })).toBe('request-invalid');
});
