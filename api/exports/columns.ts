import type { Column } from '../../platform/xlsx/workbook.ts';

/** Heads of columns of all lists, and how wide they are, in characters: one thing is called the same in each. */
const HEADS = {
  action: ['操作', 18],
  actor: ['操作人', 14],
  address: ['来源', 16],
  admitted: ['入院时间', 18],
  advice: ['建议', 40],
  after: ['更正为', 40],
  applicant: ['申请人', 12],
  archive: ['病案', 34],
  attempts: ['重试次数', 10],
  attention: ['原因', 14],
  attested: ['存证时间', 18],
  batch: ['批次号', 28],
  before: ['更正前', 40],
  care: ['负责人', 14],
  cause: ['错误代码', 24],
  closed: ['结束时间', 18],
  committed: ['提交时间', 18],
  completeness: ['完整性', 10],
  frontPage: ['首页质控', 10],
  corrected: ['更正次数', 10],
  correction: ['更正序号', 10],
  created: ['建立时间', 18],
  days: ['天数', 8],
  department: ['科室', 16],
  details: ['说明', 40],
  discharged: ['出院时间', 18],
  doubtful: ['待确认页', 10],
  due: ['到期时间', 18],
  employment: ['用工类别', 12],
  expires: ['审核期限', 18],
  files: ['文件数', 8],
  foreign: ['疑似他人页', 12],
  hash: ['链值', 66],
  held: ['封存', 8],
  kind: ['类别', 12],
  late: ['补扫', 8],
  loan: ['借阅', 32],
  looked: ['归类时间', 18],
  lowest: ['最低置信度', 12],
  marks: ['借阅标记', 14],
  mother: ['母亲病案号', 16],
  object: ['对象', 34],
  pages: ['页数', 8],
  patient: ['患者', 12],
  patientId: ['患者（匿名编号）', 36],
  patientNo: ['病案号', 16],
  person: ['姓名', 14],
  place: ['方式', 12],
  policyVersion: ['制度版本', 10],
  proof: ['身份凭证', 16],
  purpose: ['目的', 8],
  reason: ['事由', 30],
  refused: ['拒收文件', 40],
  registered: ['登记时间', 18],
  renewals: ['续借次数', 10],
  result: ['结果', 8],
  roles: ['角色', 24],
  scanner: ['扫描设备', 16],
  sender: ['发送方', 16],
  seq: ['序号', 10],
  since: ['开始时间', 18],
  started: ['启用时间', 18],
  state: ['状态', 12],
  step: ['步骤', 18],
  submitted: ['申请时间', 18],
  time: ['时间', 20],
  totp: ['动态口令', 10],
  username: ['用户名', 16],
  version: ['版本', 8],
  visitNo: ['住院次数', 10],
  workflow: ['流程', 14],
  workflowId: ['流程编号', 48],
} as const satisfies Record<string, readonly [title: string, width: number]>;

/** Columns of a list, by their heads, in the order in which they are named. */
export const columns = <Row>(values: Partial<Record<keyof typeof HEADS, Column<Row>['value']>>): Column<Row>[] =>
  Object.entries(values).map(([name, value]) => {
    const [title, width] = HEADS[name as keyof typeof HEADS];
    return { title, width, value };
  });

const minute = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai', dateStyle: 'short', timeStyle: 'short' });

/** An instant as people read it, to the minute; nothing for none. */
export const atMinute = (instant: Date | number | string | null | undefined): string | undefined =>
  instant == null ? undefined : minute.format(new Date(instant));
/** 是, or nothing. */
export const yes = (is: boolean): string | undefined => (is ? '是' : undefined);
