import { sm3 } from '../../platform/crypto/index.ts';
import { layoutOf } from '../codec/attest.ts';
import { decodeTransaction, messageIn, TX_TYPE_NAMES, type TxTypeName } from '../codec/transaction.ts';
import type { LedgerReader } from '../state/reader.ts';

/** Transactions, and blocks, that one request reads in search of some. */
const MAX_SCANNED = 2000;
const MAX_BLOCKS = 500;

/** Which transactions are meant; null for any. */
export interface TransactionFilter {
  sender: string | null;
  type: TxTypeName | null;
}
/** Where to begin: at a transaction of a block, or at the block's last. */
export interface TransactionPlace {
  height: number;
  indexInBlock?: number | undefined;
}

/** A final transaction as a row of a list; `count` is how many records it adds to the log. */
export interface TransactionRow {
  txId: string;
  height: number;
  indexInBlock: number;
  timeMs: number;
  sender: string;
  type: TxTypeName;
  count: number;
  bytes: number;
}

/**
 * One page of the transactions that a filter lets through, the newest first, from a place on
 * (null: the newest). It may hold fewer than `limit`, or none: `next` is the place to go on from, null at the end of what
 * this node has.
 */
export async function listTransactions(
  reader: LedgerReader,
  { height: top, base }: { height: number; base: number },
  { sender, type }: TransactionFilter,
  from: TransactionPlace | null,
  limit: number,
): Promise<{ rows: TransactionRow[]; next: TransactionPlace | null }> {
  const rows: TransactionRow[] = [];
  let scanned = 0;
  let at = from?.height ?? top;
  for (let blocks = 0; at > base; at -= 1, blocks += 1) {
    if (blocks === MAX_BLOCKS || scanned >= MAX_SCANNED) break;
    if ((await reader.txCount(at)) === 0) continue;
    const { txs, header } = await reader.block(at);
    const first = at === from?.height ? (from.indexInBlock ?? Infinity) : Infinity;
    for (let indexInBlock = Math.min(first, txs.length - 1); indexInBlock >= 0; indexInBlock -= 1) {
      if (rows.length === limit) return { rows, next: { height: at, indexInBlock } };
      scanned += 1;
      const encoded = txs[indexInBlock]!;
      const tx = decodeTransaction(encoded);
      const name = TX_TYPE_NAMES[tx.type]!;
      if ((sender !== null && tx.sender !== sender) || (type !== null && name !== type)) continue;
      const txId = sm3(messageIn(encoded)).toString('hex');
      // All but attestations leave one record.
      const count = name === 'attest' ? layoutOf(tx.body).count : 1;
      const { timeMs } = header;
      rows.push({
        txId,
        height: at,
        indexInBlock,
        timeMs,
        sender: tx.sender,
        type: name,
        count,
        bytes: encoded.length,
      });
    }
  }
  return { rows, next: at > base ? { height: at } : null };
}
