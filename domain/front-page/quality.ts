import { type FrontPage, frontPageFaults, type FrontPageFinding, type FrontPageRule } from '../front-page.ts';
import type { StatusTone } from '../status.ts';

/** 首页质控: how the front page of an archive stands. Lists find archives by it. */
export const FRONT_PAGE_STATES = {
  passed: { tone: 'done', zh: '通过', en: 'Passed' },
  faulty: { tone: 'attention', zh: '有问题', en: 'Has faults' },
  unchecked: { tone: 'ended', zh: '未检查', en: 'Not checked' },
} as const satisfies Record<string, { tone: StatusTone; zh: string; en: string }>;
export type FrontPageState = keyof typeof FRONT_PAGE_STATES;

/** What archiving does with a front page that has not passed: says so and goes on, or waits as for a mandatory document. */
export const FRONT_PAGE_POLICIES = {
  advisory: { zh: '只提示', en: 'Told only' },
  required: { zh: '通过后归档', en: 'Archiving waits for it' },
} as const;
export type FrontPagePolicy = keyof typeof FRONT_PAGE_POLICIES;

/** Counts up whenever a rule is added or changed: a result says by which rules it was found. */
export const RULES_VERSION = 1;

/** 一次质控: kept as it was found, by the rules of then. */
export interface FrontPageCheck {
  rules: number;
  state: Exclude<FrontPageState, 'unchecked'>;
  findings: FrontPageFinding[];
}

/** What an archive is registered with, of what its front page says too. */
export interface RegisteredVisit {
  patientNo: string;
  patientName: string;
  admittedAt?: Date | undefined;
  dischargedAt: Date;
}

const MINUTE_MS = 60_000;
/** People type to the minute; what is no time is found by its own rule. */
const isOtherTime = (said: string | undefined, registered: Date | undefined): boolean => {
  const at = Date.parse(said ?? '');
  if (Number.isNaN(at) || registered === undefined) return false;
  return Math.floor(at / MINUTE_MS) !== Math.floor(registered.getTime() / MINUTE_MS);
};
/** What is not there is found by its own rule. */
const isOtherText = (said: string | undefined, registered: string): boolean =>
  said !== undefined && said.trim() !== '' && said.trim() !== registered;

/** Checks a front page, alone and against what its archive is registered with: it may be that of another visit. */
export function checkFrontPage(page: FrontPage, visit: RegisteredVisit): FrontPageCheck {
  const differs = [
    ...(isOtherText(page.patientNo, visit.patientNo) ? (['patientNo'] as const) : []),
    ...(isOtherText(page.name, visit.patientName) ? (['name'] as const) : []),
    ...(isOtherTime(page.admittedAt, visit.admittedAt) ? (['admittedAt'] as const) : []),
    ...(isOtherTime(page.dischargedAt, visit.dischargedAt) ? (['dischargedAt'] as const) : []),
  ].map((field) => ({ field, rule: 'differs' as const }));
  const findings: FrontPageFinding[] = [...frontPageFaults(page), ...differs];
  return { rules: RULES_VERSION, state: findings.length === 0 ? 'passed' : 'faulty', findings };
}

export const FRONT_PAGE_FIELDS: Record<keyof FrontPage, { zh: string; en: string }> = {
  patientNo: { zh: '病案号', en: 'Patient number' },
  name: { zh: '姓名', en: 'Name' },
  sex: { zh: '性别', en: 'Sex' },
  birthDate: { zh: '出生日期', en: 'Date of birth' },
  idNumber: { zh: '身份证号', en: 'ID number' },
  phone: { zh: '联系电话', en: 'Phone' },
  postcode: { zh: '邮编', en: 'Postcode' },
  marital: { zh: '婚姻', en: 'Marital status' },
  contactName: { zh: '联系人姓名', en: 'Contact' },
  contactRelation: { zh: '联系人关系', en: 'Relation of the contact' },
  contactPhone: { zh: '联系人电话', en: 'Phone of the contact' },
  admittedAt: { zh: '入院时间', en: 'Admitted' },
  dischargedAt: { zh: '出院时间', en: 'Discharged' },
  mainDiagnosis: { zh: '主要诊断', en: 'Main diagnosis' },
  mainDiagnosisCode: { zh: '主要诊断编码', en: 'Code of the main diagnosis' },
  externalCauseCode: { zh: '损伤中毒外部原因编码', en: 'Code of the external cause' },
  birthWeightGrams: { zh: '新生儿出生体重（克）', en: 'Birth weight (g)' },
  admissionWeightGrams: { zh: '新生儿入院体重（克）', en: 'Weight at admission (g)' },
  pathologySent: { zh: '送病理', en: 'Sent to pathology' },
  pathologyNo: { zh: '病理号', en: 'Pathology number' },
  pathologyResult: { zh: '病理诊断', en: 'Pathology result' },
};

const RULES: Record<FrontPageRule, { zh: string; en: string }> = {
  required: { zh: '必填项未填', en: 'is missing' },
  dischargeBeforeAdmission: { zh: '早于入院时间', en: 'is before the admission' },
  timeInvalid: { zh: '不是有效的时间', en: 'is no valid time' },
  idInvalid: { zh: '位数或校验码不正确', en: 'has a wrong length or check digit' },
  idBirthDiffers: { zh: '与出生日期不一致', en: 'says another date of birth' },
  idSexDiffers: { zh: '与性别不一致', en: 'says the other sex' },
  phoneInvalid: { zh: '不是有效的电话号码', en: 'is no phone number' },
  postcodeInvalid: { zh: '应为六位数字', en: 'has not six figures' },
  maritalRelation: { zh: '与婚姻状况矛盾', en: 'does not fit the marital status' },
  newbornWeight: { zh: '入院时不足 28 天，必须填写', en: 'is missing: admitted before 28 days of age' },
  weightStep: { zh: '应精确到 10 克', en: 'is not in steps of 10 g' },
  externalCause: {
    zh: '主要诊断为损伤或中毒，必须填写',
    en: 'is missing: the main diagnosis is an injury or poisoning',
  },
  pathologyResult: { zh: '已送病理，必须填写', en: 'is missing: something was sent to pathology' },
  differs: { zh: '与登记信息不一致', en: 'is not what the archive is registered with' },
};

/** A finding as people read it: the field and what is wrong with it, never what was filled in. */
export const findingWords = ({ field, rule }: FrontPageFinding): { zh: string; en: string } => ({
  zh: `${FRONT_PAGE_FIELDS[field].zh}：${RULES[rule].zh}`,
  en: `${FRONT_PAGE_FIELDS[field].en} ${RULES[rule].en}`,
});

/** How a front page stands, in one line. */
export const checkText = (check: Pick<FrontPageCheck, 'state' | 'findings'> | null): string =>
  check === null || check.state === 'passed'
    ? FRONT_PAGE_STATES[check?.state ?? 'unchecked'].zh
    : check.findings.map((finding) => findingWords(finding).zh).join('；');
