import type { Near, Reach, Route } from './link/frames.ts';

/** A way to a member, and what it costs. */
export interface Path {
  route: Route;
  rttMs: number;
  /** Of the worst link that is known. */
  lossPercent: number;
}

export const relaysOn = ({ route }: Pick<Path, 'route'>): string[] => route.slice(1, -1);

/** A path that failed is not taken again for this long while there is another. */
const AVOID_MS = 5000;
/** A relay takes over from one that works only if it is this much nearer: paths must not flap. */
const MUCH_NEARER = 0.6;
const MARGIN_MS = 10;
const LOSSY_PERCENT = 20;

export interface RoutesOptions {
  memberId: string;
  /** Members to whom there is a link now. */
  near(): Near[];
  isRelay(memberId: string): boolean;
  now(): number;
}

/**
 * Which paths lead where: straight, by one relay, or by two. Relays say whom they are linked to, and whom the relays are
 * that they are linked to. A packet carries its whole route, so it cannot go in circles.
 */
export class Routes {
  readonly #reach = new Map<string, Reach>();
  readonly #avoided = new Map<string, number>();

  constructor(private readonly options: RoutesOptions) {}

  /** What a linked relay said. */
  learn(relayId: string, reach: Reach): void {
    this.#reach.set(relayId, reach);
  }

  /** The link to a relay is gone, and with it what it said. */
  forget(relayId: string): void {
    this.#reach.delete(relayId);
  }

  /** A packet did not get through this way. */
  avoid(route: Route): void {
    this.#avoided.set(route.join(' '), this.options.now() + AVOID_MS);
  }

  /** What to tell others, as a relay. */
  tell(): Reach {
    const near = this.options.near();
    const beyond = near
      .filter(({ memberId }) => this.options.isRelay(memberId))
      .map(({ memberId }) => ({ relayId: memberId, near: this.#reach.get(memberId)?.near ?? [] }));
    return { near, beyond };
  }

  /** Paths to a member, best first: fewer relays, then not lately failed or lossy, then nearer. */
  paths(to: string): Path[] {
    const { memberId, isRelay } = this.options;
    const near = this.options.near();
    const found: Path[] = [];
    const straight = near.find((one) => one.memberId === to);
    if (straight !== undefined) found.push({ route: [memberId, to], ...straight });
    for (const first of near) {
      if (first.memberId === to || !isRelay(first.memberId)) continue;
      const reach = this.#reach.get(first.memberId);
      if (reach === undefined) continue;
      const next = reach.near.find((one) => one.memberId === to);
      if (next !== undefined) found.push(joined([memberId, first.memberId, to], [first, next]));
      for (const { relayId, near: far } of reach.beyond) {
        if ([memberId, to, first.memberId].includes(relayId) || !isRelay(relayId)) continue;
        const between = reach.near.find((one) => one.memberId === relayId);
        const last = far.find((one) => one.memberId === to);
        if (between !== undefined && last !== undefined)
          found.push(joined([memberId, first.memberId, relayId, to], [first, between, last]));
      }
    }
    return found.sort((a, b) => this.#rank(a) - this.#rank(b) || a.rttMs - b.rttMs);
  }

  /** The path to take, given the one that is taken: another only if that is gone, failed, or much worse. */
  choose(to: string, present: Route | null): Path | null {
    const paths = this.paths(to);
    const best = paths[0] ?? null;
    const kept = present && paths.find(({ route }) => route.join(' ') === present.join(' '));
    if (best === null || kept === null || kept === undefined) return best;
    if (this.#rank(best) < this.#rank(kept)) return best;
    return best.rttMs + MARGIN_MS < kept.rttMs * MUCH_NEARER ? best : kept;
  }

  /** Failed paths last, lossy ones behind sound ones, then by the number of relays. */
  #rank({ route, lossPercent }: Path): number {
    const isAvoided = (this.#avoided.get(route.join(' ')) ?? 0) > this.options.now();
    return (isAvoided ? 100 : 0) + (lossPercent >= LOSSY_PERCENT ? 10 : 0) + route.length;
  }
}

const joined = (route: Route, links: readonly Near[]): Path => ({
  route,
  rttMs: links.reduce((sum, { rttMs }) => sum + rttMs, 0),
  lossPercent: Math.max(...links.map(({ lossPercent }) => lossPercent)),
});
