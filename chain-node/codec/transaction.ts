import { type Sm2, sm2, sm3 } from '../../platform/crypto/index.ts';
import { LedgerError } from '../errors.ts';
import { decode, tag, Writer } from './bytes.ts';
import { type LedgerRecord, MAX_NAME_BYTES, NONCE_BYTES, readRecord, SIGNATURE_BYTES, writeRecord } from './record.ts';

export type { LedgerRecord } from './record.ts';

export const MAX_RECORDS = 1024;
export const MAX_TX_BYTES = 1024 * 512;
const VERSION = 1;
const TX_TAG = tag('sealfolio/tx/1');

/** Wire numbers; never used again for anything else. */
export const TxType = { attest: 1, member: 2, policy: 3, evidence: 4, rules: 5 } as const;
export type TxTypeName = keyof typeof TxType;
/** By wire number. */
export const TX_TYPE_NAMES: Readonly<Record<number, TxTypeName>> = Object.fromEntries(
  Object.entries(TxType).map(([name, number]) => [number, name as TxTypeName]),
);

/** Streams of the ledger's own records, which no application may write to. */
export const OWN_STREAMS = 'chain.';

export interface Transaction {
  chainId: string;
  sender: string;
  nonce: Buffer;
  type: number;
  body: Buffer;
  signature: Buffer;
}
export type UnsignedTransaction = Omit<Transaction, 'signature'>;

export function encodeAttestBody(records: readonly LedgerRecord[]): Buffer {
  return new Writer().list(records, writeRecord).done();
}

/** The records of an attest body, whose form layoutOf (attest.ts) has checked. */
export const readAttestBody = (body: Uint8Array): LedgerRecord[] =>
  decode(body, (reader) => reader.list(MAX_RECORDS, readRecord));

const encodeUnsigned = (tx: UnsignedTransaction): Buffer =>
  new Writer().u8(VERSION).str(tx.chainId).str(tx.sender).raw(tx.nonce).u8(tx.type).bytes(tx.body).done();

/** What the sender signs; its SM3 is the transaction's id, so the id does not change with the signature. */
export const signingMessage = (tx: UnsignedTransaction): Buffer => Buffer.concat([TX_TAG, encodeUnsigned(tx)]);

export const txIdOf = (tx: UnsignedTransaction): Buffer => sm3(signingMessage(tx));

export const encodeTransaction = (tx: Transaction): Buffer => Buffer.concat([encodeUnsigned(tx), tx.signature]);

/** The signed message in an encoded transaction. */
export const messageIn = (encoded: Uint8Array): Buffer =>
  Buffer.concat([TX_TAG, encoded.subarray(0, encoded.length - SIGNATURE_BYTES)]);

/** Reads a transaction; its parts are views of `data`. Throws transaction-too-large, encoding-invalid, type-unsupported. */
export function decodeTransaction(data: Uint8Array): Transaction {
  if (data.length > MAX_TX_BYTES) throw new LedgerError('transaction-too-large', `${data.length} bytes`);
  const tx = decode(data, (reader) => {
    if (reader.u8() !== VERSION) throw new LedgerError('encoding-invalid', 'version of the transaction');
    return {
      chainId: reader.str(MAX_NAME_BYTES),
      sender: reader.str(MAX_NAME_BYTES),
      nonce: reader.view(NONCE_BYTES),
      type: reader.u8(),
      body: reader.bytesView(MAX_TX_BYTES),
      signature: reader.view(SIGNATURE_BYTES),
    };
  });
  if (!Object.values(TxType).some((type) => type === tx.type))
    throw new LedgerError('type-unsupported', `transaction type ${tx.type}`);
  return tx;
}

/** Makes a signed transaction. */
export function signTransaction(
  unsigned: UnsignedTransaction,
  privateKey: Uint8Array,
  { sign }: Pick<Sm2, 'sign'> = sm2,
): Transaction {
  return { ...unsigned, signature: sign(privateKey, signingMessage(unsigned)) };
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
  signer: Pick<Sm2, 'sign'> = sm2,
): Transaction {
  const body = encodeAttestBody(records);
  return signTransaction({ chainId, sender, nonce, type: TxType.attest, body }, privateKey, signer);
}
