import { CORRECTION_STATUS, type CorrectionState } from './correction.ts';
import type { StatusTone } from './status.ts';

/** 患者合并与拆分: that a 病案号 is another one's patient, and that it is not, after all. */
export const MergeKind = { merge: 'merge', split: 'split' } as const;
export type MergeKind = (typeof MergeKind)[keyof typeof MergeKind];

export const MERGE_NAMES: Record<MergeKind, { zh: string; en: string }> = {
  merge: { zh: '合并', en: 'Merge' },
  split: { zh: '拆分', en: 'Split' },
};

export const MERGE_STATUS: Record<CorrectionState, { tone: StatusTone; zh: string; en: string }> = {
  ...CORRECTION_STATUS,
  inForce: { tone: 'done', zh: '已生效', en: 'In force' },
};

/** 原病案号 and 现病案号 of one person. */
export interface MergedNumbers {
  retired: string;
  surviving: string;
}
/** Merges that stand: by each retired number, the one that it was merged into. */
export type Merges = ReadonlyMap<string, string>;

/** 现病案号: the number that the patient goes by today; its own if it was never merged. */
export function currentNumber(merges: Merges, patientNo: string): string {
  let current = patientNo;
  for (let next = merges.get(current); next !== undefined; next = merges.get(current)) current = next;
  return current;
}

/** All numbers of the person whose one this is, the current one first. */
export function numbersOf(merges: Merges, patientNo: string): string[] {
  const current = currentNumber(merges, patientNo);
  return [current, ...[...merges.keys()].filter((retired) => currentNumber(merges, retired) === current)];
}

/** Why it cannot be, by its code; null if it can. A number is merged into one that patients go by today. */
export function mergeFault(merges: Merges, kind: MergeKind, { retired, surviving }: MergedNumbers): string | null {
  if (kind === 'split') return merges.get(retired) === surviving ? null : 'merge-absent';
  if (retired === surviving) return 'merge-itself';
  if (merges.has(retired)) return 'merge-present';
  if (currentNumber(merges, surviving) === retired) return 'merge-circle';
  return merges.has(surviving) ? 'merge-into-retired' : null;
}
