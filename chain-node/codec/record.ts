import { LedgerError } from '../errors.ts';
import { decode, type Reader, Writer } from './bytes.ts';

export const HASH_BYTES = 32;
export const NONCE_BYTES = 16;
export const SIGNATURE_BYTES = 64;
export const PUBLIC_KEY_BYTES = 65;
export const MAX_NAME_BYTES = 64;
export const MAX_NOTE_BYTES = 256;
const STREAM = /^[a-z0-9.-]{1,64}$/;

/** One attested fact, of any business: the ledger sees a digest under a stream and a key. */
export interface LedgerRecord {
  stream: string;
  key: Buffer;
  digest: Buffer;
  note: Buffer;
}

/** A record as the log holds it: with the transaction that brought it. */
export interface LogEntry {
  txId: Buffer;
  indexInTx: number;
  sender: string;
  nonce: Buffer;
  record: LedgerRecord;
}

export function writeRecord(writer: Writer, { stream, key, digest, note }: LedgerRecord): void {
  writer.str(stream).bytes(key).raw(digest).bytes(note);
}

/** Throws transaction-invalid on a name or key that no record may have. The parts are views of what is read. */
export function readRecord(reader: Reader): LedgerRecord {
  const record = {
    stream: reader.bytesView(MAX_NAME_BYTES).toString('latin1'),
    key: reader.bytesView(MAX_NAME_BYTES),
    digest: reader.view(HASH_BYTES),
    note: reader.bytesView(MAX_NOTE_BYTES),
  };
  if (!STREAM.test(record.stream)) throw new LedgerError('transaction-invalid', 'name of the stream');
  if (record.key.length === 0) throw new LedgerError('transaction-invalid', 'empty key');
  return record;
}

/**
 * Entries of one transaction, without encoding its records again: they stand in the log as they stand in its body.
 * `prefix` is the entry up to its record.
 */
export function entryPrefix(txId: Uint8Array, indexInTx: number, sender: string, nonce: Uint8Array): Buffer {
  return new Writer().raw(txId).u32(indexInTx).str(sender).raw(nonce).done();
}

export function encodeLogEntry({ txId, indexInTx, sender, nonce, record }: LogEntry): Buffer {
  const writer = new Writer().raw(entryPrefix(txId, indexInTx, sender, nonce));
  writeRecord(writer, record);
  return writer.done();
}

export const decodeLogEntry = (data: Uint8Array): LogEntry =>
  decode(data, (reader) => ({
    txId: reader.raw(HASH_BYTES),
    indexInTx: reader.u32(),
    sender: reader.str(MAX_NAME_BYTES),
    nonce: reader.raw(NONCE_BYTES),
    record: readRecord(reader),
  }));
