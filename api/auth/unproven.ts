/** Rows of the trace that one name may get in a minute from whoever has not proven to be it; each process counts its own. */
const MOST_ROWS = 10;
const WINDOW_MS = 60_000;

/**
 * Bounds what senders who prove nothing write into the trace. Names are those of accounts and systems that there are,
 * and one for all others, so that there are no more rows a minute than ten for each of these.
 */
export class Unproven {
  readonly #names = new Map<string, { until: number; rows: number; untold: number }>();

  /** Null: no row any more in this minute. Else what the row says besides: how many came before it that have none. */
  take(name: string, now = Date.now()): { untold?: number } | null {
    const known = this.#names.get(name);
    const one =
      known !== undefined && now < known.until
        ? known
        : { until: now + WINDOW_MS, rows: 0, untold: known?.untold ?? 0 };
    this.#names.set(name, one);
    if (one.rows >= MOST_ROWS) {
      one.untold += 1;
      return null;
    }
    const { untold } = one;
    Object.assign(one, { rows: one.rows + 1, untold: 0 });
    return untold > 0 ? { untold } : {};
  }
}
