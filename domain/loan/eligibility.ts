import type { CatalogPlace } from '../catalog/numbered.ts';
import type { Employment } from '../people.ts';
import {
  type LoanPolicy,
  type Mark,
  type Place,
  type Purpose,
  REVIEW_ROLES,
  type ReviewRole,
  type Right,
} from './policy.ts';

/** What is asked for, of one archive. */
export interface LoanRequest {
  purpose: Purpose;
  place: Place;
  days: number;
  rights: readonly Right[];
  /** 抢救: unarchived files too, and reviewed by the clock. */
  emergency: boolean;
  /** Numbers of catalogue branches, from 0; absent: the whole archive. */
  nodes?: readonly number[] | undefined;
  /** Whose branches these are: a catalogue that is arranged anew meanwhile changes nothing of what was asked for. */
  nodesOf?: CatalogPlace | undefined;
}

export interface Applicant {
  employment: Employment;
  relatedPatientNos: readonly string[];
  /** Loans that are open, drafts not counted. */
  open: number;
  overdue: number;
}

export interface LendableArchive {
  /** Whose it is, and of whom it tells besides: a newborn's mother, a mother's newborns. */
  patientNos: readonly string[];
  isArchived: boolean;
  isHeld: boolean;
  marks: readonly Mark[];
  /** How many branches its catalogue has. */
  branches: number;
}

export interface Refusal {
  code: string;
  data: Record<string, unknown>;
}

/** Why this archive is not lent to this person on these terms (A4); the first reason, null if there is none. */
export function ineligibility(
  policy: LoanPolicy,
  request: LoanRequest,
  applicant: Applicant,
  archive: LendableArchive,
): Refusal | null {
  const refuse = (code: string, data: Record<string, unknown> = {}): Refusal => ({ code, data });
  if (policy.employment[applicant.employment] === 'barred')
    return refuse('loan-not-entitled', { employment: applicant.employment });
  if (policy.overdueBars && applicant.overdue > 0) return refuse('loan-overdue-held', { overdue: applicant.overdue });
  if (applicant.open >= policy.quota) return refuse('loan-quota', { quota: policy.quota });
  if (archive.isHeld) return refuse('loan-archive-held');
  if (!archive.isArchived && !request.emergency) return refuse('loan-archive-unarchived');
  if (archive.patientNos.some((one) => applicant.relatedPatientNos.includes(one))) return refuse('loan-related-record');
  const term = policy.terms[request.place];
  if (request.days > term.days) return refuse('loan-term-limit', { field: 'days', limit: term.days });
  const right = request.rights.find((one) => !policy.purposes[request.purpose].rights.includes(one));
  if (right !== undefined) return refuse('loan-right-not-allowed', { field: 'rights', right });
  const node = request.nodes?.find((one) => one >= archive.branches);
  if (node !== undefined) return refuse('loan-scope-invalid', { field: 'nodes', node });
  return null;
}

/** Who reviews, one after the other: by purpose, by what the archive is, by who asks, by how much they hold. */
export function levelsOf(
  policy: LoanPolicy,
  { purpose }: LoanRequest,
  applicant: Applicant,
  marks: readonly Mark[],
): ReviewRole[] {
  const asked = new Set<ReviewRole>(policy.purposes[purpose].levels);
  if (policy.employment[applicant.employment] === 'supervised')
    for (const level of policy.supervisedLevels) asked.add(level);
  for (const mark of marks) asked.add(policy.marks[mark]);
  if (applicant.open + 1 > policy.directorAbove) asked.add('departmentHead');
  return REVIEW_ROLES.filter((role) => asked.has(role));
}
