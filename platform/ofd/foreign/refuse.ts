import { SealfolioError } from '../../../domain/errors.ts';

type Code =
  | 'document-content-unsupported'
  | 'document-damaged'
  | 'document-encrypted'
  | 'document-too-large'
  | 'document-too-many-pages'
  | 'document-unsafe';

/** Why an OFD is not taken: the field is what of the file is at fault. */
export const refuse = (code: Code, reason: string, field = 'bytes', cause?: unknown): SealfolioError =>
  new SealfolioError(code, { field, reason }, { cause });
