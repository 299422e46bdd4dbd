import type { StatusTone } from './status.ts';

/** What an archive is registered with and may be mistyped. */
export interface Registered {
  /** 病案号 and 住院次数: what it is found by. Absent in corrections of before these could be corrected. */
  patientNo?: string | undefined;
  visitNo?: string | undefined;
  patientName: string;
  department: string;
  /** 母亲病案号 of a newborn; null: none. Absent in corrections of before it was known. */
  motherPatientNo?: string | null | undefined;
  /** RFC 3339, UTC; null: not said. */
  admittedAt: string | null;
  dischargedAt: string;
}
export const REGISTERED_FIELDS = [
  'patientNo',
  'visitNo',
  'patientName',
  'department',
  'motherPatientNo',
  'admittedAt',
  'dischargedAt',
] as const;
export type RegisteredField = (typeof REGISTERED_FIELDS)[number];

/** As a sheet names them. */
export const REGISTERED_NAMES: Record<RegisteredField, string> = {
  patientNo: '病案号',
  visitNo: '住院次数',
  patientName: '姓名',
  department: '科室',
  motherPatientNo: '母亲病案号',
  admittedAt: '入院时间',
  dischargedAt: '出院时间',
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

/** Fields in which one differs from the other; of what one of them does not say nothing is known. */
export const changedFields = (one: Registered, other: Registered): RegisteredField[] =>
  REGISTERED_FIELDS.filter(
    (field) => one[field] !== undefined && other[field] !== undefined && one[field] !== other[field],
  );

/** Whether the visit goes by another number in the one than in the other. */
export const isRenumbered = (one: Registered, other: Registered): boolean =>
  changedFields(one, other).some((field) => field === 'patientNo' || field === 'visitNo');

/** Whether nobody is their own mother. */
export const isBornOfAnother = ({ patientNo, motherPatientNo }: Partial<Registered>): boolean =>
  patientNo === undefined || patientNo !== motherPatientNo;

/** Whether nobody leaves before they came. */
export const isInOrder = ({ admittedAt, dischargedAt }: Registered): boolean =>
  admittedAt === null || Date.parse(admittedAt) <= Date.parse(dischargedAt);
