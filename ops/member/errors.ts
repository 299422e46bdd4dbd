export type MemberCode =
  | 'usage'
  | 'request-invalid'
  | 'policy-invalid'
  | 'change-unknown'
  | 'not-adopted'
  | 'authority-unknown'
  | 'file-exists'
  | 'key-missing'
  | 'keys-invalid'
  | 'rules-unknown'
  | 'height-past'
  | 'node-unavailable'
  /** What the ledger says of a transaction: its own codes. */
  | (string & {});

/** Why a command did nothing: one code for programs, one reason for people. */
export class MemberError extends Error {
  override readonly name = 'MemberError';

  constructor(
    readonly code: MemberCode,
    readonly reason: string,
  ) {
    super(`${code}: ${reason}`);
  }
}
