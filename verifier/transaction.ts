import { concat, tag } from './bytes.ts';
import type { Digest } from './ledger.ts';
import { ByteReader } from './reader.ts';
import { ShapeError } from './shape.ts';

const SIGNATURE_BYTES = 64;
/** By their numbers on the wire. */
const TYPES = ['attest', 'member', 'policy', 'evidence', 'rules'] as const;

export interface ReadTransaction {
  txId: Uint8Array;
  chainId: string;
  sender: string;
  nonce: Uint8Array;
  type: (typeof TYPES)[number];
  body: Uint8Array;
  /** What the sender signed. */
  message: Uint8Array;
  signature: Uint8Array;
}

/** Reads an encoded, signed transaction and makes its id anew. Throws a ShapeError. */
export function readTransaction(encoded: Uint8Array, sm3: Digest): ReadTransaction {
  const reader = new ByteReader(encoded);
  if (reader.uint(1) !== 1) throw new ShapeError('', 'version of the transaction');
  const [chainId, sender, nonce] = [reader.str(), reader.str(), reader.raw(16)];
  const type = TYPES[reader.uint(1) - 1];
  if (type === undefined) throw new ShapeError('', 'type of the transaction');
  const body = reader.bytes();
  const signature = reader.raw(SIGNATURE_BYTES);
  reader.end();
  const message = concat(tag('sealfolio/tx/1'), encoded.subarray(0, encoded.length - SIGNATURE_BYTES));
  return { txId: sm3(message), chainId, sender, nonce, type, body, message, signature };
}

/** Leaf of a block's txRoot. */
export const txLeafHash = (encoded: Uint8Array, sm3: Digest): Uint8Array => sm3(concat(new Uint8Array(1), encoded));
