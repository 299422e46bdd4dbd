/** How many times what is free one may have. */
const GREED = 4;

/**
 * Room that is shared out by name: who has four times what is free gets no more (dynamic thresholds, Choudhury and Hahne
 * 1998). So one alone has four fifths of it, n that take all they can have 4 / (4n + 1) each, and whoever comes next finds
 * some: nothing has to be put out again to make room.
 */
export class Shares {
  readonly #taken = new Map<string, number>();
  #used = 0;

  constructor(private readonly room: number) {}

  get used(): number {
    return this.#used;
  }

  /** False if that is more than the share of this name. */
  take(name: string, amount: number): boolean {
    const taken = (this.#taken.get(name) ?? 0) + amount;
    const used = this.#used + amount;
    if (taken > GREED * (this.room - used)) return false;
    this.#taken.set(name, taken);
    this.#used = used;
    return true;
  }

  give(name: string, amount: number): void {
    const left = this.#taken.get(name)! - amount;
    if (left === 0) this.#taken.delete(name);
    else this.#taken.set(name, left);
    this.#used -= amount;
  }
}
