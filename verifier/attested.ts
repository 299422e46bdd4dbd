import { concat, fromHex, tag, toHex, utf8 } from './bytes.ts';
import { type LedgerReceipt, type Trust, type VerifierCrypto, verifyRecord } from './index.ts';
import { canonicalJson } from './jcs.ts';
import type { Digest } from './ledger.ts';

/** What a member attested of one event, or one edit, and its place in the ledger: nothing else of the member is believed. */
export interface AttestedProof {
  manifest: Record<string, unknown>;
  /** Hex. */
  salt: string;
  ledger: unknown;
  /** The member's, over the manifest (edits of a catalogue). */
  signature?: string;
  /** The catalogue itself (edits of a catalogue). */
  catalog?: unknown;
}

/** The steps of the check, in order; each stands on the one before. */
export const ATTESTED_STEPS = {
  shown: { zh: '页面所示与被存证的内容一致', en: 'What is shown is what was attested' },
  catalog: { zh: '目录与被存证的摘要一致', en: 'The catalogue is the one that was attested' },
  record: { zh: '被存证的内容与账本记录一致', en: 'What was attested is what the ledger holds' },
  ledger: { zh: '账本记录由法定多数成员签名', en: 'A quorum of the members signed the record' },
  signature: { zh: '成员对内容的签名', en: 'Signature of the member over it' },
} as const;
export type AttestedStepName = keyof typeof ATTESTED_STEPS;

export interface AttestedStep {
  step: AttestedStepName;
  state: 'pass' | 'fail' | 'unknown' | 'skipped';
  reason?: string;
}

export interface AttestedVerdict {
  verdict: 'valid' | 'invalid' | 'unknown';
  steps: AttestedStep[];
  /** What the ledger holds, if it could be read. */
  ledger?: LedgerReceipt;
}

/** A loan's event as it is shown; `at` is RFC 3339. */
export interface ShownLoanEvent {
  loanId: string;
  seq: number;
  act: string;
  from: string;
  to: string;
  at: string;
  by: string;
  /** Of an approval: what was asked for and what was given, as it was attested. */
  grant?: unknown;
}

/** An edit of a catalogue as it is shown; `at` is RFC 3339. */
export interface ShownCatalogEdit {
  archiveId: string;
  version: number;
  edit: number;
  at: string;
  by: string;
  reason: string;
}

/** A correction in force as it is shown; times are RFC 3339. */
export interface ShownCorrection {
  archiveId: string;
  correction: number;
  /** Since when it is in force. */
  at: string;
  by: string;
  approver?: string;
  reason: string;
  before: unknown;
  after: unknown;
}

/** A merge or split of patients in force as it is shown; times are RFC 3339. */
export interface ShownMerge {
  mergeId: string;
  kind: string;
  /** Since when it is in force. */
  at: string;
  by: string;
  approver?: string;
  reason: string;
  retired: string;
  surviving: string;
}

/** Null: it passed; `unknown`: it cannot be told. */
type Outcome = null | { state: 'fail' | 'unknown'; reason: string };
const failed = (reason: string): Outcome => ({ state: 'fail', reason });

/** Runs the steps in order: after the first that fails the rest is skipped. What cannot be read fails. */
function run(checks: readonly (readonly [AttestedStepName, () => Outcome])[]): AttestedStep[] {
  let isOver = false;
  return checks.map(([step, check]) => {
    if (isOver) return { step, state: 'skipped' };
    let outcome: Outcome;
    try {
      outcome = check();
    } catch {
      outcome = failed('not readable');
    }
    isOver = outcome?.state === 'fail';
    return { step, ...(outcome ?? { state: 'pass' }) };
  });
}

const saltedHash = (name: string, salt: string, text: string, sm3: Digest): string =>
  toHex(sm3(concat(tag(name), fromHex(salt), utf8(text))));

const isSame = (a: unknown, b: unknown): boolean =>
  a === undefined || b === undefined ? a === b : canonicalJson(a) === canonicalJson(b);

/** The first field in which a manifest is not what is shown, one that only it has too; null if there is none. */
function differs(manifest: Record<string, unknown>, shown: Record<string, unknown>): Outcome {
  const field = Object.entries(shown).find(([name, value]) => !isSame(manifest[name], value));
  return field === undefined ? null : failed(`another ${field[0]}`);
}

/**
 * The keys that a member had up to the record's height, the newest first: what was signed may have waited for the ledger
 * while its key was rotated. Sets of members before the trusted one are believed for nothing: their keys are `older`.
 */
function keysUpTo({ members, handovers, header }: LedgerReceipt, memberId: string, trust: Trust | null) {
  const sets = [...handovers, { members, header }];
  const first = trust === null ? 0 : sets.findIndex((one) => one.header.membersHash === trust.membersHash);
  const keysOf = (some: typeof sets) => {
    const own = some.flatMap((one) => one.members.filter((member) => member.memberId === memberId));
    return [...new Set(own.map(({ publicKey }) => publicKey).reverse())];
  };
  return { trusted: keysOf(sets.slice(first)), older: keysOf(sets.slice(0, first)) };
}

interface Wanted {
  stream: string;
  /** What the record is filed under. */
  subject: string;
  /** Of what is shown. */
  checks: readonly (readonly [AttestedStepName, () => Outcome])[];
  /** Whether the member has signed it by itself, beside the record. */
  isSigned: boolean;
}

function verify(
  { manifest, salt, ledger, signature }: AttestedProof,
  { stream, subject, checks, isSigned }: Wanted,
  trust: Trust | null,
  crypto: VerifierCrypto,
): AttestedVerdict {
  const { sm3 } = crypto;
  const proof = verifyRecord(ledger, null, trust, crypto);
  const isRecord = (): Outcome => {
    if (proof.ledger === undefined) return failed('not readable');
    const { sender, record } = proof.ledger.entry;
    const digest = sm3(concat(tag('sealfolio/attest/1'), fromHex(salt), utf8(canonicalJson(manifest))));
    if (record.digest !== toHex(digest)) return failed('digest differs');
    if (record.key !== toHex(sm3(concat(tag('sealfolio/key/1'), utf8(subject))))) return failed('key differs');
    if (record.stream !== stream || record.note !== '') return failed('another kind of record');
    return sender === manifest.memberId ? null : failed('attested by another member');
  };
  const isFinal = (): Outcome => {
    if (proof.verdict === 'invalid') return failed(proof.failed!);
    return proof.verdict === 'valid' ? null : { state: 'unknown', reason: 'no trust anchor given' };
  };
  const isSignedByMember = (): Outcome => {
    const message = utf8(canonicalJson(manifest));
    const { trusted, older } = keysUpTo(proof.ledger!, String(manifest.memberId), trust);
    const isBy = (publicKey: string) => crypto.sm2Verify(fromHex(publicKey), message, fromHex(signature!));
    if (trusted.some(isBy)) return null;
    return older.some(isBy)
      ? { state: 'unknown', reason: 'signed by a key from before the trust anchor' }
      : failed('signature differs');
  };
  const steps = run([
    ...checks,
    ['record', isRecord],
    ['ledger', isFinal],
    ...(isSigned ? [['signature', isSignedByMember] as const] : []),
  ]);
  const isSure = steps.every(({ state }) => state === 'pass');
  const verdict = steps.some(({ state }) => state === 'fail') ? 'invalid' : isSure ? 'valid' : 'unknown';
  return { verdict, steps, ...(proof.ledger && { ledger: proof.ledger }) };
}

/** Checks that an event of a loan is as it was attested, without believing the server. Never throws on bad input. */
export function verifyLoanEvent(
  proof: AttestedProof,
  { by, grant, ...shown }: ShownLoanEvent,
  trust: Trust | null,
  crypto: VerifierCrypto,
): AttestedVerdict {
  const isShown = (): Outcome => {
    const actor = saltedHash('sealfolio/actor/1', proof.salt, by, crypto.sm3);
    return differs(proof.manifest, { format: 'sealfolio-loan/1', ...shown, grant, actor });
  };
  const wanted = { stream: 'loan', subject: shown.loanId, checks: [['shown', isShown] as const], isSigned: false };
  return verify(proof, wanted, trust, crypto);
}

/** Checks that an edit of a catalogue is as it was signed and attested, without believing the server. Never throws on bad input. */
export function verifyCatalogEdit(
  proof: AttestedProof,
  { by, reason, ...shown }: ShownCatalogEdit,
  trust: Trust | null,
  crypto: VerifierCrypto,
): AttestedVerdict {
  const { manifest, salt, catalog } = proof;
  const isShown = (): Outcome =>
    differs(manifest, {
      format: 'sealfolio-catalog/1',
      ...shown,
      actor: saltedHash('sealfolio/actor/1', salt, by, crypto.sm3),
      reason: saltedHash('sealfolio/reason/1', salt, reason, crypto.sm3),
    });
  const isCatalog = (): Outcome => {
    const { sm3 } = manifest.catalog as { sm3?: unknown };
    return toHex(crypto.sm3(utf8(canonicalJson(catalog)))) === sm3 ? null : failed('digest differs');
  };
  const checks = [['shown', isShown] as const, ['catalog', isCatalog] as const];
  return verify(proof, { stream: 'catalog', subject: shown.archiveId, checks, isSigned: true }, trust, crypto);
}

/** What a person asked for, another approved, and the member signed. Every text is under the salt; `hashed` runs where what it cannot read fails. */
function verifyAsked(
  proof: AttestedProof,
  { by, approver, reason, ...shown }: { by: string; approver?: string; reason: string; at: string },
  kind: { name: string; subject: string; hashed: () => Record<string, readonly [tag: string, text: string]> },
  trust: Trust | null,
  crypto: VerifierCrypto,
): AttestedVerdict {
  const hash = (name: string, text: string) => saltedHash(`sealfolio/${name}/1`, proof.salt, text, crypto.sm3);
  const isShown = (): Outcome =>
    differs(proof.manifest, {
      format: `sealfolio-${kind.name}/1`,
      ...shown,
      actor: hash('actor', by),
      approver: approver === undefined ? undefined : hash('actor', approver),
      reason: hash('reason', reason),
      ...Object.fromEntries(Object.entries(kind.hashed()).map(([field, [name, text]]) => [field, hash(name, text)])),
    });
  const wanted = { stream: kind.name, subject: kind.subject, isSigned: true };
  return verify(proof, { ...wanted, checks: [['shown', isShown] as const] }, trust, crypto);
}

/** Checks that a correction is as it was signed and attested, without believing the server. Never throws on bad input. */
export function verifyCorrection(
  proof: AttestedProof,
  { before, after, ...shown }: ShownCorrection,
  trust: Trust | null,
  crypto: VerifierCrypto,
): AttestedVerdict {
  const registered = (values: unknown) => ['registered', canonicalJson(values)] as const;
  const hashed = () => ({ before: registered(before), after: registered(after) });
  return verifyAsked(proof, shown, { name: 'correction', subject: shown.archiveId, hashed }, trust, crypto);
}

/** Checks that a merge of patients is as it was signed and attested, without believing the server. Never throws on bad input. */
export function verifyMerge(
  proof: AttestedProof,
  { retired, surviving, ...shown }: ShownMerge,
  trust: Trust | null,
  crypto: VerifierCrypto,
): AttestedVerdict {
  const hashed = () => ({ retired: ['patient', retired], surviving: ['patient', surviving] }) as const;
  return verifyAsked(proof, shown, { name: 'merge', subject: shown.mergeId, hashed }, trust, crypto);
}
