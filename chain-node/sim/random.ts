/** A seeded generator (xorshift128, Marsaglia 2003, seeded by splitmix32): the same seed gives the same run on every machine. */
export class Random {
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    let at = seed >>> 0;
    for (let i = 0; i < 4; i += 1) {
      at = (at + 0x9e3779b9) >>> 0;
      let mixed = Math.imul(at ^ (at >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      this.#state[i] = mixed ^ (mixed >>> 15);
    }
  }

  /** [0, 1). */
  next(): number {
    const [x, , , w] = this.#state as unknown as [number, number, number, number];
    const t = x ^ (x << 11);
    this.#state.copyWithin(0, 1);
    this.#state[3] = w ^ (w >>> 19) ^ t ^ (t >>> 8);
    return this.#state[3] / 2 ** 32;
  }

  /** An integer in [from, to]. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  chance(p: number): boolean {
    return this.next() < p;
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)]!;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.int(0, 255)));
  }
}
