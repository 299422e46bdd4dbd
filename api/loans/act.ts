import { isSealfolioError, SealfolioError } from '../../domain/errors.ts';
import type { LoanAct } from '../../domain/loan/acts.ts';
import { type LoanRow, projectLoan, refusalOfEnded } from '../../platform/store/index.ts';
import { updateWorkflow } from '../../platform/temporal/update.ts';
import { loanActUpdate, loanWorkflowId } from '../../workflows/shared.ts';
import type { ApiDeps } from '../deps.ts';

/** Acts on a loan by its workflow, once for each key, and shows it as it is then. Throws the refusal by its code. */
export async function actOnLoan(
  { store, temporal, memberId }: Pick<ApiDeps, 'store' | 'temporal' | 'memberId'>,
  loanId: string,
  act: LoanAct,
  key: string,
): Promise<LoanRow> {
  const { models } = store;
  const row = () => models.Loan.findOne({ loanId }).lean<LoanRow>();
  try {
    await projectLoan(
      models,
      await updateWorkflow(temporal, loanWorkflowId(memberId, loanId), loanActUpdate, act, key),
    );
  } catch (error) {
    if (!isSealfolioError(error, 'workflow-not-running')) throw error;
    const ended = await row();
    if (ended === null) throw new SealfolioError('loan-not-found', { loanId });
    const { code, data } = refusalOfEnded(ended, act);
    throw new SealfolioError(code, data);
  }
  return (await row())!;
}
