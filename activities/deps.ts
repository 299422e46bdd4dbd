import type { LoanAct } from '../domain/loan/acts.ts';
import type { Loan } from '../domain/loan/loan.ts';
import type { MemberKeys } from '../platform/card/keys.ts';
import type { LedgerClient } from '../platform/ledger/client.ts';
import type { NoticeChannel } from '../platform/notices/webhook.ts';
import type { TitleReader } from '../platform/ocr/tesseract.ts';
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
  /** Channels of notices besides the app; none unless they are configured. */
  noticeChannels: readonly NoticeChannel[];
  /** Who reads titles of pages; null where it is not installed. */
  titles: TitleReader | null;
  /** Pages are looked at by themselves once a version's package is made. */
  classifyAfterArchiving: boolean;
  logger: Logger;
}

/** What activities tell workflows. */
export interface Signals {
  backlog(): Promise<void>;
  /** A notice waits for a channel. */
  notices(): Promise<void>;
  /** Acts on a loan once for each key, and gives it as it is then. Throws its refusal, or temporal-unavailable. */
  actOnLoan(loanId: string, act: LoanAct, key: string): Promise<Loan>;
  /** Has the pages of a version looked at, once, and waits for none of it. */
  classify(archiveId: string, version: number): Promise<void>;
  /** Nothing happens if the workflow has ended. */
  attested(archiveId: string, version: number): Promise<void>;
}
