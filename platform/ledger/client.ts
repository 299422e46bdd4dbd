import { z } from 'zod';
import { type LedgerRecord, encodeTransaction, signAttestation, txIdOf } from '../../chain-node/codec/transaction.ts';
import { SealfolioError } from '../../domain/errors.ts';

export type { LedgerRecord } from '../../chain-node/codec/transaction.ts';

/** Where a final transaction is. */
export interface LedgerPlace {
  height: number;
  /** Index in the log of its first record. */
  index: number;
  count: number;
}

export interface LedgerStatus {
  memberId: string;
  chainId: string;
  genesisHash: string;
  membersHash: string;
  height: number;
  headTime: string;
  logSize: number;
  waiting: number;
  /** Findings against members that the node keeps. */
  evidence: number;
  syncing: boolean;
  /** How many validators the node hears, itself included; with fewer than `needed` what is written waits. */
  quorum: { validators: number; mayFail: number; needed: number; linked: number };
  peers: { memberId: string; connected: boolean; height: number | null }[];
}

/** How the members are reached over the overlay, as the node tells it (docs/overlay.md). */
export const overlayStatus = z.object({
  memberId: z.string(),
  policy: z.object({ version: z.number(), faults: z.array(z.string()) }),
  members: z.array(
    z.object({
      memberId: z.string(),
      name: z.string(),
      role: z.string(),
      state: z.enum(['pending', 'online', 'relayed', 'degraded', 'offline', 'revoked']),
      since: z.string(),
      relays: z.array(z.string()).nullable(),
      rttMs: z.number().nullable(),
      lossPercent: z.number().nullable(),
      mtu: z.number().nullable(),
      trouble: z.string().nullable(),
    }),
  ),
  sessions: z.array(z.object({ session: z.string() })).transform(({ length }) => length),
  relayedBytes: z.number(),
  certificates: z.array(
    z.object({
      of: z.enum(['member', 'authority']),
      subject: z.string(),
      notAfter: z.string(),
      daysLeft: z.number(),
      warning: z.number().nullable(),
    }),
  ),
});
export type OverlayStatus = z.infer<typeof overlayStatus>;

const state = z.object({
  state: z.enum(['pending', 'final', 'failed']),
  code: z.string().optional(),
  reason: z.string().optional(),
  height: z.number().optional(),
  index: z.number().optional(),
  count: z.number().optional(),
});
const SLACK_MS = 5000;

/**
 * The member's own ledger node over its rpc. Throws SealfolioError: ledger-unavailable (it does not answer, or is too
 * full; may be tried again), ledger-refused {code, reason} (the request is wrong).
 */
export class LedgerClient {
  constructor(private readonly rpcUrl: string) {}

  async submit(encoded: Uint8Array): Promise<void> {
    const body = JSON.stringify({ tx: Buffer.from(encoded).toString('base64') });
    await this.#call('/v1/transactions', { method: 'POST', body, headers: { 'content-type': 'application/json' } });
  }

  /** Its place once it is final; null if it is not within `waitMs`. Throws ledger-refused if it cannot be any more. */
  async place(txId: string, waitMs: number): Promise<LedgerPlace | null> {
    const answer = state.parse(await this.#call(`/v1/transactions/${txId}?wait=${waitMs}`, {}, waitMs + SLACK_MS));
    const { state: now, code, reason } = answer;
    if (now === 'failed') throw new SealfolioError('ledger-refused', { code, reason });
    return now === 'final' ? (answer as LedgerPlace) : null;
  }

  /** The ledger's part of a receipt. */
  async receipt(txId: string, indexInTx: number): Promise<unknown> {
    return this.#call(`/v1/receipts/${txId}/${indexInTx}`);
  }

  async status(): Promise<LedgerStatus> {
    return (await this.#call('/v1/status')) as LedgerStatus;
  }

  /** Null if the node has no overlay. */
  async overlay(): Promise<OverlayStatus | null> {
    try {
      return overlayStatus.parse(await this.#call('/v1/overlay/status'));
    } catch (error) {
      if (error instanceof SealfolioError && error.code === 'ledger-refused') return null;
      throw error;
    }
  }

  async #call(path: string, init: RequestInit = {}, withinMs = 2 * SLACK_MS): Promise<unknown> {
    let response: Response;
    let body: unknown;
    try {
      response = await fetch(new URL(path, this.rpcUrl), { ...init, signal: AbortSignal.timeout(withinMs) });
      body = await response.json();
    } catch (error) {
      throw new SealfolioError('ledger-unavailable', { reason: 'the ledger node does not answer' }, { cause: error });
    }
    if (response.ok) return body;
    const { code, reason } = body as { code: string; reason: string };
    const isOurs = response.status < 500;
    throw new SealfolioError(isOurs ? 'ledger-refused' : 'ledger-unavailable', { code, reason });
  }
}

/** Makes the bytes of a signed attest transaction; kept before they are sent, they may be sent as often as need be. */
export function makeTransaction(
  request: { chainId: string; sender: string; nonce: Buffer; records: readonly LedgerRecord[] },
  privateKey: Uint8Array,
): { txId: string; encoded: Buffer } {
  const tx = signAttestation(request, privateKey);
  return { txId: txIdOf(tx).toString('hex'), encoded: encodeTransaction(tx) };
}
