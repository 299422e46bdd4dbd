import { SealfolioError } from './errors.ts';

/** 分隔页: parts one visit from the next, or one document from the next, in a stack of paper. */
export type Separator =
  { kind: 'visit'; patientNo: string; visitNo: string } | { kind: 'form'; /** 表单代码. */ code: string };

/** On every separator sheet, beside what it says: a sheet of which only this is read is known to be one. */
export const SEPARATOR_MARK = 'SEP';
/** 就诊分隔页: begins the visit of a number and a count of stays. */
export const VISIT_SEPARATOR = /^SEP\/V\/([^/]+)\/([^/]+)$/;
/** 文书分隔页: begins a document of a form. */
export const FORM_SEPARATOR = /^SEP\/F\/([^/]+)$/;
/** 患者标签: a page of the record says whose it is. */
export const PATIENT_LABEL = /^PAT\/([^/]+)\/([^/]+)$/;

/** As long as the api takes them, and a form code as long as a template's. */
const MOST = { patientNo: 64, visitNo: 64, code: 40 };
/** What every reader of barcodes gives back as it was printed. */
const PRINTED = /^[\p{Script=Han}\x21-\x7e]+( +[\p{Script=Han}\x21-\x7e]+)*$/u;

export type SeparatorFault = 'empty' | 'too-long' | 'slash' | 'characters';

function faultOf(value: string, most: number): SeparatorFault | null {
  if (value === '') return 'empty';
  if ([...value].length > most) return 'too-long';
  if (value.includes('/')) return 'slash';
  return PRINTED.test(value) ? null : 'characters';
}

/** What keeps a separator from being printed: the field, and why; null if nothing does. */
export function separatorFault(separator: Separator): { field: string; reason: SeparatorFault } | null {
  const values: Partial<Record<string, string>> = separator;
  for (const [field, most] of Object.entries(MOST)) {
    const value = values[field];
    const reason = value === undefined ? null : faultOf(value, most);
    if (reason !== null) return { field, reason };
  }
  return null;
}

/** What the barcode of the sheet says, beside the mark. Throws separator-invalid with its fault. */
export function separatorText(separator: Separator): string {
  const fault = separatorFault(separator);
  if (fault !== null) throw new SealfolioError('separator-invalid', fault);
  return separator.kind === 'visit' ? `SEP/V/${separator.patientNo}/${separator.visitNo}` : `SEP/F/${separator.code}`;
}
