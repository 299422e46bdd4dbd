import { z } from 'zod';
import { BatchState } from '../../domain/status.ts';
import type { Filter } from '../ordered.ts';
import { scannerIdSchema, text } from './schemas.ts';

/** The same filter for a list and for an export. */
export const batchFilter = z.object({
  state: z.enum(BatchState).optional(),
  /** A station: who sent it, and from which scanner ('': it named none). */
  sender: text(64).optional(),
  scannerId: z.union([scannerIdSchema, z.literal('')]).optional(),
  /** 补扫 only. */
  late: z.literal('true').optional(),
});

/** As the database takes it. */
export const batchesOf = ({ state, sender, scannerId, late }: z.infer<typeof batchFilter>): Filter => ({
  ...(state !== undefined && { state }),
  ...(sender !== undefined && { sender }),
  ...(scannerId !== undefined && { scannerId: scannerId === '' ? null : scannerId }),
  ...(late !== undefined && { isLate: true }),
});
