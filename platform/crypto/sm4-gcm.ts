export const SM4_KEY_BYTES = 16;
export const GCM_NONCE_BYTES = 12;
export const GCM_TAG_BYTES = 16;

/**
 * SM4 (GB/T 32907) in GCM (GB/T 36624 §11; NIST SP 800-38D): 16-byte key, 12-byte nonce never used twice with a key.
 * `seal` gives ciphertext ‖ 16-byte tag; `open` refuses anything else with sealed-data-invalid.
 */
export interface Sm4Gcm {
  readonly name: string;
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Promise<Buffer>;
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Promise<Buffer>;
}
