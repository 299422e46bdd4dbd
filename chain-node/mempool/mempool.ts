import {
  decodeTransaction,
  recordsOf,
  signingMessage,
  type Transaction,
  txIdOf,
  type LedgerRecord,
} from '../codec/transaction.ts';
import type { Genesis } from '../genesis.ts';
import { LedgerError } from '../errors.ts';
import type { Signatures } from '../world.ts';

/** A transaction that was read and found signed by its sender. */
export interface CheckedTx {
  txId: Buffer;
  id: string;
  tx: Transaction;
  records: LedgerRecord[];
  encoded: Buffer;
}

const MAX_TXS = 20_000;
const MAX_BYTES = 64 * 1024 * 1024;

/** Reads transactions and checks everything about them but their place in the ledger; throws the reason of the first bad one. */
export async function checkTransactions(
  list: readonly Buffer[],
  { chainId, members }: Genesis,
  signatures: Signatures,
): Promise<CheckedTx[]> {
  const checked = list.map((encoded) => {
    const tx = decodeTransaction(encoded);
    if (tx.chainId !== chainId) throw new LedgerError('chain-mismatch', 'transaction of another chain');
    const sender = members.find(({ memberId }) => memberId === tx.sender);
    if (sender === undefined) throw new LedgerError('sender-unknown', 'sender is no member');
    const records = recordsOf(tx);
    const txId = txIdOf(tx);
    return { txId, id: txId.toString('hex'), tx, records, encoded, publicKey: sender.publicKey };
  });
  const answers = await signatures.verifyMany(
    checked.map(({ publicKey, tx }) => ({ publicKey, message: signingMessage(tx), signature: tx.signature })),
  );
  if (answers.includes(false)) throw new LedgerError('signature-invalid', 'signature of the transaction');
  return checked;
}

/** Checked transactions that wait for a block, in the order they came. Bounded in number and bytes. */
export class Mempool {
  readonly #txs = new Map<string, CheckedTx>();
  #bytes = 0;

  get size(): number {
    return this.#txs.size;
  }

  get(id: string): CheckedTx | undefined {
    return this.#txs.get(id);
  }

  /** The checked transaction with exactly these bytes (an id alone would leave the signature free). */
  find(encoded: Buffer): CheckedTx | undefined {
    const tx = this.#txs.get(txIdOf(decodeTransaction(encoded)).toString('hex'));
    return tx?.encoded.equals(encoded) === true ? tx : undefined;
  }

  has(id: string): boolean {
    return this.#txs.has(id);
  }

  ids(): string[] {
    return [...this.#txs.keys()];
  }

  /** False if it was there already. Throws mempool-full. */
  add(tx: CheckedTx): boolean {
    if (this.#txs.has(tx.id)) return false;
    if (this.#txs.size >= MAX_TXS || this.#bytes + tx.encoded.length > MAX_BYTES)
      throw new LedgerError('mempool-full', 'too many transactions wait');
    this.#txs.set(tx.id, tx);
    this.#bytes += tx.encoded.length;
    return true;
  }

  remove(id: string): void {
    const tx = this.#txs.get(id);
    if (tx === undefined) return;
    this.#txs.delete(id);
    this.#bytes -= tx.encoded.length;
  }

  /** The oldest, up to a number and a size; one of each (sender, nonce). */
  take(maxTxs: number, maxBytes: number): CheckedTx[] {
    const taken: CheckedTx[] = [];
    const nonces = new Set<string>();
    let bytes = 0;
    for (const tx of this.#txs.values()) {
      const nonce = `${tx.tx.sender}/${tx.tx.nonce.toString('hex')}`;
      if (taken.length >= maxTxs || bytes + tx.encoded.length > maxBytes) break;
      if (nonces.has(nonce)) continue;
      nonces.add(nonce);
      taken.push(tx);
      bytes += tx.encoded.length;
    }
    return taken;
  }
}
