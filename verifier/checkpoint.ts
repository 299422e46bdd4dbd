import { concat, fromHex, str, tag, uint } from './bytes.ts';
import type { VerifierCrypto } from './index.ts';

/** What members say the chain is at one height, each by a signature of its own (docs/ledger-protocol.md, Checkpoints). Hashes in hex. */
export interface SignedCheckpoint {
  height: number;
  blockHash: string;
  logSize: number;
  logRoot: string;
  /** Of its block. */
  timeMs: number;
  signatures: { memberId: string; signature: string }[];
}

/** Whose signatures under a checkpoint are right; `members` are those after its block, with their keys in hex. */
export function checkCosignatures(
  chainId: string,
  { height, blockHash, logSize, logRoot, signatures }: SignedCheckpoint,
  members: readonly { memberId: string; publicKey: string }[],
  crypto: VerifierCrypto,
): { memberId: string; isValid: boolean }[] {
  const said = concat(
    tag('sealfolio/checkpoint/1'),
    str(chainId),
    uint(height, 8),
    fromHex(blockHash),
    uint(logSize, 8),
    fromHex(logRoot),
  );
  return signatures.map(({ memberId, signature }) => {
    const member = members.find((one) => one.memberId === memberId);
    const message = concat(said, str(memberId));
    const isValid = member !== undefined && crypto.sm2Verify(fromHex(member.publicKey), message, fromHex(signature));
    return { memberId, isValid };
  });
}
