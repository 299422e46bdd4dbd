import { LRUCache } from 'lru-cache';
import type { TraceEntry } from '../../platform/store/index.ts';

/** How long one row speaks for what follows. †ours */
export const FOLLOWED_MINUTES = 5;
const FOLLOWED_MS = FOLLOWED_MINUTES * 60_000;
const MOST_KNOWN = 10_000;

/**
 * A list that a page follows is asked for again at every change, without anybody doing anything. One row says of the
 * minutes to come that this session follows it, so that what it is shown in them is accounted for by that row.
 */
export class Followed {
  /** Since when, by who follows what. */
  readonly #since = new LRUCache<string, number>({ max: MOST_KNOWN });

  constructor(private readonly now: () => number = Date.now) {}

  /** Leaves the row, unless one speaks for this instant. */
  async leave(
    what: string,
    write: (says: { followedMinutes: number }) => Promise<Pick<TraceEntry, 'at'>>,
  ): Promise<void> {
    const age = this.now() - (this.#since.get(what) ?? -Infinity);
    // A row that lies ahead (the clock went back) speaks for nothing before it.
    if (age >= 0 && age < FOLLOWED_MS) return;
    const { at } = await write({ followedMinutes: FOLLOWED_MINUTES });
    this.#since.set(what, at.getTime());
  }
}
