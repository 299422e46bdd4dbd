import { quorumSize } from './consensus/core.ts';
import { type Member, validatorsOf } from './codec/member.ts';

interface Said {
  /** We know all that it knew then. */
  knownAt: number | null;
  /** What it knew then is more than we do; the first such word since. */
  ahead: { height: number; at: number } | null;
}

/**
 * How old what we know of the chain is: when there was last a quorum of validators, ourselves among them if we are one, of
 * which none knew of a block that we do not have. Blocks alone would not tell: a chain where nothing happens has one a
 * minute. f liars cannot make it look new, as all words of fewer than a quorum do not count.
 */
export class Freshness {
  readonly #said = new Map<string, Said>();

  constructor(
    private readonly memberId: string,
    private readonly chain: { readonly height: number; readonly members: readonly Member[] },
    private readonly now: () => number,
  ) {}

  /** A member that is linked says how high it is. */
  heard(peer: string, height: number): void {
    const said = this.#said.get(peer) ?? { knownAt: null, ahead: null };
    this.#said.set(peer, said);
    if (height <= this.chain.height) said.knownAt = this.now();
    else if (said.ahead === null || height < said.ahead.height) said.ahead = { height, at: this.now() };
  }

  /** There is another block here. */
  reached(): void {
    for (const said of this.#said.values()) {
      if (said.ahead === null || said.ahead.height > this.chain.height) continue;
      said.knownAt = Math.max(said.knownAt ?? 0, said.ahead.at);
      said.ahead = null;
    }
  }

  /** Milliseconds; Infinity: a quorum was never heard. */
  get ageMs(): number {
    const now = this.now();
    const validators = validatorsOf(this.chain.members);
    const ages = validators.map((id) => {
      const knownAt = this.#said.get(id)?.knownAt ?? null;
      if (id === this.memberId) return 0;
      // A clock that was set back makes nothing new.
      return knownAt === null ? Infinity : Math.abs(now - knownAt);
    });
    return ages.sort((a, b) => a - b)[quorumSize(validators.length) - 1] ?? Infinity;
  }
}
