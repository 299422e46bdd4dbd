import { z } from 'zod';
import { Role } from '../../domain/access.ts';
import { ACCOUNT_STATES, type AccountState, Employment } from '../../domain/people.ts';
import { text } from '../batches/schemas.ts';

export const username = z.string().regex(/^[a-z][a-z0-9._-]{1,31}$/);
export const departmentId = z.string().regex(/^dp_[a-z0-9]{1,40}$/);
export const profile = z.strictObject({
  displayName: text(64),
  departmentId: departmentId.optional(),
  employment: z.enum(Employment).default('staff'),
  relatedPatientNos: z.array(text(64)).max(50).default([]),
});
export const shownUser = z.object({
  username: z.string(),
  displayName: z.string(),
  department: z.object({ departmentId: z.string(), name: z.string() }).nullable(),
  employment: z.enum(Employment),
  roles: z.array(z.enum(Role)),
  relatedPatientNos: z.array(z.string()),
  state: z.enum(Object.keys(ACCOUNT_STATES) as [AccountState]),
  hasTotp: z.boolean(),
  revision: z.number(),
  createdAt: z.string(),
});
export const shownDepartment = z.object({ departmentId: z.string(), name: z.string(), disabled: z.boolean() });
export const shownDeputy = z.object({
  deputyId: z.string(),
  principal: z.object({ username: z.string(), displayName: z.string() }),
  deputy: z.object({ username: z.string(), displayName: z.string() }),
  from: z.string(),
  to: z.string(),
  reason: z.string(),
  state: z.enum(['coming', 'acting', 'ended']),
});
