import { type FrontPage, frontPageFaults, isIdNumber } from '../../../domain/front-page.ts';

const GOOD: FrontPage = {
  patientNo: 'YZ100234',
  name: '样例甲',
  sex: 'male',
  birthDate: '1980-01-01',
  idNumber: '00000019800101001X',
  phone: '19900000001',
  postcode: '510000',
  marital: 'married',
  contactName: '样例乙',
  contactRelation: 'spouse',
  contactPhone: '020-12345678',
  admittedAt: '2026-11-14T09:00:00+08:00',
  dischargedAt: '2026-11-20T10:30:00+08:00',
  mainDiagnosis: '股骨颈骨折',
  mainDiagnosisCode: 'S72.0',
  externalCauseCode: 'W01.0',
};
/** The check digit of 17 figures, by GB 11643. */
function idOf(figures: string): string {
  const found = [...'0123456789X'].map((digit) => figures + digit).find(isIdNumber);
  if (found === undefined) throw new Error(figures);
  return found;
}
const good = { ...GOOD, idNumber: idOf('00000019800101001') };
const newborn: FrontPage = {
  ...good,
  idNumber: undefined,
  marital: 'unmarried',
  contactRelation: 'parent',
  birthDate: '2026-11-01',
  mainDiagnosisCode: 'P07.1',
  externalCauseCode: undefined,
  birthWeightGrams: 2810,
  admissionWeightGrams: 2900,
};

test('a known number is right, and one figure else it is not (the example of GB 11643)', () => {
  expect([isIdNumber('11010519491231002X'), isIdNumber('110105194912310021')]).toEqual([true, false]);
});

test.each<[string, FrontPage, string[]]>([
  ['nothing wrong', good, []],
  ['nothing wrong with a newborn', newborn, []],
  ['no number', { ...good, patientNo: undefined }, ['patientNo required']],
  ['no name', { ...good, name: ' ' }, ['name required']],
  ['no sex', { ...good, sex: undefined }, ['sex required']],
  ['no day of birth', { ...good, birthDate: undefined }, ['birthDate required']],
  ['no admission', { ...good, admittedAt: undefined }, ['admittedAt required']],
  ['no discharge', { ...good, dischargedAt: undefined }, ['dischargedAt required']],
  ['no diagnosis', { ...good, mainDiagnosis: undefined }, ['mainDiagnosis required']],
  ['no code', { ...good, mainDiagnosisCode: undefined }, ['mainDiagnosisCode required']],
  [
    'discharged first',
    { ...good, dischargedAt: '2026-11-14T08:59:59+08:00' },
    ['dischargedAt dischargeBeforeAdmission'],
  ],
  ['discharged at once', { ...good, dischargedAt: good.admittedAt }, []],
  ['not a time', { ...good, admittedAt: 'yesterday' }, ['admittedAt timeInvalid']],
  ['not a day', { ...good, birthDate: '1980-13-01', idNumber: undefined }, ['birthDate timeInvalid']],
  ['not a time of discharge', { ...good, dischargedAt: 'x' }, ['dischargedAt timeInvalid']],
  ['admitted before birth', { ...newborn, birthDate: '2026-11-15' }, ['birthDate timeInvalid']],
  ['a wrong check digit', { ...good, idNumber: '000000198001010000' }, ['idNumber idInvalid']],
  ['too short', { ...good, idNumber: '1' }, ['idNumber idInvalid']],
  ['of another birth', { ...good, idNumber: idOf('00000019800102001') }, ['idNumber idBirthDiffers']],
  ['of the other sex', { ...good, idNumber: idOf('00000019800101002') }, ['idNumber idSexDiffers']],
  ['sex not known: not held against it', { ...good, sex: 'unknown', idNumber: idOf('00000019800101002') }, []],
  ['a phone of ten figures', { ...good, phone: '1990000000' }, ['phone phoneInvalid']],
  ['a contact’s phone in words', { ...good, contactPhone: '无' }, ['contactPhone phoneInvalid']],
  ['a postcode of five', { ...good, postcode: '51000' }, ['postcode postcodeInvalid']],
  ['unmarried, and the contact is the spouse', { ...good, marital: 'unmarried' }, ['contactRelation maritalRelation']],
  ['widowed, and the contact is the spouse', { ...good, marital: 'widowed' }, ['contactRelation maritalRelation']],
  ['unmarried, and the contact is a parent', { ...good, marital: 'unmarried', contactRelation: 'parent' }, []],
  [
    'a newborn without weights',
    { ...newborn, birthWeightGrams: undefined, admissionWeightGrams: undefined },
    ['birthWeightGrams newbornWeight', 'admissionWeightGrams newbornWeight'],
  ],
  [
    '27 days old',
    { ...newborn, birthDate: '2026-10-18', admissionWeightGrams: undefined },
    ['admissionWeightGrams newbornWeight'],
  ],
  [
    '28 days old',
    { ...newborn, birthDate: '2026-10-17', birthWeightGrams: undefined, admissionWeightGrams: undefined },
    [],
  ],
  ['weighed to a gram', { ...newborn, birthWeightGrams: 2815 }, ['birthWeightGrams weightStep']],
  ['of no weight', { ...newborn, admissionWeightGrams: 0 }, ['admissionWeightGrams weightStep']],
  ['an injury without its cause', { ...good, externalCauseCode: undefined }, ['externalCauseCode externalCause']],
  [
    'poisoned, with a cause of no such chapter',
    { ...good, mainDiagnosisCode: 'T40.1', externalCauseCode: 'I10' },
    ['externalCauseCode externalCause'],
  ],
  ['no injury', { ...good, mainDiagnosisCode: 'I10', externalCauseCode: undefined }, []],
  [
    'sent to pathology, no answer',
    { ...good, pathologySent: true, pathologyNo: 'B1' },
    ['pathologyResult pathologyResult'],
  ],
  [
    'sent to pathology, no number',
    { ...good, pathologySent: true, pathologyResult: '良性' },
    ['pathologyNo pathologyResult'],
  ],
  ['sent to pathology, answered', { ...good, pathologySent: true, pathologyNo: 'B1', pathologyResult: '良性' }, []],
])('%s', (_name, page, expected) => {
  expect(frontPageFaults(page).map(({ field, rule }) => `${field} ${rule}`)).toEqual(expected);
});
