import fc from 'fast-check';
import { sm2, type Sm2 } from '../../../../platform/crypto/index.ts';
import { signatureFromDer, signatureToDer } from '../../../../platform/crypto/sm2-encoding.ts';
import { openOpensslSm2 } from '../../../../platform/crypto/sm2-openssl.ts';
import { openSmCryptoSm2 } from '../../../../platform/crypto/sm2-sm-crypto.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
/** GB/T 32918.5-2017 Annex A.2 (the same as GM/T 0003.5): one signature by the default id over "message digest". */
const EXAMPLE = {
  privateKey: hex('3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8'),
  publicKey: hex(
    '04 09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020 CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13',
  ),
  message: Buffer.from('message digest'),
  signature: hex(
    'F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3 B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA',
  ),
};
const ORDER = hex('FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123');
const openssl = openOpensslSm2();
const smCrypto = openSmCryptoSm2();
/** After some uses of a key its multiples are at hand. */
const keySeen: Sm2 = {
  ...openssl,
  name: 'openssl, by a key seen before',
  verify: (...args) => Array.from({ length: 10 }, () => openssl.verify(...args)).at(-1)!,
};

test('the provider in use here is OpenSSL', () => {
  expect(sm2.name).toBe('openssl');
});

describe.each([openssl, keySeen, smCrypto])('$name', (provider) => {
  const { privateKey, publicKey, message, signature } = EXAMPLE;

  test('the published example', () => {
    expect(provider.publicKeyOf(privateKey)).toEqual(publicKey);
    expect(provider.verify(publicKey, message, signature)).toBe(true);
  });

  test('what it signs it verifies, with another id too, and not under a wrong id', () => {
    const id = Buffer.from('ALICE123@YAHOO.COM');
    const own = provider.sign(privateKey, message, id);
    expect(own).toHaveLength(64);
    expect(provider.verify(publicKey, message, own, id)).toBe(true);
    expect(provider.verify(publicKey, message, own)).toBe(false);
  });

  test('an empty message', () => {
    expect(provider.verify(publicKey, new Uint8Array(), provider.sign(privateKey, new Uint8Array()))).toBe(true);
  });

  test.each([
    ['a changed message', Buffer.from('message digesu'), signature],
    ['a changed bit in r', message, Buffer.from(signature.map((b, i) => (i === 3 ? b ^ 1 : b)))],
    ['a changed bit in s', message, Buffer.from(signature.map((b, i) => (i === 63 ? b ^ 1 : b)))],
    ['r of zero', message, Buffer.concat([Buffer.alloc(32), signature.subarray(32)])],
    ['s of zero', message, Buffer.concat([signature.subarray(0, 32), Buffer.alloc(32)])],
    ['s of the order', message, Buffer.concat([signature.subarray(0, 32), ORDER])],
    ['r and s that add up to the order', message, hex(`${'00'.repeat(31)}01${ORDER.toString('hex').slice(0, 62)}22`)],
    ['a short signature', message, signature.subarray(1)],
    ['no signature', message, Buffer.alloc(0)],
  ])('false on %s', (_, text, wrong) => {
    expect(provider.verify(publicKey, text, wrong)).toBe(false);
  });

  test.each([
    ['zero', Buffer.alloc(32)],
    ['n - 1', Buffer.concat([ORDER.subarray(0, 31), Buffer.from([0x22])])],
    ['the order', ORDER],
    ['a short one', Buffer.alloc(31, 1)],
  ])('key-invalid on a private key of %s', (_, wrong) => {
    expect(() => provider.sign(wrong, message)).toThrow(expect.objectContaining({ code: 'key-invalid' }));
  });

  test.each([
    ['no point of the curve', Buffer.concat([Buffer.from([4]), Buffer.alloc(63, 7), Buffer.from([8])])],
    ['a compressed point', Buffer.concat([Buffer.from([2]), publicKey.subarray(1, 33)])],
  ])('key-invalid on a public key that is %s', (_, wrong) => {
    expect(() => provider.verify(wrong, message, signature)).toThrow(expect.objectContaining({ code: 'key-invalid' }));
  });

  test('many at once keep their order', async () => {
    const good = { publicKey, message, signature };
    const bad = { ...good, message: Buffer.from('other') };
    expect(await provider.verifyMany([good, bad, good])).toEqual([true, false, true]);
  });
});

test('each provider accepts what the other signs, on random keys and messages', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (message) => {
      const { privateKey, publicKey } = openssl.generateKeyPair();
      expect(smCrypto.publicKeyOf(privateKey)).toEqual(publicKey);
      expect(smCrypto.verify(publicKey, message, openssl.sign(privateKey, message))).toBe(true);
      expect(openssl.verify(publicKey, message, smCrypto.sign(privateKey, message))).toBe(true);
      expect(keySeen.verify(publicKey, message, smCrypto.sign(privateKey, message))).toBe(true);
    }),
    { numRuns: 15 },
  );
});

test('DER of a signature has one form', () => {
  const scalar = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(scalar, scalar, fc.nat(1000), (r, s, noise) => {
      const raw = Buffer.concat([r, s]);
      const der = signatureToDer(raw);
      expect(signatureFromDer(der)).toEqual(raw);
      expect(signatureFromDer(Buffer.concat([der, Buffer.from([0])]))).toBeNull();
      expect(signatureFromDer(der.subarray(0, noise % der.length))).toBeNull();
    }),
  );
});
