import type { Role } from '../../domain/access.ts';
import { REVIEW_ROLES, type ReviewRole } from '../../domain/loan/policy.ts';
import type { Powers as Deciding } from '../../domain/loan/powers.ts';
import type { LoanRow, Store } from '../../platform/store/index.ts';
import type { Filter } from '../ordered.ts';
import type { Actor } from '../route.ts';

type Asking = Pick<Actor, 'id' | 'roles' | 'departmentId' | 'principals'>;

/** What someone may decide (domain/loan/powers.ts), and what they may know of. */
export interface Powers extends Deciding {
  /** Holds all loans: records room, 医务科. */
  manages: boolean;
}

/** Of who asks, as the gate has read them. */
export function powersOf({ id, roles, departmentId, principals }: Asking): Powers {
  return {
    self: { username: id, roles, departmentId },
    manages: roles.includes('recordsClerk') || roles.includes('medicalAffairs'),
    principals: principals.map(({ until, ...person }) => ({ ...person, until: until.getTime() })),
  };
}

/** What every task has: the indexes hold only rows that have one. */
const HAS_TASK: Filter = { 'task.expireAt': { $gt: 0 } };
const NOTHING: Filter = { waitsFor: 'none', ...HAS_TASK };

/** Rows whose task waits for this person, as branches of an index; never an own application, nor one of whom they act for. */
export function taskBranches({ self, principals }: Powers): Filter[] {
  const branches = [self, ...principals].flatMap(({ username, roles, departmentId }) =>
    roles.filter(isReviewRole).map((role) => ({
      waitsFor: role,
      ...(role === 'departmentHead' && { departmentId: departmentId ?? 'none' }),
      ...HAS_TASK,
      applicant: { $nin: [...new Set([self.username, username])] },
    })),
  );
  return branches.length === 0 ? [NOTHING] : distinct(branches);
}
const isReviewRole = (role: Role): role is ReviewRole => (REVIEW_ROLES as readonly Role[]).includes(role);

/** The same as one filter. */
export function taskFilter(powers: Powers): Filter {
  const branches = taskBranches(powers);
  return branches.length === 1 ? branches[0]! : { $or: branches };
}

/** Rows that this person may know of, as branches of an index, drafts of others too: all; or own ones and the department's. */
export function visibleBranches({ self, principals }: Powers): Filter[] {
  const roles = [self, ...principals].flatMap(({ roles: held, departmentId }) =>
    held.filter(isReviewRole).map((role) => ({ role, departmentId })),
  );
  if (roles.some(({ role }) => role !== 'departmentHead')) return [{}];
  return distinct([
    { applicant: self.username },
    ...roles.map(({ departmentId }) => ({ departmentId: departmentId ?? 'none' })),
  ]);
}
const distinct = (filters: Filter[]): Filter[] => [
  ...new Map(filters.map((filter) => [JSON.stringify(filter), filter])).values(),
];

/** A draft is nobody's but its applicant's. */
export const HANDED_IN: Filter = { state: { $ne: 'draft' } };

/** Rows that this person may know of: own ones; those of the own department, for its head; those one reviews. */
export function visibleFilter({ self, manages, principals }: Powers): Filter {
  const own = { applicant: self.username };
  if (manages) return { $or: [own, HANDED_IN] };
  const reviewed = [self, ...principals].flatMap((person) =>
    person.roles.filter(isReviewRole).map((role) => ({
      ...HANDED_IN,
      ...(role === 'departmentHead' && { departmentId: person.departmentId ?? 'none' }),
    })),
  );
  return { $or: [own, ...reviewed] };
}

/** The loan, to whoever may know of it; null to others, as if there were none. */
export const visibleLoan = ({ models }: Store, powers: Powers, loanId: string): Promise<LoanRow | null> =>
  models.Loan.findOne({ $and: [{ loanId }, visibleFilter(powers)] }).lean<LoanRow>();
