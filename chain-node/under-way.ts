import { LedgerError } from './errors.ts';
import type { World } from './world.ts';

/** Work that must have ended before the store closes, whether anybody waits for it or not. */
export class UnderWay {
  readonly #works = new Set<Promise<unknown>>();

  constructor(private readonly world: Pick<World, 'fatal'>) {}

  /** Counts it until it ends; gives it back. */
  track<T>(work: Promise<T>): Promise<T> {
    this.#works.add(work);
    const end = () => void this.#works.delete(work);
    work.then(end, end);
    return work;
  }

  /** What nobody waits for: a refusal is let fall, anything else the node cannot go on with. */
  behind(work: Promise<unknown>): void {
    this.track(work).catch((error: unknown) => {
      if (!(error instanceof LedgerError)) this.world.fatal(error);
    });
  }

  /** Resolves once nothing is under way, what that began included. */
  async ended(): Promise<void> {
    while (this.#works.size > 0) await Promise.allSettled(this.#works);
  }
}
