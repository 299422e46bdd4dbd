import type { StatusTone } from './status.ts';

/** Kinds of workflows as people call them; keys are workflow types. */
export const WORKFLOW_NAMES: Record<string, { zh: string; en: string }> = {
  dischargeArchivingWorkflow: { zh: '出院归档', en: 'Archiving' },
  archiveLoanWorkflow: { zh: '借阅', en: 'Loan' },
  anchoringWorkflow: { zh: '存证上链', en: 'Anchoring' },
  loanClosingWorkflow: { zh: '收回借阅', en: 'Closing of loans' },
  bulkLoanWorkflow: { zh: '批量办理', en: 'Bulk job' },
  noticeDeliveryWorkflow: { zh: '通知投递', en: 'Delivery of notices' },
  catalogRebuildWorkflow: { zh: '目录重建', en: 'Rebuild of catalogues' },
  classificationWorkflow: { zh: '页面归类', en: 'Classification of pages' },
  sweepWorkflow: { zh: '清理', en: 'Sweep' },
};
export type WorkflowType = keyof typeof WORKFLOW_NAMES;

/** Temporal's states of an execution (ExecutionStatus), as people call them. */
export const WORKFLOW_STATES = {
  Running: { tone: 'working', zh: '进行中', en: 'Running' },
  Completed: { tone: 'done', zh: '已完成', en: 'Completed' },
  Failed: { tone: 'failed', zh: '失败', en: 'Failed' },
  Canceled: { tone: 'ended', zh: '已取消', en: 'Cancelled' },
  Terminated: { tone: 'failed', zh: '已终止', en: 'Terminated' },
  TimedOut: { tone: 'failed', zh: '超时', en: 'Timed out' },
  ContinuedAsNew: { tone: 'ended', zh: '已接续', en: 'Continued' },
} as const satisfies Record<string, { tone: StatusTone; zh: string; en: string }>;
export type WorkflowState = keyof typeof WORKFLOW_STATES;

/** Why a workflow needs someone. */
export const Attention = {
  /** A step is tried again and again. */
  retrying: { zh: '反复重试', en: 'Retrying' },
  /** It ended by a failure, a timeout or by being terminated, without having done its work. */
  broken: { zh: '异常结束', en: 'Broke off' },
  /** It waits for a person to put something right. */
  waiting: { zh: '待人工处理', en: 'Waits for a person' },
  /** A decision is late. */
  late: { zh: '超过时限', en: 'Late' },
} as const;
export type Attention = keyof typeof Attention;

/** A workflow that needs someone, as the api tells of it. */
export interface AttentionItem {
  workflowId: string;
  type: string;
  attention: Attention;
  cause: string;
  advice: { zh: string; en: string };
  since: string;
  step?: string;
  attempts?: number;
  /** Who sees to it. */
  care?: string;
}

/** Tries after which a step that is being retried is stuck. */
export const STUCK_ATTEMPTS = 3;
/** Those that may be cancelled: what they have done stays right without the rest. Others end by their own acts. */
export const CANCELLABLE: readonly string[] = [
  'bulkLoanWorkflow',
  'loanClosingWorkflow',
  'sweepWorkflow',
  'catalogRebuildWorkflow',
  'classificationWorkflow',
];

const ADVICE: Record<string, { zh: string; en: string }> = {
  'card-unavailable': {
    zh: '检查密码卡连接与口令；恢复后自动继续',
    en: 'Look at the crypto card; it goes on by itself',
  },
  'ledger-unavailable': {
    zh: '检查本单位账本节点；恢复后自动继续',
    en: 'Look at the ledger node; it goes on by itself',
  },
  'ledger-refused': { zh: '账本拒绝了交易：把错误代码报给开发者', en: 'The ledger refused it: report the code' },
  'temporal-unavailable': {
    zh: '检查流程引擎；恢复后自动继续',
    en: 'Look at the workflow server; it goes on by itself',
  },
  'disk-full': { zh: '清理或扩充磁盘；有空间后自动继续', en: 'Free the disk; it goes on by itself' },
  'object-integrity': {
    zh: '存储的文件被改动：保留现场，重新扫描该文件',
    en: 'A stored file was changed: keep it, scan again',
  },
  'receipt-invalid': { zh: '回执核验未通过：比对各成员账本', en: 'The receipt does not hold: compare the ledgers' },
  'loan-late': {
    zh: '审核人未在时限内处理：催办或由代理人审核',
    en: 'The reviewer is late: remind, or let a deputy decide',
  },
};
/** What someone does about a cause. */
export const adviceOf = (code: string): { zh: string; en: string } =>
  ADVICE[code] ?? { zh: '查看时间线中的失败步骤，排除原因后重试', en: 'See the failed step, put it right, try again' };

const RESUMES_BY_SCHEDULE = {
  zh: '排除原因；到下一个计划时间自动重新开始',
  en: 'Put the cause right; its schedule begins it again',
};
const ON_BROKEN: Record<string, { zh: string; en: string }> = {
  anchoringWorkflow: RESUMES_BY_SCHEDULE,
  noticeDeliveryWorkflow: RESUMES_BY_SCHEDULE,
  sweepWorkflow: RESUMES_BY_SCHEDULE,
  bulkLoanWorkflow: {
    zh: '在“批量任务”中查看未办的行，重新办理',
    en: 'See in Bulk jobs which rows were left, and do those again',
  },
  catalogRebuildWorkflow: {
    zh: '排除原因，在“目录重建”中对同一范围新建任务',
    en: 'Put the cause right, then begin a rebuild of the same range',
  },
  classificationWorkflow: {
    zh: '排除原因，在“目录重建”中对该病案新建任务',
    en: 'Put the cause right, then begin a rebuild of that archive',
  },
};
/** What someone does about a workflow of this type that broke off. */
export const adviceOnBroken = (type: string): { zh: string; en: string } =>
  ON_BROKEN[type] ?? {
    zh: '排除原因，由系统管理员在流程引擎中重置（Reset）此流程，从中断处继续',
    en: 'Put the cause right, then reset it in Temporal’s pages: it goes on from where it broke off',
  };
