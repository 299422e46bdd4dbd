import type { Logger } from '../../../platform/observe/logger.ts';
import { LedgerError } from '../../errors.ts';
import type { Chain } from '../chain.ts';
import type { SessionBook } from './book.ts';
import { attestationNonce, sessionAttestation } from './record.ts';

const AT_ONCE = 8;
const AGAIN_AFTER_MS = 10_000;

/** Puts what is concluded on the ledger, and tries until it is final: over restarts, and while the ledger is away. */
export class Attestor {
  readonly #waiting = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | null = null;
  #isAgain = false;
  #isClosed = false;

  constructor(
    private readonly chain: Pick<Chain, 'attest' | 'onBlock'>,
    private readonly book: SessionBook,
    private readonly logger: Logger,
  ) {
    chain.onBlock(() => this.#run());
    this.#timer = setInterval(() => this.#run(), AGAIN_AFTER_MS);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** What an earlier run of this process left. */
  async start(): Promise<void> {
    for (const { key, state } of await this.book.pending()) if (state !== 'open') this.#waiting.add(key);
    this.#run();
  }

  /** A part of a session is concluded. */
  add(key: string): void {
    this.#waiting.add(key);
    this.#run();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    await this.#running;
  }

  #run(): void {
    if (this.#isClosed || this.#waiting.size === 0) return;
    if (this.#running !== null) {
      this.#isAgain = true;
      return;
    }
    this.#running = this.#attestAll().finally(() => {
      this.#running = null;
      if (!this.#isAgain) return;
      this.#isAgain = false;
      this.#run();
    });
  }

  async #attestAll(): Promise<void> {
    const keys = [...this.#waiting];
    const worker = async () => {
      for (let key = keys.shift(); key !== undefined && !this.#isClosed; key = keys.shift()) await this.#attest(key);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  async #attest(key: string): Promise<void> {
    const entry = await this.book.get(key);
    if (entry?.digest == null || entry.place !== null) return void this.#waiting.delete(key);
    const [id, digest] = [Buffer.from(key, 'hex'), Buffer.from(entry.digest, 'hex')];
    const record = sessionAttestation(id, digest, entry.state === 'settled');
    try {
      const place = await this.chain.attest(record, attestationNonce(id, digest));
      if (place === null) return;
      await this.book.attested(key, place);
      this.#waiting.delete(key);
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      this.logger.warn({ key, code: error.code, reason: error.reason }, 'session is not attested yet');
    }
  }
}
