import { z } from 'zod';
import { LedgerError } from '../errors.ts';

const MAX_LIST = 100;
export const count = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
export const limit = count.min(1).max(MAX_LIST).default(20);

/** A value of a request by its schema. Throws encoding-invalid, with the field and the reason. */
export function read<T>(schema: z.ZodType<T>, value: unknown, field: string): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new LedgerError('encoding-invalid', `${field}: ${parsed.error.issues[0]!.message}`);
  return parsed.data;
}
