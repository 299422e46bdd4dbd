import smCrypto from 'sm-crypto';
import { cryptoError } from './errors.ts';
import type { Sm2 } from './sm2.ts';
import { checkPrivateKey, checkPublicKey, isSignatureForm } from './sm2-encoding.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const text = (userId?: Uint8Array) => (userId === undefined ? undefined : Buffer.from(userId).toString('utf8'));

/** SM2 by sm-crypto (plain JavaScript): the fallback where OpenSSL cannot be called, some 50 times slower. */
export function openSmCryptoSm2(): Sm2 {
  const verify: Sm2['verify'] = (publicKey, message, signature, userId) => {
    if (!smCrypto.sm2.verifyPublicKey(hex(checkPublicKey(publicKey))))
      throw cryptoError('key-invalid', 'no key on the SM2 curve');
    if (!isSignatureForm(signature)) return false;
    return smCrypto.sm2.doVerifySignature([...message], hex(signature), hex(publicKey), {
      hash: true,
      ...(userId && { userId: text(userId)! }),
    });
  };
  return {
    name: 'sm-crypto',
    publicKeyOf: (privateKey) =>
      Buffer.from(smCrypto.sm2.getPublicKeyFromPrivateKey(hex(checkPrivateKey(privateKey))), 'hex'),
    generateKeyPair() {
      const pair = smCrypto.sm2.generateKeyPairHex();
      return { privateKey: Buffer.from(pair.privateKey, 'hex'), publicKey: Buffer.from(pair.publicKey, 'hex') };
    },
    sign(privateKey, message, userId) {
      const signature = smCrypto.sm2.doSignature([...message], hex(checkPrivateKey(privateKey)), {
        hash: true,
        ...(userId && { userId: text(userId)! }),
      });
      return Buffer.from(signature, 'hex');
    },
    verify,
    verifyAll: (items) => items.map(({ publicKey, message, signature }) => verify(publicKey, message, signature)),
    async verifyMany(items) {
      return items.map(({ publicKey, message, signature }) => verify(publicKey, message, signature));
    },
  };
}
