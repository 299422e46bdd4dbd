/** How often something came of a peer, by cause: as many rows as members and causes, so that they may label a metric. */
export class PeerCounts<Cause extends string> {
  readonly #rows = new Map<string, { peer: string; cause: Cause; count: number }>();

  add(peer: string, cause: Cause): void {
    const key = `${peer}/${cause}`;
    const row = this.#rows.get(key);
    if (row === undefined) this.#rows.set(key, { peer, cause, count: 1 });
    else row.count += 1;
  }

  /** 0: it never came. */
  of(peer: string, cause: Cause): number {
    return this.#rows.get(`${peer}/${cause}`)?.count ?? 0;
  }

  rows(): Iterable<{ peer: string; cause: Cause; count: number }> {
    return this.#rows.values();
  }
}
