import { type Sm2, sm2, sm3 } from '../../platform/crypto/index.ts';
import { LedgerError } from '../errors.ts';
import { decode, type Reader, tag, Writer } from './bytes.ts';

export const MAX_RECORDS = 1024;
export const MAX_NAME_BYTES = 64;
export const MAX_NOTE_BYTES = 256;
export const MAX_TX_BYTES = 1024 * 512;
const NONCE_BYTES = 16;
const SIGNATURE_BYTES = 64;
const STREAM = /^[a-z0-9.-]{1,64}$/;
const TX_TAG = tag('sealfolio/tx/1');

export const TxType = { attest: 1, member: 2, policy: 3 } as const;

/** One attested fact, of any business: the ledger sees a digest under a stream and a key. */
export interface LedgerRecord {
  stream: string;
  key: Buffer;
  digest: Buffer;
  note: Buffer;
}

export interface Transaction {
  chainId: string;
  sender: string;
  nonce: Buffer;
  type: number;
  body: Buffer;
  signature: Buffer;
}

export function writeRecord(writer: Writer, { stream, key, digest, note }: LedgerRecord): void {
  writer.str(stream).bytes(key).raw(digest).bytes(note);
}

export function readRecord(reader: Reader): LedgerRecord {
  const record = {
    stream: reader.str(MAX_NAME_BYTES),
    key: reader.bytes(MAX_NAME_BYTES),
    digest: reader.raw(32),
    note: reader.bytes(MAX_NOTE_BYTES),
  };
  if (!STREAM.test(record.stream)) throw new LedgerError('transaction-invalid', 'name of the stream');
  if (record.key.length === 0) throw new LedgerError('transaction-invalid', 'empty key');
  return record;
}

export function encodeAttestBody(records: readonly LedgerRecord[]): Buffer {
  return new Writer().list(records, writeRecord).done();
}

/** The records of an attest transaction. Throws type-unsupported on the other types, which governance brings. */
export function recordsOf(tx: Pick<Transaction, 'type' | 'body'>): LedgerRecord[] {
  if (tx.type !== TxType.attest) throw new LedgerError('type-unsupported', `transaction type ${tx.type}`);
  const records = decode(tx.body, (reader) => reader.list(MAX_RECORDS, readRecord));
  if (records.length === 0) throw new LedgerError('transaction-invalid', 'no records');
  return records;
}

function encodeUnsigned(tx: Omit<Transaction, 'signature'>): Buffer {
  return new Writer().u8(1).str(tx.chainId).str(tx.sender).raw(tx.nonce).u8(tx.type).bytes(tx.body).done();
}

/** What the sender signs; its SM3 is the transaction's id, so the id does not change with the signature. */
export function signingMessage(tx: Omit<Transaction, 'signature'>): Buffer {
  return Buffer.concat([TX_TAG, encodeUnsigned(tx)]);
}

export function txIdOf(tx: Omit<Transaction, 'signature'>): Buffer {
  return sm3(signingMessage(tx));
}

export function encodeTransaction(tx: Transaction): Buffer {
  return Buffer.concat([encodeUnsigned(tx), tx.signature]);
}

export function decodeTransaction(data: Uint8Array): Transaction {
  if (data.length > MAX_TX_BYTES) throw new LedgerError('transaction-too-large', `${data.length} bytes`);
  return decode(data, (reader) => {
    if (reader.u8() !== 1) throw new LedgerError('encoding-invalid', 'version of the transaction');
    return {
      chainId: reader.str(MAX_NAME_BYTES),
      sender: reader.str(MAX_NAME_BYTES),
      nonce: reader.raw(NONCE_BYTES),
      type: reader.u8(),
      body: reader.bytes(MAX_TX_BYTES),
      signature: reader.raw(SIGNATURE_BYTES),
    };
  });
}

/** Makes and signs an attest transaction. */
export function signAttestation(
  {
    chainId,
    sender,
    nonce,
    records,
  }: { chainId: string; sender: string; nonce: Buffer; records: readonly LedgerRecord[] },
  privateKey: Uint8Array,
  { sign }: Pick<Sm2, 'sign'> = sm2,
): Transaction {
  const unsigned = { chainId, sender, nonce, type: TxType.attest, body: encodeAttestBody(records) };
  return { ...unsigned, signature: sign(privateKey, signingMessage(unsigned)) };
}
