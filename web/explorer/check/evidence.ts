import {
  blockHash,
  checkEquivocation,
  checkSplitView,
  checkSignatures,
  decodeCommit,
  type VerifierCrypto,
} from '../../../verifier/index.ts';
import { toHex } from '../../../verifier/bytes.ts';
import type { Evidence, Member } from '../client/types.ts';
import { fromBase64, guarded, type Step, step } from './step.ts';

/**
 * Whether a finding proves what it says, by its own bytes. `keys`: every key that is or was a member's; `members`: those
 * of the height, for a fork.
 */
export const checkEvidence = (
  chainId: string,
  evidence: Evidence,
  keys: readonly { memberId: string; publicKey: string }[],
  members: readonly Member[],
  crypto: VerifierCrypto,
): Step[] =>
  guarded(() => {
    if (evidence.type === 'equivocation') {
      const [accused] = evidence.accused;
      const own = keys.filter(({ memberId }) => memberId === accused).map(({ publicKey }) => publicKey);
      const place = checkEquivocation(chainId, evidence.signed, own, crypto);
      return [step('equivocation', place !== null, { values: { member: accused ?? '', height: evidence.height } })];
    }
    const validators = members.filter(({ role }) => role === 'validator').length;
    const certificates = evidence.certificates.map(({ header, commit, blockHash: hash }) => {
      const signed = { header, commit: decodeCommit(fromBase64(commit)), members: [...members] };
      const valid = checkSignatures(signed, crypto).filter(({ isValid }) => isValid).length;
      const isRight = toHex(blockHash(header, crypto.sm3)) === hash && 3 * valid > 2 * validators;
      return step('forkCertificate', isRight, { values: { valid, validators }, detail: hash });
    });
    const [first, second] = evidence.certificates;
    if (evidence.type === 'split-view') {
      const { memberId, signed } = evidence;
      const own = keys.filter((one) => one.memberId === memberId).map(({ publicKey }) => publicKey);
      const at = { header: first!.header, block: blockHash(first!.header, crypto.sm3) };
      const isSplit = checkSplitView(at, memberId, signed[0]!, own, crypto);
      return [...certificates, step('splitView', isSplit, { values: { member: memberId, height: evidence.height } })];
    }
    const isFork = first!.blockHash !== second!.blockHash && first!.header.height === second!.header.height;
    return [step('twoBlocks', isFork), ...certificates];
  });
