import { sm3 } from '../../platform/crypto/index.ts';
import { blockHash, type Certificate } from '../codec/block.ts';
import type { Equivocation, Signed } from '../codec/evidence.ts';
import { encodeCommit } from '../codec/vote.ts';
import { headerJson } from './json.ts';

/**
 * What proves a member false to anyone who has its public key: two different things signed for one height, round and step
 * (equivocation), or two blocks of one height that each have the signatures of a quorum (fork: all who signed both). Or
 * what proves that there are two views: a block that a quorum signed, and a checkpoint of another one of that height under
 * a member's signature; the member may itself have been deceived.
 */
export type Evidence =
  | ({ type: 'equivocation'; height: number; round: number } & Equivocation)
  | { type: 'fork'; accused: string[]; height: number; certificates: [Certificate, Certificate] }
  | { type: 'split-view'; height: number; own: Certificate; memberId: string; signed: Signed };

/** Two certificates of one height, and who signed both. */
export function forkOf(a: Certificate, b: Certificate): Evidence {
  const [first, second] = [a, b].sort((x, y) => Buffer.compare(blockHash(x.header), blockHash(y.header))) as [
    Certificate,
    Certificate,
  ];
  const others = new Set(second.commit.signatures.map(({ memberId }) => memberId));
  const accused = first.commit.signatures.map(({ memberId }) => memberId).filter((memberId) => others.has(memberId));
  return { type: 'fork', accused, height: a.header.height, certificates: [first, second] };
}

function halvesOf(evidence: Evidence): Buffer[] {
  if (evidence.type === 'equivocation') return evidence.signed.map(({ message }) => message);
  if (evidence.type === 'fork') return evidence.certificates.map(({ header }) => blockHash(header));
  return [blockHash(evidence.own.header), evidence.signed.message];
}

/** The same finding has the same id, whoever makes it and in whatever order its halves came. */
export function evidenceId(evidence: Evidence): string {
  const halves = halvesOf(evidence);
  return sm3(Buffer.from(`${evidence.type}\0`), ...halves.sort(Buffer.compare)).toString('hex');
}

const hex = (bytes: Buffer) => bytes.toString('hex');

const signedJson = ({ message, signature }: Signed) => ({ message: hex(message), signature: hex(signature) });
const certificateOf = ({ header, commit }: Certificate) => ({
  blockHash: hex(blockHash(header)),
  header: headerJson(header),
  commit: encodeCommit(commit).toString('base64'),
  signers: commit.signatures.map(({ memberId }) => memberId),
});

/** As it is stored, shown by rpc and handed to a court: all that is needed to check it again. */
export function evidenceJson(evidence: Evidence) {
  const { type, height } = evidence;
  const accused = evidence.type === 'split-view' ? [] : [evidence.accused].flat();
  const common = { id: evidenceId(evidence), type, accused, height };
  if (evidence.type === 'equivocation')
    return {
      ...common,
      round: evidence.round,
      signed: evidence.signed.map(signedJson),
    };
  if (evidence.type === 'split-view')
    return {
      ...common,
      certificates: [certificateOf(evidence.own)],
      memberId: evidence.memberId,
      signed: [signedJson(evidence.signed)],
    };
  return { ...common, certificates: evidence.certificates.map(certificateOf) };
}
export type EvidenceJson = ReturnType<typeof evidenceJson>;
