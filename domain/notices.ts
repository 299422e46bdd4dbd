/** 通知 that people get, of loans, of corrections and of merges; wire format. */
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
  correctionWaits: 'correctionWaits',
  correctionApproved: 'correctionApproved',
  correctionRefused: 'correctionRefused',
  mergeWaits: 'mergeWaits',
  mergeApproved: 'mergeApproved',
  mergeRefused: 'mergeRefused',
} as const;
export type NoticeKind = (typeof NoticeKind)[keyof typeof NoticeKind];

/** What asks someone for a decision: made by one of them, it asks nobody any more. */
export const ASKING = [
  'taskReminder',
  'taskEscalated',
  'taskAssigned',
  'correctionWaits',
  'mergeWaits',
] as const satisfies readonly NoticeKind[];

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
  correctionWaits: { zh: '登记信息更正待您审批', en: 'A correction waits for your approval' },
  correctionApproved: { zh: '您申请的更正已批准', en: 'Your correction is approved' },
  correctionRefused: { zh: '您申请的更正被驳回', en: 'Your correction was refused' },
  mergeWaits: { zh: '患者合并或拆分待您审批', en: 'A merge or split of patients waits for your approval' },
  mergeApproved: { zh: '您申请的患者合并或拆分已批准', en: 'Your merge or split of patients is approved' },
  mergeRefused: { zh: '您申请的患者合并或拆分被驳回', en: 'Your merge or split of patients was refused' },
};
