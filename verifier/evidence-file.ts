import { toHex } from './bytes.ts';
import { checkEquivocation, checkSplitView, decodeCommit, type SignedStatement } from './evidence.ts';
import { blockHash, checkHandovers, checkSignatures, membersHash, type Trust, type VerifierCrypto } from './index.ts';
import {
  DIGEST,
  handovers,
  header,
  MAX_MEMBERS,
  member,
  NAME,
  type ReceiptMember,
  type SignedHeader,
} from './receipt.ts';
import { type Check, hex, integer, list, literal, object, oneOf, ShapeError, text } from './shape.ts';

export const EVIDENCE_FORMAT = 'sealfolio-evidence/1';
const MAX_FILE_CHARACTERS = 4 * 1024 * 1024;
const MAX_MESSAGE_BYTES = 512;

export interface EvidenceCertificate {
  blockHash: string;
  header: SignedHeader['header'];
  /** Encoded, in base64. */
  commit: string;
  signers: string[];
}

/** What a node found against members, as its rpc gives it (docs/ledger-protocol.md, Evidence). */
export type Evidence = { id: string; accused: string[]; height: number } & (
  | { type: 'equivocation'; round: number; signed: SignedStatement[] }
  | { type: 'fork'; certificates: EvidenceCertificate[] }
  /** A checkpoint that is not this node's block of that height: one of the two sides lies, which is not told. */
  | { type: 'split-view'; certificates: EvidenceCertificate[]; memberId: string; signed: SignedStatement[] }
);

interface Keyed {
  memberId: string;
  publicKey: string;
}

/** Evidence with all that checking it needs: it can be handed to anyone. */
export interface EvidenceFile {
  format: typeof EVIDENCE_FORMAT;
  chainId: string;
  evidence: Evidence;
  /** Those of its height. */
  members: ReceiptMember[];
  /** Blocks below it by which the chain came to them, as in a receipt. */
  handovers: SignedHeader[];
  /** Keys that members had at other times. */
  others: Keyed[];
}

/** One thing that was checked. `name` says what; the order is that of the checks. */
export interface EvidenceStep {
  name:
    | 'form'
    | 'members'
    | 'handover'
    | 'equivocation'
    | 'twoBlocks'
    | 'forkCertificate'
    | 'forkAccused'
    | 'splitView'
    | 'trustAnchor';
  state: 'pass' | 'fail' | 'unknown';
  values?: Record<string, string | number>;
  detail?: string;
}

const step = (name: EvidenceStep['name'], isRight: boolean, rest: Omit<EvidenceStep, 'name' | 'state'> = {}) =>
  ({ name, state: isRight ? 'pass' : 'fail', ...rest }) satisfies EvidenceStep;

/** Of the members given: those whose valid signatures are under a certificate. Throws a ShapeError. */
function signersOf({ header: of, commit }: EvidenceCertificate, members: ReceiptMember[], crypto: VerifierCrypto) {
  const bytes = Uint8Array.from(atob(commit), (char) => char.charCodeAt(0));
  const signed = checkSignatures({ header: of, commit: decodeCommit(bytes), members }, crypto);
  return new Set(signed.filter(({ isValid }) => isValid).map(({ memberId }) => memberId));
}

/** The certificates of a fork or a split view: whose members they are, and that a quorum of them signed each. */
function checkCertificates(
  chainId: string,
  { height, certificates }: { height: number; certificates: EvidenceCertificate[] },
  members: ReceiptMember[],
  crypto: VerifierCrypto,
): { steps: EvidenceStep[]; signers: Set<string>[] } {
  const validators = members.filter(({ role }) => role === 'validator').length;
  const hash = membersHash(members, crypto.sm3);
  const named = certificates.map(({ header: of }) => of.membersHash);
  const steps = [step('members', hash !== null && named.every((one) => one === toHex(hash)))];
  const signers = certificates.map((one) => signersOf(one, members, crypto));
  for (const [i, { header: of, blockHash: shown }] of certificates.entries()) {
    const valid = signers[i]!.size;
    const isOf = of.chainId === chainId && of.height === height && toHex(blockHash(of, crypto.sm3)) === shown;
    steps.push(
      step('forkCertificate', isOf && 3 * valid > 2 * validators, { values: { valid, validators }, detail: shown }),
    );
  }
  return { steps, signers };
}

const sameNames = (a: readonly string[], b: readonly string[]) =>
  JSON.stringify([...a].sort()) === JSON.stringify([...b].sort());

/**
 * Whether a finding proves what it says, by its own bytes; `members` are those of its height, `others` the keys that
 * members had at other times. Never throws on bad input.
 */
export function checkEvidence(
  { chainId, evidence, members, others }: Omit<EvidenceFile, 'format' | 'handovers'>,
  crypto: VerifierCrypto,
): EvidenceStep[] {
  const keysOf = (memberId: string) =>
    [...members, ...others].filter((one) => one.memberId === memberId).map(({ publicKey }) => publicKey);
  try {
    if (evidence.type === 'equivocation') {
      const [accused = ''] = evidence.accused;
      const place = checkEquivocation(chainId, evidence.signed, keysOf(accused), crypto);
      const isOf = place !== null && place.height === evidence.height && evidence.accused.length === 1;
      return [step('equivocation', isOf, { values: { member: accused, height: evidence.height } })];
    }
    const { steps, signers } = checkCertificates(chainId, evidence, members, crypto);
    const [first, second] = evidence.certificates;
    if (evidence.type === 'split-view') {
      const { memberId, signed, height } = evidence;
      const at = { header: first!.header, block: blockHash(first!.header, crypto.sm3) };
      const isSplit = checkSplitView(at, memberId, signed[0]!, keysOf(memberId), crypto);
      return [...steps, step('splitView', isSplit, { values: { member: memberId, height } })];
    }
    const both = [...signers[0]!].filter((memberId) => signers[1]!.has(memberId));
    return [
      step('twoBlocks', first!.blockHash !== second!.blockHash),
      ...steps,
      step('forkAccused', sameNames(both, evidence.accused), { values: { members: both.join('、') } }),
    ];
  } catch (error) {
    // What is not there, or cannot be read.
    return [{ name: 'form', state: 'fail', detail: String((error as Error).message) }];
  }
}

const signed = list(object({ message: hex(1, MAX_MESSAGE_BYTES), signature: hex(64) }), 2);
const certificate = object({
  blockHash: DIGEST,
  header,
  commit: text(/^[A-Za-z0-9+/]+={0,2}$/, 1 << 18),
  signers: list(text(NAME), MAX_MEMBERS),
});
const common = { id: DIGEST, accused: list(text(NAME), MAX_MEMBERS), height: integer(1) };
const KINDS = {
  equivocation: object({ ...common, type: literal('equivocation'), round: integer(0, 0xffffffff), signed }),
  fork: object({ ...common, type: literal('fork'), certificates: list(certificate, 2) }),
  'split-view': object({
    ...common,
    type: literal('split-view'),
    certificates: list(certificate, 1),
    memberId: text(NAME),
    signed,
  }),
};
const evidence: Check<Evidence> = (value, pointer) => {
  const type = (value as { type?: unknown } | null)?.type;
  return KINDS[oneOf(...(Object.keys(KINDS) as Evidence['type'][]))(type, `${pointer}/type`)](value, pointer);
};
const file = object<EvidenceFile>({
  format: literal(EVIDENCE_FORMAT),
  chainId: text(NAME),
  evidence,
  members: list(member, MAX_MEMBERS),
  handovers,
  others: list(object({ memberId: text(NAME), publicKey: hex(65) }), MAX_MEMBERS),
});

/** Reads a file of evidence. Throws a ShapeError. */
export function parseEvidence(content: string): EvidenceFile {
  if (content.length > MAX_FILE_CHARACTERS) throw new ShapeError('', `at most ${MAX_FILE_CHARACTERS} characters`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(content);
  } catch {
    throw new ShapeError('', 'JSON');
  }
  return file(parsed, '');
}

/** Whose keys these are: those of the trusted members, or of those to whom they handed the chain over. */
function checkTrust(
  { chainId, evidence, members, handovers: before }: EvidenceFile,
  trust: Trust | null,
  crypto: VerifierCrypto,
): EvidenceStep[] {
  const own = toHex(membersHash(members, crypto.sm3) ?? new Uint8Array());
  const outcome = checkHandovers(before, { chainId, height: evidence.height, membersHash: own }, crypto);
  const steps =
    before.length === 0 ? [] : [step('handover', outcome.state === 'pass', { values: { n: before.length } })];
  if (trust === null) return [...steps, { name: 'trustAnchor', state: 'unknown', detail: 'no trust anchor given' }];
  if (trust.chainId !== chainId)
    return [...steps, step('trustAnchor', false, { detail: 'another chain than the trusted one' })];
  const sets = [...before.map(({ header: of }) => of.membersHash), own];
  if (sets.includes(trust.membersHash)) return [...steps, step('trustAnchor', true)];
  // They may have come later: that is not told here.
  return [...steps, { name: 'trustAnchor', state: 'unknown', detail: 'other members than the trusted ones' }];
}

/**
 * Checks a file of evidence without any server. `valid`: it proves what it says, under keys of the trusted members;
 * `unknown`: it proves it under keys that somebody has to vouch for. Never throws on bad input.
 */
export function verifyEvidence(
  content: string,
  trust: Trust | null,
  crypto: VerifierCrypto,
): { verdict: 'valid' | 'invalid' | 'unknown'; steps: EvidenceStep[]; file?: EvidenceFile } {
  let read: EvidenceFile;
  try {
    read = parseEvidence(content);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    return { verdict: 'invalid', steps: [{ name: 'form', state: 'fail', detail: error.message }] };
  }
  const steps = [...checkEvidence(read, crypto), ...checkTrust(read, trust, crypto)];
  const isSure = steps.every(({ state }) => state === 'pass');
  const verdict = steps.some(({ state }) => state === 'fail') ? 'invalid' : isSure ? 'valid' : 'unknown';
  return { verdict, steps, file: read };
}
