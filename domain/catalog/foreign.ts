import { PATIENT_LABEL, VISIT_SEPARATOR } from '../separator.ts';
import type { PageText } from './classify.ts';

/** By what a page is taken for one of another patient or visit; what was read there is never kept. */
export const FOREIGN_EVIDENCE = ['barcode', 'text'] as const;
export type ForeignEvidence = (typeof FOREIGN_EVIDENCE)[number];

interface Visit {
  patientNo: string;
  visitNo: string;
}

/** †ours: below this what was recognised is not held against a page. */
const SURE_TEXT = 0.85;
/** †ours: what is shorter may be a piece of a number. */
const FEWEST_LETTERS = 4;
const LABELLED = /(?:病案号|住院号)\s*:\s*([A-Za-z0-9-]+)/g;

const bare = (number: string): string => number.normalize('NFKC').replaceAll('-', '').toUpperCase();

/** Whether two texts differ by one letter at most: another one, one more, or one less. */
function isNearly(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let same = 0;
  while (same < a.length && a[same] === b[same]) same += 1;
  const rest = (text: string, skip: number) => text.slice(same + skip);
  const [skipA, skipB] = [a.length >= b.length ? 1 : 0, b.length >= a.length ? 1 : 0];
  return rest(a, skipA) === rest(b, skipB);
}

function byBarcode(barcodes: readonly string[], { patientNo, visitNo }: Visit): boolean {
  return barcodes.some((text) => {
    const named = VISIT_SEPARATOR.exec(text.trim()) ?? PATIENT_LABEL.exec(text.trim());
    return named !== null && (named[1] !== patientNo || named[2] !== visitNo);
  });
}

/** A number that is the archive's own, misread by a letter, or a piece of it, speaks for the page. */
function byText({ lines }: PageText, { patientNo }: Visit): boolean {
  const own = bare(patientNo);
  const isOwn = (read: string) => isNearly(read, own) || own.includes(read);
  const named = lines.flatMap(({ text, confidence }) =>
    [...text.normalize('NFKC').matchAll(LABELLED)].map(([, number]) => ({ read: bare(number!), confidence })),
  );
  return (
    !named.some(({ read }) => isOwn(read)) &&
    named.some(({ read, confidence }) => confidence >= SURE_TEXT && read.length >= FEWEST_LETTERS)
  );
}

/** 疑为他人或他次住院的页: by what a page says of itself that it is of another patient or visit; null if nothing says so. */
export function foreignBy(page: PageText, visit: Visit): ForeignEvidence | null {
  if (byBarcode(page.barcodes, visit)) return 'barcode';
  return byText(page, visit) ? 'text' : null;
}
