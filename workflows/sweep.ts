import { patched } from '@temporalio/workflow';
import { overDatabase } from './activities.ts';
import type { SweepInput } from './shared.ts';

/** Clears away what uploads and tries that broke off left in the store, and brings up to date what lists are filtered by. */
export async function sweepWorkflow(input: SweepInput): Promise<void> {
  await overDatabase.sweepObjects(input);
  if (patched('completeness')) await overDatabase.refreshCompleteness();
}
