import { ACTOR_TAG, ATTEST_TAG, REASON_TAG } from '../../domain/attestation.ts';
import { jcs, taggedSm3 } from '../../platform/crypto/index.ts';
import type { Asked } from '../../platform/store/index.ts';
import { isSignedByOneOf } from './keys.ts';
import type { MemberKey } from './ledger.ts';

/** One in force that waits longer than this for its attestation is stuck. */
export const ASKED_LATE_MS = 60_000;

export const tagged = (...parts: Parameters<typeof taggedSm3>): string => taggedSm3(...parts).toString('hex');

/** Since when one is in force. */
export const inForceSince = ({ decidedAt, at }: Asked): Date => decidedAt ?? at;

/** What it says must be what its manifest says; null if so. `own`: what its kind alone says there. */
export function faultOf(row: Asked, own: (hash: (tag: string, text: string) => string) => Record<string, unknown>) {
  const { manifest, salt, by, decidedBy, reason } = row;
  if (manifest === undefined || salt === undefined) return 'has nothing that was attested';
  const hash = (tag: string, text: string) => tagged(tag, Buffer.from(salt, 'hex'), text);
  const expected: Record<string, unknown> = {
    ...own(hash),
    at: inForceSince(row).toISOString(),
    actor: hash(ACTOR_TAG, by),
    approver: decidedBy === undefined ? undefined : hash(ACTOR_TAG, decidedBy),
    reason: hash(REASON_TAG, reason),
  };
  const said = manifest as Record<string, unknown>;
  const differs = Object.entries(expected).find(([name, value]) => said[name] !== value);
  return differs === undefined ? null : `says another ${differs[0]} than its manifest`;
}

/** What of it is on the ledger; null if nothing can be. */
export const digestOf = ({ manifest, salt }: Asked): string | null =>
  manifest === undefined || salt === undefined ? null : tagged(ATTEST_TAG, Buffer.from(salt, 'hex'), jcs(manifest));

/** What is wrong with its signature, by these keys, and with its place on the ledger; `height`: where its digest is found. */
export function placeFaults(row: Asked, own: readonly MemberKey[], height: number | undefined, asOf: number): string[] {
  const isSigned = isSignedByOneOf(own, height, Buffer.from(jcs(row.manifest)), row.signature ?? '');
  const isLate = height === undefined && inForceSince(row).getTime() < asOf - ASKED_LATE_MS;
  return [...(isSigned ? [] : ['is not signed']), ...(isLate ? ['is not on the ledger'] : [])];
}
