import type { WorkCalendar } from '../calendar.ts';
import type { CatalogPlace } from '../catalog/numbered.ts';
import type { LoanRequest } from './eligibility.ts';
import type { LoanPolicy, ReviewRole, Right } from './policy.ts';
import { isEnded, type LoanMove, type LoanState, nextState } from './state.ts';

/** Instants are milliseconds since 1970, as workflows count them. */
export type Instant = number;

/** Who acts where no person does. */
export const SYSTEM = 'system';

/** What a reviewer is asked. */
export interface ReviewTask {
  taskId: string;
  kind: 'application' | 'renewal';
  role: ReviewRole;
  openedAt: Instant;
  remindAt: Instant;
  escalateAt: Instant;
  /** An application expires then; a renewal stays open until the loan is due. */
  expireAt: Instant;
  /** Whether the calendar of these days is published. */
  isSure: boolean;
  reminded: boolean;
  /** Role that may decide too, since the task was escalated. */
  escalatedTo?: ReviewRole;
  claimedBy?: string;
  claimedAt?: Instant;
  releaseAt?: Instant;
}

export interface Decision {
  taskId: string;
  kind: ReviewTask['kind'];
  /** Counts submissions, or renewals: levels of one round are decided by different people. */
  round: number;
  role: ReviewRole;
  decision: 'approved' | 'refused' | 'sentBack';
  by: string;
  actingFor?: string;
  at: Instant;
  reason?: string;
  conditions?: string;
  days?: number;
}

export interface Renewal {
  days: number;
  reason: string;
  requestedAt: Instant;
  outcome?: 'granted' | 'refused' | 'cancelled' | 'late';
}

/** Some branches of a catalogue, and whose numbers these are. */
export interface Scope {
  nodes: number[];
  nodesOf?: CatalogPlace | undefined;
}

/** What a loan gives of an archive, or would give: `scope` is absent where it is all of it. */
export interface Grant {
  days: number;
  rights: Right[];
  scope?: Scope;
}

/** 借阅: one archive, one borrower. What the workflow holds, and what lists show of it. */
export interface Loan {
  loanId: string;
  applicationId: string;
  archiveId: string;
  applicant: string;
  departmentId?: string;
  request: LoanRequest & { reason: string; startAt?: Instant | undefined };
  policyVersion: number;
  state: LoanState;
  /** Counts what happened; the event of this number led to this state. */
  seq: number;
  round: number;
  levels: ReviewRole[];
  /** Levels of this round that are passed. */
  passed: number;
  task?: ReviewTask;
  decisions: Decision[];
  /** Terms that were granted: never more than asked for. */
  granted?: Grant & { conditions?: string };
  submittedAt?: Instant;
  approvedAt?: Instant;
  startBy?: Instant;
  startedAt?: Instant;
  dueAt?: Instant;
  /** The due instant before it moved to a working day. */
  shiftedFrom?: Instant;
  renewals: Renewal[];
  lastReminderAt?: Instant;
  closed?: { at: Instant; by: string; cause: string };
}

/** The branches that a loan is of: those that were asked for, less what a reviewer took away; null: the whole archive. */
export const scopeOf = ({ request: { nodes, nodesOf }, granted }: Pick<Loan, 'request' | 'granted'>): Scope | null =>
  granted?.scope ?? (nodes === undefined ? null : { nodes: [...nodes], ...(nodesOf !== undefined && { nodesOf }) });

/** What a loan gives as it stands: what was asked for, less what reviewers took away so far. */
export function grantOf(loan: Pick<Loan, 'request' | 'granted'>): Grant {
  const { days, rights } = loan.granted ?? loan.request;
  const scope = scopeOf(loan);
  return { days, rights: [...rights], ...(scope !== null && { scope }) };
}

/** What happened, in the order of `seq`. Without a move the state stayed. */
export interface LoanEvent {
  seq: number;
  act: LoanMove | 'claim' | 'release' | 'assign' | 'remind' | 'escalate' | 'passLevel' | 'dueSoon' | 'stillOverdue';
  from: LoanState;
  to: LoanState;
  at: Instant;
  by: string;
  actingFor?: string;
  reason?: string;
  taskId?: string;
  /** To whom the task was given. */
  assignee?: string;
  /** Of an approval: what came before this reviewer, and what they left of it. Approvals of before it was kept have none. */
  grant?: { asked: Grant; given: Grant };
}

/** What a loan runs by, from its beginning to its end. */
export interface LoanTerms {
  policy: LoanPolicy;
  calendar: WorkCalendar;
  /** Claims end after policy's `claimHours`; those of workflows begun before this was so do not. */
  claimsEnd: boolean;
}

export interface Outcome {
  loan: Loan;
  events: LoanEvent[];
}

type Detail = Partial<Pick<LoanEvent, 'actingFor' | 'reason' | 'taskId' | 'assignee' | 'grant'>>;

/** A loan while something happens to it; the loan it began with is not touched. */
export class LoanStep {
  readonly events: LoanEvent[] = [];
  readonly loan: Loan;

  constructor(
    loan: Loan,
    readonly at: Instant,
    readonly by: string,
  ) {
    this.loan = { ...loan, decisions: [...loan.decisions], renewals: [...loan.renewals] };
    if (loan.task !== undefined) this.loan.task = { ...loan.task };
  }

  /** Makes a move of A4. That it may be made was checked before: throws if it may not. */
  move(move: LoanMove, detail: Detail = {}): this {
    const to = nextState(this.loan.state, move);
    if (to === null) throw new Error(`no move ${move} from ${this.loan.state}`);
    return this.#add(move, to, detail);
  }

  /** Something that leaves the state as it is. */
  note(act: LoanEvent['act'], detail: Detail = {}): this {
    return this.#add(act, this.loan.state, detail);
  }

  close(cause: string): this {
    if (!isEnded(this.loan.state)) throw new Error(`${this.loan.state} is no end`);
    this.loan.closed = { at: this.at, by: this.by, cause };
    delete this.loan.task;
    return this;
  }

  get outcome(): Outcome {
    return { loan: this.loan, events: this.events };
  }

  #add(act: LoanEvent['act'], to: LoanState, detail: Detail): this {
    const from = this.loan.state;
    this.loan.seq += 1;
    this.loan.state = to;
    this.events.push({ seq: this.loan.seq, act, from, to, at: this.at, by: this.by, ...detail });
    return this;
  }
}
