import { type FSWatcher, watch } from 'node:fs';

/** At most one ring in this time, however much is written. */
const LEAST_MS = 100;

/** Rings when the entries of a folder change; a ring while nobody waits is kept. A file system that tells nothing (a network share) leaves it to the caller's time. */
export class Bell {
  #watcher: FSWatcher | null = null;
  #isRung = false;
  #wake: () => void = () => {};

  constructor(dir: string) {
    try {
      this.#watcher = watch(dir, () => this.ring());
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      // No more watches in this kernel: the caller's time has to do.
    }
  }

  ring(): void {
    this.#isRung = true;
    this.#wake();
  }

  /** Until it rings, but no longer than this. */
  async wait(mostMs: number): Promise<void> {
    await new Promise((done) => setTimeout(done, LEAST_MS));
    if (!this.#isRung)
      await new Promise<void>((done) => {
        const timer = setTimeout(done, mostMs);
        this.#wake = () => {
          clearTimeout(timer);
          done();
        };
      });
    this.#isRung = false;
  }

  close(): void {
    this.#watcher?.close();
  }
}
