import type { Role } from '../access.ts';
import type { Employment } from '../people.ts';

/** 借阅目的. */
export const Purpose = {
  treatment: 'treatment',
  quality: 'quality',
  research: 'research',
  teaching: 'teaching',
  dispute: 'dispute',
  insurance: 'insurance',
} as const;
export type Purpose = (typeof Purpose)[keyof typeof Purpose];

export const PURPOSE_NAMES: Record<Purpose, { zh: string; en: string }> = {
  treatment: { zh: '诊疗', en: 'Treatment' },
  quality: { zh: '质控', en: 'Quality control' },
  research: { zh: '科研', en: 'Research' },
  teaching: { zh: '教学', en: 'Teaching' },
  dispute: { zh: '纠纷', en: 'Dispute' },
  insurance: { zh: '医保', en: 'Insurance' },
};

export const Right = { view: 'view', print: 'print', download: 'download' } as const;
export type Right = (typeof Right)[keyof typeof Right];
export const RIGHT_NAMES: Record<Right, { zh: string; en: string }> = {
  view: { zh: '查看', en: 'View' },
  print: { zh: '打印', en: 'Print' },
  download: { zh: '下载', en: 'Download' },
};

/** Where it is read: on the screen, or as paper outside the records room. */
export const Place = { online: 'online', outOfRoom: 'outOfRoom' } as const;
export type Place = (typeof Place)[keyof typeof Place];
export const PLACE_NAMES: Record<Place, { zh: string; en: string }> = {
  online: { zh: '在线阅览', en: 'On screen' },
  outOfRoom: { zh: '借出病案室', en: 'Out of the records room' },
};

/** What marks an archive as one that 医务科 decides on. */
export const Mark = { death: 'death', dispute: 'dispute' } as const;
export type Mark = (typeof Mark)[keyof typeof Mark];
export const MARK_NAMES: Record<Mark, { zh: string; en: string }> = {
  death: { zh: '死亡病案', en: 'Death' },
  dispute: { zh: '争议病案', en: 'Dispute' },
};

/** Who reviews. `departmentHead` is the head of the applicant's department. */
export const REVIEW_ROLES = ['departmentHead', 'recordsClerk', 'medicalAffairs'] as const satisfies readonly Role[];
export type ReviewRole = (typeof REVIEW_ROLES)[number];

/** 借阅制度 as data. A loan keeps the version it began with. */
export interface LoanPolicy {
  /** Most archives of one application. */
  batchMax: number;
  /** Most archives that one person holds or has asked for. */
  quota: number;
  /** Holding or asking for more than this, the head of department decides too. */
  directorAbove: number;
  terms: Record<Place, { days: number; unit: 'day' | 'workingDay'; atDue: 'return' | 'confirm' }>;
  /** A due day that is not worked moves to the next that is. */
  holidayShift: boolean;
  /** An approved loan that is not started within so many days lapses. */
  startWithinDays: number;
  renewal: { times: number; days: number; levels: ReviewRole[]; reviveAfterDue: boolean };
  purposes: Record<Purpose, { levels: ReviewRole[]; rights: Right[] }>;
  /** Archives with a mark: the level that is added. */
  marks: Record<Mark, ReviewRole>;
  employment: Record<Employment, 'allowed' | 'supervised' | 'barred'>;
  supervisedLevels: ReviewRole[];
  /** Whoever holds something overdue gets nothing new. */
  overdueBars: boolean;
  /** Working hours from the opening of a task. */
  sla: { remindHours: number; escalateHours: number; expireHours: number; escalateTo: ReviewRole };
  /** 抢救: by the clock, day and night. */
  emergencySla: { remindMinutes: number; escalateMinutes: number; expireMinutes: number };
  /** A task that was claimed is free again after so many working hours without a decision. */
  claimHours: number;
  reminders: { daysBeforeDue: number[]; daysAfterDue: number[] };
}

/**
 * 默认借阅制度. After published rules of hospitals (30 days and one renewal of 15 asked for before due; 3 working days
 * out of the room; nothing new while something is overdue; batches of 50; above 200 the head decides; trainees do not
 * borrow, variant: with supervisor and 医务科; deaths and disputes go to 医务科). †Where they differ it is ours.
 */
export const DEFAULT_LOAN_POLICY: LoanPolicy = {
  batchMax: 50,
  quota: 500,
  directorAbove: 200,
  terms: {
    online: { days: 30, unit: 'day', atDue: 'return' },
    outOfRoom: { days: 3, unit: 'workingDay', atDue: 'confirm' },
  },
  holidayShift: true,
  startWithinDays: 7,
  renewal: { times: 1, days: 15, levels: ['recordsClerk'], reviveAfterDue: false },
  purposes: {
    treatment: { levels: ['recordsClerk'], rights: ['view', 'print'] },
    quality: { levels: ['recordsClerk'], rights: ['view', 'print'] },
    research: { levels: ['departmentHead', 'recordsClerk'], rights: ['view'] },
    teaching: { levels: ['departmentHead', 'recordsClerk'], rights: ['view'] },
    dispute: { levels: ['recordsClerk', 'medicalAffairs'], rights: ['view', 'print', 'download'] },
    insurance: { levels: ['recordsClerk'], rights: ['view', 'print', 'download'] },
  },
  marks: { death: 'medicalAffairs', dispute: 'medicalAffairs' },
  employment: { staff: 'allowed', visiting: 'barred', trainee: 'barred' },
  supervisedLevels: ['departmentHead', 'medicalAffairs'],
  overdueBars: true,
  sla: { remindHours: 4, escalateHours: 8, expireHours: 24, escalateTo: 'medicalAffairs' },
  emergencySla: { remindMinutes: 10, escalateMinutes: 20, expireMinutes: 120 },
  claimHours: 4,
  reminders: { daysBeforeDue: [3, 1, 0], daysAfterDue: [1, 3, 7, 14, 30] },
};
