import type { Role } from '../access.ts';
import type { Instant, Loan } from './loan.ts';
import type { ReviewRole } from './policy.ts';

/** What decides what someone may decide. */
export interface Person {
  username: string;
  roles: readonly Role[];
  departmentId?: string | undefined;
}

/** What someone may decide: by themself, and for whom they are the deputy now. */
export interface Powers {
  self: Person;
  principals: (Person & { until: Instant })[];
}

/** Roles that may decide the task of a loan; none without one. */
export const waitsFor = ({ task }: Pick<Loan, 'task'>): ReviewRole[] =>
  task === undefined ? [] : [task.role, ...(task.escalatedTo === undefined ? [] : [task.escalatedTo])];

const holds = ({ roles, departmentId }: Person, role: ReviewRole, loan: Pick<Loan, 'departmentId'>): boolean =>
  roles.includes(role) && (role !== 'departmentHead' || departmentId === loan.departmentId);

/** By whose power someone decides the task of a loan; null if by nobody's. */
export function powerOver(
  { self, principals }: Powers,
  loan: Pick<Loan, 'task' | 'departmentId'>,
): { actingFor?: string; actingUntil?: Instant } | null {
  const may = (person: Person) => waitsFor(loan).some((role) => holds(person, role, loan));
  if (loan.task === undefined || may(self)) return {};
  const principal = principals.find(may);
  return principal === undefined ? null : { actingFor: principal.username, actingUntil: principal.until };
}
