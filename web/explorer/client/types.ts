import type { ReceiptMember, SignedHeader } from '../../../verifier/index.ts';

export type Member = ReceiptMember;

/** How far a node is, and whether it can say so. */
export interface Standing {
  height: number;
  /** Its own height, or what f + 1 linked validators claim to have: no single one is believed. */
  highest: number;
  syncing: boolean;
  /** Whether it hears validators that could decide a block. */
  linked: boolean;
}

export interface Status extends Standing {
  memberId: string;
  chainId: string;
  genesisHash: string;
  membersHash: string;
  stateHash: string;
  headHash: string;
  headTime: string;
  logSize: number;
  waiting: number;
  /** Findings against members that this node keeps. */
  evidence: number;
  validators: string[];
  /** How many validators it hears, itself included; with fewer than `needed` nothing is decided. */
  quorum: { validators: number; mayFail: number; needed: number; linked: number };
  /** `versions`: what it speaks of the protocol, if that is why there is no link. */
  peers: { memberId: string; connected: boolean; height: number | null; versions: string[] | null }[];
  others: { memberId: string; url: string }[];
}

export interface Block extends Omit<SignedHeader, 'members'> {
  hash: string;
  txCount: number;
  /** Encoded, in base64; only of a block that was asked for alone. */
  txs?: string[];
}

export interface LedgerRecord {
  stream: string;
  key: string;
  digest: string;
  note: string;
}

export interface RecordRow {
  index: number;
  height: number;
  timeMs: number;
  txId: string;
  indexInTx: number;
  sender: string;
  nonce: string;
  record: LedgerRecord;
}

/** What a transaction puts to the members. */
export type Change = { id: string; height: number } & (
  | { type: 'set'; member: Member; request: string }
  | { type: 'remove'; memberId: string; publicKey: string }
  | { type: 'policy'; document: string }
  | { type: 'rules'; version: number }
);

export interface Transaction {
  txId: string;
  height: number;
  /** Log index of its first record. */
  index: number;
  count: number;
  timeMs: number;
  sender: string;
  nonce: string;
  type: 'attest' | 'member' | 'policy' | 'evidence' | 'rules';
  signature: string;
  records: LedgerRecord[];
  change?: Change;
  evidence?: { accused: string; signed: { message: string; signature: string }[] };
  tx: string;
}

/** A final transaction in a list. */
export interface TransactionRow extends Pick<Transaction, 'txId' | 'height' | 'timeMs' | 'sender' | 'type' | 'count'> {
  indexInBlock: number;
  bytes: number;
}

/** A transaction that is not final. */
export interface TransactionState {
  txId: string;
  state: 'pending' | 'final' | 'failed';
  code?: string;
  reason?: string;
}

export interface Governance {
  height: number;
  stateHash: string;
  members: (Member & { since: number })[];
  policy: { version: number; document: string };
  open: (Change & { openedAt: number; approvals: string[]; needed: number; effectiveAt: number })[];
  former: { memberId: string; publicKey: string }[];
  faults: { memberId: string; height: number }[];
}

export type Found =
  | { kind: 'block'; height: number }
  | { kind: 'transaction'; txId: string; height: number }
  | ({ kind: 'record'; by: 'digest' | 'key' } & Omit<RecordRow, 'timeMs'>)
  | ({ kind: 'member' } & Member);

export interface SearchAnswer extends Standing {
  found: Found[];
}

/** A final block, as it is told at once. */
export interface BlockNotice {
  height: number;
  hash: string;
  timeMs: number;
  txCount: number;
}
