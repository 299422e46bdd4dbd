import { sm3 } from '../../platform/crypto/index.ts';
import { blockHash, type Commit, encodeCommit, type Header } from '../codec/block.ts';
import { headerJson } from './ledger.ts';

/** Bytes that a member signed, and its signature. */
export interface Signed {
  message: Buffer;
  signature: Buffer;
}

/** A final block as its signatures prove it. */
export interface Certificate {
  header: Header;
  commit: Commit;
}

/**
 * What proves a member false to anyone who has its public key: two different things signed for one height, round and step
 * (equivocation), or two blocks of one height that each have the signatures of a quorum (fork: all who signed both).
 */
export type Evidence =
  | { type: 'equivocation'; accused: string[]; height: number; round: number; signed: [Signed, Signed] }
  | { type: 'fork'; accused: string[]; height: number; certificates: [Certificate, Certificate] };

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

/** The same finding has the same id, whoever makes it and in whatever order its halves came. */
export function evidenceId(evidence: Evidence): string {
  const halves =
    evidence.type === 'equivocation'
      ? evidence.signed.map(({ message }) => message)
      : evidence.certificates.map(({ header }) => blockHash(header));
  return sm3(Buffer.from(`${evidence.type}\0`), ...halves.sort(Buffer.compare)).toString('hex');
}

const hex = (bytes: Buffer) => bytes.toString('hex');

/** As it is stored, shown by rpc and handed to a court: all that is needed to check it again. */
export function evidenceJson(evidence: Evidence) {
  const { type, accused, height } = evidence;
  const common = { id: evidenceId(evidence), type, accused, height };
  if (evidence.type === 'equivocation')
    return {
      ...common,
      round: evidence.round,
      signed: evidence.signed.map(({ message, signature }) => ({ message: hex(message), signature: hex(signature) })),
    };
  return {
    ...common,
    certificates: evidence.certificates.map(({ header, commit }) => ({
      blockHash: hex(blockHash(header)),
      header: headerJson(header),
      commit: encodeCommit(commit).toString('base64'),
      signers: commit.signatures.map(({ memberId }) => memberId),
    })),
  };
}
export type EvidenceJson = ReturnType<typeof evidenceJson>;
