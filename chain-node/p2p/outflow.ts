import { Frame } from './frames.ts';

/** What consensus waits for. It overtakes the rest; of the rest nothing overtakes anything. */
const URGENT: ReadonlySet<number> = new Set([Frame.proposal, Frame.vote, Frame.greeting]);
/** So much is given to the socket: what lies there, nothing can overtake any more. */
const MARK_BYTES = 64 * 1024;
const MAX_URGENT_BYTES = 4 * 1024 * 1024;
const MAX_REST_BYTES = 16 * 1024 * 1024;

/** Frames that wait, in order, with their bytes. */
class Queue {
  #frames: Buffer[] = [];
  #at = 0;
  bytes = 0;

  push(bytes: Buffer): void {
    this.#frames.push(bytes);
    this.bytes += bytes.length;
  }

  shift(): Buffer | undefined {
    const bytes = this.#frames[this.#at];
    if (bytes === undefined) return undefined;
    this.bytes -= bytes.length;
    this.#at += 1;
    if (this.bytes === 0) {
      this.#frames = [];
      this.#at = 0;
    }
    return bytes;
  }
}

export interface OutflowOptions {
  /** The socket under the link. */
  socket: { readonly writableLength: number; on(event: 'drain', run: () => void): unknown };
  write(bytes: Buffer): void;
}

/** What became of a frame: it goes, now or in its turn; it is let fall, as too much waits; or the peer takes not even votes. */
export type Sent = 'taken' | 'let-fall' | 'stuck';

/** Sends the frames of a link: those of consensus before all others that a slow reader lets wait. Each of the two is bounded. */
export class Outflow {
  readonly #urgent = new Queue();
  readonly #rest = new Queue();

  constructor(private readonly options: OutflowOptions) {
    options.socket.on('drain', () => this.#pump());
  }

  send(bytes: Buffer): Sent {
    const isUrgent = URGENT.has(bytes[0]!);
    const isFirst = this.#urgent.bytes === 0 && (isUrgent || this.#rest.bytes === 0);
    if (isFirst && this.#hasRoom()) {
      this.options.write(bytes);
      return 'taken';
    }
    if (isUrgent && this.#urgent.bytes + bytes.length > MAX_URGENT_BYTES) return 'stuck';
    if (!isUrgent && this.#rest.bytes + bytes.length > MAX_REST_BYTES) return 'let-fall';
    (isUrgent ? this.#urgent : this.#rest).push(bytes);
    return 'taken';
  }

  #hasRoom(): boolean {
    return this.options.socket.writableLength < MARK_BYTES;
  }

  /** All that waited in the socket was taken. */
  #pump(): void {
    while (this.#hasRoom()) {
      const bytes = this.#urgent.shift() ?? this.#rest.shift();
      if (bytes === undefined) return;
      this.options.write(bytes);
    }
  }
}
