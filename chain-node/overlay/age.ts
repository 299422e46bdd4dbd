import { quorumSize } from '../consensus/core.ts';
import { validatorsOf } from '../codec/member.ts';
import type { Chain } from './chain.ts';

/** From this age on of what we know, something is amiss: the validators speak every second. */
const LATE_AFTER_MS = 10_000;
/** Members that were removed must be served nowhere after 60 s: the rest is for looking, and for ending what goes on. */
export const STALE_AFTER_MS = 40_000;

/** Whether what a node knows of the chain is new enough to serve others by it, and what to say if not. */
export class Age {
  constructor(
    private readonly chain: Pick<Chain, 'ageMs' | 'governance'>,
    private readonly staleAfterMs = STALE_AFTER_MS,
  ) {}

  get isLate(): boolean {
    return this.chain.ageMs() > Math.min(LATE_AFTER_MS, this.staleAfterMs);
  }

  get isStale(): boolean {
    return this.chain.ageMs() > this.staleAfterMs;
  }

  /** What is amiss, in words; null: nothing. */
  get words(): string | null {
    if (!this.isLate) return null;
    const validators = validatorsOf(this.chain.governance().members).length;
    const seconds = Math.floor(this.chain.ageMs() / 1000);
    const since = Number.isFinite(seconds) ? `for ${seconds} s` : 'since the start';
    return `no word of the chain from ${quorumSize(validators)} of ${validators} validators ${since}`;
  }
}
