import fc from 'fast-check';
import { hmacSm3, jcs } from '../../../../platform/crypto/index.ts';
import smCrypto from 'sm-crypto';
import { canonicalJson } from '../../../../verifier/jcs.ts';

test.each([
  // RFC 8785 §3.2.2 and §3.2.3.
  [{ numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 1e-27] }, '{"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27]}'],
  [{ '\u20ac': 'Euro', '\r': 'CR', '1': 'One', '\u00f6': 'o' }, '{"\\r":"CR","1":"One","ö":"o","€":"Euro"}'],
  [{ b: undefined, a: null, c: [true, false] }, '{"a":null,"c":[true,false]}'],
])('canonical form of %j', (value, expected) => {
  expect(jcs(value)).toBe(expected);
});

test.each([[NaN], [Infinity], [() => 1], [[undefined]], [1n]])('refuses %p', (value) => {
  expect(() => jcs(value)).toThrow(TypeError);
});

test('the verifier, which has its own, agrees', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(jcs(value)).toBe(canonicalJson(value));
      expect(JSON.parse(jcs(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('HMAC-SM3 agrees with sm-crypto', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), fc.uint8Array({ maxLength: 200 }), (key, message) => {
      const expected = smCrypto.sm3([...message], { key: Buffer.from(key).toString('hex'), mode: 'hmac' });
      expect(hmacSm3(key, message).toString('hex')).toBe(expected);
    }),
  );
});
