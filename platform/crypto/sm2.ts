/** Length in bytes of each SM2 value in the forms used everywhere in this system. */
export const SM2_PRIVATE_KEY_BYTES = 32;
/** Uncompressed point: 04 ‖ X ‖ Y (GM/T 0009 §6.1). */
export const SM2_PUBLIC_KEY_BYTES = 65;
/** r ‖ s, each 32 bytes big-endian. DER is made and read only at the borders (X.509, SES). */
export const SM2_SIGNATURE_BYTES = 64;
/** The default user id of GM/T 0009 §10, used for every signature in this system. */
export const SM2_USER_ID = Buffer.from('1234567812345678', 'ascii');

export interface Sm2KeyPair {
  privateKey: Buffer;
  publicKey: Buffer;
}

export interface Sm2Verification {
  publicKey: Uint8Array;
  message: Uint8Array;
  signature: Uint8Array;
}

/**
 * SM2 digital signatures with SM3 (GB/T 32918.2, GM/T 0003.2): the message is hashed behind Z, the digest of the
 * signer's id and key. Malformed keys throw CryptoError; a wrong or malformed signature is `false`, never an error.
 */
export interface Sm2 {
  readonly name: string;
  generateKeyPair(): Sm2KeyPair;
  publicKeyOf(privateKey: Uint8Array): Buffer;
  sign(privateKey: Uint8Array, message: Uint8Array, userId?: Uint8Array): Buffer;
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array, userId?: Uint8Array): boolean;
  /** Checks many at once, on the calling thread. */
  verifyAll(items: readonly Sm2Verification[]): boolean[];
  /** Checks many at once off the calling thread; the answers are in the order of the questions. */
  verifyMany(items: readonly Sm2Verification[]): Promise<boolean[]>;
}
