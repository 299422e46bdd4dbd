import type { LoanAct } from './loan/acts.ts';

/** 业务时间线: what the steps of a workflow are called for people. */
export const STEP_NAMES: Record<string, { zh: string; en: string }> = {
  started: { zh: '流程开始', en: 'Began' },
  batchCommitted: { zh: '收到一批文件', en: 'A batch of files came in' },
  checkBatches: { zh: '文件校验', en: 'Files checked' },
  askFrontPage: { zh: '首页质控', en: 'Front page asked for' },
  frontPageChecked: { zh: '首页数据已检查', en: 'A front page was checked' },
  buildCatalog: { zh: '编目并签名', en: 'Catalogued and signed' },
  packArchive: { zh: '生成并签章 OFD', en: 'OFD made and sealed' },
  requestAttestation: { zh: '提交存证', en: 'Attestation requested' },
  attested: { zh: '全网存证完成', en: 'Attested by the members' },
  retry: { zh: '人工要求重试', en: 'A person asked to try again' },
  recordFailure: { zh: '转人工处理', en: 'Handed to a person' },
  completed: { zh: '流程完成', en: 'Finished' },
  loanAct: { zh: '借阅办理', en: 'An act on the loan' },
  recordLoan: { zh: '记录借阅变化并提交存证', en: 'Written down, attestation requested' },
  backlog: { zh: '有新的待存证记录', en: 'Something waits to be attested' },
  anchorBacklog: { zh: '组批上链并取回执', en: 'Batched, anchored, receipts written' },
  closeLoans: { zh: '逐笔收回借阅', en: 'Loans closed one by one' },
  runBulk: { zh: '逐笔办理', en: 'Loans acted on one by one' },
  deliverNotices: { zh: '投递通知', en: 'Notices delivered' },
  refreshCompleteness: { zh: '更新完整性状态', en: 'Completeness brought up to date' },
  sweepObjects: { zh: '清理未完成的上传', en: 'Broken-off uploads cleared' },
  nextOfRebuild: { zh: '取下一组病案', en: 'Next archives of the range' },
  classifyVersion: { zh: '识别页面，留下归类建议', en: 'Pages looked at, suggestions kept' },
  rebuildArchive: { zh: '识别页面并重建一份目录', en: 'One archive looked at and rebuilt' },
  recordRebuild: { zh: '更新任务状态', en: 'State of the job written down' },
  pause: { zh: '人工要求暂停', en: 'A person asked to pause' },
  resume: { zh: '人工要求继续', en: 'A person asked to go on' },
  timer: { zh: '等待到时', en: 'A time was waited for' },
  cancelRequested: { zh: '人工要求取消', en: 'A person asked to cancel' },
  failed: { zh: '流程异常结束', en: 'The workflow failed' },
};

export interface TimelineStep {
  step: string;
  /** Of a step `loanAct`: what was done to the loan. */
  act?: LoanAct['act'];
  state: 'done' | 'running' | 'retrying' | 'failed';
  at: string;
  endedAt?: string;
  /** Tries so far, where there was more than one. */
  attempts?: number;
  /** Code of the last error of a step that is being retried. */
  failure?: string;
  /** What the step found, in words: of `askFrontPage`. */
  text?: string;
  /** The step left a proof: the receipt. */
  proof?: boolean;
}
