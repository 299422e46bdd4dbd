import { ACTOR_TAG, ATTEST_TAG, KEY_TAG, MERGE_STREAM, PATIENT_TAG, REASON_TAG } from '../../domain/attestation.ts';
import { jcs, taggedSm3 } from '../../platform/crypto/index.ts';
import type { PatientMerge, Store } from '../../platform/store/index.ts';
import { isSignedByOneOf } from './keys.ts';
import type { CheckedChain } from './ledger.ts';

/** A merge that waits longer than this for its attestation is stuck. */
export const MERGE_LATE_MS = 60_000;

const tagged = (...parts: Parameters<typeof taggedSm3>): string => taggedSm3(...parts).toString('hex');

/** What a merge says must be what its manifest says; null if so. */
function faultOf({ manifest, salt, ...said }: PatientMerge): string | null {
  if (manifest === undefined || salt === undefined) return 'has nothing that was attested';
  const { mergeId, kind, retired, surviving, by, decidedBy, decidedAt, reason, at } = said;
  const hash = (tag: string, text: string) => tagged(tag, Buffer.from(salt, 'hex'), text);
  const expected = {
    mergeId,
    kind,
    at: (decidedAt ?? at).toISOString(),
    actor: hash(ACTOR_TAG, by),
    approver: decidedBy === undefined ? undefined : hash(ACTOR_TAG, decidedBy),
    reason: hash(REASON_TAG, reason),
    retired: hash(PATIENT_TAG, retired),
    surviving: hash(PATIENT_TAG, surviving),
  };
  const differs = Object.entries(expected).find(([name, value]) => manifest[name as keyof typeof manifest] !== value);
  return differs === undefined ? null : `says another ${differs[0]} than its manifest`;
}

/**
 * Checks the merges and splits in force against the ledger: signed, attested as they stand here, none on the ledger that is
 * not here; and of each number that merge stands which its last entry left standing.
 */
export async function checkMerges(
  { models }: Pick<Store, 'models'>,
  memberId: string,
  { records, keys }: Pick<CheckedChain, 'records' | 'keys'>,
  asOf: number,
  find: (where: string, reason: string) => void,
): Promise<void> {
  const own = keys.filter((key) => key.memberId === memberId);
  const onLedger = new Map<string, number>();
  for (const { sender, stream, key, digest, height } of records)
    if (sender === memberId && stream === MERGE_STREAM) onLedger.set(`${key} ${digest}`, height);

  const last = new Map<string, PatientMerge>();
  const inForce = models.PatientMerge.find({ state: 'inForce' }).lean<PatientMerge[]>();
  const since = ({ decidedAt, at }: PatientMerge) => (decidedAt ?? at).getTime();
  for (const one of (await inForce).sort((a, b) => since(a) - since(b))) {
    const { mergeId, retired, manifest, salt, signature } = one;
    const where = `merge ${mergeId}`;
    last.set(retired, one);
    const fault = faultOf(one);
    if (fault !== null) find(where, fault);
    if (manifest === undefined || salt === undefined) continue;
    const place = `${tagged(KEY_TAG, mergeId)} ${tagged(ATTEST_TAG, Buffer.from(salt, 'hex'), jcs(manifest))}`;
    const height = onLedger.get(place);
    onLedger.delete(place);
    if (!isSignedByOneOf(own, height, Buffer.from(jcs(manifest)), signature ?? '')) find(where, 'is not signed');
    if (height === undefined && since(one) < asOf - MERGE_LATE_MS) find(where, 'is not on the ledger');
  }
  const left = [...last.values()].filter(({ kind }) => kind === 'merge').map(({ mergeId }) => mergeId);
  const standing = await models.PatientMerge.distinct('mergeId', { stands: true });
  for (const mergeId of left)
    if (!standing.includes(mergeId)) find(`merge ${mergeId}`, 'does not stand, and was not split');
  for (const mergeId of standing) if (!left.includes(mergeId)) find(`merge ${mergeId}`, 'stands, and is not the last');
  if (onLedger.size > 0) find('merges', `${onLedger.size} on the ledger are not here as they were`);
}
