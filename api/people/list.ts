import { z } from 'zod';
import { Role } from '../../domain/access.ts';
import type { AccountState } from '../../domain/people.ts';
import type { Department, User } from '../../platform/store/index.ts';
import { type Filter, startsWith } from '../ordered.ts';
import type { shownUser } from './schemas.ts';

/** The same filter for a list and for an export. */
export const userFilter = z.object({
  q: z.string().max(64).optional().describe('Start of a user name or of a name'),
  role: z.enum(Role).optional(),
  departmentId: z.string().max(64).optional(),
});

/** As the database takes it. */
export const usersOf = ({ q, role, departmentId }: z.infer<typeof userFilter>): Filter => ({
  ...(q !== undefined && q !== '' && { $or: [{ username: startsWith(q) }, { displayName: startsWith(q) }] }),
  ...(role !== undefined && { roles: role }),
  ...(departmentId !== undefined && { departmentId }),
});

function stateOf({ disabled, lockedUntil, passwordHash }: User): AccountState {
  if (disabled) return 'disabled';
  if (lockedUntil !== undefined && lockedUntil > new Date()) return 'locked';
  return passwordHash === undefined ? 'invited' : 'active';
}

/** An account as people see it. */
export const shown = (user: User, departments: ReadonlyMap<string, Department>): z.infer<typeof shownUser> => {
  const department = departments.get(user.departmentId ?? '');
  return {
    username: user.username,
    displayName: user.displayName,
    department: department === undefined ? null : { departmentId: department.departmentId, name: department.name },
    employment: user.employment ?? 'staff',
    roles: user.roles,
    relatedPatientNos: user.relatedPatientNos ?? [],
    state: stateOf(user),
    hasTotp: user.totp?.confirmedAt !== undefined,
    revision: user.revision ?? 1,
    createdAt: (user.createdAt ?? new Date(0)).toISOString(),
  };
};
