/** Byte helpers without node built-ins: the verifier runs in a browser as it does on the command line. */

const encoder = new TextEncoder();

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Bytes of lowercase hex; the callers have checked the form. */
export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
}

/** Big-endian unsigned integer of 1, 2, 4 or 8 bytes. */
export function uint(value: number, bytes: 1 | 2 | 4 | 8): Uint8Array {
  const out = new Uint8Array(bytes);
  let rest = BigInt(value);
  for (let i = bytes - 1; i >= 0; i--) {
    out[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return out;
}

/** u32 length, then the bytes (docs/ledger-protocol.md, `bytes`). */
export function sized(bytes: Uint8Array): Uint8Array {
  return concat(uint(bytes.length, 4), bytes);
}

export function str(text: string): Uint8Array {
  return sized(utf8(text));
}

/** A domain tag: ASCII, then one zero byte. */
export function tag(name: string): Uint8Array {
  return concat(utf8(name), new Uint8Array(1));
}
