import { SealfolioError } from '../../domain/errors.ts';

/** A malformed key, a refusal of a native library, or sealed data that does not open. Codes: key-invalid, crypto-failed, sealed-data-invalid. */
export function cryptoError(
  code: 'key-invalid' | 'crypto-failed' | 'sealed-data-invalid',
  reason: string,
): SealfolioError {
  return new SealfolioError(code, { reason });
}
