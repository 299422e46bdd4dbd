import { isSealfolioError } from '../domain/errors.ts';

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
  'csrf-invalid': { status: 403, zh: '页面已过期，请刷新后重试', en: 'The page is out of date; reload it' },
  'permission-denied': { status: 403, zh: '没有权限', en: 'Not permitted' },
  'route-not-found': { status: 404, zh: '没有这个地址', en: 'No such address' },
  'batch-not-found': { status: 404, zh: '没有这个批次', en: 'No such batch' },
  'archive-not-found': { status: 404, zh: '没有这份病案', en: 'No such archive' },
  'version-not-found': { status: 404, zh: '没有这个版本', en: 'No such version' },
  'page-not-found': { status: 404, zh: '没有这一页', en: 'No such page' },
  'receipt-not-found': { status: 404, zh: '回执尚未生成', en: 'There is no receipt yet' },
  'object-not-found': { status: 404, zh: '文件不存在', en: 'No such object' },
  'batch-conflict': { status: 409, zh: '同一批次号已登记了不同内容', en: 'Another batch has this id' },
  'batch-incomplete': { status: 409, zh: '批次尚有文件未上传', en: 'Files of the batch are missing' },
  'batch-closed': { status: 409, zh: '批次已提交，不再接收文件', en: 'The batch is committed and takes no more files' },
  'retry-not-needed': { status: 409, zh: '该档案没有需要重试的步骤', en: 'Nothing of this archive waits for a retry' },
  'object-unfinished': { status: 409, zh: '文件尚未上传完', en: 'The object is not complete' },
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
  'sm3-mismatch': {
    status: 422,
    zh: '文件与登记的 SM3 摘要不一致',
    en: 'The file is not the one announced: its SM3 differs',
  },
  'object-integrity': {
    status: 500,
    zh: '存储的文件校验失败，已拒绝读取',
    en: 'A stored object failed its check and is not served',
  },
  internal: { status: 500, zh: '系统内部错误', en: 'Internal error' },
  'card-unavailable': { status: 503, zh: '密码卡不可用', en: 'The crypto card does not answer' },
  'ledger-unavailable': { status: 503, zh: '账本节点不可用', en: 'The ledger node does not answer' },
  'temporal-unavailable': { status: 503, zh: '流程引擎不可用', en: 'The workflow server does not answer' },
  'database-unavailable': { status: 503, zh: '数据库不可用', en: 'The database does not answer' },
  'disk-full': { status: 507, zh: '磁盘空间不足', en: 'The disk is full' },
};

/** MongoDB's codes for a server that is going down, coming up, or not primary yet. */
const DATABASE_AWAY = new Set([91, 189, 6, 7, 89, 9001, 10_107, 11_600, 11_602, 13_435, 13_436]);

/** Whether the database could not do it for now, rather than refused it. */
function isDatabaseAway({ name = '', code }: { name?: string; code?: unknown }): boolean {
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
