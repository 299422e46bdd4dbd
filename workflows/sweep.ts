import { overDatabase } from './activities.ts';
import type { SweepInput } from './shared.ts';

/** Clears away what uploads and tries that broke off left in the store. */
export async function sweepWorkflow(input: SweepInput): Promise<void> {
  await overDatabase.sweepObjects(input);
}
