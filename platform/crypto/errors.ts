import { SealfolioError } from '../../domain/errors.ts';

/** A malformed key, certificate or request, a refusal of a native library, or sealed data that does not open. */
export function cryptoError(
  code: 'key-invalid' | 'crypto-failed' | 'sealed-data-invalid' | 'encoding-invalid' | 'request-invalid',
  reason: string,
): SealfolioError {
  return new SealfolioError(code, { reason });
}
