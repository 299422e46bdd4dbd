/** 留痕的类别: what lists of the trace are narrowed by. */
export const TraceKind = {
  session: 'session',
  search: 'search',
  open: 'open',
  page: 'page',
  /** What the browser holds ready and has not shown: thumbnails, and pages fetched ahead. */
  preview: 'preview',
  print: 'print',
  download: 'download',
  write: 'write',
  admin: 'admin',
} as const;
export type TraceKind = (typeof TraceKind)[keyof typeof TraceKind];

export const TRACE_KIND_NAMES: Record<TraceKind, { zh: string; en: string }> = {
  session: { zh: '登录', en: 'Session' },
  search: { zh: '检索', en: 'Search' },
  open: { zh: '打开', en: 'Open' },
  page: { zh: '看页', en: 'Page' },
  preview: { zh: '缩略与预取', en: 'Preview' },
  print: { zh: '打印', en: 'Print' },
  download: { zh: '下载与导出', en: 'Download' },
  write: { zh: '办理', en: 'Change' },
  admin: { zh: '管理', en: 'Administration' },
};

export const TRACE_RESULTS = ['allowed', 'denied', 'failed'] as const;
export type TraceResult = (typeof TRACE_RESULTS)[number];
export const TRACE_RESULT_NAMES: Record<TraceResult, { zh: string; en: string }> = {
  allowed: { zh: '允许', en: 'Allowed' },
  denied: { zh: '拒绝', en: 'Denied' },
  failed: { zh: '失败', en: 'Failed' },
};

/**
 * What a row says: 1 (which says nothing of it) did not tell by what an actor was known; up to 2 `patientId` was under one
 * key for all, since 3 it is under a salt of the patient's own. Digests are made alike of all.
 */
export const TRACE_ROW_FORMAT = 3;

/** 身份凭证: by what whoever acts is known to be who they say. */
export const TRACE_PROOFS = {
  password: { zh: '口令', en: 'Password' },
  totp: { zh: '口令和动态口令', en: 'Password and one-time code' },
  sm2: { zh: 'SM2 签名', en: 'SM2 signature' },
  hmac: { zh: 'HMAC 签名', en: 'HMAC signature' },
} as const;
export type TraceProofKind = keyof typeof TRACE_PROOFS;
export interface ActorProof {
  kind: TraceProofKind;
  /** Of a person: what lists of sessions call it. */
  sessionId?: string;
  /** Of a system with a key pair: SM3 of its public key (65 bytes), hex. A shared secret is not named. */
  key?: string;
}

const named = (kind: TraceKind, zh: string, en: string) => ({ kind, zh, en });

/** Every action that leaves a trace: its kind, and what people call it. */
export const TRACE_ACTIONS = {
  'session.login': named('session', '登录', 'Logged in'),
  'session.logout': named('session', '退出登录', 'Logged out'),
  'session.end': named('session', '结束登录会话', 'Ended a session'),
  'account.activate': named('session', '激活账号', 'Activated the account'),
  'account.read': named('session', '查看自己的账号', 'Read the own account'),
  'account.password': named('session', '修改密码', 'Changed the password'),
  'account.totp.begin': named('session', '开始绑定动态口令', 'Began a second factor'),
  'account.totp.confirm': named('session', '绑定动态口令', 'Confirmed a second factor'),
  'account.totp.remove': named('session', '解除动态口令', 'Removed the second factor'),

  'archive.search': named('search', '检索档案', 'Searched archives'),
  'archive.export': named('download', '导出档案列表', 'Exported archives'),
  'archive.open': named('open', '打开档案', 'Opened an archive'),
  'archive.timeline': named('open', '查看业务时间线', 'Read the timeline'),
  'archive.page': named('page', '查看页面', 'Saw a page'),
  'archive.thumbnail': named('preview', '取缩略图', 'Took a thumbnail'),
  'archive.prefetch': named('preview', '预取页面', 'Fetched a page ahead'),
  'archive.print': named('print', '打印页面', 'Printed a page'),
  'archive.receipt': named('download', '下载存证回执', 'Took the receipt'),
  'archive.package': named('download', '下载 OFD', 'Took the OFD'),
  'archive.retry': named('write', '重试归档步骤', 'Tried archiving again'),
  'archive.hold': named('write', '封存病案', 'Put on hold'),
  'archive.holdRelease': named('write', '解除封存', 'Took the hold off'),
  'archive.marks': named('write', '修改借阅标记', 'Changed marks'),
  'archiving.failed': named('write', '归档步骤转人工', 'Archiving waits for a person'),
  'catalog.open': named('open', '查看目录', 'Read a catalogue'),
  'catalog.diff': named('open', '比较目录版本', 'Compared catalogues'),
  'catalog.proof': named('open', '查看目录存证', 'Read the proof of a catalogue'),
  'catalog.save': named('write', '修订目录', 'Arranged the catalogue'),
  'catalog.restore': named('write', '恢复目录版本', 'Brought a catalogue back'),
  'catalog.queue': named('search', '查看待确认页面', 'Listed doubtful pages'),
  'catalog.queueExport': named('download', '导出待确认页面', 'Exported doubtful pages'),
  'catalog.suggestions': named('open', '查看分类建议', 'Read what pages seem to be'),
  'catalog.leave': named('write', '页面保留原处', 'Left pages where they lie'),
  'catalog.rebuild': named('write', '开始目录重建', 'Began a rebuild of catalogues'),
  'catalog.rebuilt': named('write', '目录重建', 'Rebuilt a catalogue'),
  'catalog.rebuild.pause': named('write', '暂停目录重建', 'Paused a rebuild'),
  'catalog.rebuild.resume': named('write', '继续目录重建', 'Let a rebuild go on'),
  'catalog.rebuild.read': named('search', '查看目录重建', 'Read rebuilds'),
  'correction.search': named('search', '查看待审更正', 'Listed corrections'),
  'correction.export': named('download', '导出待审更正', 'Exported corrections'),
  'correction.open': named('open', '查看更正记录', 'Read corrections'),
  'correction.proof': named('open', '查看更正存证', 'Read the proof of a correction'),
  'correction.propose': named('write', '申请更正登记', 'Asked for a correction'),
  'correction.make': named('write', '更正登记', 'Corrected what was registered'),
  'correction.approve': named('write', '批准更正', 'Approved a correction'),
  'correction.refuse': named('write', '驳回更正', 'Refused a correction'),
  'correction.withdraw': named('write', '撤回更正', 'Withdrew a correction'),
  'frontPage.open': named('open', '查看首页数据', 'Read a front page'),
  'frontPage.enter': named('write', '录入首页数据', 'Entered a front page'),
  'merge.search': named('search', '查看待审患者合并', 'Listed merges of patients'),
  'merge.open': named('open', '查看患者合并记录', 'Read merges of a patient'),
  'merge.proof': named('open', '查看患者合并存证', 'Read the proof of a merge'),
  'merge.propose': named('write', '申请患者合并或拆分', 'Asked for a merge or split of patients'),
  'merge.make': named('write', '患者合并或拆分', 'Merged or split patients'),
  'merge.approve': named('write', '批准患者合并或拆分', 'Approved a merge or split of patients'),
  'merge.refuse': named('write', '驳回患者合并或拆分', 'Refused a merge or split of patients'),
  'merge.withdraw': named('write', '撤回患者合并或拆分', 'Withdrew a merge or split of patients'),
  'batch.search': named('search', '查看批次', 'Listed batches'),
  'batch.export': named('download', '导出批次', 'Exported batches'),
  'batch.open': named('open', '打开批次', 'Opened a batch'),
  'batch.register': named('write', '登记批次', 'Registered a batch'),
  'batch.retry': named('write', '重发拒收文件', 'Sent refused files again'),
  'batch.discharge': named('write', '登记出院', 'Told of a discharge'),
  'batch.withdraw': named('write', '撤回批次', 'Withdrew a batch'),
  'batch.correct': named('write', '更正待出院批次', 'Corrected a parked batch'),
  'batch.commit': named('write', '提交批次', 'Committed a batch'),

  'loan.search': named('search', '查看借阅列表', 'Listed loans'),
  'loan.open': named('open', '打开借阅', 'Opened a loan'),
  'loan.proof': named('open', '查看借阅存证', 'Read the proof of a loan'),
  'loan.export': named('download', '导出借阅', 'Exported loans'),
  'loan.statistics': named('search', '查看归还率', 'Read the return rates'),
  'loan.apply': named('write', '申请借阅', 'Applied for loans'),
  'loan.submit': named('write', '提交借阅', 'Handed in a loan'),
  'loan.discard': named('write', '删除借阅草稿', 'Discarded a draft'),
  'loan.claim': named('write', '领取审核', 'Claimed a review'),
  'loan.release': named('write', '放回审核', 'Released a review'),
  'loan.assign': named('write', '改派审核', 'Gave a review to another'),
  'loan.approve': named('write', '批准借阅', 'Approved'),
  'loan.refuse': named('write', '驳回借阅', 'Refused'),
  'loan.sendBack': named('write', '退回修改', 'Sent back'),
  'loan.withdraw': named('write', '撤回申请', 'Withdrew'),
  'loan.start': named('write', '启用借阅', 'Began a loan'),
  'loan.renew': named('write', '申请续借', 'Asked for a renewal'),
  'loan.return': named('write', '归还', 'Returned'),
  'loan.recall': named('write', '收回', 'Recalled'),
  'loan.close': named('write', '关闭借阅', 'Closed a loan'),
  'loan.bulk': named('write', '批量办理借阅', 'Acted on many loans'),
  'job.search': named('search', '查看批量任务', 'Listed jobs'),
  'job.open': named('open', '打开批量任务', 'Opened a job'),
  'loanPolicy.change': named('admin', '修改借阅制度', 'Changed the policy'),
  'template.change': named('admin', '修改目录模板', 'Changed the template'),
  'calendar.change': named('admin', '修改工作日历', 'Changed the calendar'),

  'system.setup': named('admin', '系统初始化', 'Set the system up'),
  'station.search': named('admin', '查看扫描站', 'Listed scan stations'),
  'system.status': named('admin', '查看系统状态', 'Read the status'),
  'system.overlay': named('admin', '查看组网状态', 'Read the overlay'),
  'user.search': named('admin', '查看用户列表', 'Listed accounts'),
  'user.export': named('download', '导出人员', 'Exported accounts'),
  'user.read': named('admin', '查看账号', 'Read an account'),
  'user.create': named('admin', '新建账号', 'Made an account'),
  'user.change': named('admin', '修改账号', 'Changed an account'),
  'user.activation': named('admin', '发放激活码', 'Gave an activation code'),
  'user.disable': named('admin', '停用账号', 'Closed an account'),
  'user.enable': named('admin', '启用账号', 'Opened an account again'),
  'user.roles': named('admin', '授予角色', 'Gave roles'),
  'user.totpReset': named('admin', '解除他人动态口令', 'Removed a second factor'),
  'user.sessionsEnd': named('admin', '结束他人登录', 'Ended sessions'),
  'department.create': named('admin', '新建科室', 'Made a department'),
  'department.change': named('admin', '修改科室', 'Changed a department'),
  'deputy.read': named('admin', '查看代理', 'Read deputies'),
  'deputy.name': named('admin', '指定代理', 'Named a deputy'),
  'deputy.end': named('admin', '终止代理', 'Ended a deputy'),

  'trace.read': named('admin', '查看留痕', 'Read the trace'),
  'trace.proof': named('admin', '查看留痕存证', 'Read the proof of an entry'),
  'trace.verify': named('admin', '核验留痕', 'Verified the trace'),
  'trace.export': named('download', '导出留痕', 'Exported the trace'),
  'erasure.search': named('admin', '查看待办抹除', 'Listed erasures'),
  'erasure.propose': named('admin', '申请抹除患者匿名编号', 'Asked for the erasure of a patient’s id'),
  'erasure.approve': named('admin', '抹除患者匿名编号', 'Erased a patient’s id'),
  'erasure.refuse': named('admin', '驳回抹除', 'Refused an erasure'),
  'workflow.search': named('admin', '查看流程列表', 'Listed workflows'),
  'workflow.export': named('download', '导出流程', 'Exported workflows'),
  'workflow.read': named('admin', '查看流程', 'Read a workflow'),
  'workflow.retry': named('admin', '重试流程', 'Tried a workflow again'),
  'workflow.cancel': named('admin', '取消流程', 'Cancelled a workflow'),
  'workflow.reassign': named('admin', '改派流程任务', 'Reassigned a task'),
  'workflow.decode': named('admin', '解密流程数据', 'Decoded payloads'),
  /** Any other route that was refused. */
  request: named('session', '请求', 'Request'),
} as const satisfies Record<string, { kind: TraceKind; zh: string; en: string }>;
export type TraceAction = keyof typeof TRACE_ACTIONS;

/** What batches of the trace are attested under. */
export const TRACE_STREAM = 'trace';
export const TRACE_FORMAT = 'sealfolio-trace/1';
/** Rows of one batch, at most. */
export const TRACE_BATCH_ROWS = 256;
/** A row waits this long for its batch, if it does not fill before. †ours. */
export const TRACE_ATTEST_WITHIN_MS = 10_000;

/** What is attested of rows `from` to `to`: all of it follows from the rows. */
export interface TraceManifest {
  format: typeof TRACE_FORMAT;
  memberId: string;
  from: number;
  to: number;
  /** Merkle root (RFC 6962 §2.1, SM3) over the digests of the rows. */
  root: string;
  /** Hash of the row before `from`, and of row `to`. */
  previous: string;
  head: string;
}
