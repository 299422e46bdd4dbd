import { z } from 'zod';
import { LoanState } from '../../domain/loan/state.ts';
import { Place, Purpose, REVIEW_ROLES, Right } from '../../domain/loan/policy.ts';
import type { LoanRow, Store } from '../../platform/store/index.ts';
import { displayNames } from '../people/names.ts';

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
  granted: z.object({ days: z.number(), rights: z.array(z.enum(Right)), conditions: z.string().optional() }).optional(),
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

const INSTANTS = /^(at|\w+(At|By)|shiftedFrom)$/;
/** What a row holds beside what the api shows as it is. */
const OTHERS: readonly (keyof LoanRow | '_id')[] = [
  '_id',
  'round',
  'open',
  'lastReminderAt',
  'request',
  'task',
  'decisions',
  'renewals',
  'closed',
];

/** Adds the fields of an object to another, its instants as RFC 3339. Lists are as long as this is quick. */
function addIso(made: Record<string, unknown>, value: object, except: readonly string[] = []): Record<string, unknown> {
  for (const [name, one] of Object.entries(value) as [string, unknown][])
    if (one !== undefined && !except.includes(name))
      made[name] = typeof one === 'number' && INSTANTS.test(name) ? new Date(one).toISOString() : one;
  return made;
}
const withIso = (value: object) => addIso({}, value);

/** A loan as the api shows it. */
export function shown(row: LoanRow): ShownLoan {
  const { request, task, decisions, renewals, closed } = row;
  const made = addIso(addIso({}, row, OTHERS), request);
  if (task !== undefined) made.task = withIso(task);
  if (closed !== undefined) made.closed = withIso(closed);
  made.decisions = decisions.map(withIso);
  made.renewals = renewals.map(withIso);
  return made as unknown as ShownLoan;
}

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
