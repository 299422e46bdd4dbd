/** A refusal of the node; `code` is wire format in rpc answers. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';

  constructor(
    readonly code:
      | 'encoding-invalid'
      | 'transaction-invalid'
      | 'transaction-too-large'
      | 'signature-invalid'
      | 'sender-unknown'
      | 'chain-mismatch'
      | 'type-unsupported'
      | 'mempool-full'
      | 'not-found'
      | 'block-invalid'
      | 'commit-invalid'
      | 'double-sign'
      | 'config-invalid',
    readonly reason: string,
  ) {
    super(`${code}: ${reason}`);
  }
}
