import type { WebSocket } from 'ws';
import type { Timer } from '../world.ts';
import { MAX_FRAME_BYTES } from './frames.ts';
import { TokenBucket } from './limits.ts';

/** Frames of one peer that are being handled; more wait in its socket. */
export const MAX_PENDING = 512;
export const MAX_PENDING_BYTES = 2 * MAX_FRAME_BYTES;
/** Frames that are taken from one peer, a second and at once; the rest wait in its socket. Many times what a busy one sends. */
export const FRAMES_A_SECOND = 5000;
export const FRAMES_AT_ONCE = 20_000;

export interface InflowOptions {
  now(): number;
  after(ms: number, run: () => void): Timer;
  /** Told once: the peer sends more than its share. */
  onHeld(): void;
}

/** Pauses a link while too much of it is being handled, and reads it no faster than its budget of frames grows. */
export class Inflow {
  #frames = 0;
  #bytes = 0;
  #held: Timer | null = null;
  #wasHeld = false;
  readonly #budget: TokenBucket;

  constructor(
    private readonly socket: Pick<WebSocket, 'isPaused' | 'pause' | 'resume'>,
    private readonly options: InflowOptions,
  ) {
    this.#budget = new TokenBucket(FRAMES_A_SECOND, FRAMES_AT_ONCE, options.now);
  }

  /** A frame came, and begins to be handled. */
  began(bytes: number): void {
    this.#frames += 1;
    this.#bytes += bytes;
    const waitMs = this.#budget.spend(1);
    if (waitMs > 0) this.#hold(waitMs);
    else if (this.#frames >= MAX_PENDING || this.#bytes >= MAX_PENDING_BYTES) this.socket.pause();
  }

  /** It was handled. */
  ended(bytes: number): void {
    this.#frames -= 1;
    this.#bytes -= bytes;
    this.#resume();
  }

  /** The link is no more. */
  close(): void {
    this.#held?.cancel();
  }

  #hold(waitMs: number): void {
    if (!this.#wasHeld) this.options.onHeld();
    this.#wasHeld = true;
    this.socket.pause();
    this.#held?.cancel();
    this.#held = this.options.after(waitMs, () => {
      this.#held = null;
      this.#resume();
    });
  }

  #resume(): void {
    const hasRoom = this.#frames < MAX_PENDING / 2 && this.#bytes < MAX_PENDING_BYTES / 2;
    if (this.socket.isPaused && this.#held === null && hasRoom) this.socket.resume();
  }
}
