import type { StatusTone } from '../status.ts';

/** 借阅 (A4): one archive lent to one person, from the draft to its end. Wire format. */
export const LoanState = {
  draft: 'draft',
  pendingReview: 'pendingReview',
  withdrawn: 'withdrawn',
  sentBack: 'sentBack',
  refused: 'refused',
  reviewExpired: 'reviewExpired',
  approved: 'approved',
  lapsed: 'lapsed',
  onLoan: 'onLoan',
  renewalReview: 'renewalReview',
  returned: 'returned',
  overdue: 'overdue',
  recalled: 'recalled',
} as const;
export type LoanState = (typeof LoanState)[keyof typeof LoanState];

export const LOAN_STATUS: Record<LoanState, { tone: StatusTone; zh: string; en: string }> = {
  draft: { tone: 'ended', zh: '草稿', en: 'Draft' },
  pendingReview: { tone: 'working', zh: '待审核', en: 'Under review' },
  withdrawn: { tone: 'ended', zh: '已撤回', en: 'Withdrawn' },
  sentBack: { tone: 'attention', zh: '退回修改', en: 'Sent back' },
  refused: { tone: 'failed', zh: '已驳回', en: 'Refused' },
  reviewExpired: { tone: 'failed', zh: '审核超时', en: 'Review expired' },
  approved: { tone: 'attention', zh: '已批准', en: 'Approved' },
  lapsed: { tone: 'ended', zh: '失效', en: 'Lapsed' },
  onLoan: { tone: 'done', zh: '借阅中', en: 'On loan' },
  renewalReview: { tone: 'working', zh: '续借审核中', en: 'Renewal under review' },
  returned: { tone: 'ended', zh: '已归还', en: 'Returned' },
  overdue: { tone: 'failed', zh: '已逾期', en: 'Overdue' },
  recalled: { tone: 'ended', zh: '已收回', en: 'Recalled' },
};

interface Move {
  from: readonly LoanState[];
  to: LoanState;
  zh: string;
  en: string;
}

/** The moves of A4, and no others; 退回修改 is the applicant's draft again (docs/adr/0009). */
export const LOAN_MOVES = {
  submit: { from: ['draft', 'sentBack'], to: 'pendingReview', zh: '提交申请', en: 'Submitted' },
  withdraw: { from: ['pendingReview', 'sentBack'], to: 'withdrawn', zh: '撤回', en: 'Withdrawn' },
  sendBack: { from: ['pendingReview'], to: 'sentBack', zh: '退回修改', en: 'Sent back for edit' },
  refuse: { from: ['pendingReview'], to: 'refused', zh: '驳回', en: 'Refused' },
  expireReview: { from: ['pendingReview'], to: 'reviewExpired', zh: '审核超时', en: 'Review expired' },
  approve: { from: ['pendingReview'], to: 'approved', zh: '批准', en: 'Approved' },
  start: { from: ['approved'], to: 'onLoan', zh: '启用', en: 'Started' },
  lapse: { from: ['approved'], to: 'lapsed', zh: '未按期启用，失效', en: 'Not started in time' },
  requestRenewal: { from: ['onLoan'], to: 'renewalReview', zh: '申请续借', en: 'Renewal asked for' },
  grantRenewal: { from: ['renewalReview'], to: 'onLoan', zh: '批准续借', en: 'Renewal granted' },
  refuseRenewal: { from: ['renewalReview'], to: 'onLoan', zh: '驳回续借', en: 'Renewal refused' },
  return: { from: ['onLoan', 'renewalReview', 'overdue'], to: 'returned', zh: '归还', en: 'Returned' },
  fallOverdue: { from: ['onLoan', 'renewalReview'], to: 'overdue', zh: '逾期', en: 'Overdue' },
  revive: { from: ['overdue'], to: 'onLoan', zh: '补批续借', en: 'Renewed after due' },
  recall: { from: ['onLoan', 'overdue'], to: 'recalled', zh: '收回', en: 'Recalled' },
} as const satisfies Record<string, Move>;
export type LoanMove = keyof typeof LOAN_MOVES;

/** Where a move leads from a state; null if it is not one of A4's. */
export function nextState(state: LoanState, move: LoanMove): LoanState | null {
  const { from, to }: Move = LOAN_MOVES[move];
  return from.includes(state) ? to : null;
}

/** States that nothing leads out of. */
export const isEnded = (state: LoanState): boolean =>
  Object.values(LOAN_MOVES).every(({ from }: Move) => !from.includes(state));

/** The borrower may read: these states, and only until the due instant. */
export const READING_STATES: readonly LoanState[] = ['onLoan', 'renewalReview'];

/** The machine as a Mermaid state diagram, for docs/loan-states.md. */
export function loanDiagram(): string {
  const lines = Object.values(LoanState).map((state) => `    ${state}: ${LOAN_STATUS[state].zh} ${state}`);
  for (const { from, to, zh } of Object.values(LOAN_MOVES))
    for (const state of from) lines.push(`    ${state} --> ${to}: ${zh}`);
  const ends = Object.values(LoanState).filter(isEnded);
  return ['stateDiagram-v2', '    [*] --> draft', ...lines, ...ends.map((state) => `    ${state} --> [*]`)].join('\n');
}
