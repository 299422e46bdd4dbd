import { z } from 'zod';
import { LoanState } from '../../domain/loan/state.ts';
import { Place, Purpose, REVIEW_ROLES, Right } from '../../domain/loan/policy.ts';
import type { LoanRow, Store } from '../../platform/store/index.ts';
import { displayNames } from '../people/names.ts';
import { scope } from './scope.ts';

const instant = z.string().describe('RFC 3339');
export const shownTask = z.object({
  taskId: z.string(),
  kind: z.enum(['application', 'renewal']),
  role: z.enum(REVIEW_ROLES),
  openedAt: instant,
  remindAt: instant,
  escalateAt: instant,
  expireAt: instant,
  isSure: z.boolean().describe('Whether the calendar of these days is published'),
  reminded: z.boolean(),
  escalatedTo: z.enum(REVIEW_ROLES).optional(),
  claimedBy: z.string().optional(),
  claimedAt: instant.optional(),
  releaseAt: instant.optional(),
});
export const shownLoan = z.object({
  loanId: z.string(),
  applicationId: z.string(),
  archiveId: z.string(),
  patientNo: z.string(),
  visitNo: z.string(),
  patientName: z.string(),
  applicant: z.string(),
  applicantName: z.string(),
  departmentId: z.string().optional(),
  state: z.enum(LoanState),
  seq: z.number(),
  purpose: z.enum(Purpose),
  place: z.enum(Place),
  days: z.number(),
  rights: z.array(z.enum(Right)),
  nodes: z.array(z.number()).optional(),
  emergency: z.boolean(),
  reason: z.string(),
  startAt: instant.optional(),
  policyVersion: z.number(),
  levels: z.array(z.enum(REVIEW_ROLES)),
  passed: z.number(),
  task: shownTask.optional(),
  decisions: z.array(z.record(z.string(), z.unknown())),
  granted: z
    .object({
      days: z.number(),
      rights: z.array(z.enum(Right)),
      conditions: z.string().optional(),
      scope: scope.partial({ nodesOf: true }).optional().describe('The branches that a reviewer left'),
    })
    .optional(),
  submittedAt: instant.optional(),
  approvedAt: instant.optional(),
  startBy: instant.optional(),
  startedAt: instant.optional(),
  dueAt: instant.optional(),
  shiftedFrom: instant.optional().describe('The due instant before it moved to a working day'),
  renewals: z.array(z.record(z.string(), z.unknown())),
  closed: z.object({ at: instant, by: z.string(), cause: z.string() }).optional(),
  createdAt: instant,
  updatedAt: instant,
});
export type ShownLoan = z.infer<typeof shownLoan>;
export const names = z.record(z.string(), z.string()).describe('Names of the people, by user name');

export const withNames = z.object({ loan: shownLoan, names });
export const loanParams = z.object({ loanId: z.string().regex(/^ln_[a-z0-9]{1,40}$/) });

const INSTANTS = /^(at|\w+At)$/;
const iso = (at: number) => new Date(at).toISOString();
const isoIf = (at: number | undefined) => (at === undefined ? undefined : iso(at));

/** The same object with its instants as RFC 3339. */
const withIso = (value: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      typeof one === 'number' && INSTANTS.test(name) ? iso(one) : (one as unknown),
    ]),
  );

const taskShown = (task: NonNullable<LoanRow['task']>): z.infer<typeof shownTask> => ({
  taskId: task.taskId,
  kind: task.kind,
  role: task.role,
  openedAt: iso(task.openedAt),
  remindAt: iso(task.remindAt),
  escalateAt: iso(task.escalateAt),
  expireAt: iso(task.expireAt),
  isSure: task.isSure,
  reminded: task.reminded,
  escalatedTo: task.escalatedTo,
  claimedBy: task.claimedBy,
  claimedAt: isoIf(task.claimedAt),
  releaseAt: isoIf(task.releaseAt),
});

/** A loan as the api shows it. Field by field: lists are long, and this is much quicker than by their names. */
export const shown = (row: LoanRow): ShownLoan => ({
  loanId: row.loanId,
  applicationId: row.applicationId,
  archiveId: row.archiveId,
  patientNo: row.patientNo,
  visitNo: row.visitNo,
  patientName: row.patientName,
  applicant: row.applicant,
  applicantName: row.applicantName,
  departmentId: row.departmentId,
  state: row.state,
  seq: row.seq,
  purpose: row.request.purpose,
  place: row.request.place,
  days: row.request.days,
  rights: [...row.request.rights],
  nodes: row.request.nodes && [...row.request.nodes],
  emergency: row.request.emergency,
  reason: row.request.reason,
  startAt: isoIf(row.request.startAt),
  policyVersion: row.policyVersion,
  levels: row.levels,
  passed: row.passed,
  task: row.task && taskShown(row.task),
  decisions: row.decisions.map(withIso),
  granted: row.granted,
  submittedAt: isoIf(row.submittedAt),
  approvedAt: isoIf(row.approvedAt),
  startBy: isoIf(row.startBy),
  startedAt: isoIf(row.startedAt),
  dueAt: isoIf(row.dueAt),
  shiftedFrom: isoIf(row.shiftedFrom),
  renewals: row.renewals.map(withIso),
  closed: row.closed && { ...row.closed, at: iso(row.closed.at) },
  createdAt: iso(row.createdAt),
  updatedAt: iso(row.updatedAt),
});

/** Names of whoever comes up in these loans. */
export function namesOf(store: Store, rows: readonly LoanRow[], more: string[] = []): ReturnType<typeof displayNames> {
  const people = new Set(more);
  for (const { applicant, decisions, task, closed } of rows) {
    people.add(applicant);
    for (const one of [task?.claimedBy, closed?.by]) if (one !== undefined) people.add(one);
    for (const { by, actingFor } of decisions) {
      people.add(by);
      if (actingFor !== undefined) people.add(actingFor);
    }
  }
  return displayNames(store, people);
}
