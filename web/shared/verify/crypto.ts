import smCrypto from 'sm-crypto';
import type { VerifierCrypto } from '../../../verifier/index.ts';

const hex = (bytes: Uint8Array) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const bytes = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** SM3 and SM2 in the browser, by sm-crypto: a receipt is small, so plain JavaScript is fast enough. */
export const browserCrypto: VerifierCrypto = {
  sm3: (input) => bytes(smCrypto.sm3([...input])),
  sm2Verify(publicKey, message, signature) {
    try {
      return smCrypto.sm2.doVerifySignature([...message], hex(signature), hex(publicKey), { hash: true });
    } catch {
      return false; // a key that is no point of the curve verifies nothing
    }
  },
};
