import type { ApplicationFailure } from '@temporalio/common';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { CALENDAR, WorkCalendar } from '../../domain/calendar.ts';
import { SealfolioError } from '../../domain/errors.ts';
import type { LoanAct } from '../../domain/loan/acts.ts';
import type { Loan, LoanEvent } from '../../domain/loan/loan.ts';
import { DEFAULT_LOAN_POLICY, type LoanPolicy } from '../../domain/loan/policy.ts';
import { type ArchiveLoanInput, loanActUpdate, loanQuery, TaskQueue, WorkflowName } from '../../workflows/shared.ts';
import { draftLoan } from '../fixtures/loan.ts';
import { WorkflowWorld } from '../fixtures/workflow-world.ts';

const world = new WorkflowWorld();
beforeAll(() => world.start());
afterAll(() => world.stop());

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const calendar = [...CALENDAR];

/** A loan of its own name, from its submission at the world's time; what is written down is kept in order. */
class Lent {
  readonly written: LoanEvent[] = [];
  last!: Loan;

  constructor(readonly id: string) {}

  async start(
    change: Partial<Loan> = {},
    policy: Partial<LoanPolicy> = {},
    isBroken = () => false,
    more: Partial<ArchiveLoanInput> = {},
  ): Promise<this> {
    world.reset({
      recordLoan: async ({ loan, events }) => {
        if (isBroken()) throw new SealfolioError('disk-full');
        this.written.push(...events);
        this.last = loan;
      },
    });
    const now = await world.environment.currentTimeMs();
    await world.environment.client.workflow.start(WorkflowName.archiveLoan, {
      workflowId: this.id,
      taskQueue: TaskQueue.loans,
      args: [{ loan: draftLoan(now, change), policy: { ...DEFAULT_LOAN_POLICY, ...policy }, calendar, ...more }],
    });
    return this;
  }

  get handle() {
    return world.environment.client.workflow.getHandle(this.id);
  }

  act(act: LoanAct): Promise<Loan> {
    return this.handle.executeUpdate(loanActUpdate, { args: [act] });
  }

  loan(): Promise<Loan> {
    return this.handle.query(loanQuery);
  }

  /** Skips time until the instant. */
  async until(at: number): Promise<void> {
    const now = await world.environment.currentTimeMs();
    if (at > now) await world.environment.sleep(at - now);
  }

  acts(): string[] {
    return this.written.map(({ act }) => act);
  }
}

const codeOf = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => null,
    (refused: unknown) => refused,
  );
  if (!(error instanceof WorkflowUpdateFailedError)) return null;
  return (error.cause as ApplicationFailure).type;
};
const approve: LoanAct = { act: 'approve', taskId: 't1', by: 'lin' };
const paper = { request: { ...draftLoan(0).request, place: 'outOfRoom' as const, days: 3 } };

test('approved, started, due: the term passes, reminders go out, it is returned at its instant', async () => {
  const lent = await new Lent('loan-returned').start();
  await lent.act(approve);
  const { dueAt } = await lent.act({ act: 'start', by: 'zhou' });
  expect(await lent.handle.result()).toBe('returned');
  const end = lent.written.at(-1)!;
  expect(end).toMatchObject({ act: 'return', by: 'system' });
  expect(end.at).toBeGreaterThanOrEqual(dueAt!);
  expect(end.at - dueAt!).toBeLessThan(60_000);
  expect(lent.acts()).toEqual(['submit', 'approve', 'start', 'dueSoon', 'dueSoon', 'dueSoon', 'return']);
  await world.record('loan-returned', lent.id);
});

test('nobody decides: reminded, escalated, expired, at their instants of working time', async () => {
  const lent = await new Lent('loan-expired').start();
  const { task, submittedAt } = await lent.loan();
  const work = new WorkCalendar(calendar);
  const { remindHours, escalateHours, expireHours } = DEFAULT_LOAN_POLICY.sla;
  expect(task).toMatchObject({
    remindAt: work.addWorkingHours(submittedAt!, remindHours),
    escalateAt: work.addWorkingHours(submittedAt!, escalateHours),
    expireAt: work.addWorkingHours(submittedAt!, expireHours),
  });
  expect(await lent.handle.result()).toBe('reviewExpired');
  expect(lent.acts()).toEqual(['submit', 'remind', 'escalate', 'expireReview']);
  const expected = [task!.remindAt, task!.escalateAt, task!.expireAt];
  for (const [i, at] of expected.entries()) expect(Math.abs(lent.written[i + 1]!.at - at)).toBeLessThan(60_000);
  await world.record('loan-expired', lent.id);
});

test('approved and not started in time, it lapses', async () => {
  const lent = await new Lent('loan-lapsed').start();
  await lent.act(approve);
  expect(await lent.handle.result()).toBe('lapsed');
  await world.record('loan-lapsed', lent.id);
});

test('paper that is not back is overdue, reminders go on, and it waits for as long as it takes', async () => {
  const lent = await new Lent('loan-overdue').start(paper);
  await lent.act(approve);
  const { dueAt } = await lent.act({ act: 'start', by: 'zhou' });
  await lent.until(dueAt! + 200 * DAY_MS);
  expect(await lent.loan()).toMatchObject({ state: 'overdue' });
  expect(lent.acts().filter((act) => act === 'stillOverdue')).toHaveLength(5);
  await lent.act({ act: 'return', by: 'lin', cause: 'archivist' });
  expect(await lent.handle.result()).toBe('returned');
  await world.record('loan-overdue', lent.id);
});

test('renewed, and due from the old due day on; sent back before, and handed in again', async () => {
  const lent = await new Lent('loan-renewed').start();
  await lent.act({ act: 'sendBack', taskId: 't1', by: 'lin', reason: '请写明用途' });
  const { request, levels } = await lent.loan();
  const { task } = await lent.act({ act: 'submit', by: 'zhou', request, levels });
  await lent.act({ act: 'approve', taskId: task!.taskId, by: 'lin' });
  const started = await lent.act({ act: 'start', by: 'zhou' });
  await lent.until(started.dueAt! - 2 * DAY_MS);
  const asked = await lent.act({ act: 'renew', by: 'zhou', days: 15, reason: '未写完' });
  const renewed = await lent.act({ act: 'approve', taskId: asked.task!.taskId, by: 'lin' });
  expect(renewed.dueAt! - started.dueAt!).toBeGreaterThanOrEqual(15 * DAY_MS);
  expect(await lent.handle.result()).toBe('returned');
  expect(lent.written.at(-1)!.at).toBeGreaterThanOrEqual(renewed.dueAt!);
  await world.record('loan-renewed', lent.id);
});

test('a renewal that nobody decided by the due instant extends nothing', async () => {
  const lent = await new Lent('loan-late').start();
  await lent.act(approve);
  const { dueAt } = await lent.act({ act: 'start', by: 'zhou' });
  await lent.until(dueAt! - HOUR_MS);
  const { task } = await lent.act({ act: 'renew', by: 'zhou', days: 15, reason: 'x' });
  await lent.until(dueAt! + HOUR_MS);
  expect(await lent.loan()).toMatchObject({ state: 'overdue', renewals: [{ outcome: 'late' }] });
  expect(await codeOf(lent.act({ act: 'approve', taskId: task!.taskId, by: 'lin' }))).toBe('loan-task-closed');
  await lent.act({ act: 'recall', by: 'lin', reason: '催还未果' });
  expect(await lent.handle.result()).toBe('recalled');
  await world.record('loan-recalled', lent.id);
});

test('of many decisions at once one is taken; the others are refused, and leave nothing in the history', async () => {
  const lent = await new Lent('loan-race').start();
  const people = ['lin', 'luo', 'xu', 'he', 'fang'];
  const tries = people.map((by) => codeOf(lent.act({ act: 'approve', taskId: 't1', by })));
  const codes = await Promise.all(tries);
  expect(codes.filter((code) => code === null)).toHaveLength(1);
  expect(codes.filter((code) => code === 'loan-task-decided' || code === null)).toHaveLength(5);
  expect((await lent.loan()).decisions).toHaveLength(1);
  await lent.act({ act: 'close', by: 'system', cause: 'left', reason: 'x' });
  expect(await lent.handle.result()).toBe('lapsed');
});

test('while nothing can be written down, people go on deciding; then all of it is, in order, once', async () => {
  let isBroken = true;
  const lent = await new Lent('loan-unwritten').start({}, {}, () => isBroken);
  await lent.act(approve);
  await lent.act({ act: 'start', by: 'zhou' });
  await world.environment.sleep('1 hour');
  expect(lent.written).toEqual([]);
  isBroken = false;
  await lent.act({ act: 'return', by: 'zhou', cause: 'borrower' });
  expect(await lent.handle.result()).toBe('returned');
  expect(lent.acts()).toEqual(['submit', 'approve', 'start', 'return']);
  expect(lent.written.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  expect(lent.last.state).toBe('returned');
});

test('a claim ends after its hours, and another decides', async () => {
  const lent = await new Lent('loan-claimed').start();
  const { task } = await lent.act({ act: 'claim', taskId: 't1', by: 'luo' });
  expect(await codeOf(lent.act(approve))).toBe('loan-task-claimed');
  await lent.until(task!.releaseAt! + HOUR_MS);
  await lent.act(approve);
  await lent.act({ act: 'start', by: 'zhou' });
  await lent.act({ act: 'return', by: 'zhou', cause: 'borrower' });
  expect(await lent.handle.result()).toBe('returned');
  expect(lent.acts()).toContain('release');
  await world.record('loan-claim-ends', lent.id);
});

test('a loan whose history is long goes on in a new run, by what it ran by, and nothing is lost or done twice', async () => {
  const lent = await new Lent('loan-long').start({}, {}, undefined, { claimsEnd: false });
  const runId = async () => (await lent.handle.describe()).runId;
  const first = await runId();
  let claims = 0;
  for (; (await lent.handle.describe()).historyLength <= 1000; claims += 1) {
    await lent.act({ act: 'claim', taskId: 't1', by: 'luo' });
    await lent.act({ act: 'release', taskId: 't1', by: 'luo' });
  }
  // Not while people act.
  expect(await runId()).toBe(first);
  await world.environment.sleep('2 minutes');
  expect(await runId()).not.toBe(first);
  const { task, seq } = await lent.act({ act: 'claim', taskId: 't1', by: 'luo' });
  expect([task!.releaseAt, seq]).toEqual([undefined, 2 + 2 * claims]);
  await lent.act({ act: 'approve', taskId: 't1', by: 'luo' });
  await lent.act({ act: 'start', by: 'zhou' });
  expect(await lent.handle.result()).toBe('returned');
  expect(lent.written.map((event) => event.seq)).toEqual(lent.written.map((_event, i) => i + 1));
  expect(lent.acts().filter((act) => act === 'submit')).toHaveLength(1);
});

test.each([
  ['loan-closing', WorkflowName.loanClosing, [{ filter: { applicant: 'zhou' }, cause: 'left', reason: 'x' }]],
  ['bulk-loan', WorkflowName.bulkLoan, [{ jobId: 'jb_1' }]],
])('%s does its work in one step', async (name, workflow, args) => {
  world.reset({ closeLoans: async () => ({ closed: 3 }) });
  const { client } = world.environment;
  await client.workflow.execute(workflow, { workflowId: name, taskQueue: TaskQueue.loans, args });
  expect(world.calls).toHaveLength(1);
  await world.record(name, name);
});

test('notices: what a channel did not take waits for its time; with nothing left it ends', async () => {
  const waits = [60_000, 120_000, null, null];
  world.reset({ deliverNotices: async () => ({ nextInMs: waits.shift() ?? null }) });
  const { client } = world.environment;
  const began = await world.environment.currentTimeMs();
  const args = [{ memberId: 'yz1', idleMs: 60_000 }];
  await client.workflow.execute(WorkflowName.noticeDelivery, {
    workflowId: 'notices',
    taskQueue: TaskQueue.loans,
    args,
  });
  expect(world.calls).toHaveLength(3);
  expect((await world.environment.currentTimeMs()) - began).toBeGreaterThanOrEqual(180_000);
  await world.record('notices', 'notices');
});
