import type { Role } from '../access.ts';
import type { Instant, Loan } from './loan.ts';

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

const holds = ({ roles, departmentId }: Person, role: Role | undefined, loan: Pick<Loan, 'departmentId'>): boolean =>
  role !== undefined && roles.includes(role) && (role !== 'departmentHead' || departmentId === loan.departmentId);

/** By whose power someone decides the task of a loan; null if by nobody's. */
export function powerOver(
  { self, principals }: Powers,
  { task, ...loan }: Pick<Loan, 'task' | 'departmentId'>,
): { actingFor?: string; actingUntil?: Instant } | null {
  const may = (person: Person) => holds(person, task?.role, loan) || holds(person, task?.escalatedTo, loan);
  if (task === undefined || may(self)) return {};
  const principal = principals.find(may);
  return principal === undefined ? null : { actingFor: principal.username, actingUntil: principal.until };
}
