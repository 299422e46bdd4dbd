/** The tone of a state, shown by colour, icon and word together (ui.md): working, done, needs a person, failed, ended. */
export type StatusTone = 'working' | 'done' | 'attention' | 'failed' | 'ended';

/** 接收批次 (A1): from registration to its end. */
export const BatchState = {
  receiving: 'receiving',
  /** 未出院暂存: all of it is here, and its visit has not ended (FHIR Encounter.status in-progress; HL7 v2 ADT before A03). */
  parked: 'parked',
  checking: 'checking',
  awaitingCatalog: 'awaitingCatalog',
  archived: 'archived',
  partlyFailed: 'partlyFailed',
  refused: 'refused',
  duplicate: 'duplicate',
  /** 撤回: by who sent it or the records room, before anything of it was archived; its files are gone. */
  withdrawn: 'withdrawn',
} as const;
export type BatchState = (typeof BatchState)[keyof typeof BatchState];

/** One file of a batch. */
export const PartState = {
  expected: 'expected',
  receiving: 'receiving',
  received: 'received',
  accepted: 'accepted',
  refused: 'refused',
} as const;
export type PartState = (typeof PartState)[keyof typeof PartState];

/** 存证 (A12): a version of an archive on its way to the chain. */
export const AttestationState = {
  pending: 'pending',
  signed: 'signed',
  anchoring: 'anchoring',
  attested: 'attested',
  failed: 'failed',
  superseded: 'superseded',
} as const;
export type AttestationState = (typeof AttestationState)[keyof typeof AttestationState];

/** Every state shown to people: tone and words, in one map for the whole product. */
export const STATUS: Record<BatchState | PartState | AttestationState, { tone: StatusTone; zh: string; en: string }> = {
  receiving: { tone: 'working', zh: '接收中', en: 'Receiving' },
  parked: { tone: 'attention', zh: '待出院', en: 'Awaiting discharge' },
  checking: { tone: 'working', zh: '校验中', en: 'Checking' },
  awaitingCatalog: { tone: 'attention', zh: '待编目', en: 'Awaiting catalogue' },
  archived: { tone: 'done', zh: '已归档', en: 'Archived' },
  partlyFailed: { tone: 'attention', zh: '部分失败', en: 'Partly failed' },
  refused: { tone: 'failed', zh: '已拒收', en: 'Refused' },
  duplicate: { tone: 'ended', zh: '重复', en: 'Duplicate' },
  withdrawn: { tone: 'ended', zh: '已撤回', en: 'Withdrawn' },
  expected: { tone: 'working', zh: '待上传', en: 'Expected' },
  received: { tone: 'working', zh: '已收到', en: 'Received' },
  accepted: { tone: 'done', zh: '已通过', en: 'Accepted' },
  pending: { tone: 'working', zh: '待摘要', en: 'Digest pending' },
  signed: { tone: 'working', zh: '已签名', en: 'Signed' },
  anchoring: { tone: 'working', zh: '上链中', en: 'Anchoring' },
  attested: { tone: 'done', zh: '已存证', en: 'Attested' },
  failed: { tone: 'failed', zh: '异常', en: 'Failed' },
  superseded: { tone: 'ended', zh: '已被新版取代', en: 'Superseded' },
};
