import fc from 'fast-check';
import { dayOf } from '../../../../domain/calendar.ts';
import { carryOut, type LoanAct, onTimer, refusalOf } from '../../../../domain/loan/acts.ts';
import { type Loan, type LoanEvent, scopeOf } from '../../../../domain/loan/loan.ts';
import type { LoanPolicy } from '../../../../domain/loan/policy.ts';
import { isEnded, type LOAN_MOVES, nextState } from '../../../../domain/loan/state.ts';
import { submitDraft } from '../../../../domain/loan/submit.ts';
import { nextTimer } from '../../../../domain/loan/times.ts';
import { draftLoan, loanTerms } from '../../../fixtures/loan.ts';

const at = (local: string) => Date.parse(`${local}:00+08:00`);
const local = (instant: number) => new Date(instant + 8 * 3_600_000).toISOString().slice(0, 16);
const NOW = at('2026-11-24T10:00');

/** A loan that things happen to, one after the other; a refusal is thrown by its code. */
class Run {
  loan: Loan;
  events: LoanEvent[] = [];

  constructor(
    change: Partial<Loan> = {},
    readonly terms = loanTerms(),
    public now = NOW,
  ) {
    const { loan, events } = submitDraft(draftLoan(now, change), terms);
    this.loan = loan;
    this.events.push(...events);
  }

  do(act: LoanAct, now = this.now): this {
    this.now = now;
    const refusal = refusalOf(this.loan, act, now, this.terms);
    if (refusal !== null) throw Object.assign(new Error(refusal.code), refusal);
    this.#take(carryOut(this.loan, act, now, this.terms));
    return this;
  }

  /** Lets time pass: whatever instants bring until then. */
  until(now: number): this {
    for (
      let next = nextTimer(this.loan, this.terms);
      next !== null && next.at <= now;
      next = nextTimer(this.loan, this.terms)
    ) {
      this.now = next.at;
      this.#take(onTimer(this.loan, next.timer, next.at, this.terms));
    }
    this.now = now;
    return this;
  }

  #take({ loan, events }: { loan: Loan; events: LoanEvent[] }): void {
    this.loan = loan;
    this.events.push(...events);
  }

  get task(): string {
    return this.loan.task!.taskId;
  }

  approve(by = 'lin', more: object = {}): this {
    return this.do({ act: 'approve', taskId: this.task, by, ...more });
  }

  acts(): string[] {
    return this.events.map(({ act }) => act);
  }
}
const started = (change: Partial<Loan> = {}, policy: Partial<LoanPolicy> = {}) =>
  new Run(change, loanTerms(policy)).approve().do({ act: 'start', by: 'zhou' });
const renewed = (run: Run, days = 15) => run.do({ act: 'renew', by: 'zhou', days, reason: '未写完' });
const paper = { request: { ...draftLoan(NOW).request, place: 'outOfRoom' as const, days: 3 } };

describe('the way of a loan', () => {
  test('approved, started, due 30 days after at midnight, returned by itself', () => {
    const run = started();
    expect(run.loan).toMatchObject({ state: 'onLoan', granted: { days: 30, rights: ['view'] } });
    expect(local(run.loan.dueAt!)).toBe('2026-12-25T00:00');
    run.until(at('2026-12-25T00:00'));
    expect(run.loan).toMatchObject({ state: 'returned', closed: { cause: 'due', by: 'system' } });
    expect(run.acts()).toEqual(['submit', 'approve', 'start', 'dueSoon', 'dueSoon', 'dueSoon', 'return']);
  });

  test('a due day that is not worked moves to the next that is, and the loan says so', () => {
    const run = started({ request: { ...draftLoan(NOW).request, days: 4 } });
    expect([local(run.loan.dueAt!), local(run.loan.shiftedFrom!)]).toEqual(['2026-12-01T00:00', '2026-11-29T00:00']);
    const strict = started({ request: { ...draftLoan(NOW).request, days: 4 } }, { holidayShift: false });
    expect([local(strict.loan.dueAt!), strict.loan.shiftedFrom]).toEqual(['2026-11-29T00:00', undefined]);
  });

  test('paper outside the room: working days; at the due instant it is overdue until it is back', () => {
    const run = started(paper);
    expect(local(run.loan.dueAt!)).toBe('2026-11-28T00:00');
    run.until(at('2026-12-06T10:00'));
    expect(run.loan.state).toBe('overdue');
    expect(run.acts().filter((act) => act === 'stillOverdue')).toHaveLength(3);
    run.do({ act: 'return', by: 'lin', cause: 'archivist' });
    expect(run.loan).toMatchObject({ state: 'returned', closed: { cause: 'archivist', by: 'lin' } });
  });

  test('a start that was chosen comes by itself, not before', () => {
    const startAt = at('2026-11-26T08:00');
    const run = new Run({ request: { ...draftLoan(NOW).request, startAt } }).approve();
    expect(() => run.do({ act: 'start', by: 'zhou' })).toThrow('loan-start-early');
    run.until(startAt);
    expect(run.loan).toMatchObject({ state: 'onLoan', startedAt: startAt });
  });

  test('approved, and not started in time: lapsed', () => {
    const run = new Run().approve();
    expect(local(run.loan.startBy!)).toBe('2026-12-02T00:00');
    expect(run.until(at('2026-12-02T00:00')).loan).toMatchObject({ state: 'lapsed', closed: { cause: 'notStarted' } });
  });

  test('two levels: other people, the shorter term, the fewer rights, both conditions', () => {
    const request = { ...draftLoan(NOW).request, rights: ['view' as const, 'print' as const] };
    const run = new Run({ levels: ['departmentHead', 'recordsClerk'], request });
    run.approve('he', { days: 20, conditions: '仅限本科室' });
    expect(run.loan).toMatchObject({ state: 'pendingReview', passed: 1, task: { role: 'recordsClerk' } });
    expect(() => run.approve('he')).toThrow('loan-reviewer-twice');
    run.approve('lin', { days: 25, rights: ['view'], conditions: '不得外传' });
    expect(run.loan).toMatchObject({
      state: 'approved',
      granted: { days: 20, rights: ['view'], conditions: '仅限本科室；不得外传' },
    });
    expect(
      run.events.flatMap(({ act, grant }) => (grant === undefined ? [] : [[act, grant.asked, grant.given]])),
    ).toEqual([
      ['passLevel', { days: 30, rights: ['view', 'print'] }, { days: 20, rights: ['view', 'print'] }],
      ['approve', { days: 20, rights: ['view', 'print'] }, { days: 20, rights: ['view'] }],
    ]);
  });

  test('what is approved as it was asked for says so; a renewal gives nothing else than its days', () => {
    const run = renewed(started()).approve();
    expect(run.events.filter(({ grant }) => grant !== undefined)).toEqual([
      expect.objectContaining({
        act: 'approve',
        grant: { asked: { days: 30, rights: ['view'] }, given: { days: 30, rights: ['view'] } },
      }),
    ]);
  });

  test('two levels: each takes branches away; what is left is of the catalogue that the first saw', () => {
    const of = { version: 1, edit: 0 };
    const run = new Run({ levels: ['departmentHead', 'recordsClerk'] });
    expect(scopeOf(run.loan)).toBeNull();
    run.approve('he', { scope: { nodes: [0, 2], nodesOf: of } });
    expect(scopeOf(run.loan)).toEqual({ nodes: [0, 2], nodesOf: of });
    const taken =
      (nodes: number[], nodesOf = of) =>
      () =>
        run.approve('lin', { scope: { nodes, nodesOf } });
    expect(taken([0, 1])).toThrow('loan-branch-not-asked');
    expect(taken([0], { version: 1, edit: 1 })).toThrow('loan-branch-not-asked');
    taken([2])();
    expect(run.loan).toMatchObject({ state: 'approved', granted: { scope: { nodes: [2], nodesOf: of } } });
    expect(
      run.events.flatMap(({ grant }) => (grant === undefined ? [] : [[grant.asked.scope, grant.given.scope]])),
    ).toEqual([
      [undefined, { nodes: [0, 2], nodesOf: of }],
      [
        { nodes: [0, 2], nodesOf: of },
        { nodes: [2], nodesOf: of },
      ],
    ]);
  });

  test('branches that were asked for stay, where no reviewer takes any', () => {
    const request = { ...draftLoan(NOW).request, nodes: [1, 3], nodesOf: { version: 2, edit: 1 } };
    const run = new Run({ request }).approve();
    expect(scopeOf(run.loan)).toEqual({ nodes: [1, 3], nodesOf: { version: 2, edit: 1 } });
    expect(run.loan.granted).not.toHaveProperty('scope');
  });

  test('sent back, edited, handed in again: the review begins anew', () => {
    const run = new Run({ levels: ['departmentHead', 'recordsClerk'] }).approve('he');
    run.do({ act: 'sendBack', taskId: run.task, by: 'lin', reason: '请写明课题' });
    expect(run.loan).toMatchObject({ state: 'sentBack' });
    expect(run.loan.task).toBeUndefined();
    const request = { ...run.loan.request, reason: '课题 2026-17' };
    run.do({ act: 'submit', by: 'zhou', request, levels: ['departmentHead', 'recordsClerk'] });
    expect(run.loan).toMatchObject({ state: 'pendingReview', round: 2, passed: 0, task: { role: 'departmentHead' } });
    run.approve('he').approve('lin');
    expect(run.loan.state).toBe('approved');
  });

  test.each<[string, (run: Run) => unknown, string, string]>([
    ['withdrawn', (run) => run.do({ act: 'withdraw', by: 'zhou' }), 'withdrawn', 'withdrawn'],
    [
      'refused',
      (run) => run.do({ act: 'refuse', taskId: run.task, by: 'lin', reason: '理由不足' }),
      'refused',
      'refused',
    ],
    ['not decided', (run) => run.until(at('2026-11-27T10:00')), 'reviewExpired', 'expired'],
  ])('%s: it ends', (_name, end, state, cause) => {
    const run = new Run();
    end(run);
    expect(run.loan).toMatchObject({ state, closed: { cause } });
    expect(nextTimer(run.loan, run.terms)).toBeNull();
  });
});

describe('the time of a review', () => {
  test('reminded, escalated, expired in working hours: a weekend does not count', () => {
    const run = new Run({}, loanTerms(), at('2026-11-27T16:00'));
    const { remindAt, escalateAt, expireAt, isSure } = run.loan.task!;
    expect([remindAt, escalateAt, expireAt].map(local)).toEqual([
      '2026-11-30T10:00',
      '2026-11-30T16:00',
      '2026-12-02T16:00',
    ]);
    expect(isSure).toBe(true);
    run.until(at('2026-11-30T16:00'));
    expect(run.loan.task).toMatchObject({ reminded: true, escalatedTo: 'medicalAffairs' });
    expect(run.until(at('2026-12-02T16:00')).acts()).toEqual(['submit', 'remind', 'escalate', 'expireReview']);
  });

  test('over a calendar that is not published yet, the task says so', () => {
    expect(new Run({}, loanTerms(), at('2026-12-31T16:00')).loan.task!.isSure).toBe(false);
  });

  test('抢救 goes by the clock, at night too', () => {
    const run = new Run(
      { request: { ...draftLoan(NOW).request, emergency: true } },
      loanTerms(),
      at('2026-11-28T02:00'),
    );
    expect(local(run.loan.task!.expireAt)).toBe('2026-11-28T04:00');
  });

  test('claimed, others wait; released, by hand or after its hours, they need not', () => {
    const run = new Run().do({ act: 'claim', taskId: 't1', by: 'lin' });
    const claim = (by: string) => run.do({ act: 'claim', taskId: 't1', by });
    expect(() => claim('luo')).toThrow('loan-task-claimed');
    expect(() => run.approve('luo')).toThrow('loan-task-claimed');
    expect(() => run.do({ act: 'release', taskId: 't1', by: 'luo' })).toThrow('loan-not-claimed');
    run.do({ act: 'release', taskId: 't1', by: 'lin' });
    claim('luo').until(at('2026-11-24T16:00'));
    expect(run.loan.task!.claimedBy).toBeUndefined();
    expect(run.approve('lin').loan.state).toBe('approved');
  });
});

describe('renewals', () => {
  test('counts from the old due day; waiting for it extends nothing', () => {
    const run = renewed(started());
    expect(run.loan).toMatchObject({ state: 'renewalReview', task: { kind: 'renewal' } });
    expect(local(run.loan.dueAt!)).toBe('2026-12-25T00:00');
    run.now = at('2026-12-10T10:00');
    run.approve();
    // 15 days after 2026-12-24 is a Friday, 2027-01-08.
    expect([run.loan.state, local(run.loan.dueAt!)]).toEqual(['onLoan', '2027-01-09T00:00']);
    expect(() => renewed(run)).toThrow('loan-renewal-limit');
  });

  test('refused: the old due day holds', () => {
    const run = renewed(started());
    run.do({ act: 'refuse', taskId: run.task, by: 'lin', reason: '他人待借' });
    expect([run.loan.state, local(run.loan.dueAt!)]).toEqual(['onLoan', '2026-12-25T00:00']);
    expect(run.loan.renewals).toMatchObject([{ outcome: 'refused' }]);
    expect(renewed(run).loan.state).toBe('renewalReview');
  });

  test('not decided by the due instant: overdue; late for a policy that revives nothing', () => {
    const run = renewed(started());
    const taskId = run.task;
    run.until(at('2026-12-25T00:00'));
    expect(run.loan).toMatchObject({ state: 'overdue', renewals: [{ outcome: 'late' }] });
    expect(() => run.do({ act: 'approve', taskId, by: 'lin' })).toThrow('loan-task-closed');
  });

  test('where the policy revives, it may be granted after due, while the new due day is to come', () => {
    const renewal = { times: 1, days: 15, levels: ['recordsClerk' as const], reviveAfterDue: true };
    const late = renewed(started({}, { renewal })).until(at('2026-12-28T10:00'));
    expect(late.loan).toMatchObject({ state: 'overdue', task: { kind: 'renewal' } });
    expect(late.approve().loan).toMatchObject({ state: 'onLoan', dueAt: at('2027-01-09T00:00') });
    const tooLate = renewed(started({}, { renewal })).until(at('2027-01-09T10:00'));
    expect(() => tooLate.approve()).toThrow('loan-renewal-late');
    const refused = renewed(started({}, { renewal })).until(at('2026-12-28T10:00'));
    refused.do({ act: 'refuse', taskId: refused.task, by: 'lin', reason: 'x' });
    expect(refused.loan).toMatchObject({ state: 'overdue', renewals: [{ outcome: 'refused' }] });
  });

  test('an early return cancels it', () => {
    const run = renewed(started()).do({ act: 'return', by: 'zhou', cause: 'borrower' });
    expect(run.loan).toMatchObject({ state: 'returned', renewals: [{ outcome: 'cancelled' }] });
    expect(run.loan.task).toBeUndefined();
  });

  test('a second renewal may be reviewed by who reviewed the first', () => {
    const renewal = { times: 2, days: 15, levels: ['recordsClerk' as const], reviveAfterDue: false };
    const run = renewed(started({}, { renewal })).approve();
    expect(renewed(run).approve().loan.state).toBe('onLoan');
  });
});

describe('what the member ends', () => {
  const waiting = () => new Run();
  const sentBack = () => new Run().do({ act: 'sendBack', taskId: 't1', by: 'lin', reason: 'x' });
  test.each<[string, () => Run, 'left' | 'hold', string]>([
    ['under review', waiting, 'left', 'withdrawn'],
    ['under review', waiting, 'hold', 'refused'],
    ['sent back', sentBack, 'left', 'withdrawn'],
    ['sent back', sentBack, 'hold', 'withdrawn'],
    ['approved', () => new Run().approve(), 'left', 'lapsed'],
    ['approved', () => new Run().approve(), 'hold', 'lapsed'],
    ['on loan', () => started(), 'left', 'returned'],
    ['on loan', () => started(), 'hold', 'recalled'],
    ['renewal under review', () => renewed(started()), 'left', 'returned'],
    ['renewal under review', () => renewed(started()), 'hold', 'recalled'],
    ['overdue', () => started(paper).until(at('2026-12-01T00:00')), 'left', 'recalled'],
    ['overdue', () => started(paper).until(at('2026-12-01T00:00')), 'hold', 'recalled'],
  ])('%s, %#: %s leads to %s', (_name, make, cause, state) => {
    const run = make().do({ act: 'close', by: 'system', cause, reason: 'x' });
    expect(run.loan).toMatchObject({ state, closed: { cause } });
  });

  test('recalled by the records room, out of a review of a renewal too', () => {
    for (const run of [started(), renewed(started())]) {
      run.do({ act: 'recall', by: 'lin', reason: '院内调阅' });
      expect(run.loan).toMatchObject({ state: 'recalled', closed: { by: 'lin' } });
    }
  });
});

test('a task is given to another, whoever had it: that one decides, and the first no more', () => {
  const run = new Run();
  run.do({ act: 'claim', taskId: 't1', by: 'lin' });
  run.do({ act: 'assign', taskId: 't1', by: 'gao', to: 'luo', reason: '值班' });
  expect(run.loan.task).toMatchObject({ claimedBy: 'luo' });
  expect(() => run.do({ act: 'approve', taskId: 't1', by: 'lin' })).toThrow('loan-task-claimed');
  run.do({ act: 'approve', taskId: 't1', by: 'luo' });
  expect(run.loan.state).toBe('approved');
});

describe('refused', () => {
  test.each<[string, () => Run, (run: Run) => LoanAct]>([
    ['loan-own-application', () => new Run(), () => ({ act: 'approve', taskId: 't1', by: 'zhou' })],
    ['loan-own-application', () => new Run(), () => ({ act: 'approve', taskId: 't1', by: 'lin', actingFor: 'zhou' })],
    ['loan-own-application', () => new Run(), () => ({ act: 'claim', taskId: 't1', by: 'zhou', actingFor: 'lin' })],
    [
      'loan-own-application',
      () => new Run(),
      () => ({ act: 'assign', taskId: 't1', by: 'gao', to: 'zhou', reason: 'x' }),
    ],
    [
      'loan-reviewer-twice',
      () => new Run({ levels: ['departmentHead', 'recordsClerk'] }).approve('he'),
      (run) => ({ act: 'assign', taskId: run.task, by: 'gao', to: 'he', reason: 'x' }),
    ],
    [
      'loan-reviewer-twice',
      () => new Run({ levels: ['departmentHead', 'recordsClerk'] }).approve('lin'),
      (run) => ({ act: 'approve', taskId: run.task, by: 'lin' }),
    ],
    [
      'loan-reviewer-twice',
      () => new Run({ levels: ['departmentHead', 'recordsClerk'] }).approve('he'),
      (run) => ({ act: 'approve', taskId: run.task, by: 'lin', actingFor: 'he' }),
    ],
    [
      'loan-reviewer-twice',
      () => new Run({ levels: ['departmentHead', 'recordsClerk'] }).approve('luo', { actingFor: 'he' }),
      (run) => ({ act: 'approve', taskId: run.task, by: 'he' }),
    ],
    ['loan-task-decided', () => new Run().approve(), () => ({ act: 'refuse', taskId: 't1', by: 'luo', reason: 'x' })],
    [
      'loan-task-closed',
      () => new Run().do({ act: 'withdraw', by: 'zhou' }),
      () => ({ act: 'approve', taskId: 't1', by: 'lin' }),
    ],
    [
      'loan-deputy-ended',
      () => new Run(),
      () => ({ act: 'approve', taskId: 't1', by: 'lin', actingFor: 'luo', actingUntil: NOW }),
    ],
    ['loan-term-longer', () => new Run(), () => ({ act: 'approve', taskId: 't1', by: 'lin', days: 31 })],
    [
      'loan-right-not-asked',
      () => new Run(),
      () => ({ act: 'approve', taskId: 't1', by: 'lin', rights: ['view', 'print'] }),
    ],
    [
      'loan-move-invalid',
      () => renewed(started()),
      (run) => ({ act: 'sendBack', taskId: run.task, by: 'lin', reason: 'x' }),
    ],
    ['loan-not-borrower', () => new Run(), () => ({ act: 'withdraw', by: 'lin' })],
    ['loan-not-borrower', () => new Run().approve(), () => ({ act: 'start', by: 'lin' })],
    ['loan-not-borrower', () => started(), () => ({ act: 'return', by: 'lin', cause: 'borrower' })],
    ['loan-move-invalid', () => started(), () => ({ act: 'withdraw', by: 'zhou' })],
    ['loan-move-invalid', () => new Run(), () => ({ act: 'start', by: 'zhou' })],
    ['loan-move-invalid', () => new Run(), () => ({ act: 'recall', by: 'lin', reason: 'x' })],
    [
      'loan-move-invalid',
      () => new Run().do({ act: 'withdraw', by: 'zhou' }),
      () => ({ act: 'close', by: 'system', cause: 'hold', reason: 'x' }),
    ],
    ['loan-move-invalid', () => renewed(started()), () => ({ act: 'renew', by: 'zhou', days: 1, reason: 'x' })],
    ['loan-term-limit', () => started(), () => ({ act: 'renew', by: 'zhou', days: 16, reason: 'x' })],
    [
      'loan-renewal-late',
      () => Object.assign(started(), { now: at('2026-12-25T00:00') }),
      () => ({ act: 'renew', by: 'zhou', days: 1, reason: 'x' }),
    ],
  ])('%s, %#', (code, make, act) => {
    const run = make();
    expect(refusalOf(run.loan, act(run), run.now, run.terms)?.code).toBe(code);
  });

  test('the second decision sees who won', () => {
    const run = new Run().approve('lin', { actingFor: 'luo' });
    expect(refusalOf(run.loan, { act: 'refuse', taskId: 't1', by: 'he', reason: 'x' }, NOW, run.terms)).toEqual({
      code: 'loan-task-decided',
      data: { by: 'lin', actingFor: 'luo', decision: 'approved', at: NOW },
    });
  });
});

const people = fc.constantFrom('zhou', 'lin', 'luo', 'he');
const acts: fc.Arbitrary<(run: Run) => LoanAct> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('claim', 'release', 'approve', 'refuse', 'sendBack'),
      people,
      fc.option(people, { nil: undefined }),
    )
    .map(
      ([act, by, actingFor]) =>
        (run: Run) =>
          ({ act, by, actingFor, taskId: run.loan.task?.taskId ?? 't1', reason: 'x' }) as LoanAct,
    ),
  fc.tuple(fc.constantFrom('withdraw', 'start'), people).map(
    ([act, by]) =>
      () =>
        ({ act, by }) as LoanAct,
  ),
  people.map((by) => (): LoanAct => ({ act: 'renew', by, days: 15, reason: 'x' })),
  people.map((by) => (run: Run): LoanAct => ({
    act: 'submit',
    by,
    request: run.loan.request,
    levels: run.loan.levels,
  })),
  fc
    .tuple(people, fc.constantFrom('borrower' as const, 'archivist' as const))
    .map(([by, cause]) => (): LoanAct => ({ act: 'return', by, cause })),
  people.map((by) => (): LoanAct => ({ act: 'recall', by, reason: 'x' })),
  fc
    .constantFrom('left' as const, 'hold' as const)
    .map((cause) => (): LoanAct => ({ act: 'close', by: 'system', cause, reason: 'x' })),
);
const hours = fc.integer({ min: 0, max: 24 * 12 }).map((n) => n * 3_600_000);

test('whatever people do and however time passes, the rules hold', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 3, arbitrary: acts }, hours), { maxLength: 40 }),
      fc.boolean(),
      fc.constantFrom('online' as const, 'outOfRoom' as const),
      (steps, reviveAfterDue, place) => {
        const terms = loanTerms({ renewal: { times: 2, days: 15, levels: ['recordsClerk'], reviveAfterDue } });
        const request = { ...draftLoan(NOW).request, place, days: 3 };
        const run = new Run({ request, levels: ['departmentHead', 'recordsClerk'] }, terms);
        for (const step of steps) {
          if (typeof step === 'number') {
            run.until(run.now + step);
            continue;
          }
          const before = run.loan;
          const kept = JSON.stringify(before);
          try {
            run.do(step(run));
          } catch (error) {
            expect((error as { code?: string }).code).toMatch(/^loan-/);
            expect(run.loan).toBe(before);
          }
          expect(JSON.stringify(before)).toBe(kept);
        }
        const { loan, events } = run;
        expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, i) => i + 1));
        expect(loan.seq).toBe(events.length);
        let state: Loan['state'] = 'draft';
        for (const { act, from, to } of events) {
          expect(from).toBe(state);
          if (from !== to) expect(nextState(from, act as keyof typeof LOAN_MOVES)).toBe(to);
          state = to;
        }
        for (const { by, actingFor } of loan.decisions) expect([by, actingFor]).not.toContain('zhou');
        const twice = new Set(loan.decisions.map(({ taskId }) => taskId));
        expect(twice.size).toBe(loan.decisions.length);
        if (isEnded(loan.state)) expect([loan.task, nextTimer(loan, terms)]).toEqual([undefined, null]);
        if (loan.state === 'pendingReview' || loan.state === 'renewalReview') expect(loan.task).toBeDefined();
        if (loan.state === 'onLoan')
          expect(loan.dueAt! > run.now && dayOf(loan.dueAt!) > dayOf(loan.startedAt!)).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});
