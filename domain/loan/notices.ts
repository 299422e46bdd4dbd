import type { Loan, LoanEvent } from './loan.ts';

/** 通知 that people get of loans; wire format. */
export const NoticeKind = {
  approved: 'approved',
  refused: 'refused',
  sentBack: 'sentBack',
  reviewExpired: 'reviewExpired',
  lapsed: 'lapsed',
  started: 'started',
  renewed: 'renewed',
  renewalRefused: 'renewalRefused',
  dueSoon: 'dueSoon',
  returned: 'returned',
  overdue: 'overdue',
  recalled: 'recalled',
  taskReminder: 'taskReminder',
  taskEscalated: 'taskEscalated',
  taskAssigned: 'taskAssigned',
} as const;
export type NoticeKind = (typeof NoticeKind)[keyof typeof NoticeKind];

export const NOTICE_NAMES: Record<NoticeKind, { zh: string; en: string }> = {
  approved: { zh: '借阅申请已批准，请按期启用', en: 'Your loan is approved; start it in time' },
  refused: { zh: '借阅申请被驳回', en: 'Your loan was refused' },
  sentBack: { zh: '借阅申请被退回修改', en: 'Your application was sent back for edit' },
  reviewExpired: { zh: '借阅申请审核超时', en: 'The review of your application expired' },
  lapsed: { zh: '借阅未按期启用，已失效', en: 'Your loan was not started in time' },
  started: { zh: '借阅已启用', en: 'Your loan has begun' },
  renewed: { zh: '续借已批准', en: 'Your renewal is granted' },
  renewalRefused: { zh: '续借被驳回，按原到期日归还', en: 'Your renewal was refused; the old due day holds' },
  dueSoon: { zh: '借阅即将到期', en: 'Your loan is due soon' },
  returned: { zh: '借阅已归还', en: 'Your loan is returned' },
  overdue: { zh: '借阅已逾期，请尽快归还', en: 'Your loan is overdue; return it' },
  recalled: { zh: '借阅已被收回', en: 'Your loan was recalled' },
  taskReminder: { zh: '借阅申请待您审核', en: 'An application waits for your review' },
  taskAssigned: { zh: '借阅申请改派给您审核', en: 'A review was given to you' },
  taskEscalated: { zh: '借阅申请审核超期，已上报', en: 'A review is late and was escalated' },
};

/** Who is told: the borrower, whoever may decide the task, who has it, or the head of the borrower's department. */
export type Audience = 'borrower' | 'reviewers' | 'assignee' | 'head';

const TOLD: Partial<Record<LoanEvent['act'], { audience: Audience; kind: NoticeKind }[]>> = {
  approve: [{ audience: 'borrower', kind: 'approved' }],
  refuse: [{ audience: 'borrower', kind: 'refused' }],
  sendBack: [{ audience: 'borrower', kind: 'sentBack' }],
  expireReview: [{ audience: 'borrower', kind: 'reviewExpired' }],
  lapse: [{ audience: 'borrower', kind: 'lapsed' }],
  grantRenewal: [{ audience: 'borrower', kind: 'renewed' }],
  revive: [{ audience: 'borrower', kind: 'renewed' }],
  refuseRenewal: [{ audience: 'borrower', kind: 'renewalRefused' }],
  dueSoon: [{ audience: 'borrower', kind: 'dueSoon' }],
  fallOverdue: [{ audience: 'borrower', kind: 'overdue' }],
  stillOverdue: [
    { audience: 'borrower', kind: 'overdue' },
    { audience: 'head', kind: 'overdue' },
  ],
  recall: [{ audience: 'borrower', kind: 'recalled' }],
  assign: [{ audience: 'assignee', kind: 'taskAssigned' }],
  remind: [{ audience: 'reviewers', kind: 'taskReminder' }],
  escalate: [{ audience: 'reviewers', kind: 'taskEscalated' }],
};

/** Whom an event is told to. What a person did alone is not told back to that person. */
export function noticesOf(loan: Loan, event: LoanEvent): { audience: Audience; kind: NoticeKind }[] {
  const told = TOLD[event.act] ?? [];
  if (event.act === 'return' && event.by !== loan.applicant) return [{ audience: 'borrower', kind: 'returned' }];
  if (event.act === 'start' && event.by !== loan.applicant) return [{ audience: 'borrower', kind: 'started' }];
  return told;
}

/** What is attested of a loan: what changed its state, or decided something. */
export const isAttested = ({ from, to, act }: LoanEvent): boolean => from !== to || act === 'passLevel';
