import { createHmac } from 'node:crypto';

/** HMAC with SM3 (GB/T 15852.2, RFC 2104), 32 bytes over the parts in order. */
export function hmacSm3(key: Uint8Array, ...parts: Uint8Array[]): Buffer {
  const hmac = createHmac('sm3', key);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}
