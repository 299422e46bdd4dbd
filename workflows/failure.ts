import { ActivityFailure, ApplicationFailure } from '@temporalio/common';

/** The stable code of what an activity threw (domain/errors.ts). */
export function failureCode(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return (cause instanceof ApplicationFailure ? cause.type : null) ?? 'internal';
}
