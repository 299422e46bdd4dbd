import { createECDH } from 'node:crypto';
import { promisify } from 'node:util';
import koffi from 'koffi';
import { cryptoError } from './errors.ts';
import { type Sm2, SM2_USER_ID } from './sm2.ts';
import { checkPrivateKey, checkPublicKey, isSignatureForm, signatureFromDer, signatureToDer } from './sm2-encoding.ts';
import { type KeyTable, openSm2Tables } from './sm2-tables.ts';

type Pointer = unknown;
const MAX_CACHED_KEYS = 256;
/** A key's table costs about as much as four verifications, and saves more than half of each. */
const USES_BEFORE_TABLE = 8;

/** SubjectPublicKeyInfo of an SM2 point up to the point itself (RFC 5480; GM/T 0006 OIDs). */
const SPKI_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a811ccf5501822d034200', 'hex');
/** PKCS#8 around ECPrivateKey without parameters (RFC 5958, RFC 5915): the scalar, then the point. */
const PKCS8_PREFIX = Buffer.from('308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420', 'hex');
const PKCS8_MIDDLE = Buffer.from('a144034200', 'hex');

function bind() {
  const self = koffi.load(null);
  return {
    d2iPublic: self.func('void *d2i_PUBKEY(void *a, const void **pp, long length)'),
    d2iPrivate: self.func('void *d2i_AutoPrivateKey(void *a, const void **pp, long length)'),
    isA: self.func('int EVP_PKEY_is_a(void *pkey, const char *name)'),
    freeKey: self.func('void EVP_PKEY_free(void *pkey)'),
    newContext: self.func('void *EVP_MD_CTX_new()'),
    freeContext: self.func('void EVP_MD_CTX_free(void *ctx)'),
    sm3: self.func('void *EVP_sm3()'),
    signInit: self.func('int EVP_DigestSignInit(void *ctx, _Out_ void **pctx, void *type, void *e, void *pkey)'),
    verifyInit: self.func('int EVP_DigestVerifyInit(void *ctx, _Out_ void **pctx, void *type, void *e, void *pkey)'),
    setId: self.func('int EVP_PKEY_CTX_set1_id(void *ctx, const void *id, int length)'),
    sign: self.func(
      'int EVP_DigestSign(void *ctx, _Out_ uint8_t *sig, _Inout_ size_t *siglen, const void *data, size_t length)',
    ),
    verify: self.func(
      'int EVP_DigestVerify(void *ctx, const void *sig, size_t siglen, const void *data, size_t length)',
    ),
    clearErrors: self.func('void ERR_clear_error()'),
  };
}

/** Parsed keys, least recently used first; parsing costs as much as a tenth of a verification. */
class KeyCache<K> {
  readonly #keys = new Map<string, K>();

  constructor(
    private readonly parse: (raw: Buffer) => K,
    private readonly free: (key: K) => void,
    private readonly inUse: () => number,
  ) {}

  get(raw: Buffer): K {
    const id = raw.toString('latin1');
    const known = this.#keys.get(id);
    const key = known ?? this.parse(raw);
    this.#keys.delete(id);
    this.#keys.set(id, key);
    // Evicting waits until no call on another thread holds a key.
    if (this.#keys.size > MAX_CACHED_KEYS && this.inUse() === 0) {
      const [oldest, least] = this.#keys.entries().next().value!;
      this.#keys.delete(oldest);
      this.free(least);
    }
    return key;
  }
}

interface PublicKey {
  raw: Buffer;
  key: Pointer;
  uses: number;
  table: KeyTable | null;
}

/** Null where this OpenSSL cannot: all is verified by its own way then. */
function tablesIfAny(): ReturnType<typeof openSm2Tables> | null {
  try {
    return openSm2Tables();
  } catch {
    return null;
  }
}

/** SM2 on the OpenSSL that node itself carries. Throws if this node does not export what is needed. */
export function openOpensslSm2(): Sm2 {
  const lib = bind();
  const md = lib.sm3();
  let asynchronous = 0;

  const parseDer = (read: (a: null, pp: unknown[], n: number) => Pointer, der: Buffer): Pointer => {
    const key = read(null, [der], der.length);
    if (key === null || lib.isA(key, 'SM2') !== 1) {
      lib.clearErrors();
      throw cryptoError('key-invalid', 'no key on the SM2 curve');
    }
    return key;
  };
  const publicKeyOf = (privateKey: Uint8Array): Buffer => {
    const ecdh = createECDH('SM2');
    ecdh.setPrivateKey(checkPrivateKey(privateKey));
    return ecdh.getPublicKey();
  };
  /** Made when the first key has been used often enough: most processes never see one. */
  let tableOf: ReturnType<typeof tablesIfAny> | undefined;
  const publicKeys = new KeyCache<PublicKey>(
    (raw) => {
      const key = parseDer(lib.d2iPublic, Buffer.concat([SPKI_PREFIX, checkPublicKey(raw)]));
      return { raw, key, uses: 0, table: null };
    },
    ({ key, table }) => {
      table?.free();
      lib.freeKey(key);
    },
    () => asynchronous,
  );
  const privateKeys = new KeyCache<Pointer>(
    (raw) => {
      const der = Buffer.concat([PKCS8_PREFIX, checkPrivateKey(raw), PKCS8_MIDDLE, publicKeyOf(raw)]);
      const key = parseDer(lib.d2iPrivate, der);
      der.fill(0);
      return key;
    },
    lib.freeKey,
    () => asynchronous,
  );

  const start = (init: typeof lib.signInit, key: Pointer, userId: Uint8Array): Pointer => {
    const context = lib.newContext();
    const inner: unknown[] = [null];
    if (init(context, inner, md, null, key) !== 1 || lib.setId(inner[0], userId, userId.length) !== 1) {
      lib.freeContext(context);
      lib.clearErrors();
      throw cryptoError('crypto-failed', 'OpenSSL refused to begin an SM2 operation');
    }
    return context;
  };
  const verifyOnThread = promisify(lib.verify.async) as (...args: unknown[]) => Promise<number>;

  function verify(
    publicKey: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
    userId: Uint8Array = SM2_USER_ID,
  ): boolean {
    const known = publicKeys.get(Buffer.from(publicKey));
    if (!isSignatureForm(signature)) return false;
    known.uses += 1;
    if (known.uses === USES_BEFORE_TABLE) {
      tableOf = tableOf === undefined ? tablesIfAny() : tableOf;
      known.table = tableOf?.(known.raw) ?? null;
    }
    if (known.table !== null) return known.table.verify(message, signature, userId);
    const der = signatureToDer(signature);
    const context = start(lib.verifyInit, known.key, userId);
    const done = lib.verify(context, der, der.length, message, message.length);
    lib.freeContext(context);
    if (done !== 1) lib.clearErrors();
    return done === 1;
  }

  return {
    name: 'openssl',
    publicKeyOf,
    generateKeyPair() {
      const ecdh = createECDH('SM2');
      for (;;) {
        const publicKey = ecdh.generateKeys();
        const raw = ecdh.getPrivateKey();
        const privateKey = Buffer.concat([Buffer.alloc(32 - raw.length), raw]);
        try {
          checkPrivateKey(privateKey);
        } catch {
          continue; // n − 1, one chance in 2^256
        }
        return { privateKey, publicKey };
      }
    },
    sign(privateKey, message, userId = SM2_USER_ID) {
      const context = start(lib.signInit, privateKeys.get(Buffer.from(privateKey)), userId);
      const der = Buffer.alloc(80);
      const length = [der.length];
      const done = lib.sign(context, der, length, message, message.length);
      lib.freeContext(context);
      const signature = done === 1 ? signatureFromDer(der.subarray(0, Number(length[0]))) : null;
      if (signature === null) throw cryptoError('crypto-failed', 'OpenSSL did not sign');
      return signature;
    },
    verify,
    verifyAll: (items) => items.map(({ publicKey, message, signature }) => verify(publicKey, message, signature)),
    async verifyMany(items) {
      asynchronous += 1;
      try {
        return await Promise.all(
          items.map(async ({ publicKey, message, signature }) => {
            const { key } = publicKeys.get(Buffer.from(publicKey));
            if (!isSignatureForm(signature)) return false;
            const der = signatureToDer(signature);
            const context = start(lib.verifyInit, key, SM2_USER_ID);
            try {
              return (await verifyOnThread(context, der, der.length, message, message.length)) === 1;
            } finally {
              lib.freeContext(context);
            }
          }),
        );
      } finally {
        asynchronous -= 1;
      }
    },
  };
}
