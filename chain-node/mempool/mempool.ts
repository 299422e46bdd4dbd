import { keyOf } from '../codec/bytes.ts';
import { TxType } from '../codec/transaction.ts';
import { LedgerError } from '../errors.ts';
import type { Member } from '../codec/member.ts';
import type { CheckedTx } from './checker.ts';
import { Shares } from './shares.ts';

const ROOM_BYTES = 64 * 1024 * 1024;
/** What the least transaction counts for: with all that is kept of it, it takes more than its bytes. */
const LEAST_BYTES = 1280;
/** What a sender gets of a block before the next one's turn comes. */
const TURN_BYTES = 64 * 1024;
/** Final ones that are remembered, so that a check that began before they were final does not bring them back. */
const MAX_RECENT = 30_000;

export const nonceKeyOf = ({ sender, nonce }: Pick<CheckedTx, 'sender' | 'nonce'>): string =>
  `${sender}/${nonce.toString('latin1')}`;

const weightOf = ({ encoded }: CheckedTx): number => Math.max(encoded.length, LEAST_BYTES);

/** Checked transactions that wait for a block; one of each (sender, nonce). Their room, and that in a block, is shared out by sender. */
export class Mempool {
  /** By id, in the order they came. */
  readonly #txs = new Map<string, CheckedTx>();
  readonly #byHash = new Map<string, CheckedTx>();
  /** Each sender's by nonce, in the order they came; who had none in a block for longest comes first. */
  readonly #queues = new Map<string, Map<string, CheckedTx>>();
  readonly #room = new Shares(ROOM_BYTES);
  readonly #recent = new Set<string>();

  get size(): number {
    return this.#txs.size;
  }

  get(id: string): CheckedTx | undefined {
    return this.#txs.get(id);
  }

  /** The transaction with exactly these bytes (an id alone would leave the signature free). */
  byHash(hash: Buffer): CheckedTx | undefined {
    return this.#byHash.get(keyOf(hash));
  }

  /** Whether it waits, or became final not long ago. */
  isKnown(hash: Buffer): boolean {
    const key = keyOf(hash);
    return this.#byHash.has(key) || this.#recent.has(key);
  }

  /** Whether one waits by which a member may get another key. */
  holdsMemberChange(): boolean {
    for (const { type } of this.#txs.values()) if (type === TxType.member) return true;
    return false;
  }

  /** False if it was there already, or became final meanwhile. Throws transaction-invalid; mempool-full if its sender has its share. */
  add(tx: CheckedTx): boolean {
    const { id, hash, sender } = tx;
    const nonce = nonceKeyOf(tx);
    if (this.#txs.has(id) || this.#recent.has(tx.id)) return false;
    const queue = this.#queues.get(sender);
    if (queue?.has(nonce) === true || this.#recent.has(nonce))
      throw new LedgerError('transaction-invalid', 'nonce was used by another transaction');
    if (!this.#room.take(sender, weightOf(tx)))
      throw new LedgerError('mempool-full', 'as many transactions wait as there is room for by this sender');
    this.#txs.set(id, tx);
    this.#byHash.set(keyOf(hash), tx);
    if (queue === undefined) this.#queues.set(sender, new Map([[nonce, tx]]));
    else queue.set(nonce, tx);
    return true;
  }

  /** They are final: they, and what has the nonce of one, go; their senders' turn comes after the others'. */
  final(txs: readonly CheckedTx[]): void {
    const served = new Set<string>();
    for (const tx of txs) {
      const nonce = nonceKeyOf(tx);
      this.remove(this.#queues.get(tx.sender)?.get(nonce));
      this.#recent.add(tx.id).add(nonce).add(keyOf(tx.hash));
      served.add(tx.sender);
    }
    for (const sender of served) {
      const queue = this.#queues.get(sender);
      if (queue === undefined) continue;
      this.#queues.delete(sender);
      this.#queues.set(sender, queue);
    }
    for (const old of this.#recent) {
      if (this.#recent.size <= MAX_RECENT) break;
      this.#recent.delete(old);
    }
  }

  remove(tx: CheckedTx | undefined): void {
    if (tx === undefined || !this.#txs.delete(tx.id)) return;
    const { hash, sender } = tx;
    this.#byHash.delete(keyOf(hash));
    const queue = this.#queues.get(sender)!;
    queue.delete(nonceKeyOf(tx));
    if (queue.size === 0) this.#queues.delete(sender);
    this.#room.give(sender, weightOf(tx));
  }

  /** Removes, and gives, what was signed by a key that is not the sender's any more. */
  dropStrangers(members: readonly Member[]): CheckedTx[] {
    const keys = new Map(members.map(({ memberId, publicKey }) => [memberId, publicKey]));
    const strangers = [...this.#txs.values()].filter(
      ({ sender, senderKey }) => senderKey === null || keys.get(sender)?.equals(senderKey) !== true,
    );
    for (const tx of strangers) this.remove(tx);
    return strangers;
  }

  /**
   * Up to a number and a size. If that is not all, the senders take turns, each with its oldest (deficit round robin,
   * Shreedhar and Varghese 1995): who went beyond its turn waits until the others have had as much.
   */
  take(maxTxs: number, maxBytes: number): CheckedTx[] {
    if (this.#txs.size <= maxTxs && this.#room.used <= maxBytes) return [...this.#txs.values()];
    const taken: CheckedTx[] = [];
    let bytes = 0;
    let turns = [...this.#queues.values()].map((queue) => ({ waiting: queue.values(), credit: 0, isOver: false }));
    while (turns.length > 0) {
      for (const turn of turns) {
        turn.credit += TURN_BYTES;
        while (turn.credit > 0) {
          const { value: tx } = turn.waiting.next();
          if (tx === undefined) {
            turn.isOver = true;
            break;
          }
          if (taken.length >= maxTxs || bytes + tx.encoded.length > maxBytes) return taken;
          taken.push(tx);
          bytes += tx.encoded.length;
          turn.credit -= weightOf(tx);
        }
      }
      turns = turns.filter(({ isOver }) => !isOver);
    }
    return taken;
  }
}
