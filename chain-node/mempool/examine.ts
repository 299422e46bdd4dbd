import { sm3, sm3Many } from '../../platform/crypto/index.ts';
import { type AttestLayout, layoutOf } from '../codec/attest.ts';
import { changeIdOf } from '../codec/change.ts';
import { decodeEquivocation } from '../codec/evidence.ts';
import { entryPrefix, HASH_BYTES, type LedgerRecord, writeRecord } from '../codec/record.ts';
import {
  decodeTransaction,
  messageIn,
  OWN_STREAMS,
  readAttestBody,
  type Transaction,
  TxType,
} from '../codec/transaction.ts';
import { Writer } from '../codec/bytes.ts';
import { LedgerError } from '../errors.ts';
import { leafHash } from '../state/merkle.ts';
import { digestMark, keyMark } from '../store/marks.ts';

/** All that the node needs to know of a transaction, made from its bytes alone. */
export interface Examined {
  /** The leaf of a block's txRoot: stands for every byte, the signature included. */
  hash: Buffer;
  txId: Buffer;
  sender: string;
  nonce: Buffer;
  type: number;
  /** Records that it adds to the log. */
  count: number;
  /** Their leaf hashes, 32 bytes each. */
  leaves: Buffer;
  /** Two for each record, by which it is found: its key's and its digest's. */
  marks: Float64Array;
}

const SUBJECT = {
  [TxType.member]: 'member',
  [TxType.policy]: 'policy',
  [TxType.evidence]: 'evidence',
  [TxType.rules]: 'rules',
};

/** The record by which the log remembers a transaction of the members: nothing happens on this chain that leaves no leaf. */
function ownRecord({ type, body, txId }: { type: number; body: Buffer; txId: Buffer }): LedgerRecord {
  const subject = SUBJECT[type as keyof typeof SUBJECT];
  const [key, digest] =
    type === TxType.evidence
      ? [Buffer.from(decodeEquivocation(body).accused, 'utf8'), txId]
      : [changeIdOf(type, body), txId];
  return { stream: `${OWN_STREAMS}${subject}`, key, digest, note: Buffer.alloc(0) };
}

/** The records that a transaction of the log adds to it. */
export const recordsOf = ({ type, body }: Pick<Transaction, 'type' | 'body'>, txId: Buffer): LedgerRecord[] =>
  type === TxType.attest ? readAttestBody(body) : [ownRecord({ type, body, txId })];

/** One log entry of a transaction of the log, encoded. Throws not-found if it has no such record. */
export function entryOf(tx: Transaction, txId: Buffer, indexInTx: number): Buffer {
  const prefix = entryPrefix(txId, indexInTx, tx.sender, tx.nonce);
  if (tx.type !== TxType.attest) {
    const writer = new Writer().raw(prefix);
    writeRecord(writer, ownRecord({ ...tx, txId }));
    return writer.done();
  }
  const { count, starts, ends } = layoutOf(tx.body);
  if (indexInTx >= count) throw new LedgerError('not-found', `record ${indexInTx} of a transaction of ${count}`);
  return Buffer.concat([prefix, tx.body.subarray(starts[indexInTx], ends[indexInTx])]);
}

/** Marks of the records of an attest body: key, digest, key, digest, … */
function marksOf(body: Buffer, { count, keys, digests }: AttestLayout): Float64Array {
  const marks = new Float64Array(2 * count);
  for (let i = 0; i < count; i += 1) {
    marks[2 * i] = keyMark(body, keys[i]!, digests[i]!);
    marks[2 * i + 1] = digestMark(body, digests[i]!);
  }
  return marks;
}

/** Leaves without encoding a record again: in an attest body it lies as it does in its entry. */
function leavesOf(tx: Transaction, txId: Buffer, { count, starts, ends }: AttestLayout): Buffer {
  const prefix = entryPrefix(txId, 0, tx.sender, tx.nonce);
  const before = 1 + prefix.length;
  const values = Buffer.allocUnsafe(count * before + tx.body.length);
  const stops = new Uint32Array(count);
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    values[at] = 0;
    prefix.copy(values, at + 1);
    values.writeUInt32BE(i, at + 1 + HASH_BYTES);
    at += before;
    at += tx.body.copy(values, at, starts[i], ends[i]);
    stops[i] = at;
  }
  return sm3Many(values.subarray(0, at), stops);
}

/**
 * Reads a transaction and derives what stands on its bytes; its signature is not looked at. Throws LedgerError
 * (transaction-too-large, encoding-invalid, type-unsupported, transaction-invalid).
 */
export function examine(encoded: Buffer): { examined: Examined; tx: Transaction } {
  const tx = decodeTransaction(encoded);
  const txId = sm3(messageIn(encoded));
  const { sender, nonce, type, body } = tx;
  const common = { hash: leafHash(encoded), txId, sender, nonce, type };
  if (type === TxType.attest) {
    const layout = layoutOf(body);
    const [leaves, marks] = [leavesOf(tx, txId, layout), marksOf(body, layout)];
    return { examined: { ...common, count: layout.count, leaves, marks }, tx };
  }
  const { key, digest } = ownRecord({ type, body, txId });
  const marks = Float64Array.of(keyMark(key), digestMark(digest));
  return { examined: { ...common, count: 1, leaves: leafHash(entryOf(tx, txId, 0)), marks }, tx };
}

/** The marks of a transaction of the log, for the record index. */
export function marksIn({ type, body }: Pick<Transaction, 'type' | 'body'>, txId: Buffer): Float64Array {
  if (type === TxType.attest) return marksOf(body, layoutOf(body));
  const { key, digest } = ownRecord({ type, body, txId });
  return Float64Array.of(keyMark(key), digestMark(digest));
}
