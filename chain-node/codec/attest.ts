import { LedgerError } from '../errors.ts';
import { HASH_BYTES, MAX_NAME_BYTES, MAX_NOTE_BYTES } from './record.ts';
import { MAX_RECORDS, OWN_STREAMS } from './transaction.ts';

const OWN = Buffer.from(OWN_STREAMS, 'ascii');

/** Characters of a stream's name: a–z, 0–9, dot and dash (record.ts). */
const isNameByte = (byte: number) =>
  (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2e || byte === 0x2d;

/** Where the parts of each record lie in an attest body, by number of the record. */
export interface AttestLayout {
  count: number;
  /** Start of the record, of its key, of its digest; and its end. */
  starts: Uint32Array;
  keys: Uint32Array;
  digests: Uint32Array;
  ends: Uint32Array;
}

const cutShort = () => new LedgerError('encoding-invalid', 'cut short');

/**
 * Finds the records of an attest body without making objects of them: of a batch all are checked and hashed, and none is
 * read. Throws as readRecord does, and transaction-invalid for none, or for a stream that is the ledger's own.
 */
export function layoutOf(body: Buffer): AttestLayout {
  const { length } = body;
  if (length < 4) throw cutShort();
  const count = body.readUInt32BE(0);
  if (count > MAX_RECORDS) throw new LedgerError('encoding-invalid', `${count} items where at most ${MAX_RECORDS} go`);
  if (count === 0) throw new LedgerError('transaction-invalid', 'no records');
  const [starts, keys, digests, ends] = [0, 0, 0, 0].map(() => new Uint32Array(count)) as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  let at = 4;
  /** The end of a sized part that begins here. */
  const sized = (most: number) => {
    if (at + 4 > length) throw cutShort();
    const size = body.readUInt32BE(at);
    if (size > most) throw new LedgerError('encoding-invalid', `${size} bytes where at most ${most} go`);
    at += 4;
    if (at + size > length) throw cutShort();
    return at + size;
  };
  for (let i = 0; i < count; i += 1) {
    starts[i] = at;
    const streamEnd = sized(MAX_NAME_BYTES);
    if (streamEnd === at) throw new LedgerError('transaction-invalid', 'name of the stream');
    for (let j = at; j < streamEnd; j += 1)
      if (!isNameByte(body[j]!)) throw new LedgerError('transaction-invalid', 'name of the stream');
    if (body[at] === OWN[0] && body.subarray(at, at + OWN.length).equals(OWN))
      throw new LedgerError('transaction-invalid', `streams that begin with ${OWN_STREAMS} are the ledger's own`);
    at = streamEnd;
    const keyEnd = sized(MAX_NAME_BYTES);
    if (keyEnd === at) throw new LedgerError('transaction-invalid', 'empty key');
    keys[i] = at;
    digests[i] = keyEnd;
    at = keyEnd + HASH_BYTES;
    at = sized(MAX_NOTE_BYTES);
    ends[i] = at;
  }
  if (at !== length) throw new LedgerError('encoding-invalid', 'bytes after the end');
  return { count, starts, keys, digests, ends };
}
