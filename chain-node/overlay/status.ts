import type { Member, Role } from '../codec/member.ts';
import { decodeChange } from '../codec/change.ts';
import type { Governance } from '../state/governance.ts';
import type { Age } from './age.ts';
import type { Links, Trouble } from './link/links.ts';
import type { Policy } from './policy.ts';
import { type Path, relaysOn, type Routes } from './routes.ts';

/** 待批 · 在线 · 中继 · 降级 · 离线 · 吊销 */
export type MemberState = 'pending' | 'online' | 'relayed' | 'degraded' | 'offline' | 'revoked';

export interface MemberStatus {
  memberId: string;
  name: string;
  role: Role;
  state: MemberState;
  /** When it came into this state, as seen from here. */
  since: string;
  /** Relays on the path that is taken; none: straight. Null: there is no path. */
  relays: string[] | null;
  rttMs: number | null;
  lossPercent: number | null;
  /** MTU of the interface that the first link goes over. */
  mtu: number | null;
  /** Why it is not linked, as far as that is known. */
  trouble: string | null;
}

/** From this share of heartbeats lost on a link of the path. */
const LOSSY_PERCENT = 5;

/** Straight is good, by one relay is usual where intranets do not see each other; by two, or lossy, or past an address that does not answer, is not. */
export function stateOf(path: Path | null, hasAddress: boolean): MemberState {
  if (path === null) return 'offline';
  const relays = relaysOn(path).length;
  if (path.lossPercent >= LOSSY_PERCENT || relays > 1 || (relays === 1 && hasAddress)) return 'degraded';
  return relays === 0 ? 'online' : 'relayed';
}

export interface BoardOptions {
  memberId: string;
  governance(): Governance;
  policy(): Policy;
  routes: Pick<Routes, 'choose'>;
  links: Pick<Links, 'get' | 'all' | 'troubles'>;
  /** How old what we know of the chain is. */
  age: Pick<Age, 'isLate' | 'isStale' | 'words'>;
}

/** How each member is reached from here, and since when. */
export class StatusBoard {
  readonly #states = new Map<string, { state: MemberState; since: number }>();

  constructor(private readonly options: BoardOptions) {}

  /** Looks again; to be called now and then, so that `since` is true. */
  refresh(): MemberStatus[] {
    const { members, open, former } = this.options.governance();
    const ids = new Set(members.map(({ memberId }) => memberId));
    const asked = open.flatMap(({ txType, body }): Member[] => {
      const change = decodeChange(txType, body);
      return change.type === 'set' && !ids.has(change.member.memberId) ? [change.member] : [];
    });
    const gone = former.filter(({ memberId }) => !ids.has(memberId));
    const statuses = [
      ...members.map((member) => this.#present(member)),
      ...unique(asked).map((member) => this.#absent(member, 'pending')),
      ...unique(gone).map(({ memberId }) => this.#absent({ memberId, name: memberId, role: 'observer' }, 'revoked')),
    ];
    return statuses.map((status) => ({ ...status, since: this.#since(status.memberId, status.state) }));
  }

  #present({ memberId, name, role }: Member): Omit<MemberStatus, 'since'> {
    const { options } = this;
    const { endpoints, relays } = options.policy();
    if (memberId === options.memberId)
      return { ...this.#absent({ memberId, name, role }, this.#own()), trouble: options.age.words };
    const path = options.routes.choose(memberId, null);
    const hasAddress = [...endpoints, ...relays].some((one) => one.memberId === memberId);
    const first = path === null ? undefined : options.links.get(path.route[1]!);
    const trouble: Trouble | undefined = options.links.troubles.get(memberId);
    return {
      memberId,
      name,
      role,
      state: stateOf(path, hasAddress),
      relays: path && relaysOn(path),
      rttMs: path && Math.round(path.rttMs * 10) / 10,
      lossPercent: path && Math.round(path.lossPercent),
      mtu: first?.mtu ?? null,
      trouble: trouble?.words ?? null,
    };
  }

  /** Our own: whether we know what the members decided, and are linked to all relays, to some, or to nobody. */
  #own(): MemberState {
    const { memberId, policy, links } = this.options;
    const { isLate, isStale } = this.options.age;
    if (isStale) return 'offline';
    const relays = new Set(
      policy()
        .relays.map((relay) => relay.memberId)
        .filter((id) => id !== memberId),
    );
    if (links.all().length === 0) return relays.size === 0 ? 'online' : 'offline';
    return !isLate && [...relays].every((id) => links.get(id) !== undefined) ? 'online' : 'degraded';
  }

  #absent(
    { memberId, name, role }: Pick<Member, 'memberId' | 'name' | 'role'>,
    state: MemberState,
  ): Omit<MemberStatus, 'since'> {
    return { memberId, name, role, state, relays: null, rttMs: null, lossPercent: null, mtu: null, trouble: null };
  }

  #since(memberId: string, state: MemberState): string {
    const known = this.#states.get(memberId);
    const now = known?.state === state ? known : { state, since: Date.now() };
    this.#states.set(memberId, now);
    return new Date(now.since).toISOString();
  }
}

const unique = <T extends { memberId: string }>(list: readonly T[]): T[] => [
  ...new Map(list.map((one) => [one.memberId, one])).values(),
];
