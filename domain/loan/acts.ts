import { isSamePlace } from '../catalog/numbered.ts';
import type { Refusal } from './eligibility.ts';
import {
  type Decision,
  grantOf,
  type Instant,
  type Loan,
  LoanStep,
  type LoanTerms,
  type Outcome,
  type Scope,
  scopeOf,
  SYSTEM,
} from './loan.ts';
import type { ReviewRole, Right } from './policy.ts';
import { isEnded, type LoanMove, nextState, READING_STATES } from './state.ts';
import { dueAfter, type LoanTimer, taskTimes } from './times.ts';

interface ByReviewer {
  taskId: string;
  by: string;
  /** Whose deputy `by` is, and until when. */
  actingFor?: string | undefined;
  actingUntil?: Instant | undefined;
}

/** What a person does to a loan; `close` is the member's own doing. */
export type LoanAct =
  | ({ act: 'claim' } & ByReviewer)
  | ({ act: 'release' } & ByReviewer)
  /** Someone who looks after the workflows gives the task to another, whoever had it. */
  | ({ act: 'assign'; to: string; reason: string } & ByReviewer)
  | ({
      act: 'approve';
      days?: number | undefined;
      rights?: Right[] | undefined;
      scope?: Required<Scope> | undefined;
      conditions?: string | undefined;
    } & ByReviewer)
  | ({ act: 'refuse'; reason: string } & ByReviewer)
  | ({ act: 'sendBack'; reason: string } & ByReviewer)
  | { act: 'withdraw'; by: string }
  | { act: 'submit'; by: string; request: Loan['request']; levels: ReviewRole[] }
  | { act: 'start'; by: string }
  | { act: 'renew'; by: string; days: number; reason: string }
  | { act: 'return'; by: string; cause: 'borrower' | 'archivist'; reason?: string | undefined }
  | { act: 'recall'; by: string; reason: string }
  | { act: 'close'; by: string; cause: 'left' | 'hold'; reason: string };

type ReviewAct = Extract<LoanAct, ByReviewer>;
const REVIEW_ACTS: readonly LoanAct['act'][] = ['claim', 'release', 'assign', 'approve', 'refuse', 'sendBack'];
const isReview = (act: LoanAct): act is ReviewAct => REVIEW_ACTS.includes(act.act);

const refuse = (code: string, data: Record<string, unknown> = {}): Refusal => ({ code, data });

/** Why the act cannot be, with a code of A4; null if it can. */
export function refusalOf(loan: Loan, act: LoanAct, now: Instant, terms: LoanTerms): Refusal | null {
  if (isReview(act)) return reviewRefusal(loan, act, now, terms);
  const invalid = refuse('loan-move-invalid', { state: loan.state, act: act.act });
  const may = (move: LoanMove) => (nextState(loan.state, move) === null ? invalid : null);
  if (act.act === 'close') return isEnded(loan.state) ? invalid : null;
  if (act.act === 'recall') return loan.state === 'renewalReview' ? null : may('recall');
  if (act.act === 'return')
    return act.cause === 'borrower' && act.by !== loan.applicant ? refuse('loan-not-borrower') : may('return');
  if (act.by !== loan.applicant) return refuse('loan-not-borrower');
  switch (act.act) {
    case 'withdraw':
      return may('withdraw');
    case 'submit':
      return may('submit');
    case 'start':
      if (loan.state === 'approved' && (loan.request.startAt ?? 0) > now)
        return refuse('loan-start-early', { startAt: loan.request.startAt });
      return may('start');
    case 'renew':
      return may('requestRenewal') ?? renewalRefusal(loan, act.days, now, terms);
    default:
      return act satisfies never;
  }
}

function renewalRefusal(loan: Loan, days: number, now: Instant, { policy }: LoanTerms): Refusal | null {
  if (loan.dueAt! <= now) return refuse('loan-renewal-late', { dueAt: loan.dueAt });
  const granted = loan.renewals.filter(({ outcome }) => outcome === 'granted').length;
  if (granted >= policy.renewal.times) return refuse('loan-renewal-limit', { limit: policy.renewal.times });
  if (days > policy.renewal.days) return refuse('loan-term-limit', { field: 'days', limit: policy.renewal.days });
  return null;
}

function reviewRefusal(loan: Loan, act: ReviewAct, now: Instant, terms: LoanTerms): Refusal | null {
  const { task, decisions, applicant, renewals } = loan;
  if (task?.taskId !== act.taskId) {
    const decided = decisions.find(({ taskId }) => taskId === act.taskId);
    if (decided === undefined) return refuse('loan-task-closed', { state: loan.state });
    const { by, actingFor, decision, at } = decided;
    return refuse('loan-task-decided', { by, actingFor, decision, at });
  }
  if (act.actingUntil !== undefined && act.actingUntil <= now) return refuse('loan-deputy-ended');
  const reviewer = act.act === 'assign' ? act.to : act.by;
  const people = [reviewer, ...(act.actingFor === undefined ? [] : [act.actingFor])];
  if (people.includes(applicant)) return refuse('loan-own-application');
  const isSecond = ({ kind, round: of, by, actingFor }: Decision) =>
    kind === task.kind &&
    of === roundOf(loan) &&
    [by, actingFor].some((one) => one !== undefined && people.includes(one));
  if (decisions.some(isSecond)) return refuse('loan-reviewer-twice');
  if (act.act === 'assign') return null;
  if (act.act === 'release') return task.claimedBy === act.by ? null : refuse('loan-not-claimed');
  if (task.claimedBy !== undefined && task.claimedBy !== act.by)
    return refuse('loan-task-claimed', { by: task.claimedBy, at: task.claimedAt });
  if (act.act === 'sendBack' && task.kind === 'renewal')
    return refuse('loan-move-invalid', { state: loan.state, act: act.act });
  if (act.act !== 'approve') return null;
  const asked = task.kind === 'renewal' ? renewals.at(-1)!.days : loan.request.days;
  if ((act.days ?? asked) > asked) return refuse('loan-term-longer', { field: 'days', limit: asked });
  const right = act.rights?.find((one) => !loan.request.rights.includes(one));
  if (right !== undefined) return refuse('loan-right-not-asked', { field: 'rights', right });
  const taken = act.scope && notAsked(act.scope, scopeOf(loan));
  if (taken !== undefined) return refuse('loan-branch-not-asked', { field: 'scope', node: taken });
  if (loan.state === 'overdue' && renewedDue(loan, act.days ?? asked, terms).dueAt <= now)
    return refuse('loan-renewal-late', { dueAt: loan.dueAt });
  return null;
}

/** The first branch that is not of what was asked for; of another catalogue none is. */
function notAsked({ nodes, nodesOf }: Scope, asked: Scope | null): number | undefined {
  if (asked === null) return undefined;
  const isOther = asked.nodesOf !== undefined && !isSamePlace(asked.nodesOf, nodesOf!);
  return nodes.find((one) => isOther || !asked.nodes.includes(one));
}

/** Counts what is reviewed as one: a submission, or a renewal. */
const roundOf = ({ task, round, renewals }: Loan) => (task?.kind === 'renewal' ? renewals.length : round);

/** A renewal counts from the old due day, whenever it is granted. */
const renewedDue = (loan: Loan, days: number, terms: LoanTerms) =>
  dueAfter(loan.dueAt! - 1, days, loan.request.place, terms);

/** Does what was found to be no refusal. */
export function carryOut(loan: Loan, act: LoanAct, now: Instant, terms: LoanTerms): Outcome {
  const step = new LoanStep(loan, now, act.by);
  const of = 'actingFor' in act && act.actingFor !== undefined ? { actingFor: act.actingFor } : {};
  const why = 'reason' in act && act.reason !== undefined ? { reason: act.reason } : {};
  switch (act.act) {
    case 'claim':
      if (loan.task!.claimedBy === act.by) break;
      claim(step, act.by, terms);
      step.note('claim', { ...of, taskId: act.taskId });
      break;
    case 'assign':
      claim(step, act.to, terms);
      step.note('assign', { ...of, ...why, taskId: act.taskId, assignee: act.to });
      break;
    case 'release':
      unclaim(step, act.taskId);
      break;
    case 'approve':
      approve(step, act, terms);
      break;
    case 'refuse':
    case 'sendBack':
      decide(step, act, { decision: act.act === 'refuse' ? 'refused' : 'sentBack', reason: act.reason });
      if (loan.task!.kind === 'renewal') refuseRenewal(step, { ...of, ...why });
      else if (act.act === 'sendBack') step.move('sendBack', { ...of, ...why });
      else step.move('refuse', { ...of, ...why }).close('refused');
      break;
    case 'withdraw':
      step.move('withdraw').close('withdrawn');
      break;
    case 'submit':
      Object.assign(step.loan, { request: act.request, levels: act.levels });
      submit(step, terms);
      break;
    case 'start':
      start(step, terms);
      break;
    case 'renew':
      step.loan.renewals.push({ days: act.days, reason: act.reason, requestedAt: now });
      step.loan.passed = 0;
      openTask(step.move('requestRenewal', why), terms);
      break;
    case 'return':
      cancelRenewal(step);
      step.move('return', why).close(act.cause);
      break;
    case 'recall':
      recall(step, act.reason, 'archivist');
      break;
    case 'close':
      closeFor(step, act.cause, act.reason);
      break;
    default:
      act satisfies never;
  }
  return step.outcome;
}

/** Opens the first level of a review; of a draft, or of what was sent back and edited. */
function submit(step: LoanStep, terms: LoanTerms): void {
  const { loan } = step;
  loan.round += 1;
  loan.passed = 0;
  loan.submittedAt = step.at;
  delete loan.granted;
  openTask(step.move('submit'), terms);
}

function openTask({ loan, at }: LoanStep, terms: LoanTerms): void {
  const kind = loan.state === 'renewalReview' ? 'renewal' : 'application';
  const role = kind === 'renewal' ? terms.policy.renewal.levels[loan.passed]! : loan.levels[loan.passed]!;
  const taskId = `t${loan.seq}`;
  const times = taskTimes(at, kind === 'application' && loan.request.emergency, terms);
  loan.task = { taskId, kind, role, openedAt: at, ...times, reminded: false };
}

function claim({ loan, at }: LoanStep, by: string, { claimsEnd, calendar, policy }: LoanTerms): void {
  const releaseAt = claimsEnd ? { releaseAt: calendar.addWorkingHours(at, policy.claimHours) } : {};
  Object.assign(loan.task!, { claimedBy: by, claimedAt: at, ...releaseAt });
}

function unclaim(step: LoanStep, taskId: string): void {
  const { claimedBy: _by, claimedAt: _at, releaseAt: _until, ...free } = step.loan.task!;
  step.loan.task = free;
  step.note('release', { taskId });
}

function decide(
  { loan, at, by }: LoanStep,
  { actingFor, taskId }: ReviewAct,
  made: Pick<Decision, 'decision'> & Partial<Decision>,
): void {
  const { kind, role } = loan.task!;
  const acting = actingFor === undefined ? {} : { actingFor };
  loan.decisions.push({ taskId, kind, round: roundOf(loan), role, by, ...acting, at, ...made });
  delete loan.task;
}

function approve(step: LoanStep, act: Extract<LoanAct, { act: 'approve' }>, terms: LoanTerms): void {
  const { loan, at } = step;
  const { kind } = loan.task!;
  const { days, conditions } = act;
  const of = act.actingFor === undefined ? {} : { actingFor: act.actingFor };
  decide(step, act, {
    decision: 'approved',
    ...(days !== undefined && { days }),
    ...(conditions !== undefined && { conditions }),
  });
  const levels = kind === 'renewal' ? terms.policy.renewal.levels : loan.levels;
  const before = loan.granted;
  const asked = grantOf(loan);
  const scope = act.scope ?? before?.scope;
  if (kind === 'application')
    loan.granted = {
      days: Math.min(days ?? loan.request.days, before?.days ?? loan.request.days),
      rights: (before?.rights ?? [...loan.request.rights]).filter((one) => act.rights?.includes(one) ?? true),
      ...(scope !== undefined && { scope }),
      ...joined(before?.conditions, conditions),
    };
  const renewal = loan.renewals.at(-1);
  if (kind === 'renewal' && days !== undefined) loan.renewals[loan.renewals.length - 1] = { ...renewal!, days };
  const grant = kind === 'application' ? { grant: { asked, given: grantOf(loan) } } : {};
  loan.passed += 1;
  if (loan.passed < levels.length) {
    step.note('passLevel', { ...of, ...grant, taskId: act.taskId });
    openTask(step, terms);
    return;
  }
  if (kind === 'application') {
    loan.approvedAt = at;
    const from = Math.max(at, loan.request.startAt ?? 0);
    loan.startBy = terms.calendar.endOfDayAfter(from, terms.policy.startWithinDays);
    step.move('approve', { ...of, ...grant });
    return;
  }
  const last = loan.renewals.at(-1)!;
  delete loan.shiftedFrom;
  Object.assign(loan, renewedDue(loan, last.days, terms));
  settleRenewal(loan, 'granted');
  step.move(loan.state === 'overdue' ? 'revive' : 'grantRenewal', of);
}

const joined = (a: string | undefined, b: string | undefined) => {
  const both = [a, b].filter((one) => one !== undefined);
  return both.length === 0 ? {} : { conditions: both.join('；') };
};

function start(step: LoanStep, terms: LoanTerms): void {
  const { loan, at } = step;
  loan.startedAt = at;
  Object.assign(loan, dueAfter(at, loan.granted!.days, loan.request.place, terms));
  step.move('start');
}

function settleRenewal(loan: Loan, outcome: NonNullable<Loan['renewals'][number]['outcome']>): void {
  const last = loan.renewals.at(-1);
  if (last === undefined || last.outcome !== undefined) return;
  loan.renewals[loan.renewals.length - 1] = { ...last, outcome };
  loan.passed = 0;
  if (loan.task?.kind === 'renewal') delete loan.task;
}

/** Of an overdue loan only the task ends: the state stays. */
function refuseRenewal(step: LoanStep, detail: { reason?: string; actingFor?: string }): void {
  settleRenewal(step.loan, 'refused');
  if (step.loan.state === 'renewalReview') step.move('refuseRenewal', detail);
  else step.note('refuseRenewal', detail);
}

const cancelRenewal = ({ loan }: LoanStep) => settleRenewal(loan, 'cancelled');

function recall(step: LoanStep, reason: string, cause: string): void {
  if (step.loan.state === 'renewalReview') {
    cancelRenewal(step);
    step.move('refuseRenewal', { reason });
  }
  cancelRenewal(step);
  step.move('recall', { reason }).close(cause);
}

/** The borrower left or changed department, or the archive was put on hold: whatever is open ends, by a move of A4. */
function closeFor(step: LoanStep, cause: 'left' | 'hold', reason: string): void {
  const { state } = step.loan;
  if (state === 'pendingReview') step.move(cause === 'hold' ? 'refuse' : 'withdraw', { reason }).close(cause);
  else if (state === 'sentBack') step.move('withdraw', { reason }).close(cause);
  else if (state === 'approved') step.move('lapse', { reason }).close(cause);
  else if (cause === 'left' && READING_STATES.includes(state)) {
    cancelRenewal(step);
    step.move('return', { reason }).close(cause);
  } else recall(step, reason, cause);
}

/** What an instant that has come brings. */
export function onTimer(loan: Loan, timer: LoanTimer, now: Instant, terms: LoanTerms): Outcome {
  const step = new LoanStep(loan, now, SYSTEM);
  const { policy } = terms;
  const task = step.loan.task;
  switch (timer) {
    case 'remind':
      task!.reminded = true;
      step.note('remind', { taskId: task!.taskId });
      break;
    case 'escalate':
      task!.escalatedTo = policy.sla.escalateTo;
      step.note('escalate', { taskId: task!.taskId });
      break;
    case 'release':
      unclaim(step, task!.taskId);
      break;
    case 'expireReview':
      step.move('expireReview').close('expired');
      break;
    case 'start':
      start(step, terms);
      break;
    case 'lapse':
      step.move('lapse').close('notStarted');
      break;
    case 'dueSoon':
    case 'stillOverdue':
      step.loan.lastReminderAt = now;
      step.note(timer);
      break;
    case 'due':
      fallDue(step, terms);
      break;
    default:
      timer satisfies never;
  }
  return step.outcome;
}

/** At the due instant reading has ended; what is confirmed by hand, or waits for a renewal, is overdue until then. */
function fallDue(step: LoanStep, { policy }: LoanTerms): void {
  const { loan } = step;
  const isRenewing = loan.state === 'renewalReview';
  if (!isRenewing && policy.terms[loan.request.place].atDue === 'return') {
    step.move('return').close('due');
    return;
  }
  if (isRenewing && !policy.renewal.reviveAfterDue) settleRenewal(loan, 'late');
  step.move('fallOverdue');
}
