import request from 'supertest';
import { createRoutes } from '../../../api/app.ts';
import { type Permission, Role } from '../../../domain/access.ts';
import { PASSWORD, PEOPLE, Person, TestApi } from '../../fixtures/api.ts';
import { TestMember } from '../../fixtures/member.ts';

const member = new TestMember('people');
const api = new TestApi(member);
beforeAll(async () => {
  await member.start();
  await api.start();
});
afterAll(async () => {
  api.stop();
  await member.stop();
});

/** Written out on purpose, apart from domain/access.ts: whoever changes what a role may do changes it here too. */
const ALLOWED: Record<Exclude<Permission, 'public' | 'session'>, Role[]> = {
  'batch:write': ['recordsClerk'],
  'batch:read': ['recordsClerk', 'medicalAffairs', 'systemAdmin'],
  'archive:read': ['doctor', 'departmentHead', 'recordsClerk', 'medicalAffairs'],
  'archive:view': ['doctor', 'departmentHead', 'recordsClerk', 'medicalAffairs'],
  'archive:content': ['recordsClerk', 'medicalAffairs'],
  'catalog:write': ['recordsClerk'],
  'correction:write': ['recordsClerk'],
  'correction:decide': ['medicalAffairs'],
  'front-page:write': ['recordsClerk'],
  'template:write': ['medicalAffairs'],
  'receipt:read': ['doctor', 'departmentHead', 'recordsClerk', 'medicalAffairs', 'auditor'],
  'status:read': ['recordsClerk', 'systemAdmin', 'securityAdmin', 'auditor'],
  'trace:read': ['auditor'],
  'erasure:write': ['medicalAffairs'],
  'erasure:decide': ['securityAdmin'],
  'workflow:read': ['recordsClerk', 'systemAdmin', 'auditor'],
  'workflow:write': ['recordsClerk', 'systemAdmin'],
  'workflow:decode': ['systemAdmin'],
  'account:read': ['systemAdmin', 'securityAdmin', 'auditor'],
  'account:write': ['systemAdmin'],
  'role:write': ['securityAdmin'],
  'loan:apply': ['doctor', 'departmentHead'],
  'loan:read': ['doctor', 'departmentHead', 'recordsClerk', 'medicalAffairs'],
  'loan:decide': ['doctor', 'departmentHead', 'recordsClerk', 'medicalAffairs'],
  'loan:manage': ['recordsClerk', 'medicalAffairs'],
  'loan-policy:write': ['medicalAffairs'],
  'hold:write': ['medicalAffairs'],
};
/** Everyone with a session; those in `PUBLIC` are open to all. */
const PUBLIC = ['GET /setup', 'POST /setup', 'POST /session', 'POST /activation', 'GET /trust'];
const EXAMPLES: Record<string, string> = {
  archiveId: 'ar_nothing',
  mergeId: 'mg_nothing',
  batchId: 'nothing',
  page: '1',
  place: '1.0',
  correction: '1',
  username: 'nobody',
  departmentId: 'dp_nothing',
  deputyId: 'de_nothing',
  sessionId: 'se_000000000000000000',
  loanId: 'ln_nothing',
  seq: '1',
  workflowId: 'loan:yz1:ln_nothing',
  year: '2026',
  jobId: 'jb_nothing',
  filterId: 'fi_nothing',
  rebuildId: 'rb_nothing',
  erasureId: 'er_nothing',
};
const fill = (path: string) =>
  path.replace(/\{(\w+)\}/g, (_all, name: string) => {
    if (EXAMPLES[name] === undefined) throw new Error(`no example of ${name}`);
    return EXAMPLES[name];
  });
const routes = () =>
  createRoutes(api.deps).map(({ method, path, permission }) => ({
    method,
    path,
    permission,
    name: `${method.toUpperCase()} ${path}`,
  }));

test('every permission is in the table, and the public routes are these', () => {
  const used = new Set(routes().map(({ permission }) => permission));
  for (const permission of used)
    if (permission !== 'public' && permission !== 'session') expect(ALLOWED).toHaveProperty([permission]);
  const open = routes().filter(({ permission }) => permission === 'public');
  expect(open.map(({ name }) => name).sort()).toEqual([...PUBLIC].sort());
});

test('every route that is not public asks for a login', async () => {
  for (const { method, path, permission, name } of routes()) {
    if (permission === 'public') continue;
    const { status, body } = await request(api.url)
      [method](`/api/v1${fill(path)}`)
      .send({});
    expect([name, status, (body as { code: string }).code]).toEqual([name, 401, 'login-required']);
  }
});

test.each(Object.values(Role))('%s gets just the routes of the role', async (role) => {
  const person = await api.login(PEOPLE[role]);
  const got: [string, boolean][] = [];
  const expected: [string, boolean][] = [];
  for (const { method, path, permission, name } of routes()) {
    if (permission === 'public' || permission === 'session') continue;
    const { body } = await person.call(method, fill(path), method === 'get' ? undefined : {});
    got.push([name, (body as { code?: string }).code !== 'permission-denied']);
    expected.push([name, ALLOWED[permission].includes(role)]);
  }
  expect(got).toEqual(expected);
});

test('someone without a role gets none of them', async () => {
  await member.store.models.User.create({ username: 'noroles', displayName: 'x', roles: [] });
  const { passwordHash } = (await member.store.models.User.findOne({ username: 'doctor' }).lean())!;
  await member.store.models.User.updateOne({ username: 'noroles' }, { $set: { passwordHash } });
  const person = await api.login('noroles');
  for (const { method, path, permission, name } of routes()) {
    if (permission === 'public' || permission === 'session') continue;
    expect([name, await person.refusal(method, fill(path), method === 'get' ? undefined : {})]).toEqual([
      name,
      'permission-denied',
    ]);
  }
});

test('a system gets just the permissions of its app, and nothing of a person’s', async () => {
  const { ApiClient } = await import('../../../ops/ingest/client.ts');
  const client = new ApiClient(api.url, { appId: 'scanner', algorithm: 'hmac-sha256', key: api.scannerSecret });
  const app = (await member.store.models.App.findOne({ appId: 'scanner' }).lean())!;
  for (const { method, path, permission, name } of routes()) {
    if (permission === 'public' || (method !== 'get' && method !== 'post')) continue;
    const call = client.call(
      method === 'get' ? 'GET' : 'POST',
      `/api/v1${fill(path)}`,
      method === 'get' ? undefined : {},
    );
    const code = await call.then(
      () => null,
      (error: { code?: string }) => error.code,
    );
    expect([name, code !== 'permission-denied']).toEqual([name, app.permissions.includes(permission)]);
  }
});

test('the refusal leaves a trace', async () => {
  const person = new Person(api.url, 'doctor');
  await person.login(PASSWORD);
  await person.call('get', '/trace').expect(403);
  const last = await member.store.models.TraceEntry.findOne({ result: 'denied' }).sort({ seq: -1 }).lean();
  expect(last).toMatchObject({ actor: { id: 'doctor' }, action: 'trace.read', details: { code: 'permission-denied' } });
});
