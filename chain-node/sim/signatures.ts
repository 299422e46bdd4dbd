import { sm3 } from '../../platform/crypto/index.ts';
import type { Signatures } from '../world.ts';

/**
 * Signatures that cost one hash and are the same in every run: the schedules are what the simulator is about. The public
 * key holds the private one; the simulator's liars do not look.
 */
export const publicKeyOf = (privateKey: Uint8Array): Buffer =>
  Buffer.concat([Uint8Array.of(4), privateKey, privateKey]);

export function sign(privateKey: Uint8Array, message: Uint8Array): Buffer {
  const half = sm3(privateKey, message);
  return Buffer.concat([half, half]);
}

const verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean =>
  sign(publicKey.subarray(1, 33), message).equals(signature);

export const simSignatures: Signatures = {
  publicKeyOf,
  sign,
  verify,
  verifyMany: async (items) => items.map(({ publicKey, message, signature }) => verify(publicKey, message, signature)),
};
