import fc from 'fast-check';
import { sm4gcm } from '../../../../platform/crypto/index.ts';
import { openLibgcryptSm4 } from '../../../../platform/crypto/sm4-libgcrypt.ts';
import { openSmCryptoSm4 } from '../../../../platform/crypto/sm4-sm-crypto.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
/** RFC 8998 Appendix A.1. */
const EXAMPLE = {
  key: hex('0123456789ABCDEFFEDCBA9876543210'),
  nonce: hex('00001234567800000000ABCD'),
  aad: hex('FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2'),
  plaintext: hex(
    'AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDDEEEEEEEEEEEEEEEEFFFFFFFFFFFFFFFFEEEEEEEEEEEEEEEEAAAAAAAAAAAAAAAA',
  ),
  sealed: hex(
    '17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D 83DE3541E4C2B58177E065A9BF7B62EC',
  ),
};
const libgcrypt = openLibgcryptSm4();
const smCrypto = openSmCryptoSm4();

test('the provider in use here is libgcrypt', () => {
  expect(sm4gcm.name).toBe('libgcrypt');
});

describe.each([libgcrypt, smCrypto])('$name', (provider) => {
  const { key, nonce, aad, plaintext, sealed } = EXAMPLE;

  test('the published example', async () => {
    expect(await provider.seal(key, nonce, aad, plaintext)).toEqual(sealed);
    expect(await provider.open(key, nonce, aad, sealed)).toEqual(plaintext);
  });

  test('every changed byte, and a cut, is refused', async () => {
    for (let at = 0; at < sealed.length; at += 1) {
      const wrong = Buffer.from(sealed);
      wrong[at]! ^= 0x80;
      await expect(provider.open(key, nonce, aad, wrong)).rejects.toMatchObject({ code: 'sealed-data-invalid' });
    }
    for (const length of [0, 15, 16, sealed.length - 1])
      await expect(provider.open(key, nonce, aad, sealed.subarray(0, length))).rejects.toMatchObject({
        code: 'sealed-data-invalid',
      });
  });

  test.each([
    ['key', hex('00'.repeat(16)), nonce, aad],
    ['nonce', key, hex('00'.repeat(12)), aad],
    ['associated data', key, nonce, Buffer.alloc(0)],
  ])('another %s is refused', async (_, otherKey, otherNonce, otherAad) => {
    await expect(provider.open(otherKey, otherNonce, otherAad, sealed)).rejects.toMatchObject({
      code: 'sealed-data-invalid',
    });
  });

  test.each([
    ['key', Buffer.alloc(15), nonce],
    ['nonce', key, Buffer.alloc(16)],
  ])('key-invalid on a %s of the wrong length', async (_, wrongKey, wrongNonce) => {
    await expect(provider.seal(wrongKey, wrongNonce, aad, plaintext)).rejects.toMatchObject({ code: 'key-invalid' });
  });
});

test('both give the same bytes on random input, and open them', async () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  await fc.assert(
    fc.asyncProperty(
      bytes(16),
      bytes(12),
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 400 }),
      async (key, nonce, aad, plaintext) => {
        const sealed = await libgcrypt.seal(key, nonce, aad, plaintext);
        expect(await smCrypto.seal(key, nonce, aad, plaintext)).toEqual(sealed);
        expect(await libgcrypt.open(key, nonce, aad, sealed)).toEqual(Buffer.from(plaintext));
      },
    ),
    { numRuns: 50 },
  );
});

test('what is large enough for a thread agrees with the fallback', async () => {
  const { key, nonce, aad } = EXAMPLE;
  const plaintext = Buffer.alloc((1 << 17) + 5, 'sealfolio');
  const sealed = await libgcrypt.seal(key, nonce, aad, plaintext);
  expect((await smCrypto.open(key, nonce, aad, sealed)).equals(plaintext)).toBe(true);
  const [one, two] = await Promise.all([sealed, sealed].map((data) => libgcrypt.open(key, nonce, aad, data)));
  expect(one!.equals(plaintext) && two!.equals(plaintext)).toBe(true);
});
