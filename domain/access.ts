/** Roles of people (design §7); systemAdmin, securityAdmin and auditor (三员) are three different people. */
export const Role = {
  doctor: 'doctor',
  departmentHead: 'departmentHead',
  recordsClerk: 'recordsClerk',
  medicalAffairs: 'medicalAffairs',
  systemAdmin: 'systemAdmin',
  securityAdmin: 'securityAdmin',
  auditor: 'auditor',
} as const;
export type Role = (typeof Role)[keyof typeof Role];

export const ROLE_NAMES: Record<Role, { zh: string; en: string }> = {
  doctor: { zh: '医生', en: 'Doctor' },
  departmentHead: { zh: '科主任', en: 'Head of department' },
  recordsClerk: { zh: '病案管理员', en: 'Records clerk' },
  medicalAffairs: { zh: '医务科', en: 'Medical affairs' },
  systemAdmin: { zh: '系统管理员', en: 'System administrator' },
  securityAdmin: { zh: '安全管理员', en: 'Security administrator' },
  auditor: { zh: '审计员', en: 'Auditor' },
};

/** What a route asks for. `public` needs no login; `session` any logged-in person; the others a role or a scope of an app. */
export const Permission = {
  public: 'public',
  session: 'session',
  batchWrite: 'batch:write',
  batchRead: 'batch:read',
  archiveRead: 'archive:read',
  archiveContent: 'archive:content',
  receiptRead: 'receipt:read',
  statusRead: 'status:read',
  auditRead: 'audit:read',
} as const;
export type Permission = (typeof Permission)[keyof typeof Permission];

/** Which permissions a role has. Administrators do not read medical content. */
export const ROLE_PERMISSIONS: Record<Role, readonly Permission[]> = {
  doctor: ['archive:read', 'archive:content', 'receipt:read'],
  departmentHead: ['archive:read', 'archive:content', 'receipt:read'],
  recordsClerk: ['batch:write', 'batch:read', 'archive:read', 'archive:content', 'receipt:read', 'status:read'],
  medicalAffairs: ['batch:read', 'archive:read', 'archive:content', 'receipt:read'],
  systemAdmin: ['status:read', 'batch:read'],
  securityAdmin: ['status:read'],
  auditor: ['audit:read', 'status:read', 'receipt:read'],
};

/** Whether someone with these roles may do it. */
export function isPermitted(roles: readonly Role[], permission: Permission): boolean {
  if (permission === 'public' || permission === 'session') return true;
  return roles.some((role) => ROLE_PERMISSIONS[role].includes(permission));
}

/** 三员分立 (GB/T 22239-2019 §8.1.4): of the three administrators nobody holds two, nor one together with any other role. */
export function separationViolations(roles: readonly Role[]): Role[] {
  const administrators = roles.filter(
    (role) => role === 'systemAdmin' || role === 'securityAdmin' || role === 'auditor',
  );
  return administrators.length > 0 && roles.length > 1 ? administrators : [];
}
