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
  /** May ask for pages: answered by role (`archive:content`), else under a loan. */
  archiveView: 'archive:view',
  archiveContent: 'archive:content',
  /** Arrange the catalogue of an archive. */
  catalogWrite: 'catalog:write',
  /** 更正: ask that what an archive was registered with be corrected. */
  correctionWrite: 'correction:write',
  /** Approve or refuse a correction of an archive that is archived: 医务科. */
  correctionDecide: 'correction:decide',
  /** 首页质控: read and enter what front pages say; they hold the id number and the phone. */
  frontPageWrite: 'front-page:write',
  /** 目录模板: what a catalogue must hold. */
  templateWrite: 'template:write',
  receiptRead: 'receipt:read',
  statusRead: 'status:read',
  traceRead: 'trace:read',
  /** 抹除: ask that a patient's id in the trace be erased: 医务科. */
  erasureWrite: 'erasure:write',
  /** Erase it, or refuse to: securityAdmin. */
  erasureDecide: 'erasure:decide',
  workflowRead: 'workflow:read',
  /** Retry, cancel and reassign workflows. */
  workflowWrite: 'workflow:write',
  /** Read what Temporal keeps of them, in clear. */
  workflowDecode: 'workflow:decode',
  accountRead: 'account:read',
  /** Accounts and departments: systemAdmin. */
  accountWrite: 'account:write',
  /** What people may do: securityAdmin. */
  roleWrite: 'role:write',
  loanApply: 'loan:apply',
  /** Own loans, and those that one reviews. */
  loanRead: 'loan:read',
  /** May decide what is one's task, or that of whom one is the deputy. */
  loanDecide: 'loan:decide',
  /** All loans: records room and 医务科. */
  loanManage: 'loan:manage',
  loanPolicyWrite: 'loan-policy:write',
  /** 封存, and marks that change who decides. */
  holdWrite: 'hold:write',
} as const;
export type Permission = (typeof Permission)[keyof typeof Permission];

/** Which permissions a role has. Administrators do not read medical content; doctors read it under a loan only. */
export const ROLE_PERMISSIONS: Record<Role, readonly Permission[]> = {
  doctor: ['archive:read', 'archive:view', 'receipt:read', 'loan:apply', 'loan:read', 'loan:decide'],
  departmentHead: ['archive:read', 'archive:view', 'receipt:read', 'loan:apply', 'loan:read', 'loan:decide'],
  recordsClerk: [
    'batch:write',
    'batch:read',
    'archive:read',
    'archive:view',
    'archive:content',
    'catalog:write',
    'correction:write',
    'front-page:write',
    'receipt:read',
    'status:read',
    'workflow:read',
    'workflow:write',
    'loan:read',
    'loan:decide',
    'loan:manage',
  ],
  medicalAffairs: [
    'batch:read',
    'archive:read',
    'archive:view',
    'archive:content',
    'receipt:read',
    'loan:read',
    'loan:decide',
    'loan:manage',
    'loan-policy:write',
    'template:write',
    'hold:write',
    'correction:decide',
    'erasure:write',
  ],
  systemAdmin: [
    'status:read',
    'workflow:read',
    'workflow:write',
    'workflow:decode',
    'batch:read',
    'account:read',
    'account:write',
  ],
  securityAdmin: ['status:read', 'account:read', 'role:write', 'erasure:decide'],
  auditor: ['trace:read', 'workflow:read', 'status:read', 'receipt:read', 'account:read'],
};

/** Whether someone with these roles may do it. */
export function isPermitted(roles: readonly Role[], permission: Permission): boolean {
  if (permission === 'public' || permission === 'session') return true;
  return roles.some((role) => ROLE_PERMISSIONS[role].includes(permission));
}

/** The roles that may do it. */
export const rolesWith = (permission: Permission): Role[] =>
  Object.values(Role).filter((role) => isPermitted([role], permission));

/** 三员: who run the system, its rights and its audit. */
export const ADMINISTRATORS = ['systemAdmin', 'securityAdmin', 'auditor'] as const satisfies readonly Role[];
export const isAdministrator = (roles: readonly Role[]): boolean =>
  ADMINISTRATORS.some((administrator) => roles.includes(administrator));

/** 三员分立 (GB/T 22239-2019 §8.1.4): of the three administrators nobody holds two, nor one together with any other role. */
export function separationViolations(roles: readonly Role[]): Role[] {
  const administrators = ADMINISTRATORS.filter((administrator) => roles.includes(administrator));
  return administrators.length > 0 && roles.length > 1 ? administrators : [];
}
