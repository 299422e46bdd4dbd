import { ApplicationFailure } from '@temporalio/common';
import { isSealfolioError } from '../domain/errors.ts';

/** Codes that waiting may put right: the activity is tried again. */
const TRANSIENT = new Set(['card-unavailable', 'ledger-unavailable', 'temporal-unavailable', 'disk-full']);

type Activity = (...args: never[]) => Promise<unknown>;

/** Gives errors of ours their code as the failure's type; whatever else is thrown is Temporal's to retry. */
export function withFailures<T extends Record<keyof T, Activity>>(activities: T): T {
  const wrap =
    (activity: Activity): Activity =>
    async (...args) => {
      try {
        return await activity(...args);
      } catch (error) {
        if (!isSealfolioError(error)) throw error;
        throw ApplicationFailure.create({
          message: error.message,
          type: error.code,
          nonRetryable: !TRANSIENT.has(error.code),
          details: [error.data],
          cause: error,
        });
      }
    };
  const entries = Object.entries(activities) as [string, Activity][];
  return Object.fromEntries(entries.map(([name, activity]) => [name, wrap(activity)])) as T;
}
