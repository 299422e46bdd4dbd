import { promisify } from 'node:util';
import koffi from 'koffi';
import { cryptoError } from './errors.ts';
import { GCM_NONCE_BYTES, GCM_TAG_BYTES, SM4_KEY_BYTES, type Sm4Gcm } from './sm4-gcm.ts';

/** Numbers of gcrypt.h. */
const CIPHER_SM4 = 318;
const MODE_GCM = 9;
const DISABLE_SECURE_MEMORY = 37;
const INITIALIZATION_FINISHED = 38;
/** Shorter than this a thread costs more than the cipher. */
const THREAD_FROM_BYTES = 16 * 1024;

type Call = (...args: unknown[]) => number;

/** SM4-GCM of libgcrypt; long data is worked on koffi's threads, so both cores help. Throws if the library is not there. */
export function openLibgcryptSm4(): Sm4Gcm {
  const library = koffi.load('libgcrypt.so.20');
  const version = library.func('const char *gcry_check_version(const char *wanted)')('1.10.0') as string | null;
  if (version === null) throw cryptoError('crypto-failed', 'libgcrypt 1.10 or later is needed for SM4-GCM');
  const control = library.func('int gcry_control(int command, ...)');
  control(DISABLE_SECURE_MEMORY, 'int', 0);
  control(INITIALIZATION_FINISHED, 'int', 0);

  const openCipher = library.func('int gcry_cipher_open(_Out_ void **handle, int algo, int mode, unsigned int flags)');
  const closeCipher = library.func('void gcry_cipher_close(void *handle)');
  const setKey = library.func('int gcry_cipher_setkey(void *handle, const void *key, size_t length)') as Call;
  const setNonce = library.func('int gcry_cipher_setiv(void *handle, const void *iv, size_t length)') as Call;
  const authenticate = library.func(
    'int gcry_cipher_authenticate(void *handle, const void *aad, size_t length)',
  ) as Call;
  const getTag = library.func('int gcry_cipher_gettag(void *handle, _Out_ uint8_t *tag, size_t length)') as Call;
  const checkTag = library.func('int gcry_cipher_checktag(void *handle, const void *tag, size_t length)') as Call;
  const work = (name: string) => {
    const call = library.func(
      `int ${name}(void *handle, void *out, size_t outLength, const void *input, size_t inputLength)`,
    );
    return { now: call as Call, onThread: promisify(call.async) as (...args: unknown[]) => Promise<number> };
  };
  const encrypt = work('gcry_cipher_encrypt');
  const decrypt = work('gcry_cipher_decrypt');

  const must = (code: number) => {
    if (code !== 0) throw cryptoError('crypto-failed', `libgcrypt error ${code & 0xffff}`);
  };
  const start = (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array): unknown => {
    if (key.length !== SM4_KEY_BYTES || nonce.length !== GCM_NONCE_BYTES)
      throw cryptoError('key-invalid', 'SM4-GCM takes a key of 16 bytes and a nonce of 12');
    const handle: unknown[] = [null];
    must(openCipher(handle, CIPHER_SM4, MODE_GCM, 0));
    try {
      must(setKey(handle[0], key, key.length));
      must(setNonce(handle[0], nonce, nonce.length));
      if (aad.length > 0) must(authenticate(handle[0], aad, aad.length));
    } catch (error) {
      closeCipher(handle[0]);
      throw error;
    }
    return handle[0];
  };
  const run = async (call: typeof encrypt, handle: unknown, out: Buffer, input: Uint8Array) => {
    const args = [handle, out, out.length, input, input.length];
    must(input.length < THREAD_FROM_BYTES ? call.now(...args) : await call.onThread(...args));
  };

  return {
    name: 'libgcrypt',
    async seal(key, nonce, aad, plaintext) {
      const handle = start(key, nonce, aad);
      try {
        const out = Buffer.allocUnsafe(plaintext.length + GCM_TAG_BYTES);
        await run(encrypt, handle, out.subarray(0, plaintext.length), plaintext);
        must(getTag(handle, out.subarray(plaintext.length), GCM_TAG_BYTES));
        return out;
      } finally {
        closeCipher(handle);
      }
    },
    async open(key, nonce, aad, sealed) {
      if (sealed.length < GCM_TAG_BYTES) throw cryptoError('sealed-data-invalid', 'shorter than its tag');
      const handle = start(key, nonce, aad);
      try {
        const length = sealed.length - GCM_TAG_BYTES;
        const out = Buffer.allocUnsafe(length);
        await run(decrypt, handle, out, sealed.subarray(0, length));
        if (checkTag(handle, sealed.subarray(length), GCM_TAG_BYTES) !== 0) {
          out.fill(0);
          throw cryptoError('sealed-data-invalid', 'the tag differs');
        }
        return out;
      } finally {
        closeCipher(handle);
      }
    },
  };
}
