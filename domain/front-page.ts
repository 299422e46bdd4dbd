/** What a 病案首页 says, as the HIS gives it (after 卫医政发〔2011〕84号); days are YYYY-MM-DD, instants RFC 3339. */
export interface FrontPage {
  patientNo?: string | undefined;
  name?: string | undefined;
  sex?: 'male' | 'female' | 'unknown' | undefined;
  birthDate?: string | undefined;
  idNumber?: string | undefined;
  phone?: string | undefined;
  postcode?: string | undefined;
  marital?: 'unmarried' | 'married' | 'widowed' | 'divorced' | 'other' | undefined;
  contactName?: string | undefined;
  contactRelation?: 'spouse' | 'child' | 'parent' | 'sibling' | 'other' | undefined;
  contactPhone?: string | undefined;
  admittedAt?: string | undefined;
  dischargedAt?: string | undefined;
  mainDiagnosis?: string | undefined;
  /** ICD-10 of the main diagnosis, and of what caused an injury from outside. */
  mainDiagnosisCode?: string | undefined;
  externalCauseCode?: string | undefined;
  birthWeightGrams?: number | undefined;
  admissionWeightGrams?: number | undefined;
  pathologySent?: boolean | undefined;
  pathologyNo?: string | undefined;
  pathologyResult?: string | undefined;
}

export type FrontPageRule =
  | 'required'
  | 'dischargeBeforeAdmission'
  | 'timeInvalid'
  | 'idInvalid'
  | 'idBirthDiffers'
  | 'idSexDiffers'
  | 'phoneInvalid'
  | 'postcodeInvalid'
  | 'maritalRelation'
  | 'newbornWeight'
  | 'weightStep'
  | 'externalCause'
  | 'pathologyResult'
  /** Not what the archive is registered with (front-page/quality.ts). */
  | 'differs';

export interface FrontPageFinding {
  field: keyof FrontPage;
  rule: FrontPageRule;
}

const REQUIRED = [
  'patientNo',
  'name',
  'sex',
  'birthDate',
  'admittedAt',
  'dischargedAt',
  'mainDiagnosis',
  'mainDiagnosisCode',
] as const satisfies readonly (keyof FrontPage)[];
const NEWBORN_DAYS = 28;
const DAY_MS = 86_400_000;
const WEIGHT_STEP_GRAMS = 10;

/** GB 11643: 17 digits and a check digit (ISO 7064, MOD 11-2). */
export function isIdNumber(text: string): boolean {
  if (!/^\d{17}[\dX]$/.test(text)) return false;
  const sum = [...text.slice(0, 17)].reduce((all, digit, i) => all + Number(digit) * (2 ** (17 - i) % 11), 0);
  return '10X98765432'[sum % 11] === text[17];
}
/** Mobile, or an area code and a number; figures only. */
const isPhone = (text: string) => /^1[3-9]\d{9}$/.test(text) || /^0\d{2,3}-?\d{7,8}$/.test(text);
const dayOf = (text: string | undefined) => {
  const time = text === undefined ? NaN : Date.parse(`${text}T00:00:00+08:00`);
  return Number.isNaN(time) ? undefined : time;
};
const instantOf = (text: string | undefined) => {
  const time = text === undefined ? NaN : Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
};

/** 首页质控 (A3): what is wrong with a front page, field by field; empty: nothing. Limits are ours where no standard is named. */
export function frontPageFaults(page: FrontPage): FrontPageFinding[] {
  const faults: FrontPageFinding[] = [];
  const find = (field: keyof FrontPage, rule: FrontPageRule) => void faults.push({ field, rule });
  for (const field of REQUIRED) if ((page[field] ?? '').trim() === '') find(field, 'required');
  const [birth, admitted, discharged] = [
    dayOf(page.birthDate),
    instantOf(page.admittedAt),
    instantOf(page.dischargedAt),
  ];
  if (page.birthDate && birth === undefined) find('birthDate', 'timeInvalid');
  if (page.admittedAt && admitted === undefined) find('admittedAt', 'timeInvalid');
  if (page.dischargedAt && discharged === undefined) find('dischargedAt', 'timeInvalid');
  if (admitted !== undefined && discharged !== undefined && discharged < admitted)
    find('dischargedAt', 'dischargeBeforeAdmission');
  if (birth !== undefined && admitted !== undefined && admitted < birth) find('birthDate', 'timeInvalid');

  const { idNumber, sex } = page;
  if (idNumber !== undefined && !isIdNumber(idNumber)) find('idNumber', 'idInvalid');
  else if (idNumber !== undefined) {
    const of = `${idNumber.slice(6, 10)}-${idNumber.slice(10, 12)}-${idNumber.slice(12, 14)}`;
    if (page.birthDate !== undefined && page.birthDate !== of) find('idNumber', 'idBirthDiffers');
    const says = Number(idNumber[16]) % 2 === 1 ? 'male' : 'female';
    if ((sex === 'male' || sex === 'female') && sex !== says) find('idNumber', 'idSexDiffers');
  }
  for (const field of ['phone', 'contactPhone'] as const) {
    const phone = page[field];
    if (phone !== undefined && !isPhone(phone)) find(field, 'phoneInvalid');
  }
  if (page.postcode !== undefined && !/^\d{6}$/.test(page.postcode)) find('postcode', 'postcodeInvalid');
  if (page.contactRelation === 'spouse' && page.marital !== undefined && page.marital !== 'married')
    find('contactRelation', 'maritalRelation');

  const isNewborn = birth !== undefined && admitted !== undefined && admitted - birth < NEWBORN_DAYS * DAY_MS;
  for (const field of ['birthWeightGrams', 'admissionWeightGrams'] as const) {
    const grams = page[field];
    if (grams === undefined) {
      if (isNewborn) find(field, 'newbornWeight');
    } else if (grams <= 0 || grams % WEIGHT_STEP_GRAMS !== 0) find(field, 'weightStep');
  }
  // ICD-10 chapter XIX (S00–T98): injury and poisoning; its causes are chapter XX (V01–Y98).
  const isInjury = /^[ST]\d/.test(page.mainDiagnosisCode ?? '');
  if (isInjury && !/^[VWXY]\d/.test(page.externalCauseCode ?? '')) find('externalCauseCode', 'externalCause');
  if (page.pathologySent === true)
    for (const field of ['pathologyNo', 'pathologyResult'] as const)
      if ((page[field] ?? '').trim() === '') find(field, 'pathologyResult');
  return faults;
}
