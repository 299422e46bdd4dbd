import { randomInt } from 'node:crypto';
import type { Ping } from './frames.ts';

/** Heartbeats that loss is told from. */
const WINDOW = 30;
const LATE_AFTER_MS = 2000;
/** Weight of the newest round trip in the mean (RFC 6298 uses the same). */
const NEWEST = 1 / 8;

interface Beat extends Ping {
  sentAt: number;
  rttMs: number | null;
  onAnswer?: (() => void) | undefined;
}

/** Heartbeats of one link: round trip, and how many got no answer in time. */
export class Heartbeat {
  #beats: Beat[] = [];
  #rttMs: number | null = null;
  /** Not to be guessed: an answer cannot be sent before the question. */
  #id = randomInt(2 ** 31);

  get rttMs(): number | null {
    return this.#rttMs;
  }

  get lossPercent(): number {
    const now = performance.now();
    const due = this.#beats.filter(({ sentAt, rttMs }) => rttMs !== null || now - sentAt > this.#lateAfter());
    if (due.length === 0) return 0;
    return (100 * due.filter(({ rttMs }) => rttMs === null || rttMs > this.#lateAfter()).length) / due.length;
  }

  #lateAfter(): number {
    return Math.max(LATE_AFTER_MS, 4 * (this.#rttMs ?? 0));
  }

  /** The next to send. */
  next(onAnswer?: () => void): Ping {
    this.#id = (this.#id + randomInt(1, 1000)) % 2 ** 32;
    const beat: Beat = { id: this.#id, timeMs: Date.now(), sentAt: performance.now(), rttMs: null, onAnswer };
    this.#beats.push(beat);
    if (this.#beats.length > WINDOW) this.#beats.shift();
    return beat;
  }

  /** The one that is answered, with its round trip; null if none waits for this answer. */
  answered(id: number): { timeMs: number; rttMs: number } | null {
    const beat = this.#beats.find((one) => one.id === id && one.rttMs === null);
    if (beat === undefined) return null;
    const rttMs = performance.now() - beat.sentAt;
    beat.rttMs = rttMs;
    this.#rttMs = this.#rttMs === null ? rttMs : this.#rttMs + NEWEST * (rttMs - this.#rttMs);
    beat.onAnswer?.();
    return { timeMs: beat.timeMs, rttMs };
  }
}
