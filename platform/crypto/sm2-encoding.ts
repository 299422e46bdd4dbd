import { cryptoError } from './errors.ts';
import { SM2_PRIVATE_KEY_BYTES, SM2_PUBLIC_KEY_BYTES, SM2_SIGNATURE_BYTES } from './sm2.ts';

/** Order of the base point (GB/T 32918.5 §A.2). */
const ORDER = Buffer.from('fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123', 'hex');
const ZERO = Buffer.alloc(32);

function inScalarRange(scalar: Uint8Array): boolean {
  return Buffer.compare(scalar, ZERO) > 0 && Buffer.compare(scalar, ORDER) < 0;
}

/** Throws key-invalid unless it is 32 bytes in [1, n − 2] (GB/T 32918.1 §6.1). */
export function checkPrivateKey(key: Uint8Array): Buffer {
  const limit = Buffer.from(ORDER);
  limit[31]! -= 1;
  if (key.length !== SM2_PRIVATE_KEY_BYTES || Buffer.compare(key, ZERO) <= 0 || Buffer.compare(key, limit) >= 0)
    throw cryptoError('key-invalid', 'an SM2 private key is 32 bytes in [1, n-2]');
  return Buffer.from(key);
}

/** Throws key-invalid unless it has the form of an uncompressed point; the provider checks the curve. */
export function checkPublicKey(key: Uint8Array): Buffer {
  if (key.length !== SM2_PUBLIC_KEY_BYTES || key[0] !== 4)
    throw cryptoError('key-invalid', 'an SM2 public key is 65 bytes, 04 then X then Y');
  return Buffer.from(key);
}

/** Whether r ‖ s has the length and both scalars the range [1, n − 1] (GB/T 32918.2 §7.1 B1, B2). */
export function isSignatureForm(signature: Uint8Array): boolean {
  return (
    signature.length === SM2_SIGNATURE_BYTES &&
    inScalarRange(signature.subarray(0, 32)) &&
    inScalarRange(signature.subarray(32))
  );
}

function derInteger(scalar: Uint8Array): Buffer {
  let start = 0;
  while (start < 31 && scalar[start] === 0) start += 1;
  const body = Buffer.from(scalar.subarray(start));
  return body[0]! >= 0x80
    ? Buffer.concat([Buffer.from([2, body.length + 1, 0]), body])
    : Buffer.concat([Buffer.from([2, body.length]), body]);
}

/** r ‖ s as DER SEQUENCE of two INTEGERs (GM/T 0009 §7.3). */
export function signatureToDer(signature: Uint8Array): Buffer {
  const body = Buffer.concat([derInteger(signature.subarray(0, 32)), derInteger(signature.subarray(32, 64))]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

/** The reverse of signatureToDer; null unless it is that one canonical form. */
export function signatureFromDer(der: Uint8Array): Buffer | null {
  if (der.length < 8 || der.length > 72 || der[0] !== 0x30 || der[1] !== der.length - 2) return null;
  const out = Buffer.alloc(64);
  let at = 2;
  for (const place of [0, 32]) {
    const length = der[at + 1] ?? 0;
    if (der[at] !== 2 || length < 1 || length > 33 || at + 2 + length > der.length) return null;
    let body = der.subarray(at + 2, at + 2 + length);
    if (body.length === 33 && body[0] !== 0) return null;
    if (body.length === 33) body = body.subarray(1);
    out.set(body, place + 32 - body.length);
    at += 2 + length;
  }
  return at === der.length && signatureToDer(out).equals(der) ? out : null;
}
