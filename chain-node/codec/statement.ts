import { decodeProposalMessage } from './proposal.ts';
import { decodeVoteMessage, isVoteMessage } from './vote.ts';

/** Where in the protocol something is said. Step: 0 proposal, 1 prevote, 2 precommit. */
export interface Place {
  height: number;
  round: number;
  step: number;
}

/** The place of a signed message, and who it says its voter is. Throws encoding-invalid if it is no vote and no proposal of this chain. */
export function statementOf(chainId: string, message: Uint8Array): Place & { voter: string | null } {
  if (isVoteMessage(message)) {
    const { height, round, type, voter } = decodeVoteMessage(chainId, message);
    return { height, round, step: type, voter };
  }
  const { height, round } = decodeProposalMessage(chainId, message);
  return { height, round, step: 0, voter: null };
}

export const comparePlaces = (a: Place, b: Place): number =>
  a.height - b.height || a.round - b.round || a.step - b.step;
