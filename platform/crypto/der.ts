/** A writer of DER (ITU-T X.690 §8, §10): each function gives one whole TLV. */

function tlv(tag: number, ...contents: Uint8Array[]): Buffer {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  const head = [tag];
  if (length < 0x80) head.push(length);
  else {
    const bytes: number[] = [];
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
    head.push(0x80 | bytes.length, ...bytes);
  }
  return Buffer.concat([Buffer.from(head), ...contents]);
}

export const sequence = (...items: Uint8Array[]) => tlv(0x30, ...items);
export const setOf = (...items: Uint8Array[]) => tlv(0x31, ...items);
export const boolean = (value: boolean) => tlv(0x01, Buffer.from([value ? 0xff : 0]));
export const nullValue = () => tlv(0x05);
export const octetString = (...content: Uint8Array[]) => tlv(0x04, ...content);
/** A BIT STRING of whole bytes. */
export const bitString = (...content: Uint8Array[]) => tlv(0x03, Buffer.from([0]), ...content);
export const utf8String = (text: string) => tlv(0x0c, Buffer.from(text, 'utf8'));
export const printableString = (text: string) => tlv(0x13, Buffer.from(text, 'ascii'));
export const ia5String = (text: string) => tlv(0x16, Buffer.from(text, 'ascii'));
/** [n] EXPLICIT, constructed. */
export const explicit = (n: number, item: Uint8Array) => tlv(0xa0 | n, item);
/** [n] IMPLICIT of a primitive type: its content alone. */
export const implicit = (n: number, content: Uint8Array) => tlv(0x80 | n, content);

/** A non-negative INTEGER, from a number or big-endian bytes. */
export function integer(value: number | Uint8Array): Buffer {
  let bytes =
    typeof value === 'number'
      ? Buffer.from(
          value
            .toString(16)
            .padStart(2, '0')
            .replace(/^(.(..)*)$/, '0$1'),
          'hex',
        )
      : Buffer.from(value);
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  bytes = bytes.subarray(start);
  return bytes[0]! >= 0x80 ? tlv(0x02, Buffer.from([0]), bytes) : tlv(0x02, bytes);
}

export function objectIdentifier(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [first! * 40 + second!, ...rest]) {
    const group = [arc % 128];
    for (let high = Math.floor(arc / 128); high > 0; high = Math.floor(high / 128)) group.unshift(0x80 | (high % 128));
    bytes.push(...group);
  }
  return tlv(0x06, Buffer.from(bytes));
}

/** GeneralizedTime in UTC to the second. */
export function generalizedTime(at: Date): Buffer {
  return tlv(0x18, Buffer.from(`${at.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`, 'ascii'));
}

/** Time of X.509 (RFC 5280 §4.1.2.5): UTCTime until 2049, then GeneralizedTime. */
export function x509Time(at: Date): Buffer {
  if (at.getUTCFullYear() >= 2050) return generalizedTime(at);
  return tlv(0x17, Buffer.from(`${at.toISOString().slice(2, 19).replace(/[-:T]/g, '')}Z`, 'ascii'));
}
