import { sm2 } from '../../platform/crypto/index.ts';
import { fromHex } from '../../verifier/bytes.ts';
import type { MemberKey } from './ledger.ts';

/** Whether one of these keys signed it, that held at this height or before. `signature` is hex; no height: not attested yet. */
export const isSignedByOneOf = (
  keys: readonly MemberKey[],
  height: number | undefined,
  message: Uint8Array,
  signature: string,
): boolean =>
  keys.some(
    ({ publicKey, from }) =>
      from <= (height ?? Infinity) && sm2.verify(fromHex(publicKey), message, Buffer.from(signature, 'hex')),
  );
