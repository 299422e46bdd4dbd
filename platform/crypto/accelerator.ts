import { promisify } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import koffi from 'koffi';
import { cryptoError } from './errors.ts';
import { SM2_PUBLIC_KEY_BYTES, SM2_SIGNATURE_BYTES, SM2_USER_ID, type Sm2, type Sm2Verification } from './sm2.ts';
import { checkPublicKey, isSignatureForm } from './sm2-encoding.ts';

/** Names the library that platform/crypto/gmsm builds: its assembly verifies faster than OpenSSL 3.0. Without it OpenSSL does. */
export const ACCELERATOR_VARIABLE = 'SEALFOLIO_ACCELERATOR';

/** Arguments of sm2_verify_many (gmsm/main.go), and where its answers go. */
function pack(items: readonly Sm2Verification[], userId: Uint8Array) {
  const keys = Buffer.alloc(items.length * SM2_PUBLIC_KEY_BYTES);
  const signatures = Buffer.alloc(items.length * SM2_SIGNATURE_BYTES);
  const ends = new Uint32Array(items.length);
  let length = 0;
  for (const [i, { publicKey, message, signature }] of items.entries()) {
    checkPublicKey(publicKey).copy(keys, i * SM2_PUBLIC_KEY_BYTES);
    // One of another form stays zero, which is no signature.
    if (isSignatureForm(signature)) signatures.set(signature, i * SM2_SIGNATURE_BYTES);
    ends[i] = length += message.length;
  }
  const messages = Buffer.concat(items.map(({ message }) => message));
  const answers = Buffer.alloc(items.length);
  return { answers, args: [items.length, keys, messages, ends, userId, userId.length, signatures, answers] };
}

function read(answers: Buffer): boolean[] {
  if (answers.includes(2)) throw cryptoError('key-invalid', 'no key on the SM2 curve');
  return Array.from(answers, (answer) => answer === 1);
}

/**
 * Loads the library; throws if it cannot be. Not for the main thread: koffi calls on a stack of its own, and Go then asks
 * glibc for the bounds of the thread's, which for the main thread means reading /proc/self/maps (0.1 ms a call; 1 µs on
 * another thread).
 */
export function openAccelerator(library: string): (base: Sm2) => Sm2 {
  const lib = koffi.load(library);
  const verifyMany = lib.func(
    'void sm2_verify_many(int count, const uint8_t *keys, const uint8_t *messages, const uint32_t *ends, ' +
      'const uint8_t *userId, int userIdLength, const uint8_t *signatures, _Out_ uint8_t *answers)',
  );
  const verifyOnThread = promisify(verifyMany.async) as (...args: unknown[]) => Promise<void>;
  const verifyAll = (items: readonly Sm2Verification[], userId: Uint8Array = SM2_USER_ID): boolean[] => {
    const { answers, args } = pack(items, userId);
    verifyMany(...args);
    return read(answers);
  };
  return (base) => ({
    ...base,
    name: `${base.name}+gmsm`,
    ...(!isMainThread && {
      verify: (publicKey, message, signature, userId) => verifyAll([{ publicKey, message, signature }], userId)[0]!,
      verifyAll: (items) => verifyAll(items),
    }),
    async verifyMany(items) {
      if (items.length === 0) return [];
      const { answers, args } = pack(items, SM2_USER_ID);
      await verifyOnThread(...args);
      void args; // the native side reads them until here
      return read(answers);
    },
  });
}
