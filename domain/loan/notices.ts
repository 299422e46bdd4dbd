import type { NoticeKind } from '../notices.ts';
import type { Loan, LoanEvent } from './loan.ts';

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
