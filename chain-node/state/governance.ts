import { sm3 } from '../../platform/crypto/index.ts';
import { tag, Writer, decode, type Reader } from '../codec/bytes.ts';
import { type Change, changeIdOf, decodeChange, MAX_POLICY_BYTES, memberKeyMessage } from '../codec/change.ts';
import { decodeEquivocation, type Equivocation } from '../codec/evidence.ts';
import { byMemberId, MAX_MEMBERS, type Member, readMembers, validatorsOf, writeMembers } from '../codec/member.ts';
import { HASH_BYTES, MAX_NAME_BYTES, PUBLIC_KEY_BYTES } from '../codec/record.ts';
import { comparePlaces, statementOf } from '../codec/statement.ts';
import { MAX_TX_BYTES, TxType } from '../codec/transaction.ts';
import { LedgerError } from '../errors.ts';

const STATE_TAG = tag('sealfolio/state/2');
const MEMBER_ID = /^[A-Za-z0-9._-]{1,64}$/;
const NAME = /^[^\p{Cc}]{1,128}$/u;
/** A change that has not found enough approvals within this many blocks is closed. */
export const OPEN_FOR_BLOCKS = 10_000;
const MAX_OPEN = 64;
const MAX_FORMER = 4096;
/** Adopted changes that are remembered, so that a late approval of one does not open it again. */
export const MAX_ADOPTED = 256;
/** Findings against one member that are kept; enough to convict it. */
const MAX_FAULTS_EACH = 16;

/** A change that was put to the members. */
export interface OpenChange {
  id: Buffer;
  txType: number;
  body: Buffer;
  openedAt: number;
  /** Validators that want it, by id. */
  approvals: string[];
  /** The height from which it is in force; 0 while there are not enough approvals. */
  effectiveAt: number;
}

/** Equivocation proven on the chain. */
export interface Fault {
  memberId: string;
  height: number;
}

/** All that the members decide by vote. Never changed in place. */
export interface Governance {
  /** Of the next height; by id. */
  members: readonly Member[];
  policy: { version: number; document: Buffer };
  open: readonly OpenChange[];
  /** Keys that were in force and are no more: nobody may have them again, and what they signed can still be judged. */
  former: readonly Pick<Member, 'memberId' | 'publicKey'>[];
  faults: readonly Fault[];
  /** Ids of the last changes that were adopted and are closed; the oldest first. */
  adopted: readonly Buffer[];
  /** Version of the rules by which the next height is valid (rules.ts). */
  rules: number;
}

/** Of a chain's first block. */
export const FIRST_RULES = 1;

type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

export const initialGovernance = (members: readonly Member[], policy: Buffer): Governance => ({
  members: [...members].sort(byMemberId),
  policy: { version: 1, document: policy },
  open: [],
  former: [],
  faults: [],
  adopted: [],
  rules: FIRST_RULES,
});

export function encodeGovernance({ members, policy, open, former, faults, adopted, rules }: Governance): Buffer {
  const writer = new Writer();
  writeMembers(writer, members);
  writer
    .u64(policy.version)
    .bytes(policy.document)
    .list(open, (inner, change) =>
      inner
        .raw(change.id)
        .u8(change.txType)
        .bytes(change.body)
        .u64(change.openedAt)
        .list(change.approvals, (deeper, memberId) => deeper.str(memberId))
        .u64(change.effectiveAt),
    )
    .list(former, (inner, { memberId, publicKey }) => inner.str(memberId).raw(publicKey))
    .list(faults, (inner, { memberId, height }) => inner.str(memberId).u64(height))
    .list(adopted, (inner, id) => inner.raw(id));
  // A chain that never switched has the bytes that it had before there were switches.
  if (rules > FIRST_RULES) writer.u32(rules);
  return writer.done();
}

function readRules(reader: Reader): number {
  if (reader.isAtEnd) return FIRST_RULES;
  const rules = reader.u32();
  if (rules <= FIRST_RULES) throw new LedgerError('encoding-invalid', 'version of the rules');
  return rules;
}

const readOpen = (reader: Reader): OpenChange => ({
  id: reader.raw(HASH_BYTES),
  txType: reader.u8(),
  body: reader.bytes(MAX_TX_BYTES),
  openedAt: reader.u64(),
  approvals: reader.list(MAX_MEMBERS, (inner) => inner.str(MAX_NAME_BYTES)),
  effectiveAt: reader.u64(),
});

export const decodeGovernance = (data: Uint8Array): Governance =>
  decode(data, (reader) => ({
    members: readMembers(reader),
    policy: { version: reader.u64(), document: reader.bytes(MAX_POLICY_BYTES) },
    open: reader.list(MAX_OPEN, readOpen),
    former: reader.list(MAX_FORMER, (inner) => ({
      memberId: inner.str(MAX_NAME_BYTES),
      publicKey: inner.raw(PUBLIC_KEY_BYTES),
    })),
    faults: reader.list(MAX_MEMBERS * MAX_FAULTS_EACH, (inner) => ({
      memberId: inner.str(MAX_NAME_BYTES),
      height: inner.u64(),
    })),
    adopted: reader.list(MAX_ADOPTED, (inner) => inner.raw(HASH_BYTES)),
    rules: readRules(reader),
  }));

export const stateHash = (governance: Governance): Buffer => sm3(STATE_TAG, encodeGovernance(governance));

const invalid = (reason: string) => new LedgerError('transaction-invalid', reason);

/**
 * How many approvals a change needs: more than two thirds of the validators if it touches who votes, with which key, or by
 * which rules; else at least two, and at least one of a correct member (f + 1).
 */
export function approvalsNeeded(change: Change, members: readonly Member[]): number {
  const n = validatorsOf(members).length;
  const isVoter = (memberId: string) => members.some((one) => one.memberId === memberId && one.role === 'validator');
  const touchesVoters =
    (change.type === 'set' && (change.member.role === 'validator' || isVoter(change.member.memberId))) ||
    (change.type === 'remove' && isVoter(change.memberId)) ||
    change.type === 'rules';
  if (touchesVoters) return Math.floor((2 * n) / 3) + 1;
  return Math.min(n, Math.max(2, Math.floor((n - 1) / 3) + 1));
}

/** The governance with a change in force. Throws transaction-invalid if the change does not fit it. */
function withChange(governance: Governance, change: Change): Governance {
  if (change.type === 'policy') {
    const { version } = governance.policy;
    return { ...governance, policy: { version: version + 1, document: change.document } };
  }
  if (change.type === 'rules') {
    if (change.version <= governance.rules) throw invalid('the rules are of this version, or a later one');
    return { ...governance, rules: change.version };
  }
  const { former } = governance;
  const memberId = change.type === 'set' ? change.member.memberId : change.memberId;
  const present = governance.members.find((member) => member.memberId === memberId);
  const others = governance.members.filter((member) => member.memberId !== memberId);
  const retired = (next?: Buffer) =>
    present === undefined || next?.equals(present.publicKey) === true
      ? former
      : [...former, { memberId, publicKey: present.publicKey }];
  if (former.length >= MAX_FORMER) throw invalid('too many keys were retired');
  let after: Governance;
  if (change.type === 'remove') {
    if (present === undefined || !present.publicKey.equals(change.publicKey)) throw invalid('no member has this key');
    after = { ...governance, members: others, former: retired() };
  } else {
    const { member } = change;
    const isTaken = [...others, ...former].some(({ publicKey }) => publicKey.equals(member.publicKey));
    if (isTaken) throw invalid('the key is, or was, another one’s');
    if (others.length + 1 > MAX_MEMBERS) throw invalid('too many members');
    const members = [...others, member].sort(byMemberId);
    after = { ...governance, members, former: retired(member.publicKey) };
  }
  if (validatorsOf(after.members).length === 0) throw invalid('nobody would be left to vote');
  return after;
}

function checkForm(change: Change, chainId: string, verify: Verify): void {
  if (change.type !== 'set') return;
  const { memberId, name, publicKey } = change.member;
  if (!MEMBER_ID.test(memberId)) throw invalid('id of the member');
  if (!NAME.test(name)) throw invalid('name of the member');
  let holds = false;
  try {
    holds = verify(publicKey, memberKeyMessage(chainId, memberId, publicKey), change.proof);
  } catch {
    throw invalid('key of the member');
  }
  if (!holds) throw invalid('the new key did not sign for itself');
}

export interface GovernanceTx {
  sender: string;
  type: number;
  body: Buffer;
}

function approve(governance: Governance, tx: GovernanceTx, at: { chainId: string; height: number }, verify: Verify) {
  const { sender, type: txType, body } = tx;
  const validators = validatorsOf(governance.members);
  if (!validators.includes(sender)) throw invalid('only validators decide');
  const change = decodeChange(txType, body);
  // Who votes has seen to it that the validators know the rules by that height, and no earlier.
  if (change.type === 'rules' && change.height <= at.height) throw invalid('the height of the switch is past');
  const id = changeIdOf(txType, body);
  const known = governance.open.find((open) => open.id.equals(id));
  if (known === undefined) {
    if (governance.adopted.some((adopted) => adopted.equals(id))) throw invalid('the change was adopted before');
    checkForm(change, at.chainId, verify);
    withChange(governance, change);
    if (governance.open.length >= MAX_OPEN) throw invalid('too many changes are open');
  }
  const open = known ?? { id, txType, body: Buffer.from(body), openedAt: at.height, approvals: [], effectiveAt: 0 };
  if (open.effectiveAt > 0) throw invalid('the change is adopted');
  if (open.approvals.includes(sender)) throw invalid('the member approved it before');
  const approvals = [...open.approvals, sender].sort();
  const count = approvals.filter((memberId) => validators.includes(memberId)).length;
  const isAdopted = count >= approvalsNeeded(change, governance.members);
  const effectiveAt = isAdopted ? Math.max(change.height, at.height + 1) : 0;
  const next = { ...open, approvals, effectiveAt };
  const others = governance.open.filter((one) => one !== known);
  return { ...governance, open: [...others, next] };
}

/** The height of a proven equivocation. Throws transaction-invalid if it proves nothing. */
export function checkEquivocation(
  { accused, signed }: Equivocation,
  chainId: string,
  { members, former }: Pick<Governance, 'members' | 'former'>,
  verify: Verify,
): number {
  const [first, second] = signed;
  if (Buffer.compare(first.message, second.message) >= 0) throw invalid('evidence is not in its one order');
  const [a, b] = [statementOf(chainId, first.message), statementOf(chainId, second.message)];
  if (comparePlaces(a, b) !== 0 || a.voter !== b.voter) throw invalid('the two are not of one step');
  const keys = [...members, ...former].filter(({ memberId }) => memberId === accused);
  const isSignedBy = (key: Buffer) => signed.every(({ message, signature }) => verify(key, message, signature));
  if (!keys.some(({ publicKey }) => isSignedBy(publicKey))) throw invalid('not signed by the accused');
  return a.height;
}

function accuse(governance: Governance, body: Buffer, chainId: string, verify: Verify): Governance {
  const equivocation = decodeEquivocation(body);
  const { accused } = equivocation;
  const before = governance.faults.filter(({ memberId }) => memberId === accused);
  if (before.length >= MAX_FAULTS_EACH) throw invalid('enough is recorded against this member');
  const height = checkEquivocation(equivocation, chainId, governance, verify);
  if (before.some((fault) => fault.height === height)) throw invalid('this is recorded already');
  return { ...governance, faults: [...governance.faults, { memberId: accused, height }] };
}

/** What a transaction of the members, in a block of this height, makes of the governance. Throws transaction-invalid, encoding-invalid. */
export function applyGovernanceTx(
  governance: Governance,
  tx: GovernanceTx,
  at: { chainId: string; height: number },
  verify: Verify,
): Governance {
  if (tx.type === TxType.evidence) return accuse(governance, tx.body, at.chainId, verify);
  return approve(governance, tx, at, verify);
}

/** After the last transaction of a block: what is due at the next height comes into force, what is too old is closed. */
export function endBlock(governance: Governance, height: number): Governance {
  const isDue = ({ effectiveAt }: OpenChange) => effectiveAt > 0 && effectiveAt <= height + 1;
  const isStale = ({ effectiveAt, openedAt }: OpenChange) => effectiveAt === 0 && openedAt + OPEN_FOR_BLOCKS <= height;
  if (!governance.open.some((change) => isDue(change) || isStale(change))) return governance;
  const due = governance.open.filter(isDue);
  let after: Governance = {
    ...governance,
    open: governance.open.filter((one) => !isDue(one) && !isStale(one)),
    adopted: [...governance.adopted, ...due.map(({ id }) => id)].slice(-MAX_ADOPTED),
  };
  for (const { txType, body } of due)
    try {
      after = withChange(after, decodeChange(txType, body));
    } catch (error) {
      // Another change came first, and this one no longer fits: it falls.
      if (!(error instanceof LedgerError)) throw error;
    }
  return after;
}
