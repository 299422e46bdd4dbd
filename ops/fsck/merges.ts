import { KEY_TAG, MERGE_STREAM, PATIENT_TAG } from '../../domain/attestation.ts';
import type { PatientMerge, Store } from '../../platform/store/index.ts';
import { digestOf, faultOf, inForceSince, placeFaults, tagged } from './asked.ts';
import type { CheckedChain } from './ledger.ts';

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
  const since = (one: PatientMerge) => inForceSince(one).getTime();
  for (const one of (await inForce).sort((a, b) => since(a) - since(b))) {
    const { mergeId, kind, retired, surviving } = one;
    const where = `merge ${mergeId}`;
    last.set(retired, one);
    const fault = faultOf(one, (hash) => ({
      ...{ mergeId, kind, retired: hash(PATIENT_TAG, retired), surviving: hash(PATIENT_TAG, surviving) },
    }));
    if (fault !== null) find(where, fault);
    const digest = digestOf(one);
    if (digest === null) continue;
    const place = `${tagged(KEY_TAG, mergeId)} ${digest}`;
    const height = onLedger.get(place);
    onLedger.delete(place);
    for (const reason of placeFaults(one, own, height, asOf)) find(where, reason);
  }
  const left = [...last.values()].filter(({ kind }) => kind === 'merge').map(({ mergeId }) => mergeId);
  const standing = await models.PatientMerge.distinct('mergeId', { stands: true });
  for (const mergeId of left)
    if (!standing.includes(mergeId)) find(`merge ${mergeId}`, 'does not stand, and was not split');
  for (const mergeId of standing) if (!left.includes(mergeId)) find(`merge ${mergeId}`, 'stands, and is not the last');
  if (onLedger.size > 0) find('merges', `${onLedger.size} on the ledger are not here as they were`);
}
