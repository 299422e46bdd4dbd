import { readFileSync } from 'node:fs';
import type { DocumentType } from '../../domain/catalog.ts';
import { isSealfolioError, SealfolioError } from '../../domain/errors.ts';
import { FORM_SEPARATOR, PATIENT_LABEL, SEPARATOR_MARK, VISIT_SEPARATOR } from '../../domain/separator.ts';
import { readBarcodes } from '../../platform/barcode/read.ts';
import type { ScannedFile } from './scan-files.ts';
import { type Stack, type VisitFields, visitKey } from './sidecar.ts';

export interface ScannedVisit extends VisitFields {
  files: ScannedFile[];
}

interface VisitNumbers {
  patientNo: string;
  visitNo: string;
}

/** What the barcodes of a sheet say of the stack; those of others (a laboratory's, say) say nothing here. */
interface Sheet {
  isSeparator: boolean;
  /** 就诊分隔页: begins this visit. */
  visit?: VisitNumbers;
  /** 文书分隔页: begins a document of this form. */
  form?: string;
  /** 患者标签: a page of the record says whose it is. */
  label?: VisitNumbers;
}

/** Where in the stack a sheet is, for people: its file, and its page in it. */
type Place = { sheet: string; page: number };
/** A document that a sheet begins. */
type Begun = { code: string; place: Place };
const refuse = (code: string, place: Place, reason: string, cause?: unknown) =>
  new SealfolioError(code, { ...place, reason }, { cause });

/** Throws separator-unreadable, separator-unknown or separator-ambiguous, naming the sheet. */
export function readSheet(texts: readonly string[], place: Place): Sheet {
  const ours = [...new Set(texts)].filter((text) => text === SEPARATOR_MARK || /^(SEP|PAT)\//.test(text));
  const only = (pattern: RegExp): RegExpExecArray | undefined => {
    const [found, second] = ours.map((text) => pattern.exec(text)).filter((match) => match !== null);
    if (second !== undefined) throw refuse('separator-ambiguous', place, 'its barcodes say two things');
    return found;
  };
  const known = [VISIT_SEPARATOR, FORM_SEPARATOR, PATIENT_LABEL];
  const [visit, form, label] = [only(VISIT_SEPARATOR), only(FORM_SEPARATOR), only(PATIENT_LABEL)];
  if (ours.some((text) => text !== SEPARATOR_MARK && !known.some((pattern) => pattern.test(text))))
    throw refuse('separator-unknown', place, 'a barcode of ours that says nothing known');
  const isSeparator = visit !== undefined || form !== undefined;
  if (!isSeparator && ours.includes(SEPARATOR_MARK))
    throw refuse('separator-unreadable', place, 'a separator sheet, of which what it says was not read');
  const numbers = (match: RegExpExecArray): VisitNumbers => ({ patientNo: match[1]!, visitNo: match[2]! });
  return {
    isSeparator,
    ...(visit !== undefined && { visit: numbers(visit) }),
    ...(form !== undefined && { form: form[1]! }),
    ...(label !== undefined && { label: numbers(label) }),
  };
}

async function sheetAt({ location }: ScannedFile, place: Place): Promise<Sheet> {
  try {
    const barcodes = await readBarcodes(readFileSync(location), place.page - 1);
    return readSheet(
      barcodes.map(({ text }) => text),
      place,
    );
  } catch (error) {
    if (!isSealfolioError(error) || 'sheet' in error.data) throw error;
    throw refuse(error.code, place, 'it may be a separator sheet, and cannot be read', error);
  }
}

/**
 * Holds the documents' sheets that were read against those that stack.json names: one of which nothing was read would
 * leave its pages under the document before. Throws form-missing, naming the sheet after which it must lie, or
 * form-unexpected, naming the sheet.
 */
function checkDocuments(expected: readonly string[], read: readonly Begun[], begin: Place, field: string): void {
  for (let i = 0; i < Math.max(expected.length, read.length); i += 1) {
    const { code, place } = read[i] ?? {};
    if (code === expected[i]) continue;
    if (place !== undefined && !expected.slice(i).includes(code!))
      throw refuse('form-unexpected', place, 'it begins a document that stack.json does not name here');
    const { sheet, page } = read[i - 1]?.place ?? begin;
    const reason = 'no sheet that begins this document was read after this sheet';
    throw new SealfolioError('form-missing', { field: `${field}/documents/${i}`, sheet, page, reason });
  }
}

/**
 * Tells the visits and documents of a stack of paper apart by its separator sheets. These go in with the visit that they
 * begin, as separators. All or nothing: what could put a page under another patient is refused, naming the sheet. Throws
 * visit-unknown, visit-missing, visit-empty, form-unknown, patient-mismatch, page-without-visit, separator-inside-file,
 * what checkDocuments and readSheet throw, and the code of a sheet that cannot be read.
 */
export async function splitStack(files: readonly ScannedFile[], { visits, forms }: Stack): Promise<ScannedVisit[]> {
  const found = new Map<string, ScannedVisit>();
  const begun = new Map<string, { at: Place; documents: Begun[] }>();
  const known = new Map(visits.map((visit) => [visitKey(visit), visit]));
  let current: ScannedVisit | undefined;
  let type: DocumentType | undefined;
  for (const file of files) {
    let isSeparator = false;
    for (let page = 1; page <= file.pageCount; page += 1) {
      const place = { sheet: file.fileName, page };
      const sheet = await sheetAt(file, place);
      if (sheet.isSeparator && page > 1)
        throw refuse(
          'separator-inside-file',
          place,
          'a separator sheet is a file of its own, or the first page of one',
        );
      if (sheet.visit !== undefined) {
        const visit = known.get(visitKey(sheet.visit));
        if (visit === undefined)
          throw refuse('visit-unknown', place, 'it begins a visit that stack.json does not name');
        const { documents: _, ...fields } = visit;
        current = found.get(visitKey(visit)) ?? { ...fields, files: [] };
        found.set(visitKey(visit), current);
        if (!begun.has(visitKey(visit))) begun.set(visitKey(visit), { at: place, documents: [] });
        type = undefined;
      }
      if (current === undefined) throw refuse('page-without-visit', place, 'no sheet before it begins a visit');
      if (sheet.form !== undefined) {
        type = Object.hasOwn(forms, sheet.form) ? forms[sheet.form] : undefined;
        if (type === undefined) throw refuse('form-unknown', place, 'it begins a form that stack.json does not name');
        begun.get(visitKey(current))!.documents.push({ code: sheet.form, place });
      }
      if (sheet.label !== undefined && visitKey(sheet.label) !== visitKey(current))
        throw refuse('patient-mismatch', place, 'its label is of another patient or visit than the sheets around it');
      isSeparator ||= sheet.isSeparator;
    }
    const isOnlySeparator = isSeparator && file.pageCount === 1;
    current!.files.push({
      ...file,
      documentType: isOnlySeparator ? 'other' : (type ?? file.documentType),
      ...(isSeparator && { separatorFirst: true as const }),
    });
  }
  for (const [i, visit] of visits.entries()) {
    const field = `visits/${i}`;
    const split = found.get(visitKey(visit));
    if (split === undefined)
      throw new SealfolioError('visit-missing', { field, reason: 'no sheet that begins it was read' });
    if (split.files.every(({ separatorFirst, pageCount }) => separatorFirst === true && pageCount === 1))
      throw refuse('visit-empty', { sheet: split.files[0]!.fileName, page: 1 }, 'no page follows it');
    const { at, documents } = begun.get(visitKey(visit))!;
    if (visit.documents !== undefined) checkDocuments(visit.documents, documents, at, field);
  }
  return [...found.values()];
}
