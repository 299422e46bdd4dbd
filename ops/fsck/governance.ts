import { sm3 } from '../../platform/crypto/index.ts';
import { concat, fromHex, sized, str, tag, toHex, uint } from '../../verifier/bytes.ts';
import type { ReceiptMember } from '../../verifier/receipt.ts';
import { Bytes, changeId, type ReadTransaction, Type } from './transaction.ts';

const OPEN_FOR_BLOCKS = 10_000;
const MAX_ADOPTED = 256;

interface Change {
  id: string;
  type: number;
  body: Buffer;
  openedAt: number;
  approvals: string[];
  effectiveAt: number;
}

type MemberChange = { set: ReceiptMember } | { remove: string };

const byId = (a: { memberId: string }, b: { memberId: string }) => (a.memberId < b.memberId ? -1 : 1);
const list = (items: readonly Uint8Array[]) => concat(uint(items.length, 4), ...items);

const memberBytes = ({ memberId, name, publicKey, role }: ReceiptMember) =>
  concat(str(memberId), str(name), fromHex(publicKey), uint(role === 'validator' ? 1 : 2, 1));

function memberChangeIn(body: Buffer): { height: number; change: MemberChange } {
  const bytes = new Bytes(body);
  const action = bytes.u8();
  const height = bytes.u64();
  const memberId = bytes.text();
  if (action === 2) return { height, change: { remove: memberId } };
  const [name, publicKey, role] = [bytes.text(), toHex(bytes.take(65)), bytes.u8()];
  return { height, change: { set: { memberId, name, publicKey, role: role === 1 ? 'validator' : 'observer' } } };
}

/** Follows what the members decided, block by block, by code apart from the node's (docs/ledger-protocol.md, Governance). */
export class GovernanceFollower {
  members: ReceiptMember[];
  #policy: { version: number; document: Buffer };
  #open: Change[] = [];
  #former: { memberId: string; publicKey: string }[] = [];
  #faults: { memberId: string; height: number }[] = [];
  /** Ids of changes that were adopted and are closed. */
  #adopted: string[] = [];
  /** Version of the rules by which the next height is valid. */
  rules = 1;

  constructor(members: readonly ReceiptMember[], policy: Buffer) {
    this.members = [...members].sort(byId);
    this.#policy = { version: 1, document: policy };
  }

  get validators(): string[] {
    return this.members.filter(({ role }) => role === 'validator').map(({ memberId }) => memberId);
  }

  #needed(type: number, body: Buffer): number {
    const n = this.validators.length;
    if (type === Type.member) {
      const { change } = memberChangeIn(body);
      const memberId = 'set' in change ? change.set.memberId : change.remove;
      const makesVoter = 'set' in change && change.set.role === 'validator';
      if (makesVoter || this.validators.includes(memberId)) return Math.floor((2 * n) / 3) + 1;
    }
    if (type === Type.rules) return Math.floor((2 * n) / 3) + 1;
    return Math.min(n, Math.max(2, Math.floor((n - 1) / 3) + 1));
  }

  /** A transaction of a block; of attestations nothing follows. */
  apply({ sender, type, body }: ReadTransaction, height: number): void {
    if (type === Type.attest) return;
    if (type === Type.evidence) {
      const bytes = new Bytes(body);
      const memberId = bytes.text();
      this.#faults.push({ memberId, height: heightOf(bytes.sized()) });
      return;
    }
    const id = toHex(changeId(type, body));
    const known = this.#open.find((change) => change.id === id);
    const change = known ?? { id, type, body, openedAt: height, approvals: [], effectiveAt: 0 };
    change.approvals = [...change.approvals, sender].sort();
    const count = change.approvals.filter((memberId) => this.validators.includes(memberId)).length;
    if (count >= this.#needed(type, body)) {
      const named = type === Type.member ? memberChangeIn(body).height : new Bytes(body).u64();
      change.effectiveAt = Math.max(named, height + 1);
    }
    this.#open = [...this.#open.filter((one) => one !== known), change];
  }

  /** After a block's last transaction. */
  endBlock(height: number): void {
    const due = this.#open.filter(({ effectiveAt }) => effectiveAt > 0 && effectiveAt <= height + 1);
    const isStale = ({ effectiveAt, openedAt }: Change) => effectiveAt === 0 && openedAt + OPEN_FOR_BLOCKS <= height;
    this.#adopted = [...this.#adopted, ...due.map(({ id }) => id)].slice(-MAX_ADOPTED);
    this.#open = this.#open.filter((change) => !due.includes(change) && !isStale(change));
    for (const { type, body } of due) {
      if (type === Type.policy) {
        const bytes = new Bytes(body);
        bytes.u64();
        this.#policy = { version: this.#policy.version + 1, document: bytes.sized() };
      } else if (type === Type.rules) {
        const bytes = new Bytes(body);
        bytes.u64();
        this.rules = Math.max(this.rules, bytes.u32());
      } else this.#change(memberChangeIn(body).change);
    }
  }

  #change(change: MemberChange): void {
    const memberId = 'set' in change ? change.set.memberId : change.remove;
    const present = this.members.find((member) => member.memberId === memberId);
    const others = this.members.filter((member) => member !== present);
    if ('set' in change) {
      const key = change.set.publicKey;
      if ([...others, ...this.#former].some(({ publicKey }) => publicKey === key)) return;
    } else if (present === undefined) return;
    const after = 'set' in change ? [...others, change.set].sort(byId) : others;
    if (!after.some(({ role }) => role === 'validator')) return;
    const isNewKey = present !== undefined && !('set' in change && change.set.publicKey === present.publicKey);
    if (isNewKey) this.#former.push({ memberId, publicKey: present.publicKey });
    this.members = after;
  }

  stateHash(): string {
    const encoded = concat(
      tag('sealfolio/state/2'),
      list(this.members.map(memberBytes)),
      uint(this.#policy.version, 8),
      sized(this.#policy.document),
      list(
        this.#open.map((change) =>
          concat(
            fromHex(change.id),
            uint(change.type, 1),
            sized(change.body),
            uint(change.openedAt, 8),
            list(change.approvals.map(str)),
            uint(change.effectiveAt, 8),
          ),
        ),
      ),
      list(this.#former.map(({ memberId, publicKey }) => concat(str(memberId), fromHex(publicKey)))),
      list(this.#faults.map(({ memberId, height }) => concat(str(memberId), uint(height, 8)))),
      list(this.#adopted.map(fromHex)),
      ...(this.rules > 1 ? [uint(this.rules, 4)] : []),
    );
    return toHex(sm3(encoded));
  }
}

/** The height in a signed vote or proposal: behind its tag and the chain's id, and a vote's type. */
function heightOf(message: Buffer): number {
  const end = message.indexOf(0) + 1;
  const bytes = new Bytes(message.subarray(end));
  bytes.sized();
  if (message.subarray(0, end).toString('ascii').startsWith('sealfolio/vote/')) bytes.u8();
  return bytes.u64();
}
