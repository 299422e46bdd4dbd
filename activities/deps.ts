import type { MemberKeys } from '../platform/card/keys.ts';
import type { LedgerClient } from '../platform/ledger/client.ts';
import type { Logger } from '../platform/observe/logger.ts';
import type { Sealer } from '../platform/ofd/seal.ts';
import type { Store } from '../platform/store/index.ts';
import type { Trust } from '../verifier/index.ts';

/** What activities act upon. */
export interface ActivityDeps {
  memberId: string;
  memberName: string;
  trust: Trust;
  store: Store;
  keys: MemberKeys;
  sealer: Sealer;
  ledger: LedgerClient;
  signals: Signals;
  logger: Logger;
}

/** What activities tell workflows. */
export interface Signals {
  backlog(): Promise<void>;
  /** Nothing happens if the workflow has ended. */
  attested(archiveId: string, version: number): Promise<void>;
}
