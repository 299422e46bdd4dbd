import { ACCELERATOR_VARIABLE, openAccelerator } from './accelerator.ts';
import type { Sm2 } from './sm2.ts';
import { openOpensslSm2 } from './sm2-openssl.ts';
import { openSmCryptoSm2 } from './sm2-sm-crypto.ts';
import { sm3Batches } from './sm3-vectors.ts';
import type { Sm4Gcm } from './sm4-gcm.ts';
import { openLibgcryptSm4 } from './sm4-libgcrypt.ts';
import { openSmCryptoSm4 } from './sm4-sm-crypto.ts';

export { hmacSm3 } from './hmac-sm3.ts';
export { jcs } from './jcs.ts';
export { type Sm2, type Sm2KeyPair, type Sm2Verification } from './sm2.ts';
export { SM2_PRIVATE_KEY_BYTES, SM2_PUBLIC_KEY_BYTES, SM2_SIGNATURE_BYTES, SM2_USER_ID } from './sm2.ts';
export { ACCELERATOR_VARIABLE } from './accelerator.ts';
export { createSm3, sm3, SM3_BYTES, taggedSm3 } from './sm3.ts';
export { GCM_NONCE_BYTES, GCM_TAG_BYTES, SM4_KEY_BYTES, type Sm4Gcm } from './sm4-gcm.ts';

function firstThatOpens<T>(...providers: (() => T)[]): T {
  for (const open of providers.slice(0, -1))
    try {
      return open();
    } catch {
      // The native library is not on this machine; the provider in use is shown on the status page.
    }
  return providers.at(-1)!();
}

const library = process.env[ACCELERATOR_VARIABLE];
const baseSm2 = firstThatOpens(openOpensslSm2, openSmCryptoSm2);

/** The SM2 in use: OpenSSL through koffi, else sm-crypto; verification by the accelerator where there is one. */
export const sm2: Sm2 = library === undefined ? baseSm2 : openAccelerator(library)(baseSm2);
/** SM3 of many short values at once. */
export const { sm3Many, sm3Nodes } = sm3Batches();
/** The SM4-GCM in use: libgcrypt through koffi, else sm-crypto. */
export const sm4gcm: Sm4Gcm = firstThatOpens(openLibgcryptSm4, openSmCryptoSm4);

/** Which provider does what, for the status page. */
export function cryptoStatus(): { sm2: string; sm3: string; sm4: string } {
  return { sm2: sm2.name, sm3: 'node', sm4: sm4gcm.name };
}
