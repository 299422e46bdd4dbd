import { type Change, memberKeyMessage } from '../codec/change.ts';
import type { Member, Role } from '../codec/member.ts';
import { validatorsOf } from '../codec/member.ts';
import { Violation } from './oracle.ts';
import { publicKeyOf, sign } from './signatures.ts';

/** A change that is put to the members, and who said yes to it. */
export interface Planned {
  change: Extract<Change, { type: 'set' | 'remove' }>;
  memberId: string;
  approvals: { memberId: string; txId: string }[];
}

const isThere = ({ change, memberId }: Planned, members: readonly Member[]): boolean => {
  const present = members.find((member) => member.memberId === memberId);
  if (change.type === 'remove') return present === undefined;
  return present !== undefined && present.publicKey.equals(change.member.publicKey);
};

/** What the members were asked to decide in a run: what becomes of them must follow from it, and from nothing else. */
export class Decisions {
  readonly planned: Planned[] = [];

  constructor(private readonly chainId: string) {}

  set(memberId: string, role: Role, privateKey: Buffer, height: number): Planned {
    const publicKey = publicKeyOf(privateKey);
    const proof = sign(privateKey, memberKeyMessage(this.chainId, memberId, publicKey));
    const member = { memberId, name: memberId, publicKey, role };
    return this.#plan(memberId, { type: 'set', height, member, proof, request: Buffer.alloc(0) });
  }

  remove(memberId: string, privateKey: Buffer, height: number): Planned {
    return this.#plan(memberId, { type: 'remove', height, memberId, publicKey: publicKeyOf(privateKey) });
  }

  #plan(memberId: string, change: Planned['change']): Planned {
    const planned = { change, memberId, approvals: [] };
    this.planned.push(planned);
    return planned;
  }

  /** What was asked for and has not come. */
  pending(members: readonly Member[]): Planned[] {
    return this.planned.filter((one) => !isThere(one, members));
  }

  /**
   * That the members after a block differ from those before it by what was planned only, no sooner than at the height
   * that it names, and with the word of more than two thirds (for an observer: of two). Throws Violation.
   */
  explain(
    height: number,
    before: readonly Member[],
    after: readonly Member[],
    finalAt: (txId: string) => number,
  ): void {
    const fail = (what: string) => new Violation('validity', `members after height ${height}: ${what}`);
    const keyOf = (members: readonly Member[], id: string) =>
      members.find(({ memberId }) => memberId === id)?.publicKey.toString('hex');
    const ids = new Set([...before, ...after].map(({ memberId }) => memberId));
    for (const memberId of ids) {
      if (keyOf(before, memberId) === keyOf(after, memberId)) continue;
      const planned = this.planned.find((one) => one.memberId === memberId && isThere(one, after));
      if (planned === undefined) throw fail(`nobody asked for what became of ${memberId}`);
      if (planned.change.height > height + 1) throw fail(`${memberId}: asked for from ${planned.change.height} on`);
      const voters = validatorsOf(before);
      const approvers = planned.approvals.filter(({ txId }) => finalAt(txId) <= height).map((one) => one.memberId);
      const isObserver = planned.change.type === 'set' && planned.change.member.role === 'observer';
      const needed = isObserver ? 2 : Math.floor((2 * Math.min(voters.length, this.fewest)) / 3) + 1;
      if (new Set(approvers).size < needed) throw fail(`${memberId}: only ${approvers.join(' ')} approved it`);
    }
  }

  /** The fewest validators that there may have been when a change was adopted. */
  fewest = Infinity;
}
