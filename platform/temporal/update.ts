import {
  type Client,
  ServiceError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { ApplicationFailure, type UpdateDefinition } from '@temporalio/common';
import { SealfolioError } from '../../domain/errors.ts';

const WAIT_MS = 20_000;

/**
 * Sends an Update and waits for its outcome; the same `updateId` is done once, however often it is sent. Throws the
 * workflow's own refusal (its failure type and first detail), workflow-not-running, or temporal-unavailable: then the
 * outcome is not known, and the same call again tells it.
 */
export async function updateWorkflow<Result, Argument>(
  client: Client,
  workflowId: string,
  update: UpdateDefinition<Result, [Argument]>,
  argument: Argument,
  updateId: string,
): Promise<Result> {
  const handle = client.workflow.getHandle(workflowId);
  try {
    return await client.withDeadline(Date.now() + WAIT_MS, () =>
      handle.executeUpdate(update, { args: [argument], updateId }),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw new SealfolioError('workflow-not-running', {}, { cause: error });
    if (error instanceof WorkflowUpdateFailedError && error.cause instanceof ApplicationFailure) {
      const { type, details } = error.cause;
      throw new SealfolioError(type ?? 'internal', (details?.[0] ?? {}) as Record<string, unknown>, { cause: error });
    }
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || error instanceof ServiceError)
      throw new SealfolioError('temporal-unavailable', {}, { cause: error });
    throw error;
  }
}
