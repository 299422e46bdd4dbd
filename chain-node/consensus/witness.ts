import type { Equivocation, Signed } from '../codec/evidence.ts';
import { proposalMessage, type Proposal } from '../codec/proposal.ts';
import { comparePlaces, type Place, statementOf } from '../codec/statement.ts';
import { voteMessage, VoteType, type Commit, type Vote } from '../codec/vote.ts';
import type { Header } from '../codec/block.ts';

export const signedVote = (chainId: string, vote: Vote): Signed => ({
  message: voteMessage(chainId, vote),
  signature: vote.signature,
});

export const signedProposal = (chainId: string, proposal: Proposal): Signed => ({
  message: proposalMessage(chainId, proposal),
  signature: proposal.signature,
});

/** Two different things that a member signed for one step, in their one order. */
export function equivocationOf(accused: string, first: Signed, second: Signed): Equivocation {
  const [a, b] = [first, second].sort((x, y) => Buffer.compare(x.message, y.message)) as [Signed, Signed];
  return { accused, signed: [a, b] };
}

/** Who signed nothing of so many heights takes no part: it catches up, or stopped before rules that it does not know. */
const SILENT_HEIGHTS = 8;

/** Remembers the last that each member was seen to sign: a member whose disk has forgotten it is told (ADR 18). */
export class Witness {
  readonly #last = new Map<string, { place: Place; signed: Signed }>();
  /** From which height on each validator's silence is heard. */
  #watched = new Map<string, number>();

  constructor(private readonly chainId: string) {}

  /** `signed` was checked to be by this member, or came from it. */
  saw(memberId: string, signed: Signed): void {
    const place = statementOf(this.chainId, signed.message);
    const known = this.#last.get(memberId);
    if (known === undefined || comparePlaces(place, known.place) > 0) this.#last.set(memberId, { place, signed });
  }

  /** A final block's signatures. */
  sawCommit(header: Header, commit: Commit): void {
    const { height, round, blockHash } = commit;
    for (const { memberId: voter, signature } of commit.signatures)
      this.saw(voter, {
        message: voteMessage(header.chainId, { type: VoteType.precommit, height, round, blockHash, voter }),
        signature,
      });
  }

  /** The validators of this height: of one that is new, or when this node begins, nothing can have been heard before. */
  watch(validators: readonly string[], height: number): void {
    this.#watched = new Map(validators.map((id) => [id, this.#watched.get(id) ?? height]));
  }

  /** Whether this validator has signed nothing lately: it is linked, and does nothing. */
  isSilent(memberId: string, height: number): boolean {
    const heard = this.#last.get(memberId)?.place.height ?? 0;
    return height - Math.max(heard, this.#watched.get(memberId) ?? height) > SILENT_HEIGHTS;
  }

  lastOf(memberId: string): Signed | null {
    return this.#last.get(memberId)?.signed ?? null;
  }
}
