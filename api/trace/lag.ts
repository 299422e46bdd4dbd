import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import type { ApiDeps } from '../deps.ts';

const MINUTE_MS = 60_000;

/** How far the trace is behind the ledger, and what that means for whoever reads. */
export const traceLag = z.object({
  waiting: z.number().describe('Rows that are not attested yet'),
  since: z.string().nullable().describe('When the oldest of them was written'),
  isBehind: z.boolean().describe('It waits longer than the member lets it'),
  whenBehind: z.enum(['serve', 'block']).describe('Whether content is served then'),
  behindMinutes: z.number(),
});

export async function lagOf({ store, trace }: Pick<ApiDeps, 'store' | 'trace'>): Promise<z.infer<typeof traceLag>> {
  const { rows, since } = await store.trace.waiting();
  const isBehind = since !== null && Date.now() - since.getTime() >= trace.behindMinutes * MINUTE_MS;
  return { waiting: rows, since: since?.toISOString() ?? null, isBehind, ...trace };
}

/** Throws trace-behind where the member serves no content while the ledger is away. */
export async function requireAttested(deps: Pick<ApiDeps, 'store' | 'trace'>): Promise<void> {
  if (deps.trace.whenBehind === 'block' && (await lagOf(deps)).isBehind) throw new SealfolioError('trace-behind');
}
