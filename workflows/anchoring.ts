import { condition, continueAsNew, setHandler, workflowInfo } from '@temporalio/workflow';
import { onCard } from './activities.ts';
import { type AnchoringInput, backlogSignal } from './shared.ts';

/**
 * 上链: one for each member, so that one transaction at a time is on its way. Takes whatever waits in the outbox into one
 * signed transaction, waits until it is final, writes the receipts; what came meanwhile goes into the next.
 */
export async function anchoringWorkflow(input: AnchoringInput): Promise<void> {
  let hasBacklog = true;
  setHandler(backlogSignal, () => {
    hasBacklog = true;
  });
  while (hasBacklog || (await condition(() => hasBacklog, input.idleMs))) {
    hasBacklog = false;
    const { remaining } = await onCard.anchorBacklog();
    if (remaining > 0) hasBacklog = true;
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof anchoringWorkflow>(input);
  }
}
