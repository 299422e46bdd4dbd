import { z } from 'zod';
import { DocumentType } from '../../domain/catalog.ts';
import { isBornOfAnother } from '../../domain/correction.ts';
import { BatchState } from '../../domain/status.ts';
import { MEDIA_TYPES } from '../../platform/ofd/media.ts';
import { frontPageSchema } from '../front-pages/schemas.ts';

/** One file: beyond this a scan is a mistake. */
export const MAX_PART_BYTES = 512 * 1024 * 1024;
const MAX_PARTS = 2000;
const MAX_PAGES = 2000;

/** Text without control characters, and without the mark of bytes that were not UTF-8. */
export const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}\ufffd]*$/u, 'holds control characters or is not UTF-8');
const fileName = text(255).refine(
  (name) => !/[/\\]/.test(name) && name !== '.' && name !== '..',
  'is a file name, not a path',
);

export const batchIdSchema = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/);
export const scannerIdSchema = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/);
export const partSchema = z.strictObject({
  partNo: z.int().min(1).max(MAX_PARTS),
  fileName,
  mediaType: z.enum(MEDIA_TYPES as [string, ...string[]]),
  documentType: z.enum(DocumentType),
  bytes: z.int().min(1).max(MAX_PART_BYTES),
  sm3: z.string().regex(/^[0-9a-f]{64}$/),
  pageCount: z.int().min(1).max(MAX_PAGES),
  /** 分隔页: the first page is a separator sheet, kept and not shown. */
  separatorFirst: z.literal(true).optional(),
});

export const partsSchema = z
  .array(partSchema)
  .min(1)
  .max(MAX_PARTS)
  .refine((parts) => new Set(parts.map(({ partNo }) => partNo)).size === parts.length, 'partNo is given twice');

const OWN_MOTHER = { path: ['motherPatientNo'], message: 'is the newborn’s own' };
export const diedSchema = z.literal(true).describe('死亡, 离院方式 5: the archive is marked, as by medical affairs');

/** 更正待出院批次: whose files wait, and why that was said wrongly. */
export const parkedSchema = z
  .strictObject({
    patientNo: text(64),
    visitNo: text(64),
    patientName: text(64),
    department: text(64).optional(),
    motherPatientNo: text(64).optional(),
    admittedAt: z.iso.datetime().optional(),
    reason: text(200),
  })
  .refine(isBornOfAnother, OWN_MOTHER);

/** 批次登记: what a scanner announces before it sends the files. */
const announced = z.strictObject({
  batchId: batchIdSchema,
  scannerId: scannerIdSchema.optional(),
  patientNo: text(64),
  visitNo: text(64),
  patientName: text(64),
  department: text(64).optional(),
  motherPatientNo: text(64).optional().describe('母亲病案号: of a newborn, whose patientNo is its own'),
  admittedAt: z.iso.datetime().optional(),
  dischargedAt: z.iso.datetime().optional(),
  inHospital: z
    .literal(true)
    .optional()
    .describe('未出院: the visit has not ended; what is sent waits as `parked` until its discharge is told'),
  died: diedSchema.optional(),
  documentsComplete: z.boolean().default(false),
  reason: text(200).optional(),
  frontPage: frontPageSchema.optional().describe('首页数据: checked and kept once the batch is committed'),
  parts: partsSchema,
});
export const registrationSchema = announced
  .refine(({ dischargedAt, inHospital }) => dischargedAt !== undefined || inHospital === true, {
    path: ['dischargedAt'],
    message: 'is missing; a visit that has not ended says inHospital',
  })
  .refine(({ dischargedAt, inHospital }) => dischargedAt === undefined || inHospital === undefined, {
    path: ['inHospital'],
    message: 'and dischargedAt cannot both be said',
  })
  .refine(isBornOfAnother, OWN_MOTHER)
  .refine(({ died, inHospital }) => died === undefined || inHospital === undefined, {
    path: ['died'],
    message: 'and inHospital cannot both be said',
  });
export type Registration = z.infer<typeof registrationSchema>;

const parkedVisit = z.object({
  patientNo: z.string(),
  visitNo: z.string(),
  patientName: z.string(),
  department: z.string().optional(),
  motherPatientNo: z.string().optional(),
  admittedAt: z.string().optional(),
});
export const batchSchema = z.object({
  batchId: z.string(),
  archiveId: z.string(),
  /** The app or the person that announced it. */
  sender: z.string(),
  scannerId: z.string().optional(),
  /** 补扫: the visit was archived when it was announced. */
  isLate: z.boolean(),
  /** 重发: the batch whose refused files these stand in for. */
  retryOf: z.string().optional(),
  /** Whatever was refused of it is brought in by other batches. */
  isRetried: z.boolean(),
  state: z.enum(BatchState),
  visit: parkedVisit.optional().describe('Of a visit that has not ended, to its sender and to who reads archives'),
  corrected: z
    .array(z.object({ before: parkedVisit, by: z.string(), reason: z.string(), at: z.string() }))
    .optional()
    .describe('What the visit was said to be before, to the same'),
  withdrawn: z
    .object({ by: z.string(), reason: z.string(), at: z.string() })
    .optional()
    .describe('Who withdrew it and why, to the same'),
  createdAt: z.string(),
  committedAt: z.string().optional(),
  version: z.number().optional(),
  parts: z.array(
    z.object({
      partNo: z.number(),
      fileName: z.string(),
      mediaType: z.string(),
      documentType: z.string(),
      bytes: z.number(),
      pageCount: z.number(),
      state: z.string(),
      uploadUrl: z.string(),
      refusal: z.object({ code: z.string(), field: z.string(), reason: z.string() }).optional(),
      /** The batch that brings it in. */
      retriedBy: z.string().optional(),
    }),
  ),
});
