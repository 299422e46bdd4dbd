import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { scanOf } from '../../ops/demo/scans.ts';
import { scanFolder } from '../../ops/ingest/scan-folder.ts';
import { sendVisit, waitForEnd } from '../../ops/ingest/send.ts';
import { Person } from '../fixtures/api.ts';
import { BrowserWorld } from '../fixtures/browser.ts';
import { until } from '../fixtures/until.ts';

/** What is typed, with a number that tells where: short enough for every field. */
const evil = (n: number) => `${n}<img src=x onerror=alert(1)>{{7*7}}`;
/** Fields whose text is kept, by number: what is kept of it comes up again in the pages below. */
const KEPT = {
  department: 11,
  displayName: 12,
  related: 13,
  grant: 14,
  disable: 15,
  deputy: 16,
  patientNo: 17,
  patientName: 18,
  ward: 19,
  visitReason: 20,
  fileName: 21,
  apply: 22,
  conditions: 23,
  sendBack: 24,
  refuse: 25,
  renew: 26,
  recall: 27,
  bulk: 28,
  hold: 29,
  release: 30,
  marks: 31,
  policy: 32,
  filter: 33,
  reassign: 34,
  agent: 35,
  ownDeputy: 36,
  visitNo: 37,
  sessionsEnd: 38,
  nodeTitle: 40,
  catalogSave: 41,
  catalogRestore: 42,
  rebuild: 43,
  rebuildPause: 44,
  rebuildResume: 45,
  rebuildCancel: 46,
  rebuildApply: 47,
  template: 48,
  branchName: 49,
  branchNameEn: 50,
  branchStandard: 51,
  branchCode: 52,
  branchWord: 53,
  calendar: 54,
  correctedName: 55,
  correctedWard: 56,
  correction: 57,
  correctionRefusal: 58,
  correctedNo: 59,
  correctedVisit: 60,
  parkedNo: 61,
  parkedVisit: 62,
  parkedName: 63,
  parkedWard: 64,
  parkedWhy: 65,
  withdraw: 66,
  parkedMother: 71,
  mother: 67,
  correctedMother: 68,
  merge: 69,
  mergeRefusal: 70,
} as const;
type Kept = keyof typeof KEPT;

/**
 * Every field of text of the web's forms, by file and what it is bound to: the text that is kept of it, or why none is.
 * Whoever adds a field adds it here, and where it comes up again to `SEEN`.
 */
const FIELDS: Record<string, Kept[] | string> = {
  'catalog/edits-panel.vue catalog.restoreWhy': ['catalogRestore'],
  'catalog/node-dialog.vue title': ['nodeTitle'],
  'pages/catalog.vue catalog.saveWhy': ['catalogSave'],
  'pages/catalog-queue.vue filters.department': 'kept in the address alone',
  'catalog/rebuild-form.vue form.department': 'a range, which must be that of archives',
  'catalog/rebuild-form.vue form.templateVersion': 'a number',
  'catalog/rebuild-form.vue form.reason': ['rebuild'],
  'catalog/rebuild-report.vue rebuild.${what}Why': ['rebuildPause', 'rebuildResume', 'rebuildCancel'],
  'catalog/rebuild-report.vue rebuild.applyWhy': ['rebuildApply'],
  'catalog/template-form.vue branch[field]': [
    'branchName',
    'branchNameEn',
    'branchStandard',
    'branchCode',
    'branchWord',
  ],
  'catalog/template-form.vue form[field]': ['template'],
  // The reason of the version that it makes, as that of late scans is.
  'ingest/retry-dialog.vue reason': ['visitReason'],
  'components/deputy-list.vue form.reason': ['deputy', 'ownDeputy'],
  'components/deputy-list.vue form.from': 'a time',
  'components/deputy-list.vue form.to': 'a time',
  'components/day-field.vue day': 'a day',
  'components/totp-setup.vue password': 'a secret',
  'components/totp-setup.vue code': 'a secret',
  'components/reassign-dialog.vue reason': ['reassign'],
  'components/workflow-panel.vue workflows.${what}Why': ['reassign'],
  'components/page-viewer.vue archive.printWhich': 'page numbers, read as such',
  'components/user-panel.vue people.${what}Why': ['disable', 'sessionsEnd'],
  'components/user-panel.vue form.username': 'a user name, by its pattern',
  'components/user-panel.vue form.displayName': ['displayName'],
  'components/user-panel.vue form.related': ['related'],
  'components/user-panel.vue reason': ['grant'],
  'components/saved-filters.vue loans.filterName': ['filter'],
  'loans/loan-filters.vue filters.q': ['filter'],
  'loans/loan-actions.vue loans.whyRecall': ['recall'],
  'loans/loan-actions.vue renewal.reason': ['renew'],
  'loans/policy-editor.vue reason': ['policy'],
  'loans/calendar-editor.vue form.source': ['calendar'],
  'loans/calendar-editor.vue form[list]': 'days, read as such',
  'loans/bulk-bar.vue loans.bulkHint': ['bulk'],
  'loans/loan-decision.vue conditions': ['conditions'],
  'loans/loan-decision.vue reason': ['refuse', 'sendBack'],
  'pages/users.vue filters.q': 'looked for in the page alone',
  'pages/departments.vue name': ['department'],
  'pages/departments.vue renamed.name': ['department'],
  'pages/activate.vue form.username': 'a user name, which must be one',
  'pages/activate.vue form.code': 'a secret',
  'pages/activate.vue form.password': 'a secret',
  'pages/separators.vue visit[field]': 'printed from the page alone, nothing is sent',
  'pages/setup.vue code': 'a secret',
  'pages/setup.vue people[role]!.username': 'a user name, by its pattern',
  'pages/setup.vue people[role]!.displayName': ['displayName'],
  'pages/trace.vue filters.value': 'the trace keeps its keyed MAC',
  'pages/loan-apply.vue form.reason': ['apply'],
  'pages/loan-apply.vue form.startAt': 'a time',
  'pages/archives.vue filters.q': 'the trace keeps its keyed MAC',
  'pages/archives.vue filters.department': 'kept in the address alone',
  'pages/login.vue username': 'a user name, which must be one',
  'pages/login.vue password': 'a secret',
  'pages/login.vue code': 'a secret',
  'pages/ingest.vue form[field]': ['patientNo', 'visitNo', 'patientName', 'ward', 'mother'],
  'pages/ingest.vue form.dischargedAt': 'a time',
  'ingest/batch-drawer.vue ingest.withdraw.why': ['withdraw'],
  'ingest/parked-panel.vue dischargedAt': 'a time',
  'ingest/parked-panel.vue form[field]': ['parkedNo', 'parkedVisit', 'parkedName', 'parkedWard', 'parkedMother'],
  'ingest/parked-panel.vue form.admittedAt': 'a time',
  'ingest/parked-panel.vue form.reason': ['parkedWhy'],
  'pages/ingest.vue form.reason': ['visitReason'],
  'pages/account.vue form.current': 'a secret',
  'pages/account.vue form.next': 'a secret',
  'pages/archive.vue loans.${key}Why': ['hold', 'release'],
  'archives/marks-dialog.vue reason': ['marks'],
  'archives/front-page-dialog.vue form[field]': 'sealed, and shown again in the fields of this form alone',
  'corrections/correction-dialog.vue form.patientNo': ['correctedNo'],
  'corrections/correction-dialog.vue form.visitNo': ['correctedVisit'],
  'corrections/correction-dialog.vue form.patientName': ['correctedName'],
  'corrections/correction-dialog.vue form.department': ['correctedWard'],
  'corrections/correction-dialog.vue form.motherPatientNo': ['correctedMother'],
  'corrections/correction-dialog.vue form[field]': 'a time',
  'corrections/correction-dialog.vue form.reason': ['correction'],
  'corrections/acts.ts why': ['correctionRefusal', 'mergeRefusal', 'merge'],
  'merges/merge-dialog.vue form.surviving': 'a number, which must be that of a patient',
  'merges/merge-dialog.vue form.reason': ['merge'],
  'pages/archive.vue archive.retryWhy': ['grant'],
};

const WEB = path.join(process.cwd(), 'web', 'src');
/** The web's fields of text: inputs by what they are bound to, and questions by their words. */
function fieldsOfWeb(): string[] {
  const found = new Set<string>();
  for (const name of readdirSync(WEB, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(vue|ts)$/.test(name) || name === 'ask.ts') continue;
    const text = readFileSync(path.join(WEB, name), 'utf8');
    for (const [tag] of text.matchAll(/<(?:el-input|el-autocomplete|input|textarea)(?=[\s>])[^]*?>(?=\s|<)/g)) {
      // A field that takes nothing typed: a file, or one that only shows who is asked for the password.
      if (/type="(file|checkbox|radio|number|range)"|aria-hidden="true"/.test(tag)) continue;
      const bound = /v-model(?:\.\w+)?="([^"]+)"/.exec(tag) ?? /(?:id|data-test)="([^"]+)"/.exec(tag);
      found.add(`${name} ${bound?.[1] ?? tag}`);
    }
    // By the key of its words; by what stands there where that is no key, so that none is passed over.
    for (const [, key, other] of text.matchAll(
      /(?:askReason|ElMessageBox\.prompt)\(\s*(?:t\(\s*['`]([^'`]+)['`]|([^,)]+))/g,
    ))
      found.add(`${name} ${key ?? other}`);
  }
  return [...found].sort();
}

const world = new BrowserWorld();
let dir: string;
/** Ids of what was made, for the addresses. */
const made = { archiveId: '', correctedId: '', releasedId: '', loans: [] as string[], rebuildId: '' };

/** Who looks where, what is clicked there, and the texts that must come up. */
const SEEN: [username: string, where: () => string, clicks: string[], kept: Kept[]][] = [
  ['sysadmin', () => '/departments', [], ['department']],
  ['sysadmin', () => '/users', ['button:has-text("12<img")'], ['department', 'displayName', 'related']],
  ['sysadmin', () => '/workflows?view=all&type=dischargeArchivingWorkflow', ['tbody button.link'], ['reassign']],
  ['secadmin', () => '/users', ['button:has-text("12<img")'], ['displayName']],
  ['secadmin', () => '/deputies', [], ['deputy', 'ownDeputy']],
  ['doctor', () => '/account', [], ['agent', 'ownDeputy']],
  ['doctor', () => '/loans?view=mine', ['.bell'], ['sendBack', 'refuse']],
  ['doctor', () => `/loans/${made.loans[1]}`, [], ['apply', 'sendBack']],
  ['doctor', () => `/loans/${made.loans[2]}`, [], ['refuse']],
  ['doctor', () => `/loans/${made.loans[3]}`, [], ['bulk']],
  ['doctor', () => `/loans/apply?archives=${made.archiveId}`, [], ['patientName']],
  ['clerk', () => '/archives', [], ['patientNo', 'patientName', 'ward']],
  ['clerk', () => `/archives/${made.archiveId}`, [], ['patientNo', 'patientName', 'visitNo', 'visitReason']],
  ['clerk', () => `/archives/${made.archiveId}/catalog`, [], ['nodeTitle']],
  [
    'clerk',
    () => `/archives/${made.correctedId}`,
    [],
    [
      ...(['correctedNo', 'correctedVisit', 'correctedName', 'correctedWard', 'correctedMother'] as const),
      ...(['mother', 'correction', 'correctionRefusal', 'merge', 'mergeRefusal'] as const),
    ],
  ],
  ['clerk', () => '/catalog-rebuilds', [], ['rebuild', 'rebuildApply']],
  ['clerk', () => `/catalog-rebuilds?rebuild=${made.rebuildId}`, [], ['rebuild', 'patientName']],
  ['clerk', () => '/ingest', [], ['fileName']],
  [
    'clerk',
    () => '/ingest?batch=xss-parked',
    [],
    ['parkedNo', 'parkedVisit', 'parkedName', 'parkedMother', 'parkedWhy'],
  ],
  ['clerk', () => `/archives/${made.releasedId}`, [], ['parkedNo', 'parkedVisit', 'parkedName', 'parkedWard']],
  ['clerk', () => '/ingest?batch=xss-withdrawn', [], ['withdraw']],
  ['clerk', () => '/loans?view=all', ['button:has-text("常用筛选")', 'button:has-text("33<img")'], ['filter']],
  ['clerk', () => `/loans/${made.loans[0]}`, [], ['apply', 'conditions', 'renew', 'recall']],
  ['clerk', () => '/workbench', ['.bell'], ['correctionRefusal']],
  ['clerk', () => '/jobs', [], []],
  [
    'medical',
    () => '/corrections',
    [],
    ['correctedNo', 'correctedVisit', 'correctedName', 'correctedWard', 'correctedMother', 'correction'],
  ],
  ['medical', () => '/loan-policy', [], ['policy', 'calendar']],
  ['medical', () => '/catalog-templates', [], ['template', 'branchName', 'branchStandard', 'branchCode', 'branchWord']],
  ['medical', () => '/catalog-templates', ['[data-test="template-add"]'], ['branchNameEn', 'branchCode', 'branchWord']],
  ['auditor', () => '/trace?actor=secadmin', [], ['grant', 'sessionsEnd']],
  ['auditor', () => '/trace?actor=sysadmin', ['tr:has-text("15<img") button.link'], ['disable', 'reassign']],
  ['auditor', () => '/trace?actor=medical', [], ['hold', 'release', 'marks']],
  ['auditor', () => `/trace?archiveId=${made.archiveId}`, [], ['catalogSave', 'catalogRestore']],
  ['auditor', () => '/trace?actor=clerk&kind=write', [], ['rebuild', 'rebuildPause', 'rebuildResume', 'rebuildApply']],
  ['auditor', () => '/trace?actor=clerk&kind=admin', [], ['rebuildCancel']],
];

/** Starts a job over all archives, pauses it, and then resumes or cancels it; all with reasons. Gives its id once it has ended. */
async function rebuilt(clerk: Person, mode: string, reason: string, then: 'resume' | 'cancel'): Promise<string> {
  const range = { department: evil(KEPT.ward) };
  const { rebuildId } = await clerk.ok<{ rebuildId: string }>('post', '/catalog-rebuilds', { mode, range, reason });
  const at = `/catalog-rebuilds/${rebuildId}`;
  const reaches = (state: string) =>
    until(async () => (await clerk.ok<{ job: { state: string } }>('get', at)).job.state === state);
  await clerk.ok('post', `${at}/pause`, { reason: evil(KEPT.rebuildPause) });
  await reaches('paused');
  const kept = then === 'resume' ? KEPT.rebuildResume : KEPT.rebuildCancel;
  await clerk.ok('post', `${at}/${then}`, { reason: evil(kept) });
  await reaches(then === 'resume' ? 'done' : 'cancelled');
  return rebuildId;
}

beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-xss-'));
  await world.start();
  const { raised, url } = world;
  const people: Record<string, Person> = {};
  for (const name of ['sysadmin', 'secadmin', 'doctor', 'clerk', 'medical']) {
    const person = new Person(url, name);
    if (name === 'doctor') person.agent.set('User-Agent', evil(KEPT.agent));
    await person.login(raised.consortium.made.demoPassword);
    people[name] = person;
  }
  const { sysadmin, secadmin, doctor, clerk, medical } = people as Record<
    'sysadmin' | 'secadmin' | 'doctor' | 'clerk' | 'medical',
    Person
  >;

  const { departmentId } = await sysadmin.ok<{ departmentId: string }>('post', '/departments', {
    name: evil(KEPT.department),
  });
  const profile = { displayName: evil(KEPT.displayName), departmentId, relatedPatientNos: [evil(KEPT.related)] };
  type Account = { revision: number };
  const user = await sysadmin.ok<Account>('post', '/users', { username: 'evil.one', ...profile });
  const match = ({ revision }: Account) => ({ 'If-Match': `"${revision}"` });
  const grant = { roles: ['doctor'], reason: evil(KEPT.grant) };
  const granted = await secadmin.ok<Account>('put', '/users/evil.one/roles', grant, match(user));
  await secadmin.ok('post', '/users/evil.one/sessions-end', { reason: evil(KEPT.sessionsEnd) });
  await sysadmin.ok('post', '/users/evil.one/disable', { reason: evil(KEPT.disable) }, match(granted));
  const term = { from: new Date().toISOString(), to: new Date(Date.now() + 86_400_000).toISOString() };
  const deputy = { principal: 'clerk2', deputy: 'head', ...term, reason: evil(KEPT.deputy) };
  await secadmin.ok('post', '/deputies', deputy);
  await doctor.ok('post', '/account/deputies', { deputy: 'head', ...term, reason: evil(KEPT.ownDeputy) });

  const archives: string[] = [];
  for (let i = 0; i < 4; i += 1) {
    const folder = mkdtempSync(path.join(dir, 'visit-'));
    writeFileSync(path.join(folder, `首页 ${evil(KEPT.fileName)}.jpg`), await scanOf('病案首页', 'x', 500 + i));
    if (i === 0) writeFileSync(path.join(folder, `${evil(KEPT.fileName)}.jpg`), 'not a picture');
    const visit = {
      patientNo: `${evil(KEPT.patientNo)}${i}`,
      visitNo: evil(KEPT.visitNo),
      patientName: evil(KEPT.patientName),
      department: evil(KEPT.ward),
      motherPatientNo: evil(KEPT.mother),
      dischargedAt: '2026-11-20T02:00:00Z',
    };
    writeFileSync(path.join(folder, 'visit.json'), JSON.stringify(visit));
    const [scanned] = await scanFolder(folder);
    const batch = await sendVisit(raised.client, scanned!, undefined, { reason: evil(KEPT.visitReason) });
    archives.push((await waitForEnd(raised.client, batch)).archiveId);
  }
  made.archiveId = archives[0]!;
  // Corrected while it waits, and again once more: what it was before is told of. One is released, one withdrawn.
  const part = { partNo: 1, fileName: 'a.jpg', mediaType: 'image/jpeg', documentType: 'frontPage', pageCount: 1 };
  const waiting = { visitNo: '1', patientName: 'x', inHospital: true };
  for (const id of ['parked', 'released', 'withdrawn']) {
    const parts = [{ ...part, bytes: 1, sm3: '0'.repeat(64) }];
    await raised.client.call('POST', '/api/v1/batches', { batchId: `xss-${id}`, patientNo: id, ...waiting, parts });
    const visit = {
      patientNo: `${evil(KEPT.parkedNo)}${id}`,
      visitNo: evil(KEPT.parkedVisit),
      patientName: evil(KEPT.parkedName),
      department: evil(KEPT.parkedWard),
      motherPatientNo: evil(KEPT.parkedMother),
      reason: evil(KEPT.parkedWhy),
    };
    await clerk.ok('put', `/batches/xss-${id}/visit`, visit);
    if (id === 'parked') await clerk.ok('put', '/batches/xss-parked/visit', { ...visit, visitNo: `${visit.visitNo}1` });
    if (id === 'withdrawn') await clerk.ok('post', '/batches/xss-withdrawn/withdraw', { reason: evil(KEPT.withdraw) });
    if (id !== 'released') continue;
    const dischargedAt = '2026-11-20T02:00:00Z';
    made.releasedId = (
      await clerk.ok<{ archiveId: string }>('post', `/batches/xss-released/discharge`, { dischargedAt })
    ).archiveId;
  }
  const base = { version: 1, edit: 0 };
  const nodes = [{ type: 'frontPage', title: evil(KEPT.nodeTitle), pages: [{ page: 1 }] }];
  const catalog = `/archives/${made.archiveId}/catalog`;
  await clerk.ok('put', catalog, { base, nodes, reason: evil(KEPT.catalogSave) });
  const restore = { base: { version: 1, edit: 1 }, to: base, reason: evil(KEPT.catalogRestore) };
  await clerk.ok('post', `${catalog}/restore`, restore);
  await clerk.ok('put', catalog, { base: { version: 1, edit: 2 }, nodes, reason: evil(KEPT.catalogSave) });

  const { results } = await doctor.ok<{ results: { loanId: string }[] }>('post', '/loans', {
    purpose: 'treatment',
    reason: evil(KEPT.apply),
    days: 30,
    rights: ['view'],
    archives: archives.map((archiveId) => ({ archiveId })),
  });
  made.loans = results.map(({ loanId }) => loanId);
  const [a, b, c, d] = made.loans;
  const act = (person: Person, loanId: string | undefined, what: string, body: object) =>
    person.ok<{ loan: { task?: { taskId: string } } }>('post', `/loans/${loanId}/${what}`, body);
  const taskId = 't1';
  await act(clerk, a, 'approve', { taskId, conditions: evil(KEPT.conditions) });
  await act(clerk, b, 'send-back', { taskId, reason: evil(KEPT.sendBack) });
  await act(clerk, c, 'refuse', { taskId, reason: evil(KEPT.refuse) });
  await clerk.ok('post', '/loan-jobs', { what: { act: 'refuse', reason: evil(KEPT.bulk) }, loanIds: [d] });
  await act(doctor, a, 'start', {});
  await act(doctor, a, 'renewals', { days: 5, reason: evil(KEPT.renew) });
  await act(clerk, a, 'recall', { reason: evil(KEPT.recall) });
  const held = `/archives/${archives[1]}`;
  await medical.ok('post', `${held}/hold`, { reason: evil(KEPT.hold) });
  await medical.ok('post', `${held}/hold-release`, { reason: evil(KEPT.release) });
  await medical.ok('put', `${held}/marks`, { reason: evil(KEPT.marks), marks: [] });
  // The first is refused, the second waits.
  made.correctedId = archives[3]!;
  const corrections = `/archives/${made.correctedId}/corrections`;
  const registered = {
    patientNo: evil(KEPT.correctedNo),
    visitNo: evil(KEPT.correctedVisit),
    patientName: evil(KEPT.correctedName),
    department: evil(KEPT.correctedWard),
    motherPatientNo: evil(KEPT.correctedMother),
    admittedAt: null,
    dischargedAt: '2026-11-20T02:00:00Z',
  };
  const correction = { base: 0, registered, reason: evil(KEPT.correction) };
  await clerk.ok('post', corrections, correction);
  await medical.ok('post', `${corrections}/1/refuse`, { reason: evil(KEPT.correctionRefusal) });
  await clerk.ok('post', corrections, correction);
  const merge = { surviving: `${evil(KEPT.patientNo)}0`, reason: evil(KEPT.merge) };
  const merges = `/archives/${made.correctedId}/merges`;
  const { mergeId } = await clerk.ok<{ mergeId: string }>('post', merges, merge);
  await medical.ok('post', `/merges/${mergeId}/refuse`, { reason: evil(KEPT.mergeRefusal) });
  type Policies = { items: { version: number; policy: object }[] };
  const { items } = await medical.ok<Policies>('get', '/loan-policies');
  const { version: from, policy } = items[0]!;
  await medical.ok('post', '/loan-policies', { from, policy, reason: evil(KEPT.policy) });
  const year = { status: 'provisional', source: evil(KEPT.calendar), holidays: [], workdays: [] };
  await medical.ok('put', '/calendar/2030', year);
  type Template = { version: number; acceptFrom: number; branches: { type: string }[] };
  const templates = await medical.ok<{ items: Template[] }>('get', '/catalog-templates');
  const { version: template, acceptFrom, branches } = templates.items[0]!;
  const marked = {
    zh: evil(KEPT.branchName),
    en: evil(KEPT.branchNameEn),
    standard: evil(KEPT.branchStandard),
    formCodes: [evil(KEPT.branchCode)],
    titleWords: [evil(KEPT.branchWord)],
  };
  await medical.ok('post', '/catalog-templates', {
    from: template,
    effectiveFrom: '2000-01-01',
    acceptFrom,
    reason: evil(KEPT.template),
    branches: branches.map((branch) => (branch.type === 'consent' ? { ...branch, ...marked } : branch)),
  });
  made.rebuildId = await rebuilt(clerk, 'suggest', evil(KEPT.rebuild), 'resume');
  await rebuilt(clerk, 'apply', evil(KEPT.rebuildApply), 'cancel');
  const text = evil(KEPT.filter);
  await clerk.ok('post', '/saved-filters', { page: 'loans', name: text, query: { q: text } });
  const reassign = { reason: evil(KEPT.reassign), username: 'clerk2' };
  for (const archiveId of archives) await sysadmin.ok('post', `/workflows/archive:yz1:${archiveId}/reassign`, reassign);
});
afterAll(async () => {
  await world.stop();
  rmSync(dir, { recursive: true, force: true });
});
afterEach(async () => expect(await world.close()).toEqual([]));

test('every field of text of the web has an entry, and every text that is kept comes up somewhere', () => {
  expect(fieldsOfWeb()).toEqual(Object.keys(FIELDS).sort());
  const kept = new Set(Object.values(FIELDS).flatMap((one) => (typeof one === 'string' ? [] : one)));
  const seen = new Set(SEEN.flatMap(([, , , names]) => names));
  expect([...kept].filter((name) => !seen.has(name))).toEqual([]);
});

/** All that is to be read on the page: its text, and what stands in its fields. */
const READ = `document.body.innerText + '\\n' +
  [...document.querySelectorAll('input, textarea')].map((field) => field.value).join('\\n')`;
const BOUND_MS = 20_000;

async function look(page: Page, where: string, clicks: readonly string[], kept: readonly Kept[]): Promise<void> {
  await page.goto(world.url + where);
  for (const click of clicks) await page.locator(click).first().click();
  const missing = async () => {
    const text = (await page.evaluate(READ)) as string;
    return kept.filter((name) => !text.includes(evil(KEPT[name])));
  };
  const end = Date.now() + BOUND_MS;
  while ((await missing()).length > 0 && Date.now() < end) await page.waitForLoadState('networkidle');
  expect([where, await missing()]).toEqual([where, []]);
  await page.waitForLoadState('networkidle');
  expect([where, await page.locator('img[src=x]').count()]).toEqual([where, 0]);
  expect([where, (await page.evaluate(READ)) as string]).toEqual([where, expect.not.stringContaining('alert(1)>49')]);
}

test.each([...new Set(SEEN.map(([username]) => username))])(
  'what was typed as markup is text wherever %s sees it',
  async (username) => {
    const page = await world.login(username);
    for (const [name, where, clicks, kept] of SEEN) if (name === username) await look(page, where(), clicks, kept);
  },
);
