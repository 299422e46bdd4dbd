import { blockHash, checkCosignatures, type SignedCheckpoint, type VerifierCrypto } from '../../../verifier/index.ts';
import { toHex } from '../../../verifier/bytes.ts';
import type { Block, Member } from '../client/types.ts';
import { guarded, type Step, step } from './step.ts';

/** Whether a checkpoint is of this block, and who signed it; `members` are those after the block. Not all: nothing is shown of the others. */
export const checkCheckpoint = (
  chainId: string,
  checkpoint: SignedCheckpoint,
  { header }: Block,
  members: readonly Member[],
  crypto: VerifierCrypto,
): Step[] =>
  guarded(() => {
    const own = toHex(blockHash(header, crypto.sm3));
    const isOfBlock =
      own === checkpoint.blockHash &&
      header.height === checkpoint.height &&
      header.logSize === checkpoint.logSize &&
      header.logRoot === checkpoint.logRoot;
    const signed = checkCosignatures(chainId, checkpoint, members, crypto);
    const values = { signed: signed.filter(({ isValid }) => isValid).length, members: members.length };
    return [
      step('checkpointBlock', isOfBlock, { values: { height: checkpoint.height }, detail: own }),
      ...signed.map(({ memberId, isValid }) => step('signature', isValid, { values: { member: memberId } })),
      values.signed === values.members
        ? step('allSigned', true, { values })
        : { name: 'allSigned', state: 'unknown', values },
    ];
  });

/** What another node gave for the same height. */
export interface Elsewhere {
  node: string;
  checkpoint: SignedCheckpoint;
}

export const isSameCheckpoint = (a: SignedCheckpoint, b: SignedCheckpoint): boolean =>
  a.blockHash === b.blockHash && a.logSize === b.logSize && a.logRoot === b.logRoot;

/** Who really signed another node's checkpoint. */
export const signersOf = (
  chainId: string,
  { checkpoint }: Elsewhere,
  members: readonly Member[],
  crypto: VerifierCrypto,
): string[] =>
  checkCosignatures(chainId, checkpoint, members, crypto)
    .filter(({ isValid }) => isValid)
    .map(({ memberId }) => memberId);

/** Whether other nodes hold the same. What nobody signed proves nothing of the ledger: only that the node gives it out. */
export const checkElsewhere = (
  chainId: string,
  checkpoint: SignedCheckpoint,
  others: readonly Elsewhere[],
  members: readonly Member[],
  crypto: VerifierCrypto,
): Step[] =>
  others.map((other) => {
    const values = { node: other.node, height: checkpoint.height };
    if (isSameCheckpoint(checkpoint, other.checkpoint)) return step('elsewhere', true, { values });
    const signers = signersOf(chainId, other, members, crypto).join('、') || '—';
    return step('elsewhereOther', false, {
      values: { ...values, members: signers },
      detail: other.checkpoint.blockHash,
    });
  });
