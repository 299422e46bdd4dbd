import type { Client } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';
import type { Card } from '../platform/card/card.ts';
import type { MemberKeys } from '../platform/card/keys.ts';
import type { MemberConfig } from '../platform/config/schemas.ts';
import type { LedgerClient } from '../platform/ledger/client.ts';
import type { Witness } from '../platform/ledger/quorum.ts';
import type { TrustAnchor } from '../platform/ledger/trust.ts';
import type { Watermark } from '../platform/ofd/watermarker.ts';
import type { Logger } from '../platform/observe/logger.ts';
import type { Registry } from '../platform/observe/metrics.ts';
import type { Store } from '../platform/store/index.ts';

import type { EventHub } from './events/hub.ts';

export interface ApiDeps {
  memberId: string;
  memberName: string;
  home: string;
  /** Shares of the disk: from the one on it is low, from the other on nothing new is taken in. */
  disk: MemberConfig['disk'];
  /** Whether another person approves a correction of what is archived. */
  corrections: MemberConfig['corrections'];
  /** Whether content is served while the trace waits for the ledger, and from when on it is behind. */
  trace: MemberConfig['trace'];
  /** Where notices go besides the app. */
  noticeChannels: readonly string[];
  environment: 'demo' | 'production';
  sessions: { idleMinutes: number; maxHours: number };
  publicUrl: string;
  temporalUiUrl: string | null;
  explorerUrl: string | null;
  trust: TrustAnchor;
  store: Store;
  card: Card;
  keys: MemberKeys;
  ledger: LedgerClient;
  /** Nodes that are asked when something must be known from a quorum. */
  witnesses: readonly Witness[];
  temporal: Client;
  /** What payloads of workflows are encrypted by. */
  codec: PayloadCodec;
  events: EventHub;
  watermark: Watermark;
  metrics: Registry;
  logger: Logger;
  /** Built pages of the web; null serves the api alone. */
  webDir: string | null;
}
