import { createRoutes } from '../../../api/app.ts';
import { openApi } from '../../../api/openapi.ts';
import { type Permission, Role, ROLE_PERMISSIONS } from '../../../domain/access.ts';
import type { LoanRow } from '../../../platform/store/index.ts';
import { loanWorkflowId } from '../../../workflows/shared.ts';
import { PEOPLE, type Person, TestApi } from '../../fixtures/api.ts';
import { committed, frontPage, startArchiving } from '../../fixtures/archiving.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';

const member = new TestMember('idor');
const api = new TestApi(member);

/** Something of another department: its id, one of its kind that is not there, and which roles may know of it. */
interface Thing {
  theirs: string;
  none: string;
  refusal: string;
  seenBy: Role[];
}
const MANAGERS: Role[] = ['recordsClerk', 'medicalAffairs'];
const LN = 'ln_00000000000000000000000000';
/** By the name of the parameter or the field, wherever it comes up in the api. Filled in when the world stands. */
const THINGS: Record<string, Thing> = {
  loanId: { theirs: '', none: LN, refusal: 'loan-not-found', seenBy: MANAGERS },
  loanIds: { theirs: '', none: LN, refusal: 'loan-not-found', seenBy: MANAGERS },
  applicationId: { theirs: '', none: 'la_none', refusal: 'loan-not-found', seenBy: MANAGERS },
  jobId: { theirs: 'jb_theirs', none: 'jb_none', refusal: 'job-not-found', seenBy: [] },
  filterId: { theirs: 'fi_theirs', none: 'fi_none', refusal: 'filter-not-found', seenBy: [] },
  noticeIds: { theirs: 'no_theirs', none: 'no_none', refusal: 'notice-not-found', seenBy: [] },
  deputyId: { theirs: 'de_theirs', none: 'de_none', refusal: 'deputy-not-found', seenBy: [] },
  sessionId: { theirs: '', none: 'se_000000000000000000', refusal: 'session-not-found', seenBy: [] },
};
/** Ids by which nothing of a person is told: whoever has the route's permission may know of all of them. */
const OPEN: Record<string, string> = {
  archiveId: 'the catalogue is open to who may borrow; its pages are swept below',
  batchId: 'of the records room',
  rebuildId: 'of the records room',
  scannerId: 'of the records room',
  departmentId: 'departments are known to all; of loans, only the rows that one may know of are looked through',
  username: 'who works here is known to all',
  place: 'of the archive in the path',
  page: 'a number',
  correction: 'of the archive in the path',
  mergeId: 'of numbers of patients, which are known as the archives are',
  seq: 'a number',
  year: 'a number',
  taskId: 'of the loan in the path',
  workflowId: 'workflow:read and workflow:write are for all of them',
  patientId: 'trace:read is for all of it',
  requestId: 'trace:read is for all of it',
  erasureId: 'erasure:decide is for all of them; the number is asked for besides',
};
/** Who holds one of these may know of all that its routes show. */
const WHOLE: Permission[] = [
  'trace:read',
  'workflow:read',
  'workflow:write',
  'workflow:decode',
  'role:write',
  'account:read',
  'account:write',
  'loan:manage',
];
/** Text that the schemas' patterns take, by the name of the field. */
const TEXTS: Record<string, string> = {
  archiveId: 'ar_idor',
  taskId: 't1',
  page: '1',
  correction: '1',
  mergeId: 'mg_none',
  seq: '1',
  place: '1.1',
  year: '2026',
  username: 'doctor',
  deputy: 'head',
  departmentId: 'dp_none',
  rebuildId: 'rb_none',
  erasureId: 'er_none',
  batchId: '00000000-0000-4000-8000-000000000000',
};

type Schema = Record<string, unknown> & {
  properties?: Record<string, Schema>;
  items?: Schema;
  required?: string[];
  oneOf?: Schema[];
  anyOf?: Schema[];
};
const branchOf = (schema: Schema) => schema.oneOf?.[0] ?? schema.anyOf?.[0] ?? schema;

/** The least that a schema takes. */
function sampleOf(given: Schema, name = ''): unknown {
  const schema = branchOf(given);
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if (schema.type === 'object')
    return Object.fromEntries(
      (schema.required ?? []).map((field) => [field, sampleOf(schema.properties![field]!, field)]),
    );
  if (schema.type === 'array')
    return Array.from({ length: Number(schema.minItems ?? 0) }, () => sampleOf(schema.items!, name));
  if (schema.type === 'integer' || schema.type === 'number') return Math.max(1, Number(schema.minimum ?? 1));
  if (schema.type === 'boolean') return false;
  return TEXTS[name] ?? 'x';
}

type Path = (string | 0)[];
const isId = (name: string) => /(Id|Ids)$/.test(name);
/** Where ids come up in what a schema takes. */
function idsIn(given: Schema | undefined, path: Path = []): Path[] {
  if (given === undefined) return [];
  const branches = given.oneOf ?? given.anyOf ?? [given];
  return branches.flatMap((schema) => [
    ...Object.entries(schema.properties ?? {}).flatMap(([name, one]) =>
      isId(name) ? [[...path, name]] : idsIn(one, [...path, name]),
    ),
    ...(schema.items === undefined ? [] : idsIn(schema.items, [...path, 0])),
  ]);
}
function schemaAt(schema: Schema, path: Path): Schema {
  const [first, ...rest] = path;
  if (first === undefined) return schema;
  const inside = branchOf(schema);
  return schemaAt(first === 0 ? inside.items! : inside.properties![first]!, rest);
}
function put(target: Record<string | number, unknown>, path: Path, schema: Schema, value: string): void {
  const [first, ...rest] = path as [string, ...Path];
  const of = schemaAt(schema, [first]);
  if (rest.length === 0) target[first] = of.type === 'array' ? [value] : value;
  else {
    const inside = (target[first] ??= sampleOf(of, first)) as Record<string | number, unknown>;
    put(inside, rest, of, value);
  }
}

interface Place {
  name: string;
  method: 'get' | 'post' | 'put' | 'delete';
  permission: Permission;
  /** Name of the id. */
  field: string;
  call(id: string): { target: string; body: object | undefined };
}
type Operation = {
  parameters: { name: string; in: 'path' | 'query'; schema: Schema }[];
  requestBody?: { content: { 'application/json': { schema: Schema } } };
};

/** Every id that any route takes: in its path, its query or its body. */
function places(): Place[] {
  const routes = createRoutes(api.deps);
  const paths = openApi(routes).paths as Record<string, Record<string, Operation>>;
  return routes.flatMap(({ method, path, permission }): Place[] => {
    const { parameters, requestBody } = paths[path]![method]!;
    const schema = requestBody?.content['application/json'].schema;
    const fill = (field?: string, id?: string) =>
      path.replace(/\{(\w+)\}/g, (_all, name: string) =>
        name === field ? id! : (THINGS[name]?.theirs ?? TEXTS[name] ?? 'x'),
      );
    const body = () => (schema === undefined ? undefined : (sampleOf(schema) as object));
    const place = (where: string, field: string, call: Place['call']): Place => ({
      name: `${method.toUpperCase()} ${path} ${where}`,
      method,
      permission,
      field,
      call,
    });
    return [
      ...parameters
        .filter((one) => one.in === 'path')
        .map(({ name }) => place(`path.${name}`, name, (id) => ({ target: fill(name, id), body: body() }))),
      ...parameters
        .filter((one) => one.in === 'query' && isId(one.name))
        .map(({ name }) => place(`query.${name}`, name, (id) => ({ target: `${fill()}?${name}=${id}`, body: body() }))),
      ...idsIn(schema).map((at) =>
        place(`body.${at.join('.')}`, at.at(-1) as string, (id) => {
          const made = body() as Record<string, unknown>;
          put(made, at, schema!, id);
          return { target: fill(), body: made };
        }),
      ),
    ];
  });
}

const people = {} as Record<Role, Person>;
let owner: Person;
const archives = { lent: 'ar_idor', unlent: 'ar_unlent' };

beforeAll(async () => {
  await member.start();
  await api.start();
  const { Archive, BulkJob, Deputy, Department, Loan, LoanEvent, Notice, SavedFilter, Session, User } =
    member.store.models;
  const batchId = await committed(member, archives.lent, [await frontPage(1)]);
  await (await startArchiving(member, archives.lent, batchId)).result();
  const now = new Date();
  const lent = (await Archive.findOne({ archiveId: archives.lent }).select('-_id').lean())!;
  await Archive.create({ ...lent, archiveId: archives.unlent, patientNo: 'unlent' });

  await Department.create({ departmentId: 'dp_theirs', name: '骨科', createdAt: now });
  const { passwordHash } = (await User.findOne({ username: 'doctor' }).lean())!;
  await User.create({
    username: 'surgeon',
    displayName: '钟',
    departmentId: 'dp_theirs',
    roles: ['doctor'],
    passwordHash,
  });
  owner = await api.login('surgeon');
  // None of them is of the department whose things are asked for.
  for (const role of Object.values(Role)) people[role] = await api.login(PEOPLE[role]);

  const { applicationId, results } = await owner.ok<{ applicationId: string; results: { loanId: string }[] }>(
    'post',
    '/loans',
    { purpose: 'treatment', reason: 'x', days: 3, rights: ['view'], archives: [{ archiveId: archives.lent }] },
  );
  const loanId = results[0]!.loanId;
  await people.recordsClerk.ok('post', `/loans/${loanId}/approve`, { taskId: 't1' });
  await owner.ok('post', `/loans/${loanId}/start`);
  await until(async () => (await LoanEvent.exists({ loanId, seq: 1, attestation: { $exists: true } })) !== null);
  expect((await Loan.findOne({ loanId }).lean<LoanRow>())!.departmentId).toBe('dp_theirs');

  THINGS.loanId!.theirs = THINGS.loanIds!.theirs = loanId;
  THINGS.applicationId!.theirs = applicationId;
  THINGS.sessionId!.theirs = (await Session.findOne({ username: 'surgeon' }).lean())!.sessionId;
  const counts = { total: 1, done: 1, failed: 0, state: 'done' as const, createdAt: now };
  await BulkJob.create({ jobId: 'jb_theirs', by: 'surgeon', act: { act: 'return' }, ...counts });
  await SavedFilter.create({
    filterId: 'fi_theirs',
    username: 'surgeon',
    page: 'loans',
    name: 'x',
    query: {},
    createdAt: now,
  });
  await Notice.create({
    noticeId: 'no_theirs',
    username: 'surgeon',
    kind: 'approved',
    loanId,
    data: {},
    at: now,
    deliveries: [],
  });
  const to = new Date(now.getTime() + 86_400_000);
  await Deputy.create({
    deputyId: 'de_theirs',
    principal: 'surgeon',
    deputy: 'clerk2',
    from: now,
    to,
    reason: 'x',
    createdBy: 'surgeon',
    createdAt: now,
  });
});
afterAll(async () => {
  api.stop();
  await member.stop();
});

const permits = (role: Role, permission: Permission) =>
  permission === 'session' || ROLE_PERMISSIONS[role].includes(permission);
const isSeen = (role: Role, { permission, field }: Place) =>
  WHOLE.includes(permission) || THINGS[field]!.seenBy.includes(role);

test('every id that a route takes is a thing that is swept, or one that is open, with the reason', () => {
  const missing = places().filter(({ field }) => !(field in THINGS) && !(field in OPEN));
  expect(missing.map(({ name }) => name)).toEqual([]);
  // Nothing is listed that no route takes any more.
  const taken = new Set(places().map(({ field }) => field));
  expect(Object.keys(THINGS).filter((field) => !taken.has(field))).toEqual([]);
});

/** An answer without what differs from call to call. */
async function asked(person: Person, { method, call }: Place, id: string) {
  const { target, body } = call(id);
  const { status, body: answer } = await person.call(method, target, body);
  const { traceId: _trace, ...rest } = answer as Record<string, unknown>;
  return { status, code: rest.code, text: JSON.stringify(rest).replaceAll(id, 'ID') };
}

test.each(Object.values(Role))(
  '%s learns nothing of what is another’s: it is as if it were not there',
  async (role) => {
    const person = people[role];
    for (const place of places()) {
      const thing = THINGS[place.field];
      if (thing === undefined || place.permission === 'public') continue;
      const isPermitted = permits(role, place.permission);
      if (isPermitted && isSeen(role, place)) continue;
      const theirs = await asked(person, place, thing.theirs);
      if (!isPermitted)
        expect([place.name, theirs.status, theirs.code]).toEqual([place.name, 403, 'permission-denied']);
      // A sample that the schema does not take would prove nothing.
      else expect([place.name, theirs.code]).not.toEqual([place.name, 'request-invalid']);
      if (isPermitted && / path\./.test(place.name))
        expect([place.name, theirs.status, theirs.code]).toEqual([place.name, 404, thing.refusal]);
      expect([place.name, theirs]).toEqual([place.name, await asked(person, place, thing.none)]);
    }
    // Nor did a try leave a trace that reads as if it had been let. The clerk's approval was before.
    const left = await member.store.models.TraceEntry.find({
      'actor.id': person.username,
      loanId: THINGS.loanId!.theirs,
      result: 'allowed',
    }).lean();
    expect(left.filter(({ action }) => action !== 'loan.approve')).toEqual([]);
  },
);

test('who may know of it is answered, so that the sweep asks for what is there', async () => {
  for (const place of places()) {
    const thing = THINGS[place.field];
    if (thing === undefined || place.method !== 'get') continue;
    const knowing = Object.values(Role).filter((role) => permits(role, place.permission) && isSeen(role, place));
    const isOwn = place.permission === 'loan:read' || place.permission === 'session';
    for (const person of [...knowing.map((role) => people[role]), ...(isOwn ? [owner] : [])]) {
      const { status } = await asked(person, place, thing.theirs);
      expect([place.name, person.username, status]).toEqual([place.name, person.username, 200]);
    }
  }
});

test('pages of an archive that another has on loan are as those of one that nobody has', async () => {
  const reading = places().filter(({ permission, field }) => permission === 'archive:view' && field === 'archiveId');
  expect(reading.length).toBeGreaterThan(3);
  for (const place of reading) {
    const mine = await asked(owner, place, archives.lent);
    // Lent without the right to download: that is told to who has the loan only.
    expect([place.name, mine.code ?? '']).toEqual([place.name, /package/.test(place.name) ? 'loan-right-missing' : '']);
    for (const role of ['doctor', 'departmentHead'] as const) {
      const answer = await asked(people[role], place, archives.lent);
      expect([place.name, answer]).toEqual([place.name, await asked(people[role], place, archives.unlent)]);
      if (answer.status === 200)
        expect([place.name, answer.text]).toEqual([place.name, expect.stringContaining('"none"')]);
      else expect([place.name, answer.code]).toEqual([place.name, 'loan-needed']);
    }
  }
});

test('the sweep has changed nothing of theirs', async () => {
  const { BulkJob, Deputy, Loan, Notice, SavedFilter, Session } = member.store.models;
  const loanId = THINGS.loanId!.theirs;
  expect(await Loan.findOne({ loanId }).lean()).toMatchObject({ state: 'onLoan' });
  expect(await member.client.workflow.getHandle(loanWorkflowId('yz1', loanId)).describe()).toMatchObject({
    status: { name: 'RUNNING' },
  });
  expect(await BulkJob.countDocuments({ jobId: 'jb_theirs' })).toBe(1);
  expect(await SavedFilter.countDocuments({ filterId: 'fi_theirs' })).toBe(1);
  expect(await Session.countDocuments({ sessionId: THINGS.sessionId!.theirs })).toBe(1);
  expect(await Notice.countDocuments({ noticeId: 'no_theirs', readAt: { $exists: false } })).toBe(1);
  expect(await Deputy.findOne({ deputyId: 'de_theirs' }).lean()).not.toHaveProperty('endedAt');
});
