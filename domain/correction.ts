import type { StatusTone } from './status.ts';

/** What an archive is registered with and may be mistyped; the numbers of patient and visit are what it is found by, and stay. */
export interface Registered {
  patientName: string;
  department: string;
  /** RFC 3339, UTC; null: not said. */
  admittedAt: string | null;
  dischargedAt: string;
}
export const REGISTERED_FIELDS = ['patientName', 'department', 'admittedAt', 'dischargedAt'] as const;
export type RegisteredField = (typeof REGISTERED_FIELDS)[number];

export const REGISTERED_NAMES: Record<RegisteredField, { zh: string; en: string }> = {
  patientName: { zh: '姓名', en: 'Name' },
  department: { zh: '科室', en: 'Department' },
  admittedAt: { zh: '入院时间', en: 'Admitted' },
  dischargedAt: { zh: '出院时间', en: 'Discharged' },
};

export const CorrectionState = {
  proposed: 'proposed',
  inForce: 'inForce',
  refused: 'refused',
  withdrawn: 'withdrawn',
} as const;
export type CorrectionState = (typeof CorrectionState)[keyof typeof CorrectionState];

export const CORRECTION_STATUS: Record<CorrectionState, { tone: StatusTone; zh: string; en: string }> = {
  proposed: { tone: 'attention', zh: '待审批', en: 'Awaiting approval' },
  inForce: { tone: 'done', zh: '已更正', en: 'Corrected' },
  refused: { tone: 'ended', zh: '已驳回', en: 'Refused' },
  withdrawn: { tone: 'ended', zh: '已撤回', en: 'Withdrawn' },
};

/** Fields in which one differs from the other. */
export const changedFields = (one: Registered, other: Registered): RegisteredField[] =>
  REGISTERED_FIELDS.filter((field) => one[field] !== other[field]);

/** Whether nobody leaves before they came. */
export const isInOrder = ({ admittedAt, dischargedAt }: Registered): boolean =>
  admittedAt === null || Date.parse(admittedAt) <= Date.parse(dischargedAt);
