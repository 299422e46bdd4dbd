import type { Timer } from '../world.ts';

interface Due {
  at: number;
  /** Of those due at the same time, the one asked for first. */
  order: number;
  run: (() => void) | null;
}

/** Virtual time: it stands still while anything runs, and then jumps to the next thing that is due. */
export class Clock {
  #now: number;
  #order = 0;
  /** A binary heap. */
  readonly #heap: Due[] = [];

  constructor(startMs: number) {
    this.#now = startMs;
  }

  get now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): Timer {
    const due: Due = { at: this.#now + Math.max(ms, 0), order: (this.#order += 1), run };
    this.#push(due);
    return {
      cancel() {
        due.run = null;
      },
    };
  }

  /** Runs the next thing due before `end`; false if there is none. */
  step(end: number): boolean {
    for (;;) {
      const next = this.#heap[0];
      if (next === undefined || next.at > end) return false;
      this.#pop();
      if (next.run === null) continue;
      this.#now = next.at;
      next.run();
      return true;
    }
  }

  #isBefore(a: Due, b: Due): boolean {
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let i = heap.push(due) - 1;
    while (i > 0) {
      const up = (i - 1) >> 1;
      if (!this.#isBefore(heap[i]!, heap[up]!)) break;
      [heap[i], heap[up]] = [heap[up]!, heap[i]!];
      i = up;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let i = 0; ;) {
      const [left, right] = [2 * i + 1, 2 * i + 2];
      let least = i;
      if (left < heap.length && this.#isBefore(heap[left]!, heap[least]!)) least = left;
      if (right < heap.length && this.#isBefore(heap[right]!, heap[least]!)) least = right;
      if (least === i) return;
      [heap[i], heap[least]] = [heap[least]!, heap[i]!];
      i = least;
    }
  }
}
