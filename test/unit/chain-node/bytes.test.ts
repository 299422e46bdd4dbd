import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decode, Reader, Writer } from '../../../chain-node/codec/bytes.ts';

const MOST = 2 ** 16;
const TOO_LARGE = 2 ** 53;
const code = (value: string) => expect.objectContaining({ name: 'LedgerError', code: value });
const whole = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER));
/** Any characters, but no half of a pair. */
const wellFormed = fc.string({ unit: 'binary' });

describe("the ledger's encoding of values", () => {
  test('what is written is read back', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(
        fc.nat(255),
        fc.nat(),
        whole,
        bytes,
        wellFormed,
        fc.array(whole),
        (u8, u32, u64, data, text, list) => {
          const written = new Writer()
            .u8(u8)
            .u32(u32)
            .u64(u64)
            .raw(data)
            .bytes(data)
            .str(text)
            .list(list, (writer, one) => writer.u64(one))
            .done();
          const read = decode(written, (reader) => ({
            u8: reader.u8(),
            u32: reader.u32(),
            u64: reader.u64(),
            raw: reader.raw(data.length),
            bytes: reader.bytes(MOST),
            text: reader.str(MOST),
            list: reader.list(MOST, (one) => one.u64()),
          }));
          const same = Buffer.from(data);
          expect(read).toEqual({ u8, u32, u64, raw: same, bytes: same, text, list });
        },
      ),
    );
  });

  test('numbers are big-endian, and what is read by copy is no part of what was read from', () => {
    expect(
      new Writer()
        .u64(2 ** 32 + 2)
        .done()
        .toString('hex'),
    ).toBe('0000000100000002');
    const from = Buffer.from('0102', 'hex');
    const [copy, view] = [new Reader(from).raw(2), new Reader(from).view(2)];
    from.fill(0);
    expect([copy.toString('hex'), view.toString('hex')]).toEqual(['0102', '0000']);
  });

  test.each([-1, 0.5, NaN, 2 ** 64])('%p is not written as a whole number', (value) => {
    expect(() => new Writer().u64(value)).toThrow(expect.objectContaining({ name: 'RangeError' }));
  });

  const text = (hex: string) => new Writer().bytes(Buffer.from(hex, 'hex')).done();
  const str = (reader: Reader) => reader.str(MOST);

  test('the sign for what cannot be read is a character as any', () => {
    expect(decode(text('efbfbd'), str)).toBe('\ufffd');
  });

  test.each([
    ['a byte that no text has', text('ff'), str],
    ['such a byte among others', text('6162ff64'), str],
    ['a long form of zero', text('c080'), str],
    ['half of a pair', text('eda080'), str],
    ['a character cut short', text('e58d'), str],
    ['a text longer than may be', text('6161'), (reader: Reader) => reader.str(1)],
    ['bytes longer than may be', text('6161'), (reader: Reader) => reader.bytes(1)],
    ['bytes cut short', Buffer.from('0000000201', 'hex'), (reader: Reader) => reader.bytes(MOST)],
    ['a number cut short', Buffer.from('00000000000000', 'hex'), (reader: Reader) => reader.u64()],
    ['a number that is too large', new Writer().u64(TOO_LARGE).done(), (reader: Reader) => reader.u64()],
    ['more items than may be', new Writer().u32(2).done(), (reader: Reader) => reader.list(1, (one) => one.u8())],
    ['bytes after the end', Buffer.alloc(2), (reader: Reader) => reader.u8()],
  ] as [string, Buffer, (reader: Reader) => unknown][])('%s is refused', (_name, data, read) => {
    expect(() => decode(data, read)).toThrow(code('encoding-invalid'));
  });
});
