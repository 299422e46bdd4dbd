import { keyOf } from '../codec/bytes.ts';
import { TxType } from '../codec/transaction.ts';
import { LedgerError } from '../errors.ts';
import type { Member } from '../codec/member.ts';
import type { CheckedTx } from './checker.ts';

const MAX_TXS = 50_000;
const MAX_BYTES = 64 * 1024 * 1024;
/** Final ones that are remembered, so that a check that began before they were final does not bring them back. */
const MAX_RECENT = 30_000;

export const nonceKeyOf = ({ sender, nonce }: Pick<CheckedTx, 'sender' | 'nonce'>): string =>
  `${sender}/${nonce.toString('latin1')}`;

/** Checked transactions that wait for a block, in the order they came. Bounded in number and bytes; one of each (sender, nonce). */
export class Mempool {
  /** By id. */
  readonly #txs = new Map<string, CheckedTx>();
  readonly #byHash = new Map<string, CheckedTx>();
  readonly #byNonce = new Map<string, CheckedTx>();
  readonly #recent = new Set<string>();
  #bytes = 0;

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

  /** Hashes of all, the oldest first. */
  hashes(limit: number): Buffer[] {
    const hashes: Buffer[] = [];
    for (const { hash } of this.#txs.values()) {
      if (hashes.length >= limit) break;
      hashes.push(hash);
    }
    return hashes;
  }

  /** False if it was there already, or became final meanwhile. Throws mempool-full, transaction-invalid. */
  add(tx: CheckedTx): boolean {
    const nonce = nonceKeyOf(tx);
    if (this.#txs.has(tx.id) || this.#recent.has(tx.id)) return false;
    if (this.#byNonce.has(nonce) || this.#recent.has(nonce))
      throw new LedgerError('transaction-invalid', 'nonce was used by another transaction');
    if (this.#txs.size >= MAX_TXS || this.#bytes + tx.encoded.length > MAX_BYTES)
      throw new LedgerError('mempool-full', 'too many transactions wait');
    this.#txs.set(tx.id, tx);
    this.#byHash.set(keyOf(tx.hash), tx);
    this.#byNonce.set(nonce, tx);
    this.#bytes += tx.encoded.length;
    return true;
  }

  /** They are final: they, and what has the nonce of one, go. */
  final(txs: readonly CheckedTx[]): void {
    for (const tx of txs) {
      const nonce = nonceKeyOf(tx);
      this.remove(this.#byNonce.get(nonce));
      this.#recent.add(tx.id).add(nonce).add(keyOf(tx.hash));
    }
    for (const old of this.#recent) {
      if (this.#recent.size <= MAX_RECENT) break;
      this.#recent.delete(old);
    }
  }

  remove(tx: CheckedTx | undefined): void {
    if (tx === undefined || !this.#txs.delete(tx.id)) return;
    this.#byHash.delete(keyOf(tx.hash));
    this.#byNonce.delete(nonceKeyOf(tx));
    this.#bytes -= tx.encoded.length;
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

  /** The oldest, up to a number and a size. */
  take(maxTxs: number, maxBytes: number): CheckedTx[] {
    const taken: CheckedTx[] = [];
    let bytes = 0;
    for (const tx of this.#txs.values()) {
      if (taken.length >= maxTxs || bytes + tx.encoded.length > maxBytes) break;
      taken.push(tx);
      bytes += tx.encoded.length;
    }
    return taken;
  }
}
