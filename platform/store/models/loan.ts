import { type Connection, Schema } from 'mongoose';
import type { CalendarYear } from '../../../domain/calendar.ts';
import type { Loan, LoanEvent } from '../../../domain/loan/loan.ts';
import type { LoanPolicy, ReviewRole } from '../../../domain/loan/policy.ts';

/** 借阅 as lists show it: what the workflow told last (the higher `seq` wins), and what names the patient. */
export interface LoanRow extends Loan {
  /** Not ended: one person has one open loan of an archive. */
  open: boolean;
  /** Roles that may decide its task: none without one. */
  waitsFor: ReviewRole[];
  applicantName: string;
  patientNo: string;
  visitNo: string;
  patientName: string;
  createdAt: number;
  updatedAt: number;
  /** The archive whose paper goes out of the room by it, from its being handed in to its end: one loan an archive. */
  volume?: string;
}

/** One thing that happened, attested if it changed the state or decided something. */
export interface LoanEventRow extends LoanEvent {
  loanId: string;
  /** What the digest on the ledger is of; the actor is in it as a salted hash. */
  manifest?: Record<string, unknown>;
  salt?: string;
  attestation?: { txId: string; indexInTx: number; height: number; logIndex: number };
}

export interface LoanPolicyRow {
  version: number;
  policy: LoanPolicy;
  by: string;
  reason: string;
  createdAt: Date;
}

export interface CalendarRow extends CalendarYear {
  by: string;
  updatedAt: Date;
}

/** 站内通知. Other channels are told from here, and their failure changes nothing here. */
export interface Notice {
  noticeId: string;
  username: string;
  kind: string;
  /** Absent where it is of the archive itself: a correction. */
  loanId?: string;
  /** What it says besides, of the archive: shown in the app only. */
  data: { archiveId?: string; reason?: string };
  at: Date;
  readAt?: Date;
  /** It asked for a decision, which is made or needed no more. */
  settledAt?: Date;
  deliveries: {
    channel: string;
    state: 'pending' | 'sent' | 'failed' | 'settled';
    attempts: number;
    nextAt: Date;
    code?: string;
  }[];
}

/** A job over many loans: its rows were fixed when it was made. */
export interface BulkJob {
  jobId: string;
  by: string;
  act: Record<string, unknown>;
  total: number;
  done: number;
  failed: number;
  state: 'running' | 'done';
  createdAt: Date;
  endedAt?: Date;
}

export interface BulkRow {
  jobId: string;
  n: number;
  loanId: string;
  state: 'waiting' | 'done' | 'failed';
  /** The whole act, as it was meant when the job was made: the task is the one that the person saw. */
  act?: Record<string, unknown>;
  code?: string;
  data?: Record<string, unknown>;
}

export interface SavedFilter {
  filterId: string;
  username: string;
  page: string;
  name: string;
  query: Record<string, string>;
  createdAt: Date;
}

const options = { strict: 'throw', versionKey: false, minimize: false } as const;
const mixed = Schema.Types.Mixed;
const text = { type: String, required: true } as const;
const instant = { type: Number, required: true } as const;

const loan = new Schema<LoanRow>(
  {
    loanId: { ...text, unique: true },
    applicationId: text,
    archiveId: text,
    applicant: text,
    departmentId: String,
    request: { type: mixed, required: true },
    policyVersion: { type: Number, required: true },
    state: text,
    seq: { type: Number, required: true },
    round: { type: Number, required: true },
    levels: { type: [String], required: true } as never,
    passed: { type: Number, required: true },
    task: mixed,
    decisions: { type: [mixed], default: [] } as never,
    granted: mixed,
    submittedAt: Number,
    approvedAt: Number,
    startBy: Number,
    startedAt: Number,
    dueAt: Number,
    shiftedFrom: Number,
    renewals: { type: [mixed], default: [] } as never,
    lastReminderAt: Number,
    closed: mixed,
    open: { type: Boolean, required: true },
    waitsFor: { type: [String], required: true } as never,
    applicantName: text,
    patientNo: text,
    visitNo: text,
    patientName: text,
    createdAt: instant,
    updatedAt: instant,
    volume: String,
  },
  options,
);
loan.index({ volume: 1 }, { unique: true, partialFilterExpression: { volume: { $exists: true } } });
loan.index({ applicant: 1, archiveId: 1 }, { unique: true, partialFilterExpression: { open: true } });
loan.index({ applicationId: 1, createdAt: -1, loanId: -1 });
loan.index({ archiveId: 1, state: 1 });
const all = (...fields: string[]): Record<string, 1> => Object.fromEntries(fields.map((field) => [field, 1]));
/** What rows are looked at by, whatever a list finds: an index that holds it counts them without reading them. */
const KNOWN_BY = all('state', 'departmentId', 'applicant');
/** Indexes that queries name: each holds all that they ask (api/loans/counts.ts). */
export const LOAN_INDEXES = {
  own: all('applicant', 'open', 'state'),
  open: { open: 1, ...KNOWN_BY },
  waiting: { ...all('waitsFor', 'task.expireAt', 'loanId'), ...KNOWN_BY },
  late: { ...all('waitsFor', 'departmentId', 'task.escalateAt', 'task.expireAt'), ...KNOWN_BY },
  ownDue: all('applicant', 'state', 'dueAt'),
  due: { ...all('state', 'dueAt', 'loanId'), ...KNOWN_BY },
} as const satisfies Record<string, Record<string, 1>>;
loan.index(LOAN_INDEXES.own);
loan.index(LOAN_INDEXES.open, { partialFilterExpression: { open: true } });
loan.index(LOAN_INDEXES.ownDue);
// Each filter and order that lists offer has one (api/loans/list.ts).
const when = (field: string) => ({ partialFilterExpression: { [field]: { $gt: 0 } } });
for (const fields of [[], ['state'], ['applicant'], ['departmentId'], ['archiveId']]) {
  loan.index({ ...all(...fields), createdAt: -1, loanId: -1, ...KNOWN_BY });
  loan.index({ ...all(...fields), dueAt: 1, loanId: 1, ...KNOWN_BY }, when('dueAt'));
}
for (const fields of [[], ['applicant'], ['archiveId'], ['waitsFor', 'departmentId']])
  loan.index({ ...all(...fields), 'task.expireAt': 1, loanId: 1, ...KNOWN_BY }, when('task.expireAt'));
loan.index(LOAN_INDEXES.waiting, when('task.expireAt'));
loan.index(LOAN_INDEXES.late, when('task.expireAt'));
loan.index({ 'request.purpose': 1, createdAt: -1, loanId: -1, ...KNOWN_BY });
// Texts: what was found by one of them is not found by the next.
loan.index({ ...all('patientNo', 'loanId'), ...KNOWN_BY });
loan.index({ ...all('patientName', 'loanId', 'patientNo'), ...KNOWN_BY });
loan.index({ ...all('applicantName', 'loanId', 'patientNo', 'patientName'), ...KNOWN_BY });
loan.index({ 'task.escalateAt': 1 }, { partialFilterExpression: { 'task.escalateAt': { $exists: true } } });

const event = new Schema<LoanEventRow>(
  {
    loanId: text,
    seq: { type: Number, required: true },
    act: text,
    from: text,
    to: text,
    at: instant,
    by: text,
    actingFor: String,
    reason: String,
    taskId: String,
    assignee: String,
    grant: mixed,
    manifest: mixed,
    salt: String,
    attestation: mixed,
  },
  options,
);
event.index({ loanId: 1, seq: 1 }, { unique: true });

const policy = new Schema<LoanPolicyRow>(
  {
    version: { type: Number, required: true, unique: true },
    policy: { type: mixed, required: true },
    by: text,
    reason: text,
    createdAt: { type: Date, required: true },
  },
  options,
);

const calendar = new Schema<CalendarRow>(
  {
    year: { type: Number, required: true, unique: true },
    status: text,
    source: text,
    holidays: { type: [String], required: true } as never,
    workdays: { type: [String], required: true } as never,
    by: text,
    updatedAt: { type: Date, required: true },
  },
  options,
);

const notice = new Schema<Notice>(
  {
    noticeId: { ...text, unique: true },
    username: text,
    kind: text,
    loanId: String,
    data: mixed,
    at: { type: Date, required: true },
    readAt: Date,
    settledAt: Date,
    deliveries: { type: [mixed], default: [] } as never,
  },
  options,
);
notice.index({ username: 1, readAt: 1, at: -1 });
notice.index({ 'data.archiveId': 1, kind: 1 });
notice.index({ 'deliveries.state': 1, 'deliveries.nextAt': 1 });

const job = new Schema<BulkJob>(
  {
    jobId: { ...text, unique: true },
    by: text,
    act: { type: mixed, required: true },
    total: instant,
    done: instant,
    failed: instant,
    state: text,
    createdAt: { type: Date, required: true },
    endedAt: Date,
  },
  options,
);
job.index({ by: 1, createdAt: -1 });

const row = new Schema<BulkRow>(
  {
    jobId: text,
    n: { type: Number, required: true },
    loanId: text,
    state: text,
    act: mixed,
    code: String,
    data: mixed,
  },
  options,
);
row.index({ jobId: 1, n: 1 }, { unique: true });

const filter = new Schema<SavedFilter>(
  {
    filterId: { ...text, unique: true },
    username: text,
    page: text,
    name: text,
    query: { type: mixed, required: true },
    createdAt: { type: Date, required: true },
  },
  options,
);
filter.index({ username: 1, page: 1, name: 1 }, { unique: true });

export const createLoanModels = (connection: Connection) => ({
  Loan: connection.model('Loan', loan, 'loans'),
  LoanEvent: connection.model('LoanEvent', event, 'loanEvents'),
  LoanPolicy: connection.model('LoanPolicy', policy, 'loanPolicies'),
  CalendarYear: connection.model('CalendarYear', calendar, 'calendarYears'),
  Notice: connection.model('Notice', notice, 'notices'),
  BulkJob: connection.model('BulkJob', job, 'bulkJobs'),
  BulkRow: connection.model('BulkRow', row, 'bulkRows'),
  SavedFilter: connection.model('SavedFilter', filter, 'savedFilters'),
});
