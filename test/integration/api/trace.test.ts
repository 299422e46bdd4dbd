import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { sealTrace } from '../../../activities/tracing.ts';
import { sm2, sm3 } from '../../../platform/crypto/index.ts';
import { chainHash } from '../../../platform/store/trace.ts';
import { type TraceBatch, traceDigest, type TraceEntry } from '../../../platform/store/index.ts';
import { type TraceProof, verifyTraceProof } from '../../../verifier/trace-proof.ts';
import type { ApiDeps } from '../../../api/deps.ts';
import { Person, TestApi } from '../../fixtures/api.ts';
import { ApiClient } from '../../../ops/ingest/client.ts';
import { committed, frontPage, startArchiving } from '../../fixtures/archiving.ts';
import { unzip } from '../../fixtures/zip.ts';
import { TestMember } from '../../fixtures/member.ts';
import { verification, type VerificationLine } from '../../fixtures/trace.ts';
import { until } from '../../fixtures/until.ts';

const member = new TestMember('trace');
const api = new TestApi(member);
let auditor: Person, clerk: Person, doctor: Person;
const archiveId = 'ar_pages';

beforeAll(async () => {
  await member.start();
  await api.start();
  [auditor, clerk, doctor] = (await Promise.all(['auditor', 'clerk', 'doctor'].map((name) => api.login(name)))) as [
    Person,
    Person,
    Person,
  ];
  const batchId = await committed(member, archiveId, [await frontPage(1)]);
  await (await startArchiving(member, archiveId, batchId)).result();
});
afterAll(async () => {
  api.stop();
  await member.stop();
});

interface Page {
  items: (Pick<TraceEntry, 'seq' | 'action' | 'kind' | 'result' | 'details' | 'from' | 'reason'> & {
    actor: { id: string };
    patientId?: string;
    place?: { height: number };
  })[];
  nextBefore: number | null;
  names: Record<string, string>;
}
const trace = (query = '') => auditor.ok<Page>('get', `/trace${query}`);
const rows = () => member.store.models.TraceEntry.collection;

/** Attests all rows that there are. */
async function attest(): Promise<number> {
  const { TraceBatch: Batch } = member.store.models;
  await sealTrace(member.store, member.memberId, 0);
  await member.deps.signals.backlog();
  await until(async () => (await Batch.countDocuments({ attestation: { $exists: false } })) === 0);
  return (await Batch.findOne().sort({ to: -1 }).lean<TraceBatch>())!.to;
}

/** A row as it was written before: what `content` says of it is all that it says besides. */
async function writeOld(of: Partial<TraceEntry>): Promise<number> {
  const { models, trace: writer } = member.store;
  const head = (await models.TraceEntry.findOne().sort({ seq: -1 }).lean<TraceEntry>())!;
  const content = {
    ...{ seq: head.seq + 1, at: new Date(), kind: 'open', action: 'archive.open', result: 'allowed' },
    ...{ actor: { type: 'user', id: 'clerk', roles: [] }, object: { type: 'archive', id: 'ar_old' }, requestId: 'r' },
    ...of,
  } as unknown as TraceEntry;
  const digest = traceDigest(content);
  const mac = (await writer.sealer())(digest);
  await rows().insertOne({ ...content, previousHash: head.hash, hash: chainHash(head.hash, digest), mac } as never);
  await clerk.ok('get', '/archives');
  return content.seq;
}

const verify = (person = auditor, url = api.url) => verification(person, url);
const found = (lines: VerificationLine[]) =>
  lines
    .filter(({ type }) => type === 'finding')
    .map(({ kind, from, to }) => `${kind as string} ${from as number}-${to as number}`);

test('each read leaves a trace that says who, from where, whose record, and how it went', async () => {
  await clerk.ok('get', '/archives?q=ar_pa&limit=5');
  await clerk.ok('get', `/archives/${archiveId}`);
  await clerk.call('get', `/archives/${archiveId}/pages/1`).expect(200);
  await clerk.call('get', `/archives/${archiveId}/pages/1?use=print`).expect(200);
  await clerk.call('get', `/archives/${archiveId}/package`).expect(200);
  await doctor.call('get', `/archives/${archiveId}/pages/1`).expect(403);
  await doctor.call('get', '/loans/ln_other').expect(404);

  const { items, names } = await trace(`?archiveId=${archiveId}`);
  const seen = items.map(({ action, result, actor }) => `${actor.id} ${action} ${result}`);
  for (const what of [
    'clerk archive.open allowed',
    'clerk archive.page allowed',
    'clerk archive.print allowed',
    'clerk archive.package allowed',
    'doctor request denied',
  ])
    expect(seen).toContain(what);
  expect(names).toMatchObject({ clerk: '林晓岚' });
  expect(items[0]!.from).toMatchObject({ address: expect.any(String) as string });
  expect(items.every(({ patientId }) => /^pt_[0-9a-f]{32}$/.test(patientId!))).toBe(true);
  const byPatient = await trace(`?patientNo=${archiveId}`);
  // Looking an archive up in the trace is part of its own trace.
  const before = byPatient.items.filter(({ action }) => action !== 'trace.read');
  expect(before.map(({ seq }) => seq)).toEqual(items.map(({ seq }) => seq));
  const denied = await trace('?actor=doctor&result=denied');
  expect(denied.items.map(({ details }) => details!.code)).toEqual(['loan-not-found', 'loan-needed']);
  const searched = await trace('?searched=AR_PA');
  expect(searched.items).toMatchObject([{ action: 'archive.search', actor: { id: 'clerk' } }]);
  expect(JSON.stringify(await rows().find().toArray())).not.toContain('测试');
});

test('reading the trace is traced, with what was looked for but not the number that names someone', async () => {
  await trace('?patientNo=YZ77');
  const [last] = (await trace('?kind=admin')).items.filter(({ action }) => action === 'trace.read');
  expect(last).toMatchObject({ actor: { id: 'auditor' }, patientId: await member.store.trace.patients.of('YZ77') });
  expect(JSON.stringify(await rows().find().toArray())).not.toContain('YZ77');
});

describe('while rows wait for the ledger', () => {
  const page = `/archives/${archiveId}/pages/1`;
  const lag = async () => (await auditor.ok<{ lag: Record<string, unknown> }>('get', '/trace?limit=1')).lag;
  /** The api of a member with another setting; rows wait at once, or for half an hour. */
  async function withSetting<T>(
    trace: ApiDeps['trace'],
    run: (person: Person, sysadmin: Person) => Promise<T>,
  ): Promise<T> {
    const other = new TestApi(member);
    await other.start({ trace });
    try {
      return await run(await other.login('clerk'), await other.login('sysadmin'));
    } finally {
      other.stop();
    }
  }

  test('how many wait, and since when, is said; none, once they are attested', async () => {
    const to = await attest();
    const next = await rows().findOne({ seq: to + 1 });
    expect(next).toBeNull();
    expect(await member.store.trace.waiting()).toEqual({ rows: 0, since: null });
    await clerk.ok('get', `/archives/${archiveId}`);
    const oldest = await rows().findOne({ seq: to + 1 });
    expect(await lag()).toEqual({
      ...{ waiting: 1, since: (oldest!.at as Date).toISOString(), isBehind: false },
      ...{ whenBehind: 'serve', behindMinutes: 30 },
    });
  });

  test('content is served by default, however long they wait; the status says so', async () => {
    await withSetting({ whenBehind: 'serve', behindMinutes: 0 }, async (person, sysadmin) => {
      await person.call('get', page).expect(200);
      const { services } = await sysadmin.ok<{ services: Record<string, unknown> }>('get', '/status');
      expect(services.trace).toMatchObject({ state: 'degraded', detail: { whenBehind: 'serve' } });
    });
  });

  test('where the member says so, no page, print or file is; what is not content is; once they are attested all is', async () => {
    await withSetting({ whenBehind: 'block', behindMinutes: 0 }, async (person) => {
      for (const path of [page, `${page}?use=print`, `${page}?size=thumbnail`, `/archives/${archiveId}/package`]) {
        const answer = await person.call('get', path);
        expect([answer.status, (JSON.parse(String(answer.text ?? answer.body)) as { code: string }).code]).toEqual([
          503,
          'trace-behind',
        ]);
      }
      expect(await person.refusal('post', `${page}/shown`)).toBe('trace-behind');
      const [told] = await rows().find({ result: 'denied', 'actor.id': 'clerk' }).sort({ seq: -1 }).limit(1).toArray();
      expect(told).toMatchObject({ details: { code: 'trace-behind' } });
      await person.ok('get', `/archives/${archiveId}`);
      await attest();
      await person.call('get', page).expect(200);
    });
  });

  test('not before they have waited as long as the member lets them', async () => {
    await withSetting({ whenBehind: 'block', behindMinutes: 30 }, (person) => person.call('get', page).expect(200));
  });

  test('whoever may not read it anyway is told that, and nothing of the ledger', async () => {
    const other = new TestApi(member);
    await other.start({ trace: { whenBehind: 'block', behindMinutes: 0 } });
    expect(await (await other.login('doctor')).refusal('get', page)).toBe('loan-needed');
    other.stop();
  });
});

describe('a row says by what its actor was known', () => {
  const last = async (actor: string) =>
    (await rows().find({ 'actor.id': actor }).sort({ seq: -1 }).limit(1).toArray())[0] as unknown as TraceEntry;

  test('a person: by a password, in a session that lists name', async () => {
    const person = await api.login('clerk');
    const opened = await last('clerk');
    expect(opened).toMatchObject({ action: 'session.login', format: 3, actor: { proof: { kind: 'password' } } });
    const { items } = await person.ok<{ items: { sessionId: string; isThis: boolean }[] }>('get', '/account/sessions');
    expect(items.map(({ sessionId }) => sessionId)).toContain(opened.actor.proof!.sessionId);
    await person.ok('get', '/archives');
    expect((await last('clerk')).actor.proof).toEqual(opened.actor.proof);
  });

  test('a system: by its signature, and the key of it where it has a pair; nothing that only it and we know is named', async () => {
    const { privateKey, publicKey } = sm2.generateKeyPair();
    await member.store.models.App.create({
      ...{ appId: 'his-sm2', name: 'HIS', kind: 'sm2', publicKey: Buffer.from(publicKey).toString('hex') },
      ...{ permissions: ['batch:read'], disabled: false },
    });
    const client = (appId: string, algorithm: 'sm2-sm3' | 'hmac-sha256', key: Uint8Array) =>
      new ApiClient(api.url, { appId, algorithm, key }).call('GET', '/api/v1/batches');
    await client('his-sm2', 'sm2-sm3', privateKey);
    expect((await last('his-sm2')).actor.proof).toEqual({ kind: 'sm2', key: sm3(publicKey).toString('hex') });
    await client('scanner', 'hmac-sha256', api.scannerSecret);
    expect((await last('scanner')).actor.proof).toEqual({ kind: 'hmac' });
    await expect(client('scanner', 'hmac-sha256', Buffer.alloc(32))).rejects.toMatchObject({
      code: 'signature-invalid',
    });
    expect((await last('scanner')).actor).not.toHaveProperty('proof');
  });

  test('rows of before, which do not say it, and those of today are whole together', async () => {
    await writeOld({});
    expect(found(await verify())).toEqual([]);
    await attest();
    expect(found(await verify())).toEqual([]);
  });

  test('rows of before name a patient by an id of before: by the number both are found, and both are whole', async () => {
    const { patients } = member.store.trace;
    const [patientId, before] = [await patients.of(archiveId), await patients.ofBefore(archiveId)];
    const seq = await writeOld({ format: 2, patientId: before });
    const ids = async (query: string) => {
      const { items } = await trace(`?limit=200&kind=open&${query}`);
      return new Set(items.map((one) => one.patientId));
    };
    expect(await ids(`patientNo=${archiveId}`)).toEqual(new Set([patientId, before]));
    expect(await ids(`patientId=${patientId}`)).toEqual(new Set([patientId]));
    expect((await trace(`?patientId=${before}`)).items.map((one) => one.seq)).toContain(seq);
    expect(found(await verify())).toEqual([]);
  });
});

describe('refused before its route is reached, a try leaves a trace', () => {
  const denied = async (actor: string) =>
    (await rows().find({ 'actor.id': actor, result: 'denied' }).sort({ seq: -1 }).toArray()) as unknown as TraceEntry[];

  test('a change without the page’s token', async () => {
    const answer = await clerk.call('post', '/batches', {}, { 'X-CSRF-Token': 'wrong' });
    expect([answer.status, answer.body]).toMatchObject([403, { code: 'csrf-invalid' }]);
    expect((await denied('clerk'))[0]).toMatchObject({
      action: 'request',
      details: { code: 'csrf-invalid', route: 'POST /batches' },
      from: { address: expect.any(String) as string },
    });
  });

  test('an upload by whoever may not send files', async () => {
    expect(await doctor.refusal('post', '/uploads')).toBe('permission-denied');
    expect((await denied('doctor'))[0]).toMatchObject({
      details: { code: 'permission-denied', route: 'POST /uploads' },
    });
  });

  test('an administrator without the second factor', async () => {
    const production = new TestApi(member);
    await production.start({ environment: 'production' });
    const admin = await production.login('secadmin');
    expect(await admin.refusal('get', '/users')).toBe('totp-enrolment-required');
    production.stop();
    expect((await denied('secadmin'))[0]).toMatchObject({
      action: 'user.search',
      details: { code: 'totp-enrolment-required' },
    });
  });

  test('a wrong signature under the name of a system: ten rows a minute; under a name that nobody has: none', async () => {
    const send = (appId: string) =>
      new ApiClient(api.url, { appId, algorithm: 'hmac-sha256', key: Buffer.alloc(32) })
        .call('GET', '/api/v1/batches')
        .catch(({ code }: { code: string }) => code);
    const codes = await Promise.all(Array.from({ length: 25 }, () => send('scanner')));
    expect(new Set(codes)).toEqual(new Set(['signature-invalid']));
    const left = await denied('scanner');
    expect(left.length).toBeGreaterThanOrEqual(10);
    expect(left.length).toBeLessThan(25);
    for (const { actor, action, details } of left)
      expect({ actor, action, details }).toMatchObject({
        actor: { type: 'app', roles: [] },
        action: 'batch.search',
        details: { code: 'signature-invalid', route: 'GET /batches', isClaimed: true },
      });
    const before = await rows().countDocuments();
    expect(await send('nobody')).toBe('signature-invalid');
    expect(await rows().countDocuments()).toBe(before);
  });

  test('a log-in that fails: the code, and no more rows than that under one name; the right one is always told', async () => {
    const wrong = () => new Person(api.url, 'nobody-here').login('not the password');
    await Promise.all(Array.from({ length: 15 }, wrong));
    const left = await denied('unknown');
    expect(left.length).toBeGreaterThanOrEqual(10);
    expect(left.length).toBeLessThan(15);
    expect(left[0]).toMatchObject({ action: 'session.login', details: { code: 'credentials-invalid' } });
    expect(JSON.stringify(left)).not.toContain('nobody-here');
  });
});

test('a page at a time, by every filter, and each row once', async () => {
  for (let i = 0; i < 7; i += 1) await clerk.ok('get', `/archives/${archiveId}`);
  const seqs: number[] = [];
  for (let before: number | null = Number.MAX_SAFE_INTEGER; before !== null;) {
    const page: Page = await trace(`?actor=clerk&kind=open&result=allowed&limit=3&before=${before}`);
    seqs.push(...page.items.map(({ seq }) => seq));
    before = page.nextBefore;
  }
  const all = await rows().find({ 'actor.id': 'clerk', kind: 'open', result: 'allowed' }).sort({ seq: -1 }).toArray();
  expect(seqs).toEqual(all.map(({ seq }) => seq as number));
  const middle = all[3]!.at as Date;
  const since = await trace(`?actor=clerk&from=${middle.toISOString()}`);
  expect(since.items.every(({ seq }) => seq >= (all[3]!.seq as number))).toBe(true);
});

test('a list that a page follows leaves one row for some minutes, which says so; what a person does leaves one each', async () => {
  const [one, other] = [await api.login('sysadmin'), await api.login('sysadmin')];
  const last = (await rows().findOne({}, { sort: { seq: -1 } }))!.seq as number;
  const background = (person: Person, path: string) =>
    person.call('get', path, undefined, { 'X-Background': '1' }).expect(200);
  for (let i = 0; i < 3; i += 1) {
    await background(one, '/workflows?limit=5');
    await background(one, '/workflows/attention');
    await background(other, '/workflows?limit=5');
    await one.ok('get', '/workflows?limit=5');
    // What a row of it tells differs from time to time.
    await background(clerk, '/loans');
  }
  const left = await rows()
    .find({ seq: { $gt: last } })
    .toArray();
  const of = (action: string, isFollowed: boolean) =>
    left.filter((row) => row.action === action && (row.details?.followedMinutes === 5) === isFollowed);
  const sessions = of('workflow.search', true).map(({ actor }) => (actor as TraceEntry['actor']).proof!.sessionId);
  expect([sessions.length, new Set(sessions).size]).toEqual([3, 2]);
  expect(of('workflow.search', false)).toHaveLength(3);
  expect(of('loan.search', false)).toHaveLength(3);
});

describe('the id of a patient is erased', () => {
  let medical: Person, secadmin: Person;
  beforeAll(async () => {
    [medical, secadmin] = await Promise.all([api.login('medical'), api.login('secadmin')]);
  });
  const reason = '保存期满，法院文书〔2056〕12 号';
  const ask = async (patientNo: string) =>
    (await medical.ok<{ erasureId: string }>('post', '/erasures', { patientNo, reason })).erasureId;
  const approval = (erasureId: string, patientNo: string) =>
    ['post', `/erasures/${erasureId}/approve`, { patientNo }] as const;
  const waiting = () => secadmin.ok<{ items: { erasureId: string }[] }>('get', '/erasures');
  /** Someone asked the trace for this number: so it has an id. */
  const looked = (patientNo: string) => trace(`?patientNo=${patientNo}`);

  test('one person asks, another says the same number: the rows stay and are whole, and no number leads to them any more', async () => {
    const { patients } = member.store.trace;
    await looked('GONE-1');
    const patientId = await patients.of('GONE-1');
    expect((await looked('GONE-1')).items).toMatchObject([{ action: 'trace.read', patientId }]);
    const { IdempotentCall, PatientSalt } = member.store.models;
    const answersKept = await IdempotentCall.countDocuments();
    const key = { 'Idempotency-Key': 'erase-this-one' };
    const asked = await medical.call('post', '/erasures', { patientNo: 'GONE-1', reason }, key).expect(201);
    const { erasureId } = asked.body as { erasureId: string };
    expect(await waiting()).toEqual({
      items: [
        { erasureId, by: 'medical', byName: expect.any(String) as string, reason, at: expect.any(String) as string },
      ],
    });
    const { seq } = await secadmin.ok<{ seq: number }>(...approval(erasureId, 'GONE-1'));

    expect(await waiting()).toEqual({ items: [] });
    expect((await looked('GONE-1')).items).toEqual([]);
    expect(await patients.of('GONE-1')).not.toBe(patientId);
    expect((await trace(`?patientId=${patientId}`)).items.length).toBeGreaterThanOrEqual(2);
    expect(found(await verify())).toEqual([]);
    // That there was an erasure, who asked and who decided, is attested; of whom it was stands in no row, and nowhere else.
    expect(await attest()).toBeGreaterThanOrEqual(seq);
    const proof = await auditor.ok<TraceProof>('get', `/trace/${seq}/proof`);
    expect(verifyTraceProof(proof, member.deps.trust, { sm3, sm2Verify: sm2.verify.bind(sm2) })).toBeNull();
    const told = (await rows().find({ 'object.id': erasureId }).sort({ seq: 1 }).toArray()) as unknown as TraceEntry[];
    expect(told.map(({ actor, action }) => [actor.id, action])).toEqual([
      ['medical', 'erasure.propose'],
      ['secadmin', 'erasure.approve'],
    ]);
    expect(told.filter((row) => row.patientId !== undefined)).toEqual([]);
    const kept = JSON.stringify([await rows().find().toArray(), await PatientSalt.find().lean()]);
    expect(kept).not.toContain('GONE-1');
    expect(await IdempotentCall.countDocuments()).toBe(answersKept);
  });

  test('rows under an id of before stay where the number leads: how many is told', async () => {
    await looked('GONE-2');
    const before = await member.store.trace.patients.ofBefore('GONE-2');
    await writeOld({ format: 2, patientId: before });
    const erased = await secadmin.ok(...approval(await ask('GONE-2'), 'GONE-2'));
    expect(erased).toMatchObject({ rowsOfBefore: 1 });
    expect((await looked('GONE-2')).items).toMatchObject([{ patientId: before }]);
  });

  test('patient-kept: an archive of the number is kept, under its number of today or of before, or files wait for one', async () => {
    const { Archive, Batch, Correction, PatientMerge } = member.store.models;
    const refusal = (patientNo: string) => medical.refusal('post', '/erasures', { patientNo, reason });
    expect(await refusal(archiveId)).toBe('patient-kept');
    await Archive.updateOne({ archiveId }, { $set: { legalHold: { reason: 'x', by: 'medical', at: new Date() } } });
    expect(await refusal(archiveId)).toBe('patient-kept');
    await Archive.updateOne({ archiveId }, { $unset: { legalHold: 1 } });

    await looked('GONE-3');
    const before = { patientNo: 'GONE-3' };
    for (const [{ collection }, row] of [
      [Correction, { archiveId, correction: 1, before }],
      [Batch, { batchId: 'kept', visit: before }],
      [Batch, { batchId: 'kept', corrected: [{ before }] }],
      [PatientMerge, { mergeId: 'kept', retired: 'GONE-3' }],
      [PatientMerge, { mergeId: 'kept', surviving: 'GONE-3' }],
      [Archive, { archiveId: 'kept', motherPatientNo: 'GONE-3' }],
    ] as const) {
      const { insertedId } = await collection.insertOne(row as never);
      expect([row, await refusal('GONE-3')]).toEqual([row, 'patient-kept']);
      await collection.deleteOne({ _id: insertedId });
    }

    // One that came while it waited.
    const erasureId = await ask('GONE-3');
    const { patientNo } = (await Archive.findOne({ archiveId }).lean())!;
    await Archive.updateOne({ archiveId }, { $set: { patientNo: 'GONE-3' } });
    expect(await secadmin.refusal(...approval(erasureId, 'GONE-3'))).toBe('patient-kept');
    await Archive.updateOne({ archiveId }, { $set: { patientNo } });
    await secadmin.ok(...approval(erasureId, 'GONE-3'));
  });

  test('patient-not-traced, erasure-pending, erasure-not-found', async () => {
    const refusal = (patientNo: string) => medical.refusal('post', '/erasures', { patientNo, reason });
    expect(await refusal('NEVER')).toBe('patient-not-traced');
    await looked('GONE-4');
    const erasureId = await ask('GONE-4');
    expect(await refusal('GONE-4')).toBe('erasure-pending');
    await looked('GONE-5');
    for (const [id, no] of [
      [erasureId, 'GONE-5'],
      [erasureId, 'NEVER'],
      ['er_none', 'GONE-4'],
    ] as const)
      expect(await secadmin.refusal(...approval(id, no))).toBe('erasure-not-found');
    const none = { reason: 'x' };
    expect(await secadmin.refusal('post', '/erasures/er_none/refuse', none)).toBe('erasure-not-found');
    await secadmin.ok(...approval(erasureId, 'GONE-4'));
    expect(await secadmin.refusal(...approval(erasureId, 'GONE-4'))).toBe('erasure-not-found');
  });

  test('refused, nothing is erased, and it may be asked for again', async () => {
    await looked('GONE-6');
    const patientId = await member.store.trace.patients.of('GONE-6');
    await secadmin.ok('post', `/erasures/${await ask('GONE-6')}/refuse`, { reason: '依据不足' });
    expect(await waiting()).toEqual({ items: [] });
    expect(await member.store.trace.patients.of('GONE-6')).toBe(patientId);
    await ask('GONE-6');
  });

  test('nobody does both: neither by one role, nor as who had the other before', async () => {
    await looked('GONE-7');
    const erasureId = await ask('GONE-7');
    expect(await medical.refusal(...approval(erasureId, 'GONE-7'))).toBe('permission-denied');
    expect(await auditor.refusal('post', '/erasures', { patientNo: 'GONE-7', reason })).toBe('permission-denied');
    const { PatientSalt } = member.store.models;
    await PatientSalt.updateOne({ 'erasure.erasureId': erasureId }, { $set: { 'erasure.by': 'secadmin' } });
    expect(await secadmin.refusal(...approval(erasureId, 'GONE-7'))).toBe('erasure-own');
  });
});

describe('verified against a quorum', () => {
  let attestedTo: number;
  let kept: TraceEntry[];
  beforeAll(async () => {
    attestedTo = await attest();
    kept = await rows().find<TraceEntry>({}).toArray();
  });
  afterEach(async () => {
    await rows().deleteMany({ seq: { $lte: kept.at(-1)!.seq } });
    await rows().deleteMany({ requestId: 'forged' });
    await rows().insertMany(kept as never);
  });

  test('what was written is right, and says how far the members vouch for it', async () => {
    const lines = await verify();
    expect(found(lines)).toEqual([]);
    const nodes = lines.find(({ type }) => type === 'nodes')!;
    expect(nodes).toMatchObject({ needed: 2, attestedTo });
    expect((nodes.nodes as { state: string }[]).map(({ state }) => state)).toEqual(Array(4).fill('agrees'));
    expect(lines.at(-1)).toMatchObject({ type: 'done', findings: 0, attestedTo });
  });

  const forged = { requestId: 'forged', mac: '0'.repeat(32) };
  const { seq: _seq, ...copied } = { seq: 0, ...forged };
  test.each<[string, () => Promise<unknown>, string[]]>([
    ['updateOne', () => rows().updateOne({ seq: 5 }, { $set: { 'actor.id': 'someone' } }), ['edited 5-5']],
    ['deleteOne', () => rows().deleteOne({ seq: 6 }), ['removed 6-6']],
    [
      'insertOne between two rows',
      async () =>
        rows().insertOne({ ...(await rows().findOne({ seq: 4 }))!, _id: undefined as never, ...copied, seq: 4.5 }),
      ['inserted 4.5-4.5'],
    ],
    [
      'a swap of two rows',
      async () => {
        await rows().updateOne({ seq: 3 }, { $set: { seq: -1 } });
        await rows().updateOne({ seq: 8 }, { $set: { seq: 3 } });
        await rows().updateOne({ seq: -1 }, { $set: { seq: 8 } });
      },
      ['moved 3-3', 'moved 8-8'],
    ],
  ])('%s names the row', async (_what, edit, expected) => {
    await edit();
    const lines = await verify();
    expect(found(lines)).toEqual(expected);
    const finding = lines.find(({ type }) => type === 'finding')!;
    if (!expected[0]!.startsWith('removed')) expect(finding.row).toMatchObject({ seq: finding.from });
  });

  test('a tail that was cut off after it was attested, though the batches’ own rows went with it', async () => {
    const batches = await member.store.models.TraceBatch.collection.find().toArray();
    await member.store.models.TraceBatch.collection.deleteMany({});
    await rows().deleteMany({ seq: { $gte: attestedTo - 2, $lte: attestedTo } });
    const gone = found(await verify());
    await member.store.models.TraceBatch.collection.insertMany(batches);
    expect(gone).toEqual([`removed ${attestedTo - 2}-${attestedTo}`]);
  });

  test('the page is told which row, in the words of the row; and others may not ask', async () => {
    await rows().updateOne({ seq: 5 }, { $set: { reason: '<img src=x onerror=alert(1)>' } });
    const finding = (await verify()).find(({ type }) => type === 'finding')!;
    expect(finding.row).toMatchObject({ seq: 5, reason: '<img src=x onerror=alert(1)>' });
    expect(await clerk.refusal('post', '/trace/verification')).toBe('permission-denied');
  });

  test('one at a time: another is refused while it goes on', async () => {
    let asked!: () => void, answer!: () => void;
    const [isAsked, mayAnswer] = [
      new Promise<void>((done) => (asked = done)),
      new Promise<void>((done) => (answer = done)),
    ];
    const slow = http.createServer((request, response) => {
      asked();
      void mayAnswer.then(async () => {
        const given = await fetch(new URL(request.url!, member.witnesses[3]!.rpcUrl));
        response.end(await given.text());
      });
    });
    await new Promise<void>((done) => slow.listen(0, '127.0.0.1', done));
    const rpcUrl = `http://127.0.0.1:${(slow.address() as AddressInfo).port}`;
    const other = new TestApi(member);
    await other.start({ witnesses: [...member.witnesses.slice(0, 3), { memberId: 'yzp', rpcUrl }] });
    const first = verify(await other.login('auditor'), other.url);
    await isAsked;
    expect(await auditor.refusal('post', '/trace/verification')).toBe('trace-verification-running');
    answer();
    expect((await first).at(-1)).toMatchObject({ type: 'done' });
    expect((await verify()).at(-1)).toMatchObject({ type: 'done' });
    other.stop();
    slow.closeAllConnections();
    slow.close();
  });

  test('the export of it says first that it does not hold all, if it does not', async () => {
    const sheetOf = async (query: string) => {
      const { body } = await auditor.call('get', `/trace.xlsx${query}`).responseType('blob').expect(200);
      return (await unzip(body as Buffer)).get('xl/worksheets/sheet1.xml')!.toString('utf8');
    };
    expect(await sheetOf('?actor=clerk')).not.toContain('本表只含');
    expect(await sheetOf('?actor=clerk&limit=2')).toContain('本表只含最前的 2 行，符合条件的不止这些');
    const [told] = await rows().find({ action: 'trace.export' }).sort({ seq: -1 }).limit(1).toArray();
    expect(told).toMatchObject({ details: { rows: 2, isCut: true } });
  });

  test('a node that leaves out records is named; too few nodes verify nothing', async () => {
    const liar = http.createServer((request, response) => {
      void (async () => {
        const answer = await fetch(new URL(request.url!, member.witnesses[3]!.rpcUrl));
        const body = (await answer.json()) as unknown;
        response.end(JSON.stringify(request.url!.startsWith('/v1/records') ? (body as unknown[]).slice(1) : body));
      })();
    });
    await new Promise<void>((done) => liar.listen(0, '127.0.0.1', done));
    const lies = `http://127.0.0.1:${(liar.address() as AddressInfo).port}`;
    const [own, second, third] = member.witnesses;
    const silent = { memberId: 'yz3', rpcUrl: 'http://127.0.0.1:9' };
    const other = new TestApi(member);
    await other.start({ witnesses: [own!, second!, silent, { memberId: 'yzp', rpcUrl: lies }] });
    const lines = await verify(await other.login('auditor'), other.url);
    const nodes = lines.find(({ type }) => type === 'nodes')!.nodes as { state: string }[];
    expect(nodes.map(({ state }) => state)).toEqual(['agrees', 'agrees', 'silent', 'differs']);
    expect(found(lines)).toEqual([]);
    other.stop();
    const alone = new TestApi(member);
    await alone.start({ witnesses: [third!, silent] });
    expect(await (await alone.login('auditor')).refusal('post', '/trace/verification')).toBe('quorum-missing');
    alone.stop();
    liar.closeAllConnections();
    liar.close();
  });

  test('each row has a proof that holds without believing the server, and fails at the step that was tampered with', async () => {
    const proof = await auditor.ok<TraceProof>('get', '/trace/5/proof');
    const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
    const check = (change: Partial<TraceProof> = {}) =>
      verifyTraceProof({ ...proof, ...change }, member.deps.trust, crypto);
    expect(proof.row).not.toHaveProperty('mac');
    expect(check()).toBeNull();
    expect(check({ row: { ...proof.row, requestId: 'other' } })).toMatchObject({ failed: 'row' });
    expect(check({ leaves: [...proof.leaves, proof.leaves[0]!] })).toMatchObject({ failed: 'batch' });
    expect(check({ manifest: { ...proof.manifest, head: '0'.repeat(64) } })).toMatchObject({ failed: 'record' });
    expect(check({ ledger: {} })).toMatchObject({ failed: 'ledger' });
    expect(await auditor.refusal('get', '/trace/99999/proof')).toBe('trace-entry-not-found');
  });
});
