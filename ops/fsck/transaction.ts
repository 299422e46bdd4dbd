import { sm3 } from '../../platform/crypto/index.ts';
import { toHex } from '../../verifier/bytes.ts';
import type { LedgerReceipt } from '../../verifier/receipt.ts';

const TX_TAG = Buffer.from('sealfolio/tx/1\0');
const CHANGE_TAG = Buffer.from('sealfolio/change/1\0');
export const Type = { attest: 1, member: 2, policy: 3, evidence: 4, rules: 5 } as const;
const OWN_STREAM: Record<number, string> = {
  2: 'chain.member',
  3: 'chain.policy',
  4: 'chain.evidence',
  5: 'chain.rules',
};

/** Reads the ledger's bytes (docs/ledger-protocol.md), by code of its own. Throws RangeError on what is cut short. */
export class Bytes {
  at = 0;

  constructor(readonly data: Buffer) {}

  take(length: number): Buffer {
    const part = this.data.subarray(this.at, this.at + length);
    if (part.length !== length) throw new RangeError('cut short');
    this.at += length;
    return part;
  }

  u8 = () => this.take(1)[0]!;
  u32 = () => this.take(4).readUInt32BE();
  u64 = () => Number(this.take(8).readBigUInt64BE());
  sized = () => this.take(this.u32());
  text = () => this.sized().toString('utf8');
}

export interface ReadTransaction {
  sender: string;
  type: number;
  body: Buffer;
  entries: LedgerReceipt['entry'][];
  /** What its sender signed, and the signature. */
  message: Buffer;
  signature: Buffer;
}

export const changeId = (type: number, body: Buffer): Buffer => sm3(CHANGE_TAG, Buffer.of(type), body);

function recordsIn(type: number, body: Buffer, txId: Buffer): LedgerReceipt['entry']['record'][] {
  if (type === Type.attest) {
    const bytes = new Bytes(body);
    const records = Array.from({ length: bytes.u32() }, () => {
      const [stream, key] = [bytes.text(), toHex(bytes.sized())];
      return { stream, key, digest: toHex(bytes.take(32)), note: toHex(bytes.sized()) };
    });
    if (bytes.at !== body.length) throw new RangeError('length of the body');
    return records;
  }
  const key = type === Type.evidence ? new Bytes(body).sized() : changeId(type, body);
  return [{ stream: OWN_STREAM[type]!, key: toHex(key), digest: toHex(txId), note: '' }];
}

/** Reads a transaction from its bytes. Throws RangeError. */
export function readTransaction(data: Buffer): ReadTransaction {
  const bytes = new Bytes(data);
  if (bytes.u8() !== 1) throw new RangeError('version of the transaction');
  bytes.sized(); // chain id: under the sender's signature, and the header's is checked
  const sender = bytes.text();
  const nonce = toHex(bytes.take(16));
  const type = bytes.u8();
  if (!Object.values(Type).some((known) => known === type)) throw new RangeError('type of the transaction');
  const body = bytes.sized();
  const message = Buffer.concat([TX_TAG, data.subarray(0, bytes.at)]);
  const signature = bytes.take(64);
  if (bytes.at !== data.length) throw new RangeError('length of the transaction');
  const txId = sm3(message);
  const entries = recordsIn(type, body, txId).map((record, indexInTx) => ({
    txId: toHex(txId),
    indexInTx,
    sender,
    nonce,
    record,
  }));
  return { sender, type, body, entries, message, signature };
}
