/** 业务时间线: what the steps of a workflow are called for people. */
export const STEP_NAMES: Record<string, { zh: string; en: string }> = {
  started: { zh: '归档流程开始', en: 'Archiving began' },
  batchCommitted: { zh: '收到一批文件', en: 'A batch of files came in' },
  checkBatches: { zh: '文件校验', en: 'Files checked' },
  buildCatalog: { zh: '编目并签名', en: 'Catalogued and signed' },
  packArchive: { zh: '生成并签章 OFD', en: 'OFD made and sealed' },
  requestAttestation: { zh: '提交存证', en: 'Attestation requested' },
  attested: { zh: '全网存证完成', en: 'Attested by the members' },
  retry: { zh: '人工要求重试', en: 'A person asked to try again' },
  recordFailure: { zh: '转人工处理', en: 'Handed to a person' },
  completed: { zh: '归档完成', en: 'Archiving finished' },
  failed: { zh: '流程异常结束', en: 'The workflow failed' },
};

export interface TimelineStep {
  step: string;
  state: 'done' | 'running' | 'retrying' | 'failed';
  at: string;
  endedAt?: string;
  /** Tries so far, where there was more than one. */
  attempts?: number;
  /** Code of the last error of a step that is being retried. */
  failure?: string;
  /** The step left a proof: the receipt. */
  proof?: boolean;
}
