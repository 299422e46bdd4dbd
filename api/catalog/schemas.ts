import { z } from 'zod';
import { DocumentType, PageMark, ROTATIONS } from '../../domain/catalog.ts';
import { text } from '../batches/schemas.ts';

export const MAX_NODES = 2000;
const MAX_PAGES = 100_000;

export const place = z.strictObject({ version: z.int().min(1), edit: z.int().min(0) });
/** `version.edit`, as addresses have it. */
export const placeParam = z
  .string()
  .regex(/^[1-9]\d{0,8}\.\d{1,9}$/)
  .transform((of) => {
    const [version, edit] = of.split('.').map(Number) as [number, number];
    return { version, edit };
  });
export const numberedPage = z.strictObject({
  page: z.int().min(1).max(MAX_PAGES),
  rotation: z.literal([...ROTATIONS]).optional(),
  mark: z.enum(PageMark).optional(),
});
export const numberedNode = z.strictObject({
  type: z.enum(DocumentType),
  title: text(100),
  pages: z.array(numberedPage).min(1).max(MAX_PAGES),
});
export const numberedNodes = z.array(numberedNode).min(1).max(MAX_NODES);
/** Why, as people say it. */
export const reason = text(200).refine((of) => of.trim() !== '', 'is blank');

export const shownEdit = z.object({
  place,
  by: z.string().optional(),
  byName: z.string().optional(),
  reason: z.string().optional(),
  at: z.string(),
  restores: z.string().optional(),
  attestation: z.object({ height: z.number(), txId: z.string() }).optional(),
});
const words = z.object({ type: z.string(), title: z.string() });
export const change = z.object({
  what: z.string(),
  page: z.number().optional(),
  node: words.optional(),
  from: z.union([words, z.string(), z.number(), z.null()]).optional(),
  to: z.union([words, z.string(), z.number(), z.null()]).optional(),
});
