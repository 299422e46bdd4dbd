import {
  type Applicant,
  ineligibility,
  type LendableArchive,
  levelsOf,
  type LoanRequest,
} from '../../../../domain/loan/eligibility.ts';
import { DEFAULT_LOAN_POLICY, type LoanPolicy } from '../../../../domain/loan/policy.ts';

const request: LoanRequest = { purpose: 'treatment', place: 'online', days: 30, rights: ['view'], emergency: false };
const applicant: Applicant = { employment: 'staff', relatedPatientNos: [], open: 0, overdue: 0 };
const archive: LendableArchive = { patientNos: ['1'], isArchived: true, isHeld: false, marks: [], branches: 3 };

test('lent to whoever asks within the rules', () => {
  expect(ineligibility(DEFAULT_LOAN_POLICY, request, applicant, archive)).toBeNull();
});

test.each<[string, Partial<LoanRequest>, Partial<Applicant>, Partial<LendableArchive>, Partial<LoanPolicy>]>([
  ['loan-not-entitled', {}, { employment: 'trainee' }, {}, {}],
  ['loan-not-entitled', {}, { employment: 'visiting' }, {}, {}],
  ['loan-overdue-held', {}, { overdue: 1 }, {}, {}],
  ['loan-quota', {}, { open: 500 }, {}, {}],
  ['loan-quota', {}, { open: 3 }, {}, { quota: 3 }],
  ['loan-archive-held', {}, {}, { isHeld: true }, {}],
  ['loan-archive-unarchived', {}, {}, { isArchived: false }, {}],
  ['loan-related-record', {}, { relatedPatientNos: ['9', '1'] }, {}, {}],
  ['loan-related-record', {}, { relatedPatientNos: ['mother'] }, { patientNos: ['1', 'mother'] }, {}],
  ['loan-term-limit', { days: 31 }, {}, {}, {}],
  ['loan-term-limit', { place: 'outOfRoom', days: 4 }, {}, {}, {}],
  ['loan-right-not-allowed', { rights: ['view', 'download'] }, {}, {}, {}],
  ['loan-scope-invalid', { nodes: [0, 3] }, {}, {}, {}],
])('refused: %s %j %j %j %j', (code, r, a, b, p) => {
  const refusal = ineligibility(
    { ...DEFAULT_LOAN_POLICY, ...p },
    { ...request, ...r },
    { ...applicant, ...a },
    { ...archive, ...b },
  );
  expect(refusal?.code).toBe(code);
});

test.each<[string, Partial<LoanRequest>, Partial<Applicant>, Partial<LendableArchive>, Partial<LoanPolicy>]>([
  ['抢救: not archived yet', { emergency: true }, {}, { isArchived: false }, {}],
  [
    'trainees under supervision',
    {},
    { employment: 'trainee' },
    {},
    { employment: { staff: 'allowed', visiting: 'barred', trainee: 'supervised' } },
  ],
  ['overdue, where the policy lets it', {}, { overdue: 2 }, {}, { overdueBars: false }],
  ['branches that are there', { nodes: [0, 2] }, {}, {}, {}],
])('lent: %s', (_name, r, a, b, p) => {
  const refusal = ineligibility(
    { ...DEFAULT_LOAN_POLICY, ...p },
    { ...request, ...r },
    { ...applicant, ...a },
    { ...archive, ...b },
  );
  expect(refusal).toBeNull();
});

const supervised = { employment: { staff: 'allowed', visiting: 'supervised', trainee: 'supervised' } } as const;
test.each<[Partial<LoanRequest>, Partial<Applicant>, LendableArchive['marks'], Partial<LoanPolicy>, string[]]>([
  [{}, {}, [], {}, ['recordsClerk']],
  [{ purpose: 'research' }, {}, [], {}, ['departmentHead', 'recordsClerk']],
  [{ purpose: 'dispute' }, {}, [], {}, ['recordsClerk', 'medicalAffairs']],
  [{}, {}, ['death'], {}, ['recordsClerk', 'medicalAffairs']],
  [{}, { open: 199 }, [], {}, ['recordsClerk']],
  [{}, { open: 200 }, [], {}, ['departmentHead', 'recordsClerk']],
  [{}, { employment: 'trainee' }, [], supervised, ['departmentHead', 'recordsClerk', 'medicalAffairs']],
])('levels of %j %j %j: %j %j', (r, a, marks, p, levels) => {
  expect(levelsOf({ ...DEFAULT_LOAN_POLICY, ...p }, { ...request, ...r }, { ...applicant, ...a }, marks)).toEqual(
    levels,
  );
});
