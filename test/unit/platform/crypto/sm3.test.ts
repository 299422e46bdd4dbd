import fc from 'fast-check';
import smCrypto from 'sm-crypto';
import { createSm3, plainSm3Batches, sm3 } from '../../../../platform/crypto/sm3.ts';
import { vectorSm3Batches } from '../../../../platform/crypto/sm3-vectors.ts';

describe('SM3 (GB/T 32905-2016)', () => {
  test.each([
    ['appendix A.1', 'abc', '66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0'],
    ['appendix A.2', 'abcd'.repeat(16), 'debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732'],
  ])('%s', (_name, message, digest) => {
    expect(sm3(Buffer.from(message)).toString('hex')).toBe(digest);
  });

  test('agrees with sm-crypto, and does not depend on how the input is cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, at) => {
        const digest = sm3(bytes).toString('hex');
        expect(digest).toBe(smCrypto.sm3(Array.from(bytes)));
        expect(sm3(bytes.subarray(0, at), bytes.subarray(at)).toString('hex')).toBe(digest);
        expect(createSm3().update(bytes.subarray(0, at)).update(bytes.subarray(at)).digest('hex')).toBe(digest);
      }),
      { numRuns: 50 },
    );
  });
});

describe.each([
  ['one after the other', plainSm3Batches()],
  ['in vectors', vectorSm3Batches()],
])('many at once, %s', (_, { sm3Many, sm3Nodes }) => {
  const endsOf = (values: readonly Uint8Array[]) => {
    let end = 0;
    return Uint32Array.from(values, ({ length }) => (end += length));
  };
  const split = (packed: Buffer) =>
    Array.from({ length: packed.length / 32 }, (_, i) => packed.subarray(32 * i, 32 * i + 32));

  test('each of its own length, across every border of a block', () => {
    const values = Array.from({ length: 260 }, (_, i) => Buffer.alloc(i, i));
    expect(split(sm3Many(Buffer.concat(values), endsOf(values)))).toEqual(values.map((value) => sm3(value)));
  });

  test('as one by one, on random values, short and long', () => {
    const value = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ minLength: 1900, maxLength: 2200 }));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 20 }), (values) => {
        expect(split(sm3Many(Buffer.concat(values), endsOf(values)))).toEqual(values.map((one) => sm3(one)));
      }),
    );
  });

  test('nodes over pairs, after other values', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 64, maxLength: 64 }), { maxLength: 11 }), (pairs) => {
        sm3Many(Buffer.alloc(800, 0xff), Uint32Array.of(200, 400, 600, 800));
        expect(split(sm3Nodes(Buffer.concat(pairs)))).toEqual(pairs.map((pair) => sm3(Buffer.of(1), pair)));
      }),
    );
  });
});
