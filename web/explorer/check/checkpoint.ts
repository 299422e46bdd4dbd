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
