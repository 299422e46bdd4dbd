import type { World } from '../world.ts';

export interface BatcherOptions {
  world: Pick<World, 'now' | 'after'>;
  /** Between two batches, unless one is full. */
  pauseMs: number;
  most: number;
}

/**
 * Gathers things that cost less together. After a quiet moment the first goes at once, so that little traffic waits for
 * nothing; under load a batch goes every `pauseMs`, or when it is full.
 */
export class Batcher<T> {
  #items: T[] = [];
  #lastMs = -Infinity;
  #isDue = false;

  constructor(
    private readonly options: BatcherOptions,
    private readonly run: (batch: T[]) => void,
  ) {}

  add(item: T): void {
    this.#items.push(item);
    const { world, pauseMs, most } = this.options;
    if (this.#items.length >= most) return this.#flush();
    if (this.#isDue) return;
    const passed = world.now() - this.#lastMs;
    // A clock that was set back must not make us wait longer than the pause.
    if (passed >= pauseMs || passed < 0) return this.#flush();
    this.#isDue = true;
    world.after(pauseMs - passed, () => {
      this.#isDue = false;
      if (this.#items.length > 0) this.#flush();
    });
  }

  #flush(): void {
    this.#lastMs = this.options.world.now();
    const items = this.#items;
    this.#items = [];
    this.run(items);
  }
}
