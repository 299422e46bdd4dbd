import {
  ACTOR_TAG,
  ATTEST_TAG,
  CORRECTION_STREAM,
  KEY_TAG,
  REASON_TAG,
  REGISTERED_TAG,
} from '../../domain/attestation.ts';
import { changedFields } from '../../domain/correction.ts';
import { jcs, taggedSm3 } from '../../platform/crypto/index.ts';
import { type Archive, type Correction, registeredOf, type Store } from '../../platform/store/index.ts';
import { isSignedByOneOf } from './keys.ts';
import type { CheckedChain } from './ledger.ts';

/** A correction that waits longer than this for its attestation is stuck. */
export const CORRECTION_LATE_MS = 60_000;

const tagged = (...parts: Parameters<typeof taggedSm3>): string => taggedSm3(...parts).toString('hex');

/** What a correction says must be what its manifest says; null if so. */
function faultOf({ manifest, salt, ...said }: Correction): string | null {
  if (manifest === undefined || salt === undefined) return 'has nothing that was attested';
  const { archiveId, correction, by, decidedBy, decidedAt, reason, before, after, at } = said;
  const hash = (tag: string, text: string) => tagged(tag, Buffer.from(salt, 'hex'), text);
  const expected = {
    archiveId,
    correction,
    at: (decidedAt ?? at).toISOString(),
    actor: hash(ACTOR_TAG, by),
    approver: decidedBy === undefined ? undefined : hash(ACTOR_TAG, decidedBy),
    reason: hash(REASON_TAG, reason),
    before: hash(REGISTERED_TAG, jcs(before)),
    after: hash(REGISTERED_TAG, jcs(after)),
  };
  const differs = Object.entries(expected).find(([name, value]) => manifest[name as keyof typeof manifest] !== value);
  return differs === undefined ? null : `says another ${differs[0]} than its manifest`;
}

/**
 * Checks the corrections in force against the ledger: signed, attested as they stand here, each after the one before it,
 * none on the ledger that is not here, and the archive registered as the last one left it.
 */
export async function checkCorrections(
  { models }: Pick<Store, 'models'>,
  memberId: string,
  { records, keys }: Pick<CheckedChain, 'records' | 'keys'>,
  asOf: number,
  find: (where: string, reason: string) => void,
): Promise<void> {
  const own = keys.filter((key) => key.memberId === memberId);
  /** By key of the archive: digests on the ledger, and their heights. */
  const onLedger = new Map<string, Map<string, number>>();
  for (const { sender, stream, key, digest, height } of records)
    if (sender === memberId && stream === CORRECTION_STREAM)
      onLedger.set(key, (onLedger.get(key) ?? new Map<string, number>()).set(digest, height));

  let last: Correction | null = null;
  const isAsLeft = async ({ archiveId, correction, after }: Correction) => {
    const archive = await models.Archive.findOne({ archiveId }).lean<Archive>();
    if (archive === null) return find(archiveId, 'is gone, its corrections are here');
    const fields = changedFields(after, registeredOf(archive));
    if (fields.length > 0 || archive.corrected !== correction)
      find(archiveId, `is not registered as its last correction left it: ${fields.join(', ')}`);
    return undefined;
  };
  const inForce = models.Correction.find({ state: 'inForce' }).sort({ archiveId: 1, correction: 1 });
  for await (const one of inForce.lean<Correction>()) {
    const { archiveId, correction, manifest, salt, signature, before, at, decidedAt } = one;
    const where = `${archiveId} correction ${correction}`;
    if (last !== null && last.archiveId !== archiveId) await isAsLeft(last);
    else if (last !== null && changedFields(last.after, before).length > 0)
      find(where, 'does not come after the one before it');
    last = one;
    const fault = faultOf(one);
    if (fault !== null) find(where, fault);
    if (manifest === undefined || salt === undefined) continue;
    const digests = onLedger.get(tagged(KEY_TAG, archiveId));
    const digest = tagged(ATTEST_TAG, Buffer.from(salt, 'hex'), jcs(manifest));
    const height = digests?.get(digest);
    digests?.delete(digest);
    if (!isSignedByOneOf(own, height, Buffer.from(jcs(manifest)), signature ?? '')) find(where, 'is not signed');
    if (height === undefined && (decidedAt ?? at).getTime() < asOf - CORRECTION_LATE_MS)
      find(where, 'is not on the ledger');
  }
  if (last !== null) await isAsLeft(last);
  for (const digests of onLedger.values())
    if (digests.size > 0) find('corrections', `${digests.size} on the ledger are not here as they were`);
}
