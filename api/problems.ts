import { isSealfolioError } from '../domain/errors.ts';
import { FILE_REFUSALS } from '../domain/refusals.ts';

/** Every code that the api answers with: HTTP status, and what it says to people. Codes are wire format. */
export const PROBLEMS: Record<string, { status: number; zh: string; en: string }> = {
  'request-invalid': { status: 400, zh: '请求内容有误', en: 'The request is not valid' },
  'signature-invalid': { status: 401, zh: '请求签名无效', en: 'The signature of the request is not valid' },
  'signature-expired': {
    status: 401,
    zh: '请求时间与服务器相差超过 5 分钟',
    en: 'The request is older or newer than 5 minutes',
  },
  'nonce-used': { status: 401, zh: '请求已被使用过', en: 'The request was sent before' },
  'login-required': { status: 401, zh: '请先登录', en: 'Please log in' },
  'credentials-invalid': { status: 401, zh: '用户名或密码不正确', en: 'User name or password is wrong' },
  'account-locked': { status: 423, zh: '登录失败次数过多，请稍后再试', en: 'Too many failed logins; try again later' },
  'totp-required': { status: 401, zh: '请输入动态口令', en: 'Enter the code of your authenticator' },
  'totp-invalid': { status: 401, zh: '动态口令不正确或已用过', en: 'The code is wrong, or was used before' },
  'totp-enrolment-required': {
    status: 403,
    zh: '管理员须先绑定动态口令',
    en: 'Administrators set up a second factor first',
  },
  'totp-present': { status: 409, zh: '已绑定动态口令，请先解除', en: 'A second factor is set up; remove it first' },
  'totp-absent': { status: 409, zh: '尚未绑定动态口令', en: 'No second factor is set up' },
  'activation-invalid': { status: 401, zh: '激活码不正确或已过期', en: 'The activation code is wrong or too old' },
  'password-weak': {
    status: 422,
    zh: '密码至少 12 个字符，不能过于简单，也不能包含用户名',
    en: 'A password has 12 characters or more, is not simple, and does not hold the user name',
  },
  'csrf-invalid': { status: 403, zh: '页面已过期，请刷新后重试', en: 'The page is out of date; reload it' },
  'permission-denied': { status: 403, zh: '没有权限', en: 'Not permitted' },
  'route-not-found': { status: 404, zh: '没有这个地址', en: 'No such address' },
  'user-not-found': { status: 404, zh: '没有这个账号', en: 'No such account' },
  'department-not-found': { status: 404, zh: '没有这个科室', en: 'No such department' },
  'deputy-not-found': { status: 404, zh: '没有这条代理', en: 'No such deputy' },
  'session-not-found': { status: 404, zh: '没有这个登录会话', en: 'No such session' },
  'batch-not-found': { status: 404, zh: '没有这个批次', en: 'No such batch' },
  'archive-not-found': { status: 404, zh: '没有这份病案', en: 'No such archive' },
  'version-not-found': { status: 404, zh: '没有这个版本', en: 'No such version' },
  'page-not-found': { status: 404, zh: '没有这一页', en: 'No such page' },
  'workflow-not-found': { status: 404, zh: '没有这个流程', en: 'No such workflow' },
  'workflow-not-waiting': { status: 409, zh: '该流程没有等待人工处理的步骤', en: 'No step of it waits for a person' },
  'workflow-not-cancellable': {
    status: 409,
    zh: '该流程不能取消：借阅与归档由各自的办理结束',
    en: 'It cannot be cancelled: loans and archiving end by their own acts',
  },
  'trace-entry-not-found': { status: 404, zh: '没有这条留痕', en: 'No such entry' },
  'receipt-not-found': { status: 404, zh: '回执尚未生成', en: 'There is no receipt yet' },
  'object-not-found': { status: 404, zh: '文件不存在', en: 'No such object' },
  'setup-closed': { status: 409, zh: '系统已完成初始化', en: 'The system was set up before' },
  'setup-invalid': { status: 403, zh: '初始化口令不正确', en: 'The setup code is wrong' },
  'username-taken': { status: 409, zh: '用户名已被使用', en: 'The user name is taken' },
  'department-taken': { status: 409, zh: '科室名称已存在', en: 'There is a department of this name' },
  'own-account': { status: 409, zh: '不能对自己的账号做此操作', en: 'Not on your own account' },
  'last-administrator': {
    status: 409,
    zh: '这是最后一个在用的管理员账号',
    en: 'This is the last active administrator of its kind',
  },
  'duties-not-separated': {
    status: 422,
    zh: '三员分立：系统、安全、审计管理员须由不同的人担任，且不得兼任其他角色',
    en: 'System administrator, security administrator and auditor are different people, with no other role',
  },
  'deputy-invalid': { status: 422, zh: '代理设置无效', en: 'The deputy is not valid' },
  'if-match-required': { status: 428, zh: '缺少 If-Match', en: 'If-Match is needed' },
  'revision-changed': {
    status: 412,
    zh: '内容已被他人修改，请刷新后重试',
    en: 'Someone changed it meanwhile; reload it',
  },
  'idempotency-key-invalid': { status: 400, zh: 'Idempotency-Key 无效', en: 'The Idempotency-Key is not valid' },
  'idempotency-mismatch': {
    status: 422,
    zh: '同一 Idempotency-Key 的请求内容不同',
    en: 'This Idempotency-Key came with another body before',
  },
  'idempotency-in-flight': {
    status: 409,
    zh: '同一请求正在处理',
    en: 'The same request is being worked on',
  },
  'batch-conflict': { status: 409, zh: '同一批次号已登记了不同内容', en: 'Another batch has this id' },
  'visit-conflict': {
    status: 409,
    zh: '该次就诊已登记，姓名或出院时间与之不一致，请核对病案号和住院次数；如登记有误，请在档案页更正登记',
    en: 'The stay is registered with another name or discharge; check the patient and stay number, or correct the archive if it was mistyped',
  },
  'batch-incomplete': { status: 409, zh: '批次尚有文件未上传', en: 'Files of the batch are missing' },
  'batch-closed': { status: 409, zh: '批次已提交，不再接收文件', en: 'The batch is committed and takes no more files' },
  'batch-not-parked': {
    status: 409,
    zh: '该批次不在等待出院',
    en: 'This batch does not wait for a discharge',
  },
  'batch-not-open': {
    status: 409,
    zh: '该批次已进入归档或已结束，不能撤回',
    en: 'This batch is being archived or has ended; it is not withdrawn any more',
  },
  'batch-nothing-refused': { status: 409, zh: '该批次没有被拒收的文件', en: 'Nothing of this batch was refused' },
  'batch-of-another': { status: 403, zh: '该批次由其他系统发送', en: 'Another system sent this batch' },
  'part-not-refused': { status: 409, zh: '该文件未被拒收，无须重发', en: 'This file was not refused' },
  'part-retried': { status: 409, zh: '该文件已由另一批次重发', en: 'Another batch has sent this file again' },
  'retry-not-needed': { status: 409, zh: '该档案没有需要重试的步骤', en: 'Nothing of this archive waits for a retry' },
  'object-unfinished': { status: 409, zh: '文件尚未上传完', en: 'The object is not complete' },
  'loan-not-found': { status: 404, zh: '没有这笔借阅', en: 'No such loan' },
  'job-not-found': { status: 404, zh: '没有这个任务', en: 'No such job' },
  'filter-not-found': { status: 404, zh: '没有这个筛选', en: 'No such filter' },
  'notice-not-found': { status: 404, zh: '没有这条通知', en: 'No such notice' },
  'loan-needed': { status: 403, zh: '查看内容须先借阅', en: 'Its pages are read under a loan' },
  'page-out-of-scope': { status: 403, zh: '这一页不在借阅范围内', en: 'This page is not within the loan' },
  'loan-right-missing': { status: 403, zh: '借阅权限不含此项操作', en: 'The loan does not hold this right' },
  'archive-held': { status: 423, zh: '病案已封存', en: 'The archive is on hold' },
  'catalog-not-found': { status: 404, zh: '没有这个目录版本', en: 'No such catalogue' },
  'catalog-changed': {
    status: 409,
    zh: '目录已被他人修订，请比较双方的修改后再保存',
    en: 'Someone arranged it meanwhile: compare both, then save',
  },
  'catalog-on-loan': {
    status: 409,
    zh: '病案正在借阅，归还后才能修订目录',
    en: 'The archive is on loan; its catalogue stays until it is back',
  },
  'catalog-version-pending': {
    status: 409,
    zh: '有新的文件正在归档，完成后再修订目录',
    en: 'Files are being added; arrange it when they are in',
  },
  'catalog-pages-differ': {
    status: 422,
    zh: '目录必须包含每一页，且每页只出现一次',
    en: 'A catalogue has every page, and each once',
  },
  'template-changed': { status: 412, zh: '目录模板已被他人修改', en: 'Someone changed the template meanwhile' },
  'correction-not-found': { status: 404, zh: '没有这条更正', en: 'No such correction' },
  'correction-unchanged': { status: 422, zh: '登记信息没有修改', en: 'Nothing was changed' },
  'correction-pending': {
    status: 409,
    zh: '已有一条更正在等待审批，处理后才能再申请',
    en: 'A correction waits for a decision; ask again once it is decided',
  },
  'correction-decided': { status: 409, zh: '该更正已处理', en: 'The correction has been decided' },
  'front-page-changed': {
    status: 409,
    zh: '首页数据已被他人改动，请核对后再保存',
    en: 'The front page was entered meanwhile; look at it, then save again',
  },
  'patient-kept': {
    status: 409,
    zh: '该病案号仍有病案、批次、借阅、更正或合并记录，不能抹除',
    en: 'Archives, batches, loans, corrections or merges of this number are kept; it is not erased before they are',
  },
  'patient-not-traced': {
    status: 404,
    zh: '留痕中没有这个病案号的匿名编号',
    en: 'The trace has no id for this number',
  },
  'erasure-pending': { status: 409, zh: '该病案号已有一条抹除申请在等待处理', en: 'An erasure of this number waits' },
  'erasure-not-found': {
    status: 404,
    zh: '没有这条抹除申请，或病案号与申请时不同',
    en: 'No such erasure waits, or the number is not the one that it was asked for',
  },
  'erasure-own': {
    status: 403,
    zh: '不能批准自己申请的抹除',
    en: 'Nobody approves an erasure that they asked for',
  },
  'visit-taken': {
    status: 409,
    zh: '该病案号和住院次数已属于另一份病案',
    en: 'Another archive has this patient and stay number',
  },
  'visit-renumbered': {
    status: 409,
    zh: '该次就诊的病案号或住院次数已更正，请按更正后的号码发送',
    en: 'The patient or stay number of this visit was corrected; send it under the number of today',
  },
  'correction-own': {
    status: 403,
    zh: '不能批准自己申请的更正',
    en: 'Nobody approves a correction that they asked for',
  },
  'correction-others': {
    status: 403,
    zh: '只有申请人可以撤回更正',
    en: 'Only who asked for a correction withdraws it',
  },
  'patient-not-found': { status: 404, zh: '没有此病案号的病案', en: 'No archive has this patient number' },
  'patient-merged': {
    status: 409,
    zh: '该病案号已合并到另一病案号，新的就诊请按现病案号发送；在“档案”中检索原号即可查到',
    en: 'The patient number was merged into another: send new stays under the number of today, which a search for the old one finds',
  },
  'merge-not-found': { status: 404, zh: '没有这条患者合并或拆分', en: 'No such merge or split' },
  'merge-itself': { status: 422, zh: '不能合并到同一个病案号', en: 'A number is not merged into itself' },
  'merge-present': { status: 409, zh: '该病案号已合并，须先拆分', en: 'The number is merged already; split it first' },
  'merge-circle': {
    status: 409,
    zh: '对方病案号已合并到此病案号，不能反向合并',
    en: 'The other number is merged into this one',
  },
  'merge-into-retired': {
    status: 409,
    zh: '对方病案号已合并到另一病案号，请填写其现病案号',
    en: 'The other number is merged into a third; give the number of today',
  },
  'merge-absent': {
    status: 409,
    zh: '该合并已拆分或未生效，不能拆分',
    en: 'This merge does not stand, and is not split',
  },
  'merge-pending': {
    status: 409,
    zh: '该病案号已有一条合并或拆分在等待审批，处理后才能再申请',
    en: 'A merge or split of this number waits for a decision; ask again once it is decided',
  },
  'merge-decided': { status: 409, zh: '该合并或拆分已处理', en: 'The merge or split has been decided' },
  'merge-own': {
    status: 403,
    zh: '不能批准自己申请的合并或拆分',
    en: 'Nobody approves a merge or split that they asked for',
  },
  'merge-others': {
    status: 403,
    zh: '只有申请人可以撤回合并或拆分',
    en: 'Only who asked for a merge or split withdraws it',
  },
  'registration-changed': {
    status: 409,
    zh: '登记信息已被他人更正，请核对双方的修改后再提交',
    en: 'Someone corrected it meanwhile: look at both, then send again',
  },
  'rebuild-not-found': { status: 404, zh: '没有这个重建任务', en: 'No such rebuild' },
  'rebuild-ended': { status: 409, zh: '重建任务已结束', en: 'The rebuild has ended' },
  'rebuild-empty': { status: 422, zh: '此范围内没有病案', en: 'No archive is in this range' },
  'suggestion-not-found': { status: 404, zh: '没有这些页面的分类建议', en: 'Nothing is suggested for these pages' },
  'catalog-unchanged': { status: 422, zh: '目录没有修改', en: 'Nothing was changed' },
  'hold-present': { status: 409, zh: '病案已封存', en: 'The archive is on hold' },
  'hold-absent': { status: 409, zh: '病案未封存', en: 'The archive is not on hold' },
  'loan-batch-limit': {
    status: 422,
    zh: '一次申请的病案数超过制度上限',
    en: 'More archives than one application may name',
  },
  'loan-not-entitled': {
    status: 403,
    zh: '按借阅制度，您的用工类别不能借阅',
    en: 'By the policy, people of your employment do not borrow',
  },
  'loan-overdue-held': { status: 409, zh: '有逾期未还的借阅，归还后才能再借', en: 'Return what is overdue first' },
  'loan-quota': { status: 409, zh: '在借数量已达上限', en: 'You hold as many loans as the policy lets you' },
  'loan-archive-held': { status: 423, zh: '病案已封存，不能借阅', en: 'The archive is on hold and is not lent' },
  'loan-archive-unarchived': {
    status: 409,
    zh: '病案尚未归档，抢救除外',
    en: 'The archive is not complete; only an emergency may borrow it',
  },
  'loan-duplicate': { status: 409, zh: '您已借阅或申请了这份病案', en: 'You hold or have asked for this archive' },
  'loan-volume-out': {
    status: 409,
    zh: '纸质病案已借出或已有人申请借出，可改为在线阅览',
    en: 'The paper is out of the room, or asked for; it can be read on the screen',
  },
  'loan-related-record': { status: 403, zh: '不能借阅本人或亲属的病案', en: 'Not your own record, nor a relative’s' },
  'loan-term-limit': { status: 422, zh: '借阅天数超过制度上限', en: 'Longer than the policy lets' },
  'loan-right-not-allowed': { status: 422, zh: '此借阅目的不允许该权限', en: 'Not a right that this purpose has' },
  'loan-scope-invalid': { status: 422, zh: '借阅范围中没有这个目录项', en: 'The catalogue has no such branch' },
  'loan-move-invalid': { status: 409, zh: '当前状态不能做此操作', en: 'Not in this state' },
  'loan-not-borrower': { status: 403, zh: '只有借阅人可以做此操作', en: 'Only the borrower may' },
  'loan-not-reviewer': { status: 403, zh: '这不是您的审核任务', en: 'This is not yours to decide' },
  'loan-assignee-unfit': { status: 422, zh: '此人无权审核该任务', en: 'This task is not theirs to decide' },
  'loan-own-application': {
    status: 403,
    zh: '不能审核自己的申请，代理也不可以',
    en: 'Nobody decides their own application, nor through a deputy',
  },
  'loan-reviewer-twice': {
    status: 403,
    zh: '同一申请的各级审核须由不同的人完成',
    en: 'Levels of one application are decided by different people',
  },
  'loan-deputy-ended': { status: 403, zh: '代理已结束', en: 'The deputy’s term has ended' },
  'loan-task-decided': { status: 409, zh: '该任务已由他人处理', en: 'Someone has decided it' },
  'loan-task-closed': { status: 409, zh: '该任务已关闭', en: 'The task is closed' },
  'loan-task-claimed': { status: 409, zh: '该任务已被他人领取', en: 'Someone has claimed it' },
  'loan-not-claimed': { status: 409, zh: '您没有领取该任务', en: 'You have not claimed it' },
  'loan-term-longer': {
    status: 422,
    zh: '只能缩短，不能延长申请的天数',
    en: 'The term may be shortened, not made longer',
  },
  'loan-right-not-asked': { status: 422, zh: '申请中没有这项权限', en: 'This right was not asked for' },
  'loan-branch-not-asked': { status: 422, zh: '申请的范围中没有这个目录项', en: 'This branch was not asked for' },
  'loan-start-early': { status: 409, zh: '尚未到借阅开始时间', en: 'It has not begun yet' },
  'loan-renewal-late': { status: 409, zh: '已过到期时间，不能续借', en: 'It is past due and is not renewed' },
  'loan-renewal-limit': { status: 409, zh: '续借次数已达上限', en: 'Renewed as often as the policy lets' },
  'job-empty': { status: 422, zh: '没有符合条件的借阅', en: 'No loan fits' },
  'job-limit': {
    status: 422,
    zh: '符合条件的借阅超过一次批量办理的上限，请缩小筛选范围',
    en: 'More loans fit than one job takes; narrow the filter',
  },
  'job-changed': {
    status: 409,
    zh: '符合条件的数量已变化，请刷新后重试',
    en: 'The number of rows has changed; look again',
  },
  'filter-limit': { status: 409, zh: '保存的筛选过多，请先删除一些', en: 'Too many filters; remove some' },
  'filter-taken': { status: 409, zh: '已有同名筛选', en: 'There is a filter of this name' },
  'policy-changed': { status: 412, zh: '借阅制度已被他人修改', en: 'Someone changed the policy meanwhile' },
  'upload-offset': {
    status: 409,
    zh: '上传位置不一致，请从服务器给出的位置继续',
    en: 'Go on from the offset that the server has',
  },
  'upload-length': { status: 413, zh: '上传内容超过登记的大小', en: 'More bytes than were announced' },
  'range-invalid': { status: 416, zh: '请求的范围无效', en: 'The range is not valid' },
  'reason-required': {
    status: 422,
    zh: '该次就诊已归档，补交文件须说明原因',
    en: 'This visit is archived; say why files are added',
  },
  'sm3-mismatch': { status: 422, ...FILE_REFUSALS['sm3-mismatch'] },
  'object-integrity': {
    status: 500,
    zh: '存储的文件校验失败，已拒绝读取',
    en: 'A stored object failed its check and is not served',
  },
  internal: { status: 500, zh: '系统内部错误', en: 'Internal error' },
  'card-unavailable': { status: 503, zh: '密码卡不可用', en: 'The crypto card does not answer' },
  'trace-behind': {
    status: 503,
    zh: '账本暂不可用：留痕超过时限未存证，按本单位的设置暂不提供病案内容；恢复后自动开放',
    en: 'The ledger is away: the trace waits for it too long, and this member serves no content until it is attested',
  },
  'ledger-unavailable': { status: 503, zh: '账本节点不可用', en: 'The ledger node does not answer' },
  'trace-verification-running': {
    status: 409,
    zh: '正在核验，请等待完成',
    en: 'A verification is under way',
  },
  'quorum-missing': {
    status: 503,
    zh: '应答一致的成员节点不足，无法核验',
    en: 'Too few nodes say the same: nothing can be verified',
  },
  'temporal-unavailable': { status: 503, zh: '流程引擎不可用', en: 'The workflow server does not answer' },
  'database-unavailable': { status: 503, zh: '数据库不可用', en: 'The database does not answer' },
  'disk-full': { status: 507, zh: '磁盘空间不足', en: 'The disk is full' },
};

/** MongoDB's codes for a server that is going down, coming up, or not primary yet. */
const DATABASE_AWAY = new Set([91, 189, 6, 7, 89, 9001, 10_107, 11_600, 11_602, 13_435, 13_436]);

/** Whether the database could not do it for now, rather than refused it. */
function isDatabaseAway({ name = '', code }: { name?: string; code?: unknown }): boolean {
  // Of a bulk write the driver wraps what broke the connection too: that has no code.
  if (name === 'MongoBulkWriteError' && code === undefined) return true;
  if (name === 'MongoServerError' || name === 'MongoBulkWriteError' || name === 'MongoWriteConcernError')
    return typeof code === 'number' && DATABASE_AWAY.has(code);
  return /^Mongo/.test(name);
}

/** The code that an error is answered with, and what may be told of it. */
export function codeOf(error: unknown): { code: string; data: Record<string, unknown> } {
  if (isSealfolioError(error)) return { code: error.code, data: error.data };
  const known = error as { name?: string; code?: unknown; status?: number; type?: string };
  if (known.status !== undefined && known.status < 500)
    return {
      code: 'request-invalid',
      data: { errors: [{ pointer: '/body', rule: known.type, message: 'body cannot be read' }] },
    };
  if (isDatabaseAway(known)) return { code: 'database-unavailable', data: {} };
  if (known.name === 'ServiceError') return { code: 'temporal-unavailable', data: {} };
  return { code: 'internal', data: {} };
}
