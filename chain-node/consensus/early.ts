/** Messages of heights ahead that are kept, of all peers together: each has its share. */
const MAX_MESSAGES = 4000;
const MAX_BYTES = 32 * 1024 * 1024;
/** A share has room for the largest proposal at least. */
const MIN_SHARE_BYTES = 256 * 1024;
const MIN_SHARE_MESSAGES = 64;

interface Early {
  /** In the order in which they came, whoever sent them. */
  order: number;
  height: number;
  bytes: number;
  task: () => Promise<void>;
}

/**
 * Messages that came before we got to their height. Each peer is charged for what it sends, in its own name or in
 * another's: if that is more than its share, its oldest is let fall, and nobody else's.
 */
export class EarlyMessages {
  readonly #of = new Map<string, Early[]>();
  #order = 0;
  /** How many were let fall, by peer. */
  readonly dropped = new Map<string, number>();

  constructor(
    /** Told of a peer's first that is let fall. */
    private readonly onDropping: (peer: string) => void,
  ) {}

  /** `peers`: among how many the room is shared. */
  keep(from: string, peers: number, { height, bytes, task }: Omit<Early, 'order'>): void {
    const kept = this.#of.get(from) ?? [];
    this.#of.set(from, kept);
    this.#order += 1;
    kept.push({ order: this.#order, height, bytes, task });
    const most = Math.max(Math.floor(MAX_MESSAGES / peers), MIN_SHARE_MESSAGES);
    const mostBytes = Math.max(Math.floor(MAX_BYTES / peers), MIN_SHARE_BYTES);
    let sum = kept.reduce((total, one) => total + one.bytes, 0);
    while (kept.length > most || sum > mostBytes) {
      sum -= kept.shift()!.bytes;
      const before = this.dropped.get(from) ?? 0;
      this.dropped.set(from, before + 1);
      if (before === 0) this.onDropping(from);
    }
  }

  /** What is of this height, in the order in which it came; what is of heights before is let go. */
  take(height: number): (() => Promise<void>)[] {
    const due: Early[] = [];
    for (const [peer, kept] of this.#of) {
      due.push(...kept.filter((one) => one.height === height));
      const later = kept.filter((one) => one.height > height);
      if (later.length > 0) this.#of.set(peer, later);
      else this.#of.delete(peer);
    }
    return due.sort((a, b) => a.order - b.order).map(({ task }) => task);
  }
}
