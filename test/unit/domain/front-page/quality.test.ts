import type { FrontPage } from '../../../../domain/front-page.ts';
import {
  checkFrontPage,
  checkText,
  findingWords,
  type RegisteredVisit,
} from '../../../../domain/front-page/quality.ts';

const VISIT: RegisteredVisit = {
  patientNo: 'YZ100234',
  patientName: '样例甲',
  admittedAt: new Date('2026-11-14T01:00:00.000Z'),
  dischargedAt: new Date('2026-11-20T02:30:20.000Z'),
};
const PAGE: FrontPage = {
  ...{ patientNo: 'YZ100234', name: '样例甲', sex: 'male', birthDate: '1980-01-01' },
  ...{ admittedAt: '2026-11-14T09:00:00+08:00', dischargedAt: '2026-11-20T10:30:00+08:00' },
  ...{ mainDiagnosis: '高血压', mainDiagnosisCode: 'I10' },
};

test('nothing wrong, and the same visit to the minute: passed, by the rules of today', () => {
  expect(checkFrontPage(PAGE, VISIT)).toEqual({ rules: 1, state: 'passed', findings: [] });
});

test.each<[string, FrontPage, RegisteredVisit, string[]]>([
  ['of another number', { ...PAGE, patientNo: 'YZ100235' }, VISIT, ['patientNo differs']],
  ['of another name', { ...PAGE, name: '样例乙' }, VISIT, ['name differs']],
  ['of the same name, with a space', { ...PAGE, name: '样例甲 ' }, VISIT, []],
  ['admitted at another minute', { ...PAGE, admittedAt: '2026-11-14T09:01:00+08:00' }, VISIT, ['admittedAt differs']],
  ['registered without an admission', PAGE, { ...VISIT, admittedAt: undefined }, []],
  ['discharged on another day', { ...PAGE, dischargedAt: '2026-11-21T10:30:00Z' }, VISIT, ['dischargedAt differs']],
  ['what is missing is missing, and no other', { ...PAGE, name: '' }, VISIT, ['name required']],
  ['what is no time is no other time', { ...PAGE, dischargedAt: 'x' }, VISIT, ['dischargedAt timeInvalid']],
])('%s', (_name, page, visit, expected) => {
  const { state, findings } = checkFrontPage(page, visit);
  expect(findings.map(({ field, rule }) => `${field} ${rule}`)).toEqual(expected);
  expect(state).toBe(expected.length === 0 ? 'passed' : 'faulty');
});

test('said in words: fields and what is wrong, never what was filled in', () => {
  expect(findingWords({ field: 'idNumber', rule: 'idInvalid' })).toEqual({
    zh: '身份证号：位数或校验码不正确',
    en: 'ID number has a wrong length or check digit',
  });
  const check = checkFrontPage({ ...PAGE, name: '样例乙', phone: '123' }, VISIT);
  expect(checkText(check)).toBe('联系电话：不是有效的电话号码；姓名：与登记信息不一致');
  expect([checkText(checkFrontPage(PAGE, VISIT)), checkText(null)]).toEqual(['通过', '未检查']);
});
