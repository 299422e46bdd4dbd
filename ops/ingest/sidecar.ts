import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { DocumentType } from '../../domain/catalog.ts';
import { SealfolioError } from '../../domain/errors.ts';

/** 就诊信息: lies beside the scans of a visit. */
export const SIDECAR = 'visit.json';
/** 成叠扫描: lies beside the scans of several visits, which separator sheets tell apart. */
export const STACK = 'stack.json';
/** 处理结果: what a folder station wrote down of a folder that it sent. */
export const OUTCOME = 'outcome.json';

export const visitSchema = z.strictObject({
  patientNo: z.string(),
  visitNo: z.string(),
  patientName: z.string(),
  department: z.string().optional(),
  /** 母亲病案号: of a newborn. */
  motherPatientNo: z.string().optional(),
  admittedAt: z.iso.datetime().optional(),
  /** Absent: the visit has not ended, and what is sent waits as `parked`. */
  dischargedAt: z.iso.datetime().optional(),
  /** 死亡 (离院方式 5). */
  died: z.literal(true).optional(),
  /** 首页数据, as the api takes it: it says what is wrong with it. */
  frontPage: z.record(z.string(), z.unknown()).optional(),
  /** 补扫原因: asked for when the visit is archived already. */
  reason: z.string().optional(),
});
export type VisitFields = z.infer<typeof visitSchema>;

const stackedVisitSchema = visitSchema.extend({
  /** 文书: the form codes of its documents, as their separator sheets lie in the stack; absent: it is not known which ones do. */
  documents: z.array(z.string()).optional(),
});

export const stackSchema = z
  .strictObject({
    /** Every visit in it; their order does not matter. */
    visits: z
      .array(stackedVisitSchema)
      .min(1)
      .refine((visits) => new Set(visits.map(visitKey)).size === visits.length, 'a visit is there twice'),
    /** 表单代码: what the separator sheets of documents may say. */
    forms: z.record(z.string(), z.enum(DocumentType)).default({}),
  })
  .superRefine(({ visits, forms }, context) => {
    for (const [i, { documents = [] }] of visits.entries())
      for (const [n, code] of documents.entries())
        if (!Object.hasOwn(forms, code))
          context.addIssue({ code: 'custom', path: ['visits', i, 'documents', n], message: 'is none of forms' });
  });
export type Stack = z.infer<typeof stackSchema>;

/** Tells visits apart. */
export const visitKey = ({ patientNo, visitNo }: { patientNo: string; visitNo: string }): string =>
  JSON.stringify([patientNo, visitNo]);

/** What a file of JSON in a folder says, by its schema; null if it is not there. Throws sidecar-invalid, naming the field. */
export function readSidecar<T>(folder: Buffer, file: string, schema: z.ZodType<T>): T | null {
  let text: string;
  try {
    text = readFileSync(Buffer.concat([folder, Buffer.from(path.sep + file)]), 'utf8');
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return null;
    throw error;
  }
  const invalid = (field: string, reason: string) => new SealfolioError('sidecar-invalid', { file, field, reason });
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (error) {
    // The parser's own words hold a piece of the text.
    const [place = 'not JSON'] = /at position \d+|line \d+ column \d+|end of JSON input/.exec(String(error)) ?? [];
    throw invalid('', place);
  }
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  throw invalid(issue!.path.join('/'), issue!.message);
}
