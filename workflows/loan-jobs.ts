import { workflowInfo } from '@temporalio/workflow';
import { overLoans } from './activities.ts';
import type { BulkLoanInput, LoanClosingInput } from './shared.ts';

/** Ends the loans of a person who left or moved, or of an archive that is held. */
export async function loanClosingWorkflow(input: LoanClosingInput): Promise<{ closed: number }> {
  return overLoans.closeLoans(input, workflowInfo().workflowId);
}

/** Does one thing to many loans, with a result for each. */
export async function bulkLoanWorkflow(input: BulkLoanInput): Promise<void> {
  await overLoans.runBulk(input);
}
