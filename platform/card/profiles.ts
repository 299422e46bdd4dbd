import pkcs11js from 'pkcs11js';

/** The token's mechanisms behind our verbs. */
export interface MechanismProfile {
  /** Wraps with an integrity check, so that a foreign or damaged key is refused. */
  wrap: number;
  mac: number;
  macBytes: number;
  keyGen: number;
  keyType: number;
  keyBytes: number;
  signingKeys: 'card' | 'wrapped';
}

/** Vendor-defined numbers (PKCS#11 v2.40 §2: CKM_VENDOR_DEFINED and up) are those of GM/T 0016-shaped modules seen; a card with others names them in its own profile. */
const VENDOR = 0x80000000;

export const PROFILES: Readonly<Record<string, MechanismProfile>> = {
  /** SoftHSM 2.6: AES key wrap (RFC 3394) and HMAC-SHA-256 over SM3 digests, as it has no SM mechanisms. */
  softhsm: {
    wrap: pkcs11js.CKM_AES_KEY_WRAP,
    mac: pkcs11js.CKM_SHA256_HMAC,
    macBytes: 32,
    keyGen: pkcs11js.CKM_AES_KEY_GEN,
    keyType: pkcs11js.CKK_AES,
    keyBytes: 32,
    signingKeys: 'wrapped',
  },
  /** A card with SM4 key wrap and HMAC-SM3. */
  gm: {
    wrap: VENDOR + 0x10d,
    mac: VENDOR + 0x205,
    macBytes: 32,
    keyGen: VENDOR + 0x100,
    keyType: VENDOR + 0x02,
    keyBytes: 16,
    signingKeys: 'card',
  },
};
