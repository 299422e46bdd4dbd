import type { Client } from '@temporalio/client';
import type { Card } from '../platform/card/card.ts';
import type { MemberKeys } from '../platform/card/keys.ts';
import type { LedgerClient } from '../platform/ledger/client.ts';
import type { TrustAnchor } from '../platform/ledger/trust.ts';
import type { Logger } from '../platform/observe/logger.ts';
import type { Registry } from '../platform/observe/metrics.ts';
import type { Store } from '../platform/store/index.ts';

export interface ApiDeps {
  memberId: string;
  memberName: string;
  home: string;
  environment: 'demo' | 'production';
  publicUrl: string;
  temporalUiUrl: string | null;
  trust: TrustAnchor;
  store: Store;
  card: Card;
  keys: MemberKeys;
  ledger: LedgerClient;
  temporal: Client;
  metrics: Registry;
  logger: Logger;
  /** Built pages of the web; null serves the api alone. */
  webDir: string | null;
}
