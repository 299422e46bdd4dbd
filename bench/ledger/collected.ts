import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Collected, collectedFile, HEAP_PROBE_VARIABLE } from './heap-probe.ts';
import type { Localnet } from './localnet.ts';
import type { Lived } from './samples.ts';

const POLL_MS = 50;
/** A node that is stopped or has died meanwhile does not answer. */
const WITHIN_MS = 10_000;

/** What a node holds after a forced collection. */
export type CollectedSample = Collected & Lived;

/** Has nodes collect now and then, and keeps what is left then: what grows from one time to the next is no garbage. */
export class Collections {
  readonly samples: CollectedSample[] = [];
  readonly #dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-heap-'));
  readonly #began = Date.now();
  readonly #firstSeen = new Map<number, number>();

  /** For the nodes that are to be asked; set before they start. */
  get nodeArgs(): string[] {
    process.env[HEAP_PROBE_VARIABLE] = this.#dir;
    return ['--expose-gc', '--require', path.resolve('dist', 'heap-probe.cjs')];
  }

  #read(pid: number): Collected | null {
    const file = collectedFile(this.#dir, pid);
    return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Collected) : null;
  }

  async #ask(pid: number): Promise<Collected | null> {
    const before = this.#read(pid);
    // A process that has not come so far would be ended by the signal.
    if (before === null) return null;
    try {
      process.kill(pid, 'SIGUSR2');
    } catch {
      return null; // it is no more
    }
    for (const until = Date.now() + WITHIN_MS; Date.now() < until; await delay(POLL_MS)) {
      const now = this.#read(pid)!;
      if (now.count > before.count) return now;
    }
    return null;
  }

  /** All nodes, once. */
  async take(net: Localnet): Promise<void> {
    await Promise.all(
      net.parts.map(async ({ pid, isRunning }, node) => {
        const found = isRunning ? await this.#ask(pid!) : null;
        if (found === null) return;
        const atS = (Date.now() - this.#began) / 1000;
        if (!this.#firstSeen.has(pid!)) this.#firstSeen.set(pid!, atS);
        this.samples.push({ node, pid: pid!, atS, ageS: atS - this.#firstSeen.get(pid!)!, ...found });
      }),
    );
  }

  end(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
