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

/** What a member signs under a checkpoint. */
export const checkpointMessage = (
  chainId: string,
  { height, blockHash, logSize, logRoot }: SignedCheckpoint,
  memberId: string,
): Uint8Array =>
  concat(
    tag('sealfolio/checkpoint/1'),
    str(chainId),
    uint(height, 8),
    fromHex(blockHash),
    uint(logSize, 8),
    fromHex(logRoot),
    str(memberId),
  );

/** Whose signatures under a checkpoint are right; `members` are those after its block, with their keys in hex. */
export function checkCosignatures(
  chainId: string,
  checkpoint: SignedCheckpoint,
  members: readonly { memberId: string; publicKey: string }[],
  crypto: VerifierCrypto,
): { memberId: string; isValid: boolean }[] {
  return checkpoint.signatures.map(({ memberId, signature }) => {
    const member = members.find((one) => one.memberId === memberId);
    const message = checkpointMessage(chainId, checkpoint, memberId);
    const isValid = member !== undefined && crypto.sm2Verify(fromHex(member.publicKey), message, fromHex(signature));
    return { memberId, isValid };
  });
}
