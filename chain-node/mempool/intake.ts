import { keyOf } from '../codec/bytes.ts';
import { LedgerError } from '../errors.ts';
import type { Ledger } from '../state/ledger.ts';
import { leafHash } from '../state/merkle.ts';
import type { World } from '../world.ts';
import { Batcher } from './batcher.ts';
import type { CheckedTx, Checker } from './checker.ts';
import type { Mempool } from './mempool.ts';
import { Shares } from './shares.ts';

/** Transactions that are checked together, and that wait to be. */
const MAX_BATCH = 128;
const GATHER_MS = 7;
const MAX_WAITING = 8192;
/** Who brings what this member's applications send. */
const OWN = '';

interface Waiting {
  encoded: Buffer;
  done(tx: CheckedTx): void;
  fail(error: unknown): void;
}

/** Checks transactions side by side with the node, many at a time, and puts the good ones into the mempool. */
export class Intake {
  readonly #gathered: Batcher<Waiting>;
  readonly #batches: Waiting[][] = [];
  /** By who brought them: the senders are not proven yet. */
  readonly #room = new Shares(MAX_WAITING);
  /** By hash: asked for twice, it is checked once. */
  readonly #pending = new Map<string, Promise<CheckedTx>>();
  #isBusy = false;

  constructor(
    private readonly ledger: Ledger,
    private readonly mempool: Mempool,
    private readonly checker: Checker,
    world: Pick<World, 'now' | 'after'>,
    /** Checked transactions; `isNew` if the mempool took it just now. */
    private readonly onChecked: (tx: CheckedTx, isNew: boolean) => void,
  ) {
    this.#gathered = new Batcher({ world, pauseMs: GATHER_MS, most: MAX_BATCH }, (batch) => {
      this.#batches.push(batch);
      if (!this.#isBusy) void this.#pump();
    });
  }

  /** Whether it is here, and waits to be checked. */
  isPending(hash: Buffer): boolean {
    return this.#pending.has(keyOf(hash));
  }

  /**
   * Takes a signed transaction; `hash` is its leafHash, `from` the peer that brought it. Sent again it is the same answer.
   * Throws LedgerError; mempool-full if as many wait as there is room for by who brought it.
   */
  submit(encoded: Buffer, hash: Buffer = leafHash(encoded), from = OWN): Promise<CheckedTx> {
    const known = this.mempool.byHash(hash);
    if (known !== undefined) return Promise.resolve(known);
    const key = keyOf(hash);
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    if (!this.#room.take(from, 1))
      return Promise.reject(new LedgerError('mempool-full', 'too many transactions wait to be checked'));
    const checked = new Promise<CheckedTx>((done, fail) => this.#gathered.add({ encoded, done, fail })).finally(() => {
      this.#room.give(from, 1);
      this.#pending.delete(key);
    });
    this.#pending.set(key, checked);
    return checked;
  }

  async #pump(): Promise<void> {
    this.#isBusy = true;
    // What gathered while one was checked goes together.
    while (this.#batches.length > 0) {
      const batch = this.#batches.splice(0).flat();
      try {
        await this.#checkAll(batch);
      } catch (error) {
        for (const { fail } of batch) fail(error);
      }
    }
    this.#isBusy = false;
  }

  async #checkAll(batch: readonly Waiting[]): Promise<void> {
    const { genesis, members, store } = this.ledger;
    const context = { chainId: genesis.chainId, members };
    const answers = await this.checker.check(
      batch.map(({ encoded }) => encoded),
      context,
      'sender',
    );
    for (const [i, answer] of answers.entries()) {
      const { done, fail } = batch[i]!;
      if (answer instanceof LedgerError) {
        fail(answer);
        continue;
      }
      try {
        const usedBy = store.txIdOfNonce(answer);
        if (usedBy !== null && !usedBy.equals(answer.txId))
          throw new LedgerError('transaction-invalid', 'nonce was used by another transaction');
        this.onChecked(answer, usedBy === null && this.mempool.add(answer));
        done(answer);
      } catch (error) {
        // A block may name what the mempool does not take.
        this.onChecked(answer, false);
        fail(error);
      }
    }
  }
}
