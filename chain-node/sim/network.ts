import { LedgerError } from '../errors.ts';
import { splitFrame } from '../p2p/frames.ts';
import type { LinkEvents, Links } from '../world.ts';
import type { Clock } from './clock.ts';
import { Crashed } from './disk.ts';
import type { Random } from './random.ts';

export interface Weather {
  minDelayMs: number;
  maxDelayMs: number;
  loss: number;
  duplication: number;
}

/** One end: a running copy of a member. Twins are two of one member. */
interface End {
  id: string;
  memberId: string;
  /** Whether it can prove that it has this key. */
  holds: (publicKey: Uint8Array) => boolean;
  events: LinkEvents;
}

const OPEN_AFTER_MS = 5;
const REDIAL_AFTER_MS = 100;
const MAX_REDIAL_MS = 3200;

/** Whether one takes the other for a member: by the key that it knows of it. */
const knows = (a: End, b: End): boolean => {
  const key = a.events.keyOf(b.memberId);
  return key !== undefined && b.holds(key);
};

/** Pairs of ends, in one direction. */
class Pairs {
  readonly #to = new Map<string, Set<string>>();

  has(from: string, to: string): boolean {
    return this.#to.get(from)?.has(to) === true;
  }

  add(from: string, to: string): void {
    const known = this.#to.get(from);
    if (known === undefined) this.#to.set(from, new Set([to]));
    else known.add(to);
  }

  delete(from: string, to: string): void {
    this.#to.get(from)?.delete(to);
  }
}

/** A network whose delays, losses and partitions come from the seed. Order between two ends is not kept. */
export class VirtualNetwork {
  readonly #ends = new Map<string, End>();
  /** Ends that cannot hear each other: by group. Ends without a group hear everybody. */
  #groups = new Map<string, number>();
  readonly #deaf = new Pairs();
  readonly #muffled = new Map<string, (bytes: Buffer) => boolean>();
  /** Links that were closed, until they are dialled again. */
  readonly #closed = new Pairs();
  /** They never meet, either way. */
  readonly #apart = new Pairs();

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    public weather: Weather,
    /** A frame of `from` was refused by `to`. */
    private readonly onRefused: (from: string, to: string, error: LedgerError) => void,
    private readonly onError: (id: string, error: unknown) => void,
  ) {}

  /** What `from` sends to `to` is lost; the other way it is not. */
  setDeaf(from: string, to: string, isDeaf: boolean): void {
    if (isDeaf) this.#deaf.add(from, to);
    else this.#deaf.delete(from, to);
  }

  /** An end that hears all but frames of one kind; null: all. */
  muffle(id: string, isLost: ((bytes: Buffer) => boolean) | null): void {
    if (isLost === null) this.#muffled.delete(id);
    else this.#muffled.set(id, isLost);
  }

  keepApart(a: string, b: string): void {
    this.#apart.add(a, b);
    this.#apart.add(b, a);
  }

  /** Cuts the network into groups; an empty map heals it. */
  partition(groups: Map<string, number>): void {
    const before = [...this.#ends.values()].flatMap((a) => this.#peersOf(a).map((b) => `${a.id}|${b.id}`));
    this.#groups = groups;
    for (const a of this.#ends.values())
      for (const b of this.#peersOf(a)) if (!before.includes(`${a.id}|${b.id}`)) this.#open(a, b);
  }

  #canMeet(a: End, b: End): boolean {
    const [ga, gb] = [this.#groups.get(a.id), this.#groups.get(b.id)];
    return (
      a.memberId !== b.memberId &&
      !this.#closed.has(a.id, b.id) &&
      (ga === undefined || gb === undefined || ga === gb) &&
      !this.#apart.has(a.id, b.id)
    );
  }

  #peersOf(a: End): End[] {
    return [...this.#ends.values()].filter((b) => this.#canMeet(a, b));
  }

  /** Both ends lose the link; it is dialled again a moment later. */
  #close(a: End, b: End, waitMs = REDIAL_AFTER_MS): void {
    this.#closed.add(a.id, b.id);
    this.#closed.add(b.id, a.id);
    this.clock.after(waitMs, () => {
      // Another life of one of them dials by itself.
      if (this.#ends.get(a.id) !== a || this.#ends.get(b.id) !== b) return;
      if (!knows(a, b) || !knows(b, a)) return this.#close(a, b, Math.min(2 * waitMs, MAX_REDIAL_MS));
      this.#closed.delete(a.id, b.id);
      this.#closed.delete(b.id, a.id);
      this.#open(a, b);
      this.#open(b, a);
    });
  }

  #open(a: End, b: End): void {
    this.clock.after(OPEN_AFTER_MS, () => {
      if (this.#ends.get(a.id) !== a || this.#ends.get(b.id) !== b || !this.#canMeet(a, b)) return;
      try {
        a.events.onOpen(b.memberId);
      } catch (error) {
        this.onError(a.id, error);
      }
    });
  }

  /** `tap` sees what goes out and says what is sent in its place. */
  join(
    { id, memberId, holds }: Pick<End, 'id' | 'memberId' | 'holds'>,
    events: LinkEvents,
    tap: (bytes: Buffer) => Buffer[],
  ): Links & { leave(): void } {
    const end: End = { id, memberId, holds, events };
    const isHere = () => this.#ends.get(id) === end;
    const send = (to: End, bytes: Buffer) => {
      for (const out of tap(bytes)) this.#deliver(end, to, out);
    };
    return {
      start: async () => {
        this.#ends.set(id, end);
        for (const peer of this.#ends.keys()) {
          this.#closed.delete(id, peer);
          this.#closed.delete(peer, id);
        }
        for (const peer of this.#peersOf(end))
          if (!knows(end, peer) || !knows(peer, end)) this.#close(end, peer, OPEN_AFTER_MS);
        for (const peer of this.#peersOf(end)) {
          this.#open(end, peer);
          this.#open(peer, end);
        }
        return 0;
      },
      close: async () => {},
      leave: () => {
        if (isHere()) this.#ends.delete(id);
      },
      connected: () => (isHere() ? [...new Set(this.#peersOf(end).map((peer) => peer.memberId))].sort() : []),
      isConnected: (member) => isHere() && this.#peersOf(end).some((peer) => peer.memberId === member),
      broadcast: (bytes) => {
        if (isHere()) for (const peer of this.#peersOf(end)) send(peer, bytes);
      },
      drop: (member) => {
        for (const peer of this.#peersOf(end)) if (peer.memberId === member) this.#close(end, peer);
      },
      send: (member, bytes) => {
        const peers = isHere() ? this.#peersOf(end).filter((peer) => peer.memberId === member) : [];
        for (const peer of peers) send(peer, bytes);
        return peers.length > 0;
      },
    };
  }

  #deliver(from: End, to: End, bytes: Buffer): void {
    const { minDelayMs, maxDelayMs, loss, duplication } = this.weather;
    if (this.random.chance(loss) || this.#deaf.has(from.id, to.id)) return;
    if (this.#muffled.get(to.id)?.(bytes) === true) return;
    const copies = this.random.chance(duplication) ? 2 : 1;
    for (let i = 0; i < copies; i += 1)
      this.clock.after(this.random.int(minDelayMs, maxDelayMs), () => {
        // What is on its way when the link goes, or its end, is lost with it.
        if (this.#ends.get(to.id) !== to || !this.#canMeet(from, to)) return;
        const refuse = (error: unknown) => {
          if (error instanceof Crashed) return;
          if (error instanceof LedgerError) this.onRefused(from.id, to.id, error);
          else this.onError(to.id, error);
        };
        try {
          const { kind, payload } = splitFrame(Buffer.from(bytes));
          to.events.onFrame(from.memberId, kind, payload).catch(refuse);
        } catch (error) {
          refuse(error);
        }
      });
  }
}
