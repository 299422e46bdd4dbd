import { concat, fromHex, str, tag, toHex, uint } from './bytes.ts';
import type { VerifierCrypto } from './index.ts';
import { ByteReader } from './reader.ts';
import type { SignedHeader } from './receipt.ts';
import { ShapeError } from './shape.ts';

/** Bytes that somebody signed, in hex. */
export interface SignedStatement {
  message: string;
  signature: string;
}

interface Statement {
  height: number;
  round: number;
  step: 'proposal' | 'prevote' | 'precommit';
  voter: string | null;
}

/** Where in the protocol a signed message stands. Throws a ShapeError if it is no vote and no proposal of this chain. */
function statementOf(chainId: string, message: Uint8Array): Statement {
  const reader = new ByteReader(message);
  const isVote = reader.takes(tag('sealfolio/vote/1'));
  if (!isVote && !reader.takes(tag('sealfolio/proposal/1'))) throw new ShapeError('', 'a vote or a proposal');
  if (reader.str() !== chainId) throw new ShapeError('', `of chain ${chainId}`);
  const number = isVote ? reader.uint(1) : 0;
  const step = (['proposal', 'prevote', 'precommit'] as const)[number];
  if (step === undefined) throw new ShapeError('', 'type of the vote');
  const [height, round] = [reader.uint(8), reader.uint(4)];
  if (!isVote) reader.uint(4);
  reader.raw(32);
  return { height, round, step, voter: isVote ? reader.str() : null };
}

/**
 * Whether one key signed two different things for one height, round and step. Gives the place, or null if this proves
 * nothing. `keys` (hex) are those that are or were the accused's.
 */
export function checkEquivocation(
  chainId: string,
  signed: readonly SignedStatement[],
  keys: readonly string[],
  crypto: VerifierCrypto,
): Statement | null {
  const [a, b] = signed;
  if (a === undefined || b === undefined || a.message === b.message) return null;
  try {
    const [first, second] = [statementOf(chainId, fromHex(a.message)), statementOf(chainId, fromHex(b.message))];
    if (JSON.stringify(first) !== JSON.stringify(second)) return null;
    const isBy = (key: string) =>
      [a, b].every((one) => crypto.sm2Verify(fromHex(key), fromHex(one.message), fromHex(one.signature)));
    return keys.some(isBy) ? first : null;
  } catch (error) {
    if (error instanceof ShapeError) return null;
    throw error;
  }
}

/**
 * Whether one of these keys (hex), of this member, signed a checkpoint of this header's height that is not this block's:
 * it showed somebody another chain. `block` is the header's hash.
 */
export function checkSplitView(
  { header, block }: { header: SignedHeader['header']; block: Uint8Array },
  memberId: string,
  signed: SignedStatement,
  keys: readonly string[],
  crypto: VerifierCrypto,
): boolean {
  try {
    const message = fromHex(signed.message);
    const reader = new ByteReader(message);
    if (!reader.takes(tag('sealfolio/checkpoint/1')) || reader.str() !== header.chainId) return false;
    if (reader.uint(8) !== header.height) return false;
    const same = [
      toHex(reader.raw(32)) === toHex(block),
      reader.uint(8) === header.logSize,
      toHex(reader.raw(32)) === header.logRoot,
    ];
    if (reader.str() !== memberId) return false;
    reader.end();
    const isBy = (key: string) => crypto.sm2Verify(fromHex(key), message, fromHex(signed.signature));
    return same.includes(false) && keys.some(isBy);
  } catch (error) {
    if (error instanceof ShapeError) return false;
    throw error;
  }
}

/** Reads an encoded commit, as evidence of a fork holds it. Throws a ShapeError. */
export function decodeCommit(encoded: Uint8Array): SignedHeader['commit'] {
  const reader = new ByteReader(encoded);
  reader.uint(8);
  const round = reader.uint(4);
  reader.raw(32);
  const signatures = Array.from({ length: Math.min(reader.uint(4), 1000) }, () => ({
    memberId: reader.str(),
    signature: toHex(reader.raw(64)),
  }));
  reader.end();
  return { round, signatures };
}

/** As evidence of a fork holds it (docs/ledger-protocol.md, `commit`). */
export const encodeCommit = (height: number, block: Uint8Array, { round, signatures }: SignedHeader['commit']) =>
  concat(
    uint(height, 8),
    uint(round, 4),
    block,
    uint(signatures.length, 4),
    ...signatures.flatMap(({ memberId, signature }) => [str(memberId), fromHex(signature)]),
  );
