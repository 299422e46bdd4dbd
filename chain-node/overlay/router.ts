import type { Logger } from '../../platform/observe/logger.ts';
import { LedgerError } from '../errors.ts';
import {
  advance,
  decodeReach,
  encodeReach,
  LinkFrame,
  lostFrame,
  lostRoute,
  type Near,
  PACKET_HEADROOM,
  readPacket,
  type Route,
  writePacketHead,
} from './link/frames.ts';
import type { Link } from './link/link.ts';
import type { Links } from './link/links.ts';
import { TokenBuckets } from '../p2p/limits.ts';
import { Routes } from './routes.ts';

/** A round trip that was not measured yet. */
const UNKNOWN_RTT_MS = 1000;
const TELL_AFTER_MS = 50;
const TELL_EVERY_MS = 5000;
/** What waits for one link, and for all, before packets are let fall: their sessions send them again. */
const MAX_BACKLOG_BYTES = 32 * 1024 * 1024;
const MAX_ALL_BACKLOG_BYTES = 256 * 1024 * 1024;
const REPORTS_PER_SECOND = 5;
const REPORTS_BURST = 20;
const COUNTED_FROM_BYTES = 1024 * 1024;

export interface RouterOptions {
  memberId: string;
  links: Pick<Links, 'get' | 'all'>;
  isRelay(memberId: string): boolean;
  isMember(memberId: string): boolean;
  logger: Logger;
  /** What came for us; `from` is who the route says sent it. */
  onPacket(from: string, route: Route, payload: Buffer): void;
  /** Paths may have changed. */
  onPaths(): void;
  /** Test hook: every frame that passes here as at a relay. */
  onRelayed?: ((frame: Buffer) => void) | undefined;
}

/** Carries packets: ours to the first hop, others' on their way if we are a relay, and to us what is for us. */
export class Router {
  readonly routes: Routes;
  readonly #timer: NodeJS.Timeout;
  #telling: NodeJS.Timeout | undefined;
  #said = '';
  readonly #reports = new TokenBuckets(REPORTS_PER_SECOND, REPORTS_BURST);
  relayedBytes = 0;
  droppedPackets = 0;

  constructor(private readonly options: RouterOptions) {
    const { memberId, isRelay } = options;
    this.routes = new Routes({ memberId, isRelay, near: () => this.#near(), now: () => Date.now() });
    this.#timer = setInterval(() => this.#tell(false), TELL_EVERY_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#telling);
  }

  /** A link came or went, or the policy changed. */
  changed(peer?: string): void {
    if (peer !== undefined && this.options.links.get(peer) === undefined) this.routes.forget(peer);
    if (peer !== undefined && this.options.links.get(peer) !== undefined) this.#said = ''; // it has heard nothing yet
    this.#tellSoon();
    this.options.onPaths();
  }

  /**
   * Sends a payload that begins `PACKET_HEADROOM` bytes into `buffer`, whose head room is written over. Gives false if
   * there is no link for the first hop.
   */
  send(route: Route, buffer: Buffer): boolean {
    const link = this.options.links.get(route[1]!);
    if (link === undefined) return false;
    link.send(buffer.subarray(writePacketHead(buffer, PACKET_HEADROOM, LinkFrame.packet, route)));
    return true;
  }

  /** Resolves when the first link of a route takes more. */
  async ready(route: Route): Promise<void> {
    await this.options.links.get(route[1]!)?.ready();
  }

  /** A frame of a link. Throws LedgerError on what no correct peer sends. */
  onFrame(link: Link, kind: LinkFrame, frame: Buffer): void {
    // One that was parted with may still have sent something.
    if (this.options.links.get(link.memberId) !== link) return;
    if (kind === LinkFrame.reach) return this.#onReach(link, frame);
    const { memberId, onPacket } = this.options;
    const { hop, route, payload } = readPacket(frame);
    if (route[hop] !== memberId || route[hop - 1] !== link.memberId)
      throw new LedgerError('encoding-invalid', 'packet on a link that is not of its route');
    if (!this.#isGood(route)) return this.#drop(kind, route, hop);
    if (hop < route.length - 1) return this.#forward(kind, hop, route, frame);
    if (kind === LinkFrame.packet) return onPacket(route[0]!, route, payload);
    const failed = lostRoute(payload);
    if (failed[0] !== memberId || failed[1] !== link.memberId) return;
    this.routes.avoid(failed);
    this.options.onPaths();
  }

  /** Both ends are members in force, and whoever is between is a relay. */
  #isGood(route: Route): boolean {
    const { isMember, isRelay } = this.options;
    return isMember(route[0]!) && isMember(route.at(-1)!) && route.slice(1, -1).every(isRelay);
  }

  #forward(kind: LinkFrame, hop: number, route: Route, frame: Buffer): void {
    const next = this.options.links.get(route[hop + 1]!);
    if (next === undefined || this.#isFull(next)) return this.#drop(kind, route, hop);
    this.options.onRelayed?.(frame);
    this.relayedBytes += frame.length;
    advance(frame);
    next.send(frame);
  }

  #isFull(link: Link): boolean {
    const { backlog } = link;
    if (backlog < COUNTED_FROM_BYTES) return false;
    if (backlog > MAX_BACKLOG_BYTES) return true;
    return this.options.links.all().reduce((sum, one) => sum + one.backlog, 0) > MAX_ALL_BACKLOG_BYTES;
  }

  /** Tells the source, unless it is a report itself that cannot be brought. */
  #drop(kind: LinkFrame, route: Route, hop: number): void {
    this.droppedPackets += 1;
    const back = route[hop - 1]!;
    if (kind === LinkFrame.packet && this.#reports.take(back))
      this.options.links.get(back)?.send(lostFrame(route, hop));
  }

  #onReach(link: Link, frame: Buffer): void {
    const reach = decodeReach(frame);
    if (!this.options.isRelay(link.memberId)) return;
    this.routes.learn(link.memberId, reach);
    this.#tellSoon();
    this.options.onPaths();
  }

  #near(): Near[] {
    return this.options.links
      .all()
      .filter(({ isOpen }) => isOpen)
      .map(({ memberId, rttMs, lossPercent }) => ({ memberId, rttMs: rttMs ?? UNKNOWN_RTT_MS, lossPercent }));
  }

  #tellSoon(): void {
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      this.#tell(true);
    }, TELL_AFTER_MS);
  }

  /** What relays say of each other comes back to them: it is told at once only if it names other members than before. */
  #tell(onlyNews: boolean): void {
    if (!this.options.isRelay(this.options.memberId)) return;
    const reach = this.routes.tell();
    const ids = (near: readonly Near[]) => near.map(({ memberId }) => memberId).sort();
    const said = JSON.stringify([ids(reach.near), reach.beyond.map(({ relayId, near }) => [relayId, ids(near)])]);
    if (onlyNews && said === this.#said) return;
    this.#said = said;
    const frame = encodeReach(reach);
    for (const link of this.options.links.all()) link.send(frame);
  }
}
