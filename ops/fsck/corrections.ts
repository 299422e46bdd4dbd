import { CORRECTION_STREAM, KEY_TAG, REGISTERED_TAG } from '../../domain/attestation.ts';
import { changedFields } from '../../domain/correction.ts';
import { jcs } from '../../platform/crypto/index.ts';
import { type Archive, type Correction, registeredOf, type Store } from '../../platform/store/index.ts';
import { digestOf, faultOf, placeFaults, tagged } from './asked.ts';
import type { CheckedChain } from './ledger.ts';

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
    const { archiveId, correction, before, after } = one;
    const where = `${archiveId} correction ${correction}`;
    if (last !== null && last.archiveId !== archiveId) await isAsLeft(last);
    else if (last !== null && changedFields(last.after, before).length > 0)
      find(where, 'does not come after the one before it');
    last = one;
    const fault = faultOf(one, (hash) => ({
      ...{ archiveId, correction },
      ...{ before: hash(REGISTERED_TAG, jcs(before)), after: hash(REGISTERED_TAG, jcs(after)) },
    }));
    if (fault !== null) find(where, fault);
    const digest = digestOf(one);
    if (digest === null) continue;
    const digests = onLedger.get(tagged(KEY_TAG, archiveId));
    const height = digests?.get(digest);
    digests?.delete(digest);
    for (const reason of placeFaults(one, own, height, asOf)) find(where, reason);
  }
  if (last !== null) await isAsLeft(last);
  for (const digests of onLedger.values())
    if (digests.size > 0) find('corrections', `${digests.size} on the ledger are not here as they were`);
}
