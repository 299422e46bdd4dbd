import { hkdfSync } from 'node:crypto';
import { GCM_NONCE_BYTES, SM4_KEY_BYTES, sm3 } from '../../../platform/crypto/index.ts';
import { tag, Writer } from '../../codec/bytes.ts';

const SECRET_BYTES = 32;
const EPOCH_TAG = tag('sealfolio/overlay-epoch/1');

/** HKDF (RFC 5869) with HMAC-SM3. */
export function derive(secret: Uint8Array, salt: Uint8Array, label: string, length: number): Buffer {
  return Buffer.from(hkdfSync('sm3', secret, salt, `sealfolio/overlay/1 ${label}`, length));
}

/** What one end seals with in one epoch: records, and what it says beside them. */
export interface SealingKeys {
  record: Buffer;
  beside: Buffer;
}

/** Keys of both ends for the time between two exchanges. */
export interface Epoch {
  number: number;
  /** What the next epoch is made from, with a fresh exchange. */
  secret: Buffer;
  initiator: SealingKeys;
  responder: SealingKeys;
}

export function epochOf(number: number, secret: Buffer): Epoch {
  const key = (label: string) => derive(secret, EPOCH_TAG, label, SM4_KEY_BYTES);
  return {
    number,
    secret,
    initiator: { record: key('initiator record'), beside: key('initiator beside') },
    responder: { record: key('responder record'), beside: key('responder beside') },
  };
}

/** The next epoch, from a fresh exchange and the present secret: who learns one of the two knows nothing. */
export function nextEpoch({ number, secret }: Epoch, shared: Uint8Array, exchange: Uint8Array): Epoch {
  const salt = sm3(EPOCH_TAG, secret, exchange);
  return epochOf(number + 1, derive(shared, salt, 'secret', SECRET_BYTES));
}

export function wipe(...keys: Uint8Array[]): void {
  for (const key of keys) key.fill(0);
}

/** A nonce is a number that goes up, with the epoch: never twice with one key. */
export const nonceOf = (epoch: number, counter: number): Buffer => {
  const nonce = new Writer().u32(epoch).u64(counter).done();
  if (nonce.length !== GCM_NONCE_BYTES) throw new RangeError('length of a nonce');
  return nonce;
};
