import { z } from 'zod';
import type { FrontPageFinding } from '../../domain/front-page.ts';
import { FRONT_PAGE_STATES } from '../../domain/front-page/quality.ts';
import type { FrontPageRow, Store } from '../../platform/store/index.ts';
import { displayNames } from '../people/names.ts';

const word = z
  .string()
  .max(200)
  .regex(/^[^\p{Cc}\p{Cs}\ufffd]*$/u, 'holds control characters or is not UTF-8')
  .optional();
const grams = z.number().max(100_000).optional();
/** 首页数据. What is wrong with it is found by its rules, and kept: only what could not be kept is refused here. */
export const frontPageSchema = z.strictObject({
  patientNo: word,
  name: word,
  sex: z.enum(['male', 'female', 'unknown']).optional(),
  birthDate: word,
  idNumber: word,
  phone: word,
  postcode: word,
  marital: z.enum(['unmarried', 'married', 'widowed', 'divorced', 'other']).optional(),
  contactName: word,
  contactRelation: z.enum(['spouse', 'child', 'parent', 'sibling', 'other']).optional(),
  contactPhone: word,
  admittedAt: word,
  dischargedAt: word,
  mainDiagnosis: word,
  mainDiagnosisCode: word,
  externalCauseCode: word,
  birthWeightGrams: grams,
  admissionWeightGrams: grams,
  pathologySent: z.boolean().optional(),
  pathologyNo: word,
  pathologyResult: word,
});

export const findingsSchema = z.array(z.object({ field: z.string(), rule: z.string() }));
export const frontPageState = z.enum(Object.keys(FRONT_PAGE_STATES) as [keyof typeof FRONT_PAGE_STATES]);
/** A check as people read it: never what was filled in. */
export const checkSchema = z.object({
  check: z.number(),
  state: frontPageState,
  rules: z.number().describe('Version of the rules it was checked by'),
  findings: findingsSchema,
  by: z.string(),
  byName: z.string(),
  at: z.string(),
  batchId: z.string().optional().describe('It came with this batch'),
  correction: z.number().optional().describe('Checked again, as this correction came in force'),
});

type ShownCheck = z.infer<typeof checkSchema> & { findings: FrontPageFinding[] };

export async function checksShown(store: Store, found: readonly FrontPageRow[]): Promise<ShownCheck[]> {
  const names = await displayNames(
    store,
    found.map(({ by }) => by),
  );
  return found.map(({ check, state, rules, findings, by, at, batchId, correction }) => ({
    ...{ check, state, rules, findings, by, byName: names[by] ?? by, at: at.toISOString() },
    ...(batchId !== undefined && { batchId }),
    ...(correction !== undefined && { correction }),
  }));
}
