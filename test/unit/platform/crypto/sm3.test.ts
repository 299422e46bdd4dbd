import fc from 'fast-check';
import smCrypto from 'sm-crypto';
import { createSm3, sm3 } from '../../../../platform/crypto/sm3.ts';

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
