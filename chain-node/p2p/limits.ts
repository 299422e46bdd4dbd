/** A bucket of tokens: `perSecond` flow in, at most `burst` are kept. */
export class TokenBucket {
  #tokens: number;
  #at: number;

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    private readonly now: () => number = () => Date.now(),
  ) {
    this.#tokens = burst;
    this.#at = now();
  }

  #fill(): void {
    const now = this.now();
    // A clock that was set back gives nothing, and takes nothing away.
    const passed = Math.max(0, now - this.#at);
    this.#at = now;
    this.#tokens = Math.min(this.burst, this.#tokens + (passed / 1000) * this.perSecond);
  }

  /** Takes `count` if there are as many. */
  take(count = 1): boolean {
    this.#fill();
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Takes `count` in any case; gives how long to wait, in ms, until the bucket owes nothing. */
  spend(count: number): number {
    this.#fill();
    this.#tokens -= count;
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.perSecond) * 1000;
  }
}

/** A bucket for each name. Of more than `most` names all are forgotten: let the names be those of whom one knows, or bound them. */
export class TokenBuckets {
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
    private readonly now?: () => number,
    private readonly most = Infinity,
  ) {}

  /** Takes one of this name's, if there is one. */
  take(name: string): boolean {
    let bucket = this.#buckets.get(name);
    if (bucket === undefined) {
      if (this.#buckets.size >= this.most) this.#buckets.clear();
      bucket = new TokenBucket(this.perSecond, this.burst, this.now);
      this.#buckets.set(name, bucket);
    }
    return bucket.take();
  }
}
