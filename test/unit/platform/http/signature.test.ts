import fc from 'fast-check';
import { contentDigestOf, isSignedBy, parseSignature, signRequest } from '../../../../platform/http/signature.ts';
import { sm2 } from '../../../../platform/crypto/index.ts';

const pair = sm2.generateKeyPair();
const secret = Buffer.alloc(32, 7);
const parts = { method: 'POST', target: '/api/v1/batches?a=1', contentDigest: contentDigestOf(Buffer.from('{}')) };
const parameters = { keyId: 'scanner', nonce: 'a-nonce-of-some-length', created: 1_795_484_000 };

describe.each([
  ['hmac-sha256' as const, secret, secret],
  ['sm2-sm3' as const, pair.privateKey, pair.publicKey],
])('%s', (algorithm, signingKey, checkingKey) => {
  const headers = signRequest(parts, { ...parameters, algorithm }, signingKey);
  const parsed = parseSignature(headers['signature-input']!, headers.signature!)!;

  test('a signed request is taken', () => {
    expect(parsed.parameters).toEqual({ ...parameters, algorithm });
    expect(isSignedBy(parts, parsed.parameters, parsed.signature, checkingKey)).toBe(true);
  });

  test.each([
    ['another method', { ...parts, method: 'GET' }],
    ['another path', { ...parts, target: '/api/v1/archives?a=1' }],
    ['another query', { ...parts, target: '/api/v1/batches?a=2' }],
    ['another body', { ...parts, contentDigest: contentDigestOf(Buffer.from('{"a":1}')) }],
    ['no body', { method: parts.method, target: parts.target }],
  ])('refused: %s', (_name, other) => {
    expect(isSignedBy(other, parsed.parameters, parsed.signature, checkingKey)).toBe(false);
  });

  test('refused: another nonce, another time', () => {
    for (const change of [{ nonce: 'another-nonce-of-it' }, { created: parameters.created + 1 }])
      expect(isSignedBy(parts, { ...parsed.parameters, ...change }, parsed.signature, checkingKey)).toBe(false);
  });
});

test('the form of RFC 9421', () => {
  const headers = signRequest(parts, { ...parameters, algorithm: 'hmac-sha256' }, secret);
  expect(headers['signature-input']).toBe(
    'sig=("@method" "@path" "@query" "content-digest");created=1795484000;nonce="a-nonce-of-some-length";keyid="scanner";alg="hmac-sha256"',
  );
  expect(contentDigestOf(Buffer.from('{"hello": "world"}'))).toBe(
    'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
  );
});

test('any other text is no signature, and no error', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (input, value) => {
      expect(parseSignature(input, value)).toBeNull();
    }),
  );
});
