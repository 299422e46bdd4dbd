import {
  TaskQueue,
  WorkflowName,
  archivingWorkflowId,
  loanWorkflowId,
  sweepWorkflowId,
} from '../../../workflows/shared.ts';
import { type Person, TestApi } from '../../fixtures/api.ts';
import { committed, frontPage, startArchiving } from '../../fixtures/archiving.ts';
import { TestMember } from '../../fixtures/member.ts';

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
async function listed(query: string, id: string): Promise<Row> {
  for (;;) {
    const found = (await list(query)).items.find((row) => row.workflowId === id);
    if (found !== undefined) return found;
  }
}

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

test('what is stuck, waits, or is late comes first with cause and advice, and goes when it is put right', async () => {
  const { Archive, WorkflowTrouble } = member.store.models;
  const since = new Date(Date.now() - 60_000);
  await WorkflowTrouble.create({
    workflowId: 'anchoring:yz1',
    workflowType: WorkflowName.anchoring,
    activity: 'anchorBacklog',
    code: 'ledger-unavailable',
    attempt: 9,
    since,
    at: new Date(),
  });
  await Archive.updateOne({ archiveId }, { $set: { state: 'failed' } });
  const attention = () =>
    admin.ok<{ items: { attention: string; advice: { zh: string } }[] }>('get', '/workflows/attention');
  const { items } = await attention();
  expect(items.map((item) => item.attention)).toEqual(['retrying', 'waiting']);
  expect(items[0]!.advice.zh).toContain('账本');
  await WorkflowTrouble.deleteMany({});
  await Archive.updateOne({ archiveId }, { $set: { state: 'attested' } });
  expect((await attention()).items).toEqual([]);
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
  expect(await reassign('auditor')).toBe('loan-assignee-unfit');
  expect(await reassign('head')).toBe('loan-assignee-unfit');
  expect(await reassign('clerk2')).toBeNull();
  expect(await clerk.refusal('post', `/loans/${loanId}/approve`, { taskId: 't1' })).toBe('loan-task-claimed');
  const { Notice, LoanEvent } = member.store.models;
  while ((await Notice.countDocuments({ loanId, kind: 'taskAssigned', username: 'clerk2' })) === 0);
  expect(await LoanEvent.findOne({ loanId, act: 'assign' }).lean()).toMatchObject({
    by: 'sysadmin',
    assignee: 'clerk2',
    reason: '值班',
  });
  const clerk2 = await api.login('clerk2');
  const { loan } = await clerk2.ok<{ loan: { state: string } }>('post', `/loans/${loanId}/approve`, { taskId: 't1' });
  expect(loan.state).toBe('approved');
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
