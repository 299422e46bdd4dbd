import type { Permission, Role } from '../../../domain/access.ts';
import type { CatalogTemplate as DomainTemplate, DocumentType } from '../../../domain/catalog.ts';
import type { PageSuggestion } from '../../../domain/catalog/classify.ts';
import type {
  RebuildMode,
  RebuildMove,
  RebuildOutcome,
  RebuildRange,
  RebuildState,
} from '../../../domain/catalog/rebuild.ts';
import type { Completeness, CompletenessState } from '../../../domain/catalog/completeness.ts';
import type { CatalogChange } from '../../../domain/catalog/diff.ts';
import type { CatalogPlace, NumberedNode } from '../../../domain/catalog/numbered.ts';
import type { CorrectionState, Registered } from '../../../domain/correction.ts';
import type { FrontPage, FrontPageFinding } from '../../../domain/front-page.ts';
import type { FrontPagePolicy, FrontPageState } from '../../../domain/front-page/quality.ts';
import type { AccountState, Employment } from '../../../domain/people.ts';
import type { LoanEvent } from '../../../domain/loan/loan.ts';
import type { NoticeKind } from '../../../domain/notices.ts';
import type { MergedNumbers, MergeKind } from '../../../domain/merge.ts';
import type { LoanPolicy, Mark, Place, Purpose, ReviewRole, Right } from '../../../domain/loan/policy.ts';
import type { LoanState } from '../../../domain/loan/state.ts';
import type { AttestationState, BatchState, PartState } from '../../../domain/status.ts';
import type { ActorProof, TraceAction, TraceResult } from '../../../domain/trace.ts';
import type { WorkflowState } from '../../../domain/workflows.ts';
import type { TimelineStep } from '../../../domain/timeline.ts';

export interface SessionAnswer {
  user: { username: string; displayName: string; roles: Role[]; permissions: Permission[] };
  csrf: string;
  member: { memberId: string; name: string };
  environment: 'demo' | 'production';
  mustEnrolTotp: boolean;
}

export interface Department {
  departmentId: string;
  name: string;
  disabled: boolean;
}

export interface User {
  username: string;
  displayName: string;
  department: { departmentId: string; name: string } | null;
  employment: Employment;
  roles: Role[];
  relatedPatientNos: string[];
  state: AccountState;
  hasTotp: boolean;
  revision: number;
  createdAt: string;
}

export interface Colleague {
  username: string;
  displayName: string;
}

export interface Deputy {
  deputyId: string;
  principal: Colleague;
  deputy: Colleague;
  from: string;
  to: string;
  reason: string;
  state: 'coming' | 'acting' | 'ended';
}

export interface Archive {
  archiveId: string;
  /** The number that it was registered under. */
  patientNo: string;
  /** 现病案号, where that was merged into another; 原病案号, those that were merged into it. */
  currentPatientNo?: string;
  formerPatientNos: string[];
  visitNo: string;
  patientName: string;
  department: string;
  /** 母亲病案号: of a newborn. */
  motherPatientNo?: string;
  admittedAt?: string;
  dischargedAt: string;
  currentVersion: number;
  state: AttestationState;
  pageCount: number;
  attestedAt?: string;
  updatedAt: string;
  completeness: { state: CompletenessState } | null;
  frontPage: { state: FrontPageState } | null;
  isHeld: boolean;
  marks: Mark[];
}

export type Kin = Pick<Archive, 'archiveId' | 'patientNo' | 'visitNo' | 'patientName' | 'dischargedAt'>;

export interface ArchiveDetail extends Archive {
  admittedAt?: string;
  /** Of a newborn: the archives of its mother; and those of the newborns whose mother the patient is. */
  mother: Kin[];
  newborns: Kin[];
  /** Number of the last correction of what it was registered with; 0: none. */
  corrected: number;
  versions: {
    version: number;
    state: AttestationState;
    reason?: string;
    createdAt: string;
    pages: number;
    bytes?: number;
    height?: number;
    txId?: string;
  }[];
  catalog: (NumberedNode & { firstPage: number; pageCount: number })[];
  catalogPlace: CatalogPlace;
  completeness: Completeness | null;
  frontPage: FrontPageChecked | null;
}

/** 首页质控: one check, without what was filled in. */
export interface FrontPageChecked {
  check: number;
  state: FrontPageState;
  rules: number;
  findings: FrontPageFinding[];
  by: string;
  byName: string;
  at: string;
  batchId?: string;
  correction?: number;
}
export interface FrontPageAnswer {
  page: FrontPage | null;
  checks: FrontPageChecked[];
}

/** What one person asks for, and another approves or refuses. */
export interface Asked {
  archiveId: string;
  state: CorrectionState;
  by: string;
  byName: string;
  reason: string;
  at: string;
  decidedBy?: string;
  decidedByName?: string;
  decidedAt?: string;
  refusal?: string;
  attestation?: { height: number; txId: string };
}

/** 更正. */
export interface Correction extends Asked {
  correction: number;
  before: Registered;
  after: Registered;
}

/** 患者合并、拆分. */
export interface Merge extends MergedNumbers, Asked {
  mergeId: string;
  kind: MergeKind;
  /** A merge in force that no split has undone. */
  stands: boolean;
}

/** Of one that was made meanwhile (`theirs`), or waits. */
export interface CorrectionConflict {
  base: number;
  theirs?: Correction;
  yours: Registered;
}

/** The number that a correction asks for is another archive's. */
export interface VisitTaken {
  archiveId: string;
  other: Pick<Archive, 'archiveId' | 'patientNo' | 'visitNo' | 'patientName'>;
}

/** Who arranged a catalogue, when and why; `edit` 0 is the one that a version was packed by. */
export interface CatalogEdit {
  place: CatalogPlace;
  by?: string;
  byName?: string;
  reason?: string;
  at: string;
  restores?: string;
  attestation?: { height: number; txId: string };
}

export interface ShownCatalog extends CatalogEdit {
  templateId: string;
  templateVersion: number;
  isCurrent: boolean;
  nodes: NumberedNode[];
}

/** 目录模板, a version of it. */
export interface CatalogTemplate extends Omit<DomainTemplate, 'acceptFrom' | 'frontPage'> {
  acceptFrom: number;
  frontPage: FrontPagePolicy;
  by: string;
  reason: string;
  createdAt: string;
}

/** 分类建议 of an archive; `at` null: nobody looked. */
export interface Suggestions {
  at: string | null;
  acceptFrom: number;
  branches: { type: DocumentType; zh: string; en: string }[];
  items: PageSuggestion[];
}

/** An archive with pages that wait for a person. */
export interface QueuedArchive {
  archiveId: string;
  patientNo: string;
  patientName: string;
  department: string;
  dischargedAt: string;
  pageCount: number;
  doubtful: number;
  lowest: number;
  foreign: number;
  isHeld: boolean;
  at: string;
}

export interface Rebuild {
  rebuildId: string;
  workflowId: string;
  mode: RebuildMode;
  state: RebuildState;
  range: RebuildRange;
  reason: string;
  by: string;
  total: number;
  counts: Record<RebuildOutcome, number>;
  doubtful: number;
  createdAt: string;
  endedAt?: string;
}

export interface RebuildRow {
  archiveId: string;
  patientNo: string;
  patientName: string;
  outcome: RebuildOutcome;
  refusal?: { code: string; detail: { zh: string; en: string } };
  moves: RebuildMove[];
  doubtful: number;
  template?: { from: number; to: number };
  place?: string;
}

/** Both sides of a catalogue that someone else arranged meanwhile. */
export interface CatalogConflict {
  start: NumberedNode[];
  theirs: CatalogEdit & { nodes: NumberedNode[] };
  yours: NumberedNode[];
  theirChanges: CatalogChange[];
  yourChanges: CatalogChange[];
}

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/** Scan stations by their last contact, and the disk that takes what they send. */
export interface Stations {
  disk: { usedFraction: number; freeBytes: number; level: 'ok' | 'low' | 'full'; daysLeft: number | null };
  items: {
    sender: string;
    scannerId: string;
    lastContactAt: string;
    waiting: number | null;
    refused: number | null;
    backlog: Record<'receiving' | 'parked' | 'checking' | 'awaitingCatalog' | 'partlyFailed', number>;
    lastHour: { pages: number; bytes: number };
  }[];
}
interface ParkedVisit {
  patientNo: string;
  visitNo: string;
  patientName: string;
  department?: string;
  motherPatientNo?: string;
  admittedAt?: string;
}
export interface Batch {
  batchId: string;
  archiveId: string;
  sender: string;
  scannerId?: string;
  /** 补扫: the visit was archived when it was announced. */
  isLate: boolean;
  /** 重发: the batch whose refused files these stand in for. */
  retryOf?: string;
  isRetried: boolean;
  state: BatchState;
  /** 未出院: of a visit that has not ended. */
  visit?: ParkedVisit;
  /** What the visit was said to be before. */
  corrected?: { before: ParkedVisit; by: string; reason: string; at: string }[];
  withdrawn?: { by: string; reason: string; at: string };
  createdAt: string;
  committedAt?: string;
  version?: number;
  parts: {
    partNo: number;
    fileName: string;
    mediaType: string;
    documentType: DocumentType;
    bytes: number;
    pageCount: number;
    state: PartState;
    refusal?: { code: string; field: string; reason: string };
    retriedBy?: string;
  }[];
}

export interface Timeline {
  steps: TimelineStep[];
}

export interface OverlayMember {
  memberId: string;
  name: string;
  state: 'pending' | 'online' | 'relayed' | 'degraded' | 'offline' | 'revoked';
  since: string;
  /** Relays on the path; null: there is none. */
  relays: string[] | null;
  rttMs: number | null;
  lossPercent: number | null;
  mtu: number | null;
  trouble: string | null;
}
export interface Overlay {
  memberId: string;
  policy: { version: number; faults: string[] };
  members: OverlayMember[];
  sessions: number;
  relayedBytes: number;
  certificates: {
    of: 'member' | 'authority';
    subject: string;
    notAfter: string;
    daysLeft: number;
    /** Narrowest of 90, 30 and 7 days that it is within; 0: it has ended; null: far. */
    warning: number | null;
  }[];
}
export interface Status {
  at: string;
  services: Record<string, { state: 'ok' | 'degraded' | 'down'; detail: Record<string, unknown> }>;
  backlog: { outbox: number; batches: number };
}

export interface TraceEntry {
  seq: number;
  at: string;
  actor: { type: string; id: string; roles: string[]; proof?: ActorProof };
  from?: { address: string; agent: string };
  action: TraceAction;
  object: { type: string; id: string };
  archiveId?: string;
  patientId?: string;
  loanId?: string;
  purpose?: string;
  reason?: string;
  details?: Record<string, unknown>;
  result: TraceResult;
  hash: string;
  place?: { height: number; txId: string; at: string };
}

export interface TraceLag {
  waiting: number;
  since: string | null;
  isBehind: boolean;
  whenBehind: 'serve' | 'block';
  behindMinutes: number;
}

export interface TracePage {
  lag: TraceLag;
  items: TraceEntry[];
  names: Record<string, string>;
  nextBefore: number | null;
  searchedTo: string | null;
}

export interface WorkflowRow {
  workflowId: string;
  type: string;
  state: WorkflowState;
  startedAt?: string;
  closedAt?: string;
}

export interface WorkflowDetail extends WorkflowRow {
  startedAt: string;
  steps: TimelineStep[];
  mayRetry: boolean;
  mayCancel: boolean;
  care?: { username: string; by: string; reason: string; at: string };
  uiUrl: string | null;
}

export interface ReviewTask {
  taskId: string;
  kind: 'application' | 'renewal';
  role: ReviewRole;
  openedAt: string;
  escalateAt: string;
  expireAt: string;
  isSure: boolean;
  escalatedTo?: ReviewRole;
  claimedBy?: string;
}

export interface Decision {
  taskId: string;
  role: ReviewRole;
  decision: 'approved' | 'refused' | 'sentBack';
  by: string;
  actingFor?: string;
  at: string;
  reason?: string;
  conditions?: string;
}

export interface Loan {
  loanId: string;
  applicationId: string;
  archiveId: string;
  patientNo: string;
  visitNo: string;
  patientName: string;
  applicant: string;
  applicantName: string;
  state: LoanState;
  purpose: Purpose;
  place: Place;
  days: number;
  rights: Right[];
  nodes?: number[];
  emergency: boolean;
  reason: string;
  startAt?: string;
  policyVersion: number;
  levels: ReviewRole[];
  passed: number;
  task?: ReviewTask;
  decisions: Decision[];
  granted?: { days: number; rights: Right[]; conditions?: string; scope?: { nodes: number[] } };
  submittedAt?: string;
  startBy?: string;
  startedAt?: string;
  dueAt?: string;
  shiftedFrom?: string;
  renewals: { days: number; reason: string; requestedAt: string; outcome?: string }[];
  closed?: { at: string; by: string; cause: string };
  createdAt: string;
}

export interface LoanPage extends Page<Loan> {
  names: Record<string, string>;
  total: number;
  isCapped: boolean;
}

export type ShownEvent = Omit<LoanEvent, 'at'> & {
  at: string;
  attestation?: { txId: string; height: number; logIndex: number };
  /** Titles of the branches that an approval took away; `grant` has their numbers. */
  withheldBranches?: string[];
};

export interface LoanDetail {
  loan: Loan;
  names: Record<string, string>;
  mayDecide: boolean;
  actingFor?: string;
  /** The branches that it is of, and whose numbers these have. */
  scope: {
    nodesOf: { version: number; edit: number } | null;
    branches: { node: number; title: string; pages: number }[];
  };
  events: ShownEvent[];
}

export interface LoanCounts {
  tasks: number;
  tasksOverdue: number;
  dueSoon: number;
  mine: Partial<Record<LoanState, number>>;
  all: Partial<Record<LoanState, number>>;
}

export interface Refusal {
  code: string;
  detail: { zh: string; en: string };
  data: Record<string, unknown>;
}

export interface Job {
  jobId: string;
  act: string;
  total: number;
  done: number;
  failed: number;
  state: 'running' | 'done';
  createdAt: string;
}

export interface JobRow {
  n: number;
  loanId: string;
  state: 'waiting' | 'done' | 'failed';
  patientName?: string;
  patientNo?: string;
  refusal?: Refusal;
}

export interface JobDetail {
  job: Job;
  rows: JobRow[];
  nextAfter: number | null;
}

export interface Notice {
  noticeId: string;
  kind: NoticeKind;
  /** Absent where it is of the archive itself. */
  loanId?: string;
  archiveId?: string;
  patientName?: string;
  patientNo?: string;
  reason?: string;
  at: string;
  isRead: boolean;
  /** It asked for a decision, which is made or needed no more. */
  isSettled: boolean;
}

export interface PolicyVersion {
  version: number;
  policy: LoanPolicy;
  by: string;
  reason: string;
  createdAt: string;
}

/** On what ground an archive is read. */
export interface Access {
  basis: 'role' | 'loan' | 'none';
  loanId?: string;
  until?: string;
  rights: Right[];
  /** Numbers of the pages that were lent; absent: all. */
  pages?: number[];
  conditions?: string;
  isHeld: boolean;
  printed: number;
}
