import { z } from 'zod';
import { isInOrder } from '../../domain/correction.ts';
import { text } from '../batches/schemas.ts';
import { reason } from '../catalog/schemas.ts';
import { shownAsked } from './asked.ts';

const notBlank = (of: string) => of.trim() !== '';
const time = z.iso.datetime().transform((of) => new Date(of).toISOString());

const number = text(64).refine(notBlank, 'is blank');

const registered = z.strictObject({
  patientNo: number.optional().describe('病案号; left out: it stays'),
  visitNo: number.optional().describe('住院次数; left out: it stays'),
  patientName: text(64).refine(notBlank, 'is blank'),
  department: z.union([z.literal(''), text(64).refine(notBlank, 'is blank')]),
  motherPatientNo: number.nullable().optional().describe('母亲病案号 of a newborn; null: none; left out: it stays'),
  admittedAt: time.nullable(),
  dischargedAt: time,
});
/** `base`: the number of the last correction in force that was looked at, 0 for none. */
export const wantedCorrection = z.strictObject({
  base: z.int().min(0),
  registered: registered.refine(isInOrder, { path: ['dischargedAt'], message: 'is before admittedAt' }),
  reason,
});

const values = z.object({
  patientNo: z.string().optional(),
  visitNo: z.string().optional(),
  patientName: z.string(),
  department: z.string(),
  motherPatientNo: z.string().nullable().optional(),
  admittedAt: z.string().nullable(),
  dischargedAt: z.string(),
});
export const shownCorrection = z.object({ ...shownAsked, correction: z.number(), before: values, after: values });
export type ShownCorrection = z.infer<typeof shownCorrection>;
