import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TOTP, URI } from 'otpauth';
import request from 'supertest';
import { offerSetup } from '../../../api/setup/routes.ts';
import { sm3 } from '../../../platform/crypto/index.ts';
import type { TraceEntry } from '../../../platform/store/index.ts';
import { PASSWORD, Person, TestApi } from '../../fixtures/api.ts';
import { TestMember } from '../../fixtures/member.ts';

const member = new TestMember('people');
const api = new TestApi(member);
const NEXT = 'another long enough one';
beforeAll(async () => {
  await member.start();
  await api.start();
});
afterAll(async () => {
  api.stop();
  await member.stop();
});

interface Account {
  username: string;
  roles: string[];
  revision: number;
  state: string;
}
const actionsOf = async (id: string) =>
  (await member.store.models.TraceEntry.find({ 'object.id': id }).sort({ seq: 1 }).lean<TraceEntry[]>()).map(
    ({ actor, action, result }) => `${actor.id}: ${action}${action === 'request' ? ` ${result}` : ''}`,
  );

describe('an account, from its making to its end', () => {
  test('systemAdmin makes it, the person chooses a password, securityAdmin gives roles; none does another’s part', async () => {
    const [sys, sec] = [await api.login('sysadmin'), await api.login('secadmin')];
    const { departmentId } = await sys.ok<{ departmentId: string }>('post', '/departments', { name: '眼科' });
    const profile = { displayName: '王眼科', departmentId, employment: 'staff', relatedPatientNos: ['YZ1000001'] };
    expect(await sec.refusal('post', '/users', { username: 'wang', ...profile })).toBe('permission-denied');
    const made = await sys.ok<Account>('post', '/users', { username: 'wang', ...profile });
    expect(made).toMatchObject({ roles: [], state: 'invited', department: { name: '眼科' } });
    expect(await sys.refusal('post', '/users', { username: 'wang', ...profile })).toBe('username-taken');
    expect(await sys.refusal('post', '/users', { username: 'lost', ...profile, departmentId: 'dp_x' })).toBe(
      'department-not-found',
    );
    expect(await sec.refusal('post', '/users/wang/activation', {})).toBe('permission-denied');
    const { code: stale } = await sys.ok<{ code: string }>('post', '/users/wang/activation');
    const { code } = await sys.ok<{ code: string }>('post', '/users/wang/activation');
    const activate = async (given: string, password: string) =>
      (
        (await request(api.url).post('/api/v1/activation').send({ username: 'wang', code: given, password })).body as {
          code?: string;
        }
      ).code;
    expect(await activate(stale, NEXT)).toBe('activation-invalid');
    expect(await activate(code, 'short')).toBe('password-weak');
    expect(await activate(code, 'wang wang wang')).toBe('password-weak');
    expect(await activate(code, NEXT)).toBeUndefined();
    expect(await activate(code, NEXT)).toBe('activation-invalid');

    const person = new Person(api.url, 'wang');
    expect((await person.login(NEXT)).body).toMatchObject({ user: { permissions: [] } });
    const roles = { roles: ['doctor'], reason: '新入职' };
    expect(await sys.refusal('put', '/users/wang/roles', roles)).toBe('permission-denied');
    expect(await sec.refusal('put', '/users/wang/roles', roles)).toBe('if-match-required');
    expect(await sec.refusal('put', '/users/wang/roles', roles, { 'If-Match': '"9"' })).toBe('revision-changed');
    await sec.ok('put', '/users/wang/roles', roles, { 'If-Match': `"${made.revision}"` });
    expect(await person.refusal('get', '/archives')).toBeNull();
    expect(await actionsOf('wang')).toEqual([
      'sysadmin: user.create',
      'sysadmin: user.create',
      'secadmin: request denied',
      'sysadmin: user.activation',
      'sysadmin: user.activation',
      'wang: account.activate',
      'wang: account.activate',
      'wang: account.activate',
      'wang: account.activate',
      'wang: account.activate',
      'wang: session.login',
      'sysadmin: request denied',
      'secadmin: user.roles',
      'secadmin: user.roles',
    ]);
  });

  test('disabled, its open session ends at once', async () => {
    const [sys, person] = [await api.login('sysadmin'), new Person(api.url, 'wang')];
    await person.login(NEXT);
    const { revision } = await sys.ok<Account>('get', '/users/wang');
    await sys.ok('post', '/users/wang/disable', { reason: '离职' }, { 'If-Match': `${revision}` });
    expect(await person.refusal('get', '/archives')).toBe('login-required');
    expect((await person.login(NEXT)).body).toMatchObject({ code: 'credentials-invalid' });
    await sys.ok('post', '/users/wang/enable', { reason: '返聘' }, { 'If-Match': `${revision + 1}` });
    expect((await person.login(NEXT)).status).toBe(200);
  });

  test.each([[['systemAdmin', 'auditor']], [['securityAdmin', 'doctor']], [['auditor', 'recordsClerk']]])(
    '三员分立: %j is refused',
    async (roles) => {
      const sec = await api.login('secadmin');
      const { revision } = await sec.ok<Account>('get', '/users/wang');
      const call = sec.call('put', '/users/wang/roles', { roles, reason: 'x' }, { 'If-Match': `${revision}` });
      expect((await call).body).toMatchObject({ code: 'duties-not-separated', status: 422 });
    },
  );

  test('the last of each kind of administrator stays, and nobody works on the own account', async () => {
    const [sys, sec] = [await api.login('sysadmin'), await api.login('secadmin')];
    const { revision } = await sec.ok<Account>('get', '/users/auditor');
    const headers = { 'If-Match': `${revision}` };
    expect(await sec.refusal('put', '/users/auditor/roles', { roles: [], reason: 'x' }, headers)).toBe(
      'last-administrator',
    );
    expect(await sys.refusal('post', '/users/auditor/disable', { reason: 'x' }, headers)).toBe('last-administrator');
    expect(await sys.refusal('post', '/users/sysadmin/disable', { reason: 'x' }, headers)).toBe('own-account');
    expect(await sys.refusal('post', '/users/sysadmin/activation')).toBe('own-account');
    expect(await sec.refusal('put', '/users/secadmin/roles', { roles: [], reason: 'x' }, headers)).toBe('own-account');
    expect(await sec.refusal('post', '/users/secadmin/totp-reset', { reason: 'x' })).toBe('own-account');
    expect(await sys.refusal('get', '/users/nobody')).toBe('user-not-found');
  });

  test('departments: a name is taken once; a closed one takes nobody', async () => {
    const sys = await api.login('sysadmin');
    const made = await sys.ok<{ departmentId: string }>('post', '/departments', { name: '口腔科' });
    expect(await sys.refusal('post', '/departments', { name: '口腔科' })).toBe('department-taken');
    await sys.ok('put', `/departments/${made.departmentId}`, { name: '口腔医学科', disabled: true });
    const profile = { displayName: '甲', departmentId: made.departmentId };
    expect(await sys.refusal('post', '/users', { username: 'tooth', ...profile })).toBe('department-not-found');
    expect(await sys.refusal('put', '/departments/dp_none', { name: 'x', disabled: false })).toBe(
      'department-not-found',
    );
  });
});

describe('logging in', () => {
  test('five wrong passwords lock the account; many at once get no more tries', async () => {
    const attempt = async (name: string, password = 'wrong') =>
      ((await new Person(api.url, name).login(password)).body as { code?: string }).code;
    expect(await attempt('nobody')).toBe('credentials-invalid');
    const codes = await Promise.all(Array.from({ length: 12 }, () => attempt('clerk2')));
    expect(codes.filter((code) => code === 'credentials-invalid')).toHaveLength(5);
    expect(codes.filter((code) => code === 'account-locked')).toHaveLength(7);
    expect(await attempt('clerk2', PASSWORD)).toBe('account-locked');
    const past = new Date(Date.now() - 1);
    await member.store.models.User.updateOne({ username: 'clerk2' }, { $set: { lockedUntil: past } });
    expect(await attempt('clerk2', PASSWORD)).toBeUndefined();
    expect(await member.store.models.User.findOne({ username: 'clerk2' }).lean()).toMatchObject({ failedLogins: 0 });
  });

  test('a second factor: set up, asked for, each code taken once, removed', async () => {
    const person = await api.login('head');
    expect(await person.refusal('post', '/account/totp', { password: 'wrong' })).toBe('credentials-invalid');
    expect(await person.refusal('post', '/account/totp/confirm', { code: '000000' })).toBe('totp-absent');
    const { uri } = await person.ok<{ uri: string }>('post', '/account/totp', { password: PASSWORD });
    const totp = URI.parse(uri) as TOTP;
    const now = Date.now();
    const codeOf = (steps: number) => totp.generate({ timestamp: now + steps * 30_000 });
    const wrong = codeOf(0) === '000000' ? '000001' : '000000';
    expect(await person.refusal('post', '/account/totp/confirm', { code: wrong })).toBe('totp-invalid');
    await person.call('post', '/account/totp/confirm', { code: codeOf(-1) }).expect(204);
    expect(await person.refusal('post', '/account/totp', { password: PASSWORD })).toBe('totp-present');
    const again = new Person(api.url, 'head');
    const login = async (code?: string) => ((await again.login(PASSWORD, code)).body as { code?: string }).code;
    expect(await login()).toBe('totp-required');
    expect(await login(wrong)).toBe('totp-invalid');
    expect(await login(codeOf(-1))).toBe('totp-invalid');
    expect(await login(codeOf(0))).toBeUndefined();
    // The trace says by what each session of the person was opened; of a try that failed it says nothing.
    const proofs = await member.store.models.TraceEntry.find({ 'actor.id': 'head', action: 'session.login' })
      .sort({ seq: -1 })
      .limit(3)
      .lean<TraceEntry[]>();
    expect(proofs.map(({ result, actor }) => [result, actor.proof?.kind])).toEqual([
      ['allowed', 'totp'],
      ['denied', undefined],
      ['denied', undefined],
    ]);
    await again.ok('get', '/account');
    const [last] = await member.store.models.TraceEntry.find({ 'actor.id': 'head' })
      .sort({ seq: -1 })
      .limit(1)
      .lean<TraceEntry[]>();
    expect(last!.actor.proof).toEqual(proofs[0]!.actor.proof);
    expect(await again.refusal('post', '/account/totp/remove', { password: PASSWORD, code: codeOf(0) })).toBe(
      'totp-invalid',
    );
    await again.call('post', '/account/totp/remove', { password: PASSWORD, code: codeOf(1) }).expect(204);
    expect(await login()).toBeUndefined();
  });

  test('a lost second factor is removed by securityAdmin, who cannot log in with it', async () => {
    const [sec, person] = [await api.login('secadmin'), await api.login('head')];
    const { uri } = await person.ok<{ uri: string }>('post', '/account/totp', { password: PASSWORD });
    const code = (URI.parse(uri) as TOTP).generate();
    await person.call('post', '/account/totp/confirm', { code }).expect(204);
    await sec.call('post', '/users/head/totp-reset', { reason: '手机遗失' }).expect(204);
    expect(await person.refusal('get', '/account')).toBe('login-required');
    expect((await person.login()).status).toBe(200);
  });

  test('a change of the password ends the other sessions', async () => {
    const [here, there] = [await api.login('medical'), await api.login('medical')];
    expect(await here.refusal('post', '/account/password', { current: 'wrong', next: NEXT })).toBe(
      'credentials-invalid',
    );
    expect(await here.refusal('post', '/account/password', { current: PASSWORD, next: 'aaaaaaaaaaaaaaaa' })).toBe(
      'password-weak',
    );
    await here.call('post', '/account/password', { current: PASSWORD, next: NEXT }).expect(204);
    expect(await here.refusal('get', '/account')).toBeNull();
    expect(await there.refusal('get', '/account')).toBe('login-required');
    await here.call('post', '/account/password', { current: NEXT, next: PASSWORD }).expect(204);
  });

  test('sessions are listed, and one is ended', async () => {
    const [here, there] = [await api.login('clerk'), await api.login('clerk')];
    const { items } = await here.ok<{ items: { sessionId: string; isThis: boolean; address: string }[] }>(
      'get',
      '/account/sessions',
    );
    expect(items.filter(({ isThis }) => isThis)).toHaveLength(1);
    expect(items[0]!.address).toContain('127.0.0.1');
    for (const { sessionId, isThis } of items)
      if (!isThis) await here.call('delete', `/account/sessions/${sessionId}`).expect(204);
    expect(await there.refusal('get', '/account')).toBe('login-required');
    expect(await here.refusal('delete', '/account/sessions/se_000000000000000000')).toBe('session-not-found');
    const other = await api.login('doctor');
    const mine = items.find(({ isThis }) => isThis)!.sessionId;
    expect(await other.refusal('delete', `/account/sessions/${mine}`)).toBe('session-not-found');
  });

  test('a session ends when nobody uses it, however much the page asks by itself; and at last in any case', async () => {
    const person = await api.login('auditor');
    const { Session } = member.store.models;
    const old = new Date(Date.now() - 10 * 60_000);
    const soon = new Date(Date.now() + 60_000);
    const set = (fields: object) => Session.updateMany({ username: 'auditor' }, { $set: fields });
    const expiry = async () => (await Session.findOne({ username: 'auditor' }).lean())!.expiresAt.getTime();
    await set({ lastSeenAt: old, expiresAt: soon });
    await person.call('get', '/account', undefined, { 'X-Background': '1' }).expect(200);
    expect(await expiry()).toBe(soon.getTime());
    await person.call('get', '/account').expect(200);
    expect(await expiry()).toBeGreaterThan(soon.getTime());
    const created = new Date(Date.now() - 12 * 3_600_000 + 60_000);
    await set({ createdAt: created, lastSeenAt: old });
    await person.call('get', '/account').expect(200);
    expect(await expiry()).toBe(created.getTime() + 12 * 3_600_000);
    await set({ expiresAt: new Date(Date.now() - 1) });
    expect(await person.refusal('get', '/account')).toBe('login-required');
  });
});

describe('deputies', () => {
  const day = (n: number) => new Date(Date.now() + n * 86_400_000).toISOString();
  const term = { deputy: 'clerk2', from: day(-0.01), to: day(3), reason: '外出学习' };

  test('a person names one, who sees it; it is ended', async () => {
    const [clerk, clerk2] = [await api.login('clerk'), await api.login('clerk2')];
    const made = await clerk.ok<{ deputyId: string; state: string }>('post', '/account/deputies', term);
    expect(made.state).toBe('acting');
    expect(await clerk2.ok('get', '/account/deputies')).toMatchObject({
      items: [{ principal: { username: 'clerk' } }],
    });
    expect(await clerk2.refusal('delete', `/account/deputies/${made.deputyId}`)).toBe('deputy-not-found');
    await clerk.call('delete', `/account/deputies/${made.deputyId}`).expect(204);
    expect(await clerk.ok('get', '/account/deputies')).toMatchObject({ items: [{ state: 'ended' }] });
  });

  test('securityAdmin names one for someone who is away, and ends it', async () => {
    const sec = await api.login('secadmin');
    const made = await sec.ok<{ deputyId: string }>('post', '/deputies', { ...term, principal: 'medical' });
    expect((await sec.ok<{ items: unknown[] }>('get', '/deputies')).items.length).toBeGreaterThan(0);
    await sec.call('delete', `/deputies/${made.deputyId}`).expect(204);
    expect(await sec.refusal('delete', '/deputies/de_none')).toBe('deputy-not-found');
  });

  test.each<[string, object, string]>([
    ['oneself', { deputy: 'clerk' }, 'self'],
    ['an end before the beginning', { from: day(2), to: day(1) }, 'period'],
    ['half a year', { to: day(180) }, 'period'],
    ['what is over', { from: day(-2), to: day(-1) }, 'past'],
    ['an administrator', { deputy: 'auditor' }, 'administrator'],
  ])('refused: %s', async (_name, change, reason) => {
    const clerk = await api.login('clerk');
    const { body } = await clerk.call('post', '/account/deputies', { ...term, ...change }).expect(422);
    expect(body).toMatchObject({ code: 'deputy-invalid', data: { reason } });
  });

  test('refused: nobody', async () => {
    const clerk = await api.login('clerk');
    expect(await clerk.refusal('post', '/account/deputies', { ...term, deputy: 'nobody' })).toBe('user-not-found');
    const { items } = await clerk.ok<{ items: { username: string }[] }>('get', '/directory');
    expect(items.map(({ username }) => username)).not.toContain('auditor');
  });
});

describe('Idempotency-Key', () => {
  const key = (value: string) => ({ 'Idempotency-Key': value });

  test('the same key is the same answer; with another body it is refused', async () => {
    const sys = await api.login('sysadmin');
    const first = await sys.call('post', '/departments', { name: '甲科' }, key('key-number-1')).expect(201);
    const again = await sys.call('post', '/departments', { name: '甲科' }, key('key-number-1')).expect(201);
    expect(again.body).toEqual(first.body);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(await sys.refusal('post', '/departments', { name: '乙科' }, key('key-number-1'))).toBe(
      'idempotency-mismatch',
    );
    expect(await sys.refusal('post', '/departments', { name: '乙科' }, key('short'))).toBe('idempotency-key-invalid');
    // From what is kept nobody finds out by trying what was sent.
    const kept = JSON.stringify(await member.store.models.IdempotentCall.find().lean());
    for (const text of ['key-number-1', sm3(Buffer.from(JSON.stringify({ name: '甲科' }))).toString('hex')])
      expect(kept).not.toContain(text);
  });

  test('at once: one is done, the others are told to wait or get its answer', async () => {
    const sys = await api.login('sysadmin');
    const tries = Array.from({ length: 5 }, () =>
      sys.call('post', '/departments', { name: '丙科' }, key('key-number-2')),
    );
    const statuses = (await Promise.all(tries)).map(({ status }) => status);
    expect(statuses).toContain(201);
    expect(statuses.every((status) => status === 201 || status === 409)).toBe(true);
    expect(await member.store.models.Department.countDocuments({ name: '丙科' })).toBe(1);
  });

  test('what was refused may be tried again; what broke off too; secrets are not kept', async () => {
    const sys = await api.login('sysadmin');
    expect(await sys.refusal('post', '/departments', { name: '丙科' }, key('key-number-3'))).toBe('department-taken');
    await member.store.models.Department.deleteOne({ name: '丙科' });
    await sys.call('post', '/departments', { name: '丙科' }, key('key-number-3')).expect(201);
    const calls = member.store.models.IdempotentCall;
    await calls.updateMany({}, { $set: { state: 'running', startedAt: new Date() } });
    expect(await sys.refusal('post', '/departments', { name: '丙科' }, key('key-number-3'))).toBe(
      'idempotency-in-flight',
    );
    await calls.updateMany({}, { $set: { startedAt: new Date(Date.now() - 120_000) } });
    expect(await sys.refusal('post', '/departments', { name: '丙科' }, key('key-number-3'))).toBe('department-taken');
    await sys.call('post', '/users/wang/activation', {}, key('key-number-4')).expect(200);
    expect(JSON.stringify(await calls.find().lean())).not.toContain('expiresAt\\":');
  });
});

describe('first start in production', () => {
  const production = new TestApi(member);
  const post = (body: object) => request(production.url).post('/api/v1/setup').send(body);
  const people = {
    systemAdmin: { username: 'xitong', displayName: '系统' },
    securityAdmin: { username: 'anquan', displayName: '安全' },
    auditor: { username: 'shenji', displayName: '审计' },
  };
  let home: string;
  beforeAll(async () => {
    home = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-setup-'));
    await member.store.models.User.deleteMany({});
    await production.start({ environment: 'production', home });
  });
  afterAll(() => {
    production.stop();
    rmSync(home, { recursive: true, force: true });
  });

  test('nobody has an account; the code in the file makes the three administrators, once', async () => {
    const file = (await offerSetup(member.store, home))!;
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const code = readFileSync(file, 'utf8');
    expect((await post({ code: 'wrong', ...people })).body).toMatchObject({ code: 'setup-invalid' });
    const same = { ...people, auditor: people.systemAdmin };
    expect((await post({ code, ...same })).body).toMatchObject({ code: 'duties-not-separated' });
    const { body } = await post({ code, ...people }).expect(201);
    expect((await post({ code, ...people })).body).toMatchObject({ code: 'setup-closed' });
    expect(existsSync(file)).toBe(false);
    expect(await offerSetup(member.store, home)).toBeNull();
    const codes = body as Record<string, string>;
    await request(production.url)
      .post('/api/v1/activation')
      .send({ username: 'anquan', code: codes.securityAdmin, password: NEXT })
      .expect(204);

    const security = new Person(production.url, 'anquan');
    expect((await security.login(NEXT)).body).toMatchObject({ mustEnrolTotp: true, user: { permissions: [] } });
    expect(await security.refusal('get', '/users')).toBe('totp-enrolment-required');
    const { uri } = await security.ok<{ uri: string }>('post', '/account/totp', { password: NEXT });
    const totp = URI.parse(uri) as TOTP;
    await security.call('post', '/account/totp/confirm', { code: totp.generate() }).expect(204);
    expect(await security.refusal('get', '/users')).toBeNull();
  });
});
