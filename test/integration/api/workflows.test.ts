import {
  TaskQueue,
  WorkflowName,
  archivingWorkflowId,
  catalogRebuildWorkflowId,
  loanWorkflowId,
  sweepWorkflowId,
} from '../../../workflows/shared.ts';
import { type Person, TestApi } from '../../fixtures/api.ts';
import { committed, frontPage, startArchiving } from '../../fixtures/archiving.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';

const UI = 'http://127.0.0.1:8233';
const member = new TestMember('workflows');
const api = new TestApi(member);
let admin: Person, clerk: Person;
const archiveId = 'ar_w';
const workflowId = archivingWorkflowId('yz1', archiveId);

beforeAll(async () => {
  await member.start();
  await api.start({ temporalUiUrl: `${UI}/namespaces/yz1/workflows` });
  [admin, clerk] = (await Promise.all(['sysadmin', 'clerk'].map((name) => api.login(name)))) as [Person, Person];
  const batchId = await committed(member, archiveId, [await frontPage(1)]);
  await (await startArchiving(member, archiveId, batchId)).result();
});
afterAll(async () => {
  api.stop();
  await member.stop();
});

interface Row {
  workflowId: string;
  type: string;
  state: string;
}
const list = (query: string) => admin.ok<{ items: Row[]; nextCursor: string | null }>('get', `/workflows${query}`);
/** The visibility store follows the histories a moment later. */
const listed = (query: string, id: string): Promise<Row> =>
  until(async () => (await list(query)).items.find((row) => row.workflowId === id));

test('listed by type and state; a workflow tells its timeline, and where its plain history is', async () => {
  const query = `?type=${WorkflowName.dischargeArchiving}&state=Completed`;
  expect(await listed(query, workflowId)).toMatchObject({ state: 'Completed' });
  expect((await list('?state=Failed')).items).toEqual([]);
  expect(await admin.refusal('get', "/workflows?type=x'%20OR%201=1")).toBe('request-invalid');
  const shown = await admin.ok<{ steps: { step: string }[]; uiUrl: string }>('get', `/workflows/${workflowId}`);
  expect(shown.steps.map(({ step }) => step)).toEqual(expect.arrayContaining(['started', 'packArchive', 'completed']));
  expect(shown.uiUrl).toMatch(
    /^http:\/\/127\.0\.0\.1:8233\/namespaces\/yz1\/workflows\/archive%3Ayz1%3Aar_w\/.+\/history$/,
  );
  expect(await admin.refusal('get', '/workflows/archive:yz1:ar_none')).toBe('workflow-not-found');
});

interface Item {
  workflowId: string;
  attention: string;
  cause: string;
  advice: { zh: string };
  step?: string;
}
/** What the list says of a workflow; nothing if it needs nobody. */
const attentionOf = async (id: string, query = '') =>
  (await admin.ok<{ items: Item[] }>('get', `/workflows/attention${query}`)).items.filter(
    (one) => one.workflowId === id,
  );
/** The visibility store may follow a minute later on a machine that is full. */
const VISIBLE_MS = 120_000;
/** Asked again until it is told of in this way. */
async function attends(id: string, kind: string): Promise<Item> {
  let found: Item[] = [];
  await until(async () => {
    found = await attentionOf(id);
    return found.length === 1 && found[0]!.attention === kind;
  }, VISIBLE_MS);
  return found[0]!;
}

test('a step that is tried again and again is told of with its cause, and no more once its workflow was cancelled', async () => {
  const { Archive, WorkflowTrouble } = member.store.models;
  const stuckId = archivingWorkflowId('yz1', 'ar_stuck');
  const batchId = await committed(member, 'ar_stuck', [await frontPage(2)]);
  // A fault that nobody thought of: the archive's row is gone.
  await Archive.deleteOne({ archiveId: 'ar_stuck' });
  const handle = await startArchiving(member, 'ar_stuck', batchId);
  expect(await attends(stuckId, 'retrying')).toMatchObject({ step: 'checkBatches', cause: 'internal' });
  expect(await attentionOf(stuckId, '?attention=retrying')).toHaveLength(1);
  expect(await attentionOf(stuckId, '?attention=waiting')).toEqual([]);
  expect(await attentionOf(stuckId, `?type=${WorkflowName.archiveLoan}`)).toEqual([]);
  expect(await admin.refusal('get', '/workflows/attention?attention=x')).toBe('request-invalid');
  await handle.cancel();
  await handle.result().catch(() => {});
  expect(await attentionOf(stuckId)).toEqual([]);
  expect(await WorkflowTrouble.countDocuments({ workflowId: stuckId })).toBe(0);
});

test('a workflow that failed or was terminated is told of with its cause and what to do, until it is begun again', async () => {
  const rebuildId = 'rb_none';
  const failedId = catalogRebuildWorkflowId('yz1', rebuildId);
  const failing = await member.client.workflow.start(WorkflowName.catalogRebuild, {
    workflowId: failedId,
    taskQueue: TaskQueue.archiving,
    args: [{ rebuildId, pagesPerRun: 1 }],
  });
  await expect(failing.result()).rejects.toThrow();
  const failed = await attends(failedId, 'broken');
  expect(failed.cause).toBe('rebuild-not-found');
  expect(failed.advice.zh).toContain('目录重建');

  const start = () =>
    member.client.workflow.start(WorkflowName.sweep, {
      workflowId: 'sweep:yz1:broken',
      taskQueue: 'nobody',
      args: [{ unfinishedMs: 1e9, orphanedMs: 1e9 }],
    });
  await (await start()).terminate('by hand');
  const terminated = await attends('sweep:yz1:broken', 'broken');
  expect(terminated.cause).toBe('workflow-terminated');
  expect(await attentionOf('sweep:yz1:broken', '?attention=late')).toEqual([]);
  const again = await start();
  expect(await attentionOf('sweep:yz1:broken')).toEqual([]);
  await again.cancel();
});

test('an archive that waits for a person says why and what to do; of one whose workflow broke off only that is told', async () => {
  const waitingId = archivingWorkflowId('yz1', 'ar_waits');
  const batchId = await committed(member, 'ar_waits', [await frontPage(3)]);
  const { parts } = (await member.store.models.Batch.findOne({ batchId }).lean())!;
  const chunks = member.store.connection.db!.collection('objects.chunks');
  const place = { files_id: parts[0]!.objectId, n: 0 };
  const damaged = Buffer.from(((await chunks.findOne(place))!.data as { buffer: Buffer }).buffer);
  damaged[100]! ^= 1;
  await chunks.updateOne(place, { $set: { data: damaged } });
  const handle = await startArchiving(member, 'ar_waits', batchId);
  const { cause, advice } = await attends(waitingId, 'waiting');
  expect(cause).toBe('object-integrity');
  expect(advice.zh).toContain('重新扫描');
  await handle.terminate('by hand');
  expect((await attends(waitingId, 'broken')).advice.zh).toContain('重置');
  expect(await attentionOf(waitingId, '?attention=waiting')).toEqual([]);
  await member.store.models.Archive.deleteOne({ archiveId: 'ar_waits' });
});

test('retry, cancel and reassign: by those who may, with a reason, in the trace; refused where they make no sense', async () => {
  const path = `/workflows/${workflowId}`;
  expect(await admin.refusal('post', `${path}/retry`, {})).toBe('request-invalid');
  expect(await admin.refusal('post', `${path}/retry`, { reason: 'x' })).toBe('workflow-not-waiting');
  expect(await admin.refusal('post', `${path}/cancel`, { reason: 'x' })).toBe('workflow-not-cancellable');
  expect(await admin.refusal('post', `${path}/reassign`, { reason: 'x', username: 'nobody' })).toBe('user-not-found');
  await admin.call('post', `${path}/reassign`, { reason: '值班', username: 'clerk2' }).expect(204);
  expect(await clerk.ok('get', path)).toMatchObject({ care: { username: 'clerk2', by: 'sysadmin', reason: '值班' } });
  const doctor = await api.login('doctor');
  expect(await doctor.refusal('get', path)).toBe('permission-denied');

  // A sweep that nobody works on waits, until it is cancelled.
  const sweep = await member.client.workflow.start(WorkflowName.sweep, {
    workflowId: sweepWorkflowId('yz1'),
    taskQueue: 'nobody',
    args: [{ unfinishedMs: 1e9, orphanedMs: 1e9 }],
  });
  await admin.call('post', `/workflows/${sweepWorkflowId('yz1')}/cancel`, { reason: '重复启动' }).expect(204);
  await sweep.terminate();
  const written = await member.store.models.TraceEntry.find({ action: /^workflow\.(cancel|reassign)$/ }).lean();
  expect(written.map(({ action, reason }) => [action, reason])).toEqual([
    ['workflow.reassign', '值班'],
    ['workflow.cancel', '重复启动'],
  ]);
  expect(TaskQueue).not.toHaveProperty('nobody');
});

test('an archive that no workflow ever took has an empty timeline, whichever answer comes first', async () => {
  const { Archive } = member.store.models;
  const row = (await Archive.findOne({ archiveId }).select('-_id').lean())!;
  await Archive.create({ ...row, archiveId: 'ar_none', patientNo: 'none' });
  const asked = Array.from({ length: 8 }, () => clerk.ok('get', '/archives/ar_none/timeline'));
  for (const answer of await Promise.all(asked)) expect(answer).toEqual({ steps: [] });
});

test('reassigned, the open task of a loan is that person’s; nobody gets one that is not theirs to decide', async () => {
  const doctor = await api.login('doctor');
  const wish = { purpose: 'treatment', reason: 'x', days: 3, rights: ['view'], archives: [{ archiveId }] };
  const { results } = await doctor.ok<{ results: { loanId: string }[] }>('post', '/loans', wish);
  const loanId = results[0]!.loanId;
  await clerk.ok('post', `/loans/${loanId}/claim`, { taskId: 't1' });
  const reassign = (username: string) =>
    admin.refusal('post', `/workflows/${loanWorkflowId('yz1', loanId)}/reassign`, { reason: '值班', username });
  const offered = async (id: string, q = '') => {
    const path = `/workflows/${id}/assignees?q=${q}`;
    const { items } = await admin.ok<{ items: { username: string; displayName: string }[] }>('get', path);
    return items.map(({ username }) => username).sort();
  };
  const id = loanWorkflowId('yz1', loanId);
  // Of an open task those who may decide it, and deputies of theirs; else who looks after workflows.
  expect(await offered(id)).toEqual(['clerk', 'clerk2']);
  const { Deputy } = member.store.models;
  const term = { from: new Date(Date.now() - 1000), to: new Date(Date.now() + 3_600_000), reason: 'x' };
  await Deputy.create({
    deputyId: 'de_w',
    principal: 'clerk',
    deputy: 'head',
    ...term,
    createdBy: 'clerk',
    createdAt: new Date(),
  });
  expect(await offered(id)).toEqual(['clerk', 'clerk2', 'head']);
  await Deputy.deleteOne({ deputyId: 'de_w' });
  expect(await offered(id, 'clerk2')).toEqual(['clerk2']);
  expect(await offered(workflowId)).toEqual(['clerk', 'clerk2', 'sysadmin']);
  expect(await doctor.refusal('get', `/workflows/${id}/assignees`)).toBe('permission-denied');
  expect(await reassign('auditor')).toBe('loan-assignee-unfit');
  expect(await reassign('head')).toBe('loan-assignee-unfit');
  expect(await reassign('clerk2')).toBeNull();
  expect(await clerk.refusal('post', `/loans/${loanId}/approve`, { taskId: 't1' })).toBe('loan-task-claimed');
  const { Notice, LoanEvent } = member.store.models;
  await until(async () => (await Notice.countDocuments({ loanId, kind: 'taskAssigned', username: 'clerk2' })) > 0);
  expect(await LoanEvent.findOne({ loanId, act: 'assign' }).lean()).toMatchObject({
    by: 'sysadmin',
    assignee: 'clerk2',
    reason: '值班',
  });
  const clerk2 = await api.login('clerk2');
  const { loan } = await clerk2.ok<{ loan: { state: string } }>('post', `/loans/${loanId}/approve`, { taskId: 't1' });
  expect(loan.state).toBe('approved');
  const { steps } = await admin.ok<{ steps: { step: string; act?: string }[] }>('get', `/workflows/${id}`);
  const acts = steps.flatMap(({ step, act }) => (step === 'loanAct' ? [act] : []));
  expect(acts).toEqual(['claim', 'assign', 'approve']);
});

test('payloads are decoded for Temporal’s own pages: from their origin, to those who may, in the trace', async () => {
  const history = await member.client.workflow.getHandle(workflowId).fetchHistory();
  const [input] = history.events![0]!.workflowExecutionStartedEventAttributes!.input!.payloads!;
  const encoded = {
    metadata: { encoding: Buffer.from(input!.metadata!.encoding!).toString('base64') },
    data: Buffer.from(input!.data!).toString('base64'),
  };
  const decode = (person: Person, headers: Record<string, string>) =>
    fetch(`${api.url}/api/v1/codec/decode`, {
      method: 'POST',
      headers: { cookie: person.cookie, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ payloads: [encoded] }),
    });
  const answer = await decode(admin, { origin: UI, 'x-namespace': 'yz1' });
  expect(answer.headers.get('access-control-allow-origin')).toBe(UI);
  const { payloads } = (await answer.json()) as { payloads: { data: string }[] };
  expect(JSON.parse(Buffer.from(payloads[0]!.data, 'base64').toString())).toMatchObject({ archiveId });
  const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code;
  expect(await codeOf(await decode(admin, { origin: 'http://evil.example' }))).toBe('csrf-invalid');
  expect(await codeOf(await decode(clerk, { origin: UI }))).toBe('permission-denied');
  const preflight = await fetch(`${api.url}/api/v1/codec/decode`, {
    method: 'OPTIONS',
    headers: { origin: 'http://evil.example' },
  });
  expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([403, null]);
  const trace = await member.store.models.TraceEntry.findOne({ action: 'workflow.decode', result: 'allowed' }).lean();
  expect(trace).toMatchObject({ actor: { id: 'sysadmin' }, object: { id: 'yz1' }, details: { payloads: 1 } });
});
