import koffi from 'koffi';
import { cryptoError } from './errors.ts';
import { sm3 } from './sm3.ts';
import { SM2_USER_ID } from './sm2.ts';

type Pointer = unknown;

/** NID_sm2 of OpenSSL's objects.h. */
const SM2_CURVE = 1172;
/** a ‖ b ‖ xG ‖ yG of the curve (GB/T 32918.5 §A.2), as they enter Z. */
const CURVE_IN_Z = Buffer.from(
  'fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc' +
    '28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93' +
    '32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7' +
    'bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0',
  'hex',
);

/** Z, the digest of who signs (GB/T 32918.2 §5.5). */
function identityDigest(publicKey: Uint8Array, userId: Uint8Array): Buffer {
  const bits = Buffer.alloc(2);
  bits.writeUInt16BE(8 * userId.length);
  return sm3(bits, userId, CURVE_IN_Z, publicKey.subarray(1));
}

function bind() {
  const self = koffi.load(null);
  return {
    newGroup: self.func('void *EC_GROUP_new_by_curve_name(int nid)'),
    freeGroup: self.func('void EC_GROUP_free(void *group)'),
    order: self.func('void *EC_GROUP_get0_order(const void *group)'),
    cofactor: self.func('void *EC_GROUP_get0_cofactor(const void *group)'),
    setGenerator: self.func('int EC_GROUP_set_generator(void *group, void *point, void *order, void *cofactor)'),
    precompute: self.func('int EC_GROUP_precompute_mult(void *group, void *ctx)'),
    newPoint: self.func('void *EC_POINT_new(void *group)'),
    freePoint: self.func('void EC_POINT_free(void *point)'),
    readPoint: self.func('int EC_POINT_oct2point(void *group, void *p, const uint8_t *from, size_t n, void *ctx)'),
    multiply: self.func(
      'int EC_POINTs_mul(void *group, void *r, void *n, size_t count, const void **points, const void **factors, void *ctx)',
    ),
    affine: self.func('int EC_POINT_get_affine_coordinates(void *group, void *p, void *x, void *y, void *ctx)'),
    newContext: self.func('void *BN_CTX_new()'),
    newNumber: self.func('void *BN_new()'),
    readNumber: self.func('void *BN_bin2bn(const uint8_t *from, int n, void *to)'),
    writeNumber: self.func('int BN_bn2binpad(const void *a, _Out_ uint8_t *to, int n)'),
    addModulo: self.func('int BN_mod_add(void *r, const void *a, const void *b, const void *m, void *ctx)'),
    isZero: self.func('int BN_is_zero(const void *a)'),
    clearErrors: self.func('void ERR_clear_error()'),
  };
}

/** A public key with its multiples at hand. */
export interface KeyTable {
  /** As Sm2.verify of this key; the signature has r and s in [1, n − 1]. */
  verify(message: Uint8Array, signature: Uint8Array, userId: Uint8Array): boolean;
  free(): void;
}

/**
 * Verification by keys that are seen again and again, more than twice as fast as OpenSSL 3.0's own: where that doubles 256
 * times for each signature, here the multiples of the key are made once, as OpenSSL makes them of a base point. Only public
 * values go through it. Throws if this OpenSSL does not have the calls, which it calls deprecated.
 */
export function openSm2Tables(): (publicKey: Buffer) => KeyTable {
  const lib = bind();
  const context = lib.newContext();
  const base = lib.newGroup(SM2_CURVE);
  if (base === null || lib.precompute(base, context) !== 1) throw cryptoError('crypto-failed', 'no tables to be had');
  const order = lib.order(base);
  const number = (): Pointer => lib.newNumber();
  // One of each for all, as calls of one thread do not overlap.
  const [r, s, t, e, x] = [number(), number(), number(), number(), number()];
  const [zero, one] = [lib.readNumber(Buffer.alloc(1), 1, null), lib.readNumber(Buffer.alloc(1, 1), 1, null)];
  const [byBase, sum] = [lib.newPoint(base), lib.newPoint(base)];
  const out = Buffer.alloc(32);

  return (publicKey) => {
    const group = lib.newGroup(SM2_CURVE);
    const point = lib.newPoint(group);
    const isReady =
      lib.readPoint(group, point, publicKey, publicKey.length, context) === 1 &&
      lib.setGenerator(group, point, order, lib.cofactor(base)) === 1 &&
      lib.precompute(group, context) === 1;
    const free = () => {
      lib.freePoint(point);
      lib.freeGroup(group);
    };
    if (!isReady) {
      free();
      lib.clearErrors();
      throw cryptoError('key-invalid', 'no key on the SM2 curve');
    }
    const identity = identityDigest(publicKey, SM2_USER_ID);
    return {
      free,
      verify(message, signature, userId) {
        const z = userId === SM2_USER_ID ? identity : identityDigest(publicKey, userId);
        lib.readNumber(signature.subarray(0, 32), 32, r);
        lib.readNumber(signature.subarray(32, 64), 32, s);
        lib.readNumber(sm3(z, message), 32, e);
        lib.addModulo(t, r, s, order, context);
        if (lib.isZero(t) === 1) return false; // GB/T 32918.2 §7.1 B5
        // A second point, even times zero, keeps OpenSSL from its ladder for secret factors, which has no use for tables.
        const isFound =
          lib.multiply(base, byBase, s, 1, [point], [zero], context) === 1 &&
          lib.multiply(group, sum, t, 1, [byBase], [one], context) === 1 &&
          lib.affine(group, sum, x, null, context) === 1;
        if (!isFound) {
          lib.clearErrors(); // the point at infinity has no x
          return false;
        }
        lib.addModulo(x, x, e, order, context);
        return lib.writeNumber(x, out, 32) === 32 && Buffer.compare(out, signature.subarray(0, 32)) === 0;
      },
    };
  };
}
