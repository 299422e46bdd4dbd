/**
 * The one error that crosses our own borders. `code` is wire format (problem+json `code`, Temporal failure type) and
 * is never renamed; `data` names the field and the reason and holds no personal data.
 */
export class SealfolioError extends Error {
  override readonly name = 'SealfolioError';

  constructor(
    readonly code: string,
    readonly data: Record<string, unknown> = {},
    options?: ErrorOptions,
  ) {
    super(`${code} ${JSON.stringify(data)}`, options);
  }
}

/** The error as ours, told by its shape: `instanceof` fails across realms (the workflow VM, Jest). */
export function isSealfolioError(error: unknown, code?: string): error is SealfolioError {
  const candidate = error as Partial<SealfolioError> | null;
  return (
    typeof candidate === 'object' &&
    candidate !== null &&
    candidate.name === 'SealfolioError' &&
    typeof candidate.code === 'string' &&
    (code === undefined || candidate.code === code)
  );
}
