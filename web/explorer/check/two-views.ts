import { toHex, fromHex, utf8, concat } from '../../../verifier/bytes.ts';
import { checkpointMessage } from '../../../verifier/checkpoint.ts';
import { encodeCommit } from '../../../verifier/evidence.ts';
import type { Evidence, EvidenceCertificate } from '../../../verifier/evidence-file.ts';
import type { SignedCheckpoint, VerifierCrypto } from '../../../verifier/index.ts';
import type { Block } from '../client/types.ts';

/** The same finding has the same id, whoever makes it: the nodes' own (chain-node/state/evidence.ts). */
function idOf(type: Evidence['type'], halves: readonly Uint8Array[], { sm3 }: VerifierCrypto): string {
  const sorted = [...halves].sort((a, b) => (toHex(a) < toHex(b) ? -1 : 1));
  return toHex(sm3(concat(utf8(`${type}\0`), ...sorted)));
}

const certificateOf = ({ hash, header, commit }: Block): EvidenceCertificate => ({
  blockHash: hash,
  header,
  commit: btoa(String.fromCharCode(...encodeCommit(header.height, fromHex(hash), commit))),
  signers: commit.signatures.map(({ memberId }) => memberId),
});

/** Two blocks of one height, whose certificates were found good, as evidence: who signed both is accused. */
export function forkOf(blocks: readonly [Block, Block], crypto: VerifierCrypto): Evidence {
  const certificates = [...blocks].sort((a, b) => (a.hash < b.hash ? -1 : 1)).map(certificateOf);
  const [first, second] = certificates.map(({ signers }) => signers) as [string[], string[]];
  const halves = blocks.map(({ hash }) => fromHex(hash));
  return {
    id: idOf('fork', halves, crypto),
    type: 'fork',
    accused: first.filter((memberId) => second.includes(memberId)),
    height: blocks[0].header.height,
    certificates,
  };
}

/** A block, and a checkpoint of another one of its height under a member's good signature, as evidence. */
export function splitViewOf(
  chainId: string,
  own: Block,
  other: SignedCheckpoint,
  memberId: string,
  crypto: VerifierCrypto,
): Evidence {
  const message = checkpointMessage(chainId, other, memberId);
  const { signature } = other.signatures.find((one) => one.memberId === memberId)!;
  return {
    id: idOf('split-view', [fromHex(own.hash), message], crypto),
    type: 'split-view',
    accused: [],
    height: own.header.height,
    certificates: [certificateOf(own)],
    memberId,
    signed: [{ message: toHex(message), signature }],
  };
}
