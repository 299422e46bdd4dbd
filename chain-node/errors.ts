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
      | 'pruned'
      | 'not-synced'
      | 'route-not-found'
      | 'denied'
      | 'block-invalid'
      | 'commit-invalid'
      | 'double-sign'
      | 'config-invalid'
      | 'store-corrupt'
      | 'store-newer'
      | 'rules-unknown',
    readonly reason: string,
  ) {
    super(`${code}: ${reason}`);
  }
}

/** What a refused message says of the peer that it came from. */
export type Blame =
  /** Nothing that a correct peer could not have sent: late, early, or refused for what we are. */
  | 'ignore'
  /** No correct peer sends it. */
  | 'reject';

const REJECTED: ReadonlySet<LedgerError['code']> = new Set([
  'encoding-invalid',
  'transaction-too-large',
  'signature-invalid',
  'chain-mismatch',
  'block-invalid',
  'commit-invalid',
]);

export const blameFor = ({ code }: LedgerError): Blame => (REJECTED.has(code) ? 'reject' : 'ignore');
