import type { Logger } from '../../../platform/observe/logger.ts';
import type { Chain } from '../chain.ts';
import { OverlayError } from '../errors.ts';
import { PACKET_HEADROOM, type Route } from '../link/frames.ts';
import { MAX_CLOCK_DIFFERENCE_MS } from '../link/link.ts';
import { TokenBucket } from '../../p2p/limits.ts';
import { can } from '../policy.ts';
import type { Router } from '../router.ts';
import type { SessionBook } from '../settlement/book.ts';
import { Answering } from './answering.ts';
import type { Established, Request } from './handshake.ts';
import { Opening } from './opening.ts';
import { type EndPacket, PacketType, readEndPacket } from './packets.ts';
import { Session, type SessionLimits } from './session.ts';
import type { OverlayStream } from './streams.ts';

/** Services of the overlay's own: any two members may use them, and they are not attested. */
export const OWN_SERVICES = 'overlay.';
export const SETTLE_SERVICE = 'overlay.settle';
/** The ledger's own links, where they go over the overlay: how a node that knows nothing new comes to know it. */
export const LEDGER_SERVICE = 'p2p';
const MAX_SESSIONS = 2048;
const UNKNOWN_PER_SECOND = 10;

export interface SessionsOptions {
  chain: Chain;
  router: Router;
  book: SessionBook;
  limits: SessionLimits;
  logger: Logger;
  /** Why what we know of the chain is too old to serve anybody by it; null: it is not. */
  staleness(): string | null;
  offers(service: string): boolean;
  onStream(stream: OverlayStream, session: Session): void;
  onSettled(key: string): void;
  /** A session was broken off: what it was is to be settled at the next contact. */
  onBroken(peer: string): void;
}

const named = (peer: string, service: string) => `${peer} ${service}`;

/** All sessions of this member: at most one that it began with each member for each service, and those that others began. */
export class Sessions {
  readonly #byWireId = new Map<string, Session>();
  readonly #own = new Map<string, Session>();
  readonly #openings = new Map<string, { opening: Opening; session: Promise<Session> }>();
  readonly #answering: Answering;
  readonly #unknown = new TokenBucket(UNKNOWN_PER_SECOND, 4 * UNKNOWN_PER_SECOND);
  #keys: Map<string, string>;
  #isClosed = false;

  constructor(private readonly options: SessionsOptions) {
    const { chain, logger } = options;
    this.#keys = this.#keysNow();
    this.#answering = new Answering({
      chainId: chain.chainId,
      memberId: chain.memberId,
      privateKey: () => chain.privateKey(),
      keyOf: (memberId) => this.#keyOf(memberId),
      refuse: (from, request) => this.#refuse(from, request),
      accept: (established, route) => this.#accept(established, route),
      send: (route, payload) => this.#send(route, payload),
      logger,
    });
  }

  all(): Session[] {
    return [...this.#byWireId.values()];
  }

  /** The session with a member for a service, begun if there is none. Rejects with OverlayError. */
  async open(peer: string, service: string): Promise<Session> {
    const name = named(peer, service);
    const present = this.#own.get(name);
    if (present?.isOpen === true) return present;
    const under = this.#openings.get(name);
    if (under !== undefined) return under.session;
    this.#check(this.options.chain.memberId, peer, service);
    const opening = new Opening({
      parties: { chainId: this.options.chain.chainId, initiator: this.options.chain.memberId, responder: peer },
      service,
      privateKey: () => this.options.chain.privateKey(),
      keyOf: (memberId) => this.#keyOf(memberId),
      choose: () => (this.#isClosed ? null : this.options.router.routes.choose(peer, null)),
      send: (route, payload) => this.#send(route, payload),
      avoid: (route) => this.options.router.routes.avoid(route),
    });
    const session = this.#begin(opening, name).finally(() => this.#openings.delete(name));
    this.#openings.set(name, { opening, session });
    return session;
  }

  async #begin(opening: Opening, name: string): Promise<Session> {
    const established = await opening.run();
    if (this.#isClosed) throw new OverlayError('closed', 'the node is going down');
    // The policy may have changed meanwhile.
    this.#check(established.initiator, established.responder, established.service);
    const session = this.#make(established, true, null);
    this.#own.set(name, session);
    await session.begin();
    return session;
  }

  /** Something came end to end. */
  async onPacket(from: string, route: Route, payload: Buffer): Promise<void> {
    if (this.#isClosed) return;
    const packet = readEndPacket(payload);
    switch (packet.type) {
      case PacketType.offer:
        return this.#answering.onOffer(from, route, packet);
      case PacketType.proof:
        return this.#answering.onProof(from, route, packet);
      case PacketType.reply:
      case PacketType.answer:
        for (const { opening } of this.#openings.values()) opening.receive(packet);
        return;
      case PacketType.record:
      case PacketType.beside:
        return this.#onRecord(from, route, packet);
      case PacketType.unknown: {
        const session = this.#byWireId.get(packet.session.toString('latin1'));
        if (session?.peer === from) session.doubt();
      }
    }
  }

  /** Paths may have changed. */
  onPaths(): void {
    for (const session of this.all()) session.reroute();
  }

  /** The members or the policy changed, or are too long not known: what is not allowed any more ends at once. */
  onGovernance(): void {
    const known = this.#keys;
    this.#keys = this.#keysNow();
    const { memberId } = this.options.chain;
    const isOwnNew = known.get(memberId) !== this.#keys.get(memberId);
    for (const session of this.all()) {
      const { peer, service, isInitiator } = session;
      if (isOwnNew || known.get(peer) !== this.#keys.get(peer)) {
        void session.break(new OverlayError('revoked', `${peer} was removed, or a key replaced`));
        continue;
      }
      try {
        if (isInitiator) this.#check(memberId, peer, service);
        else this.#check(peer, memberId, service);
      } catch (error) {
        void session.close(error as OverlayError);
      }
    }
  }

  /** Ends all, in agreement where that is possible. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const error = new OverlayError('closed', 'the node is going down');
    await Promise.all(this.all().map((session) => (session.isInitiator ? session.close(error) : session.break(error))));
  }

  /** Whether a session goes on that this wire id names. */
  isLive(session: string): boolean {
    return this.all().some(({ id }) => id.toString('hex') === session);
  }

  /** The other end says, in its own name, that a session is over. */
  async breakOff(session: string, peer: string): Promise<void> {
    const error = new OverlayError('closed', 'the other end has lost the session');
    const meant = this.all().filter((one) => one.id.toString('hex') === session && one.peer === peer);
    await Promise.all(meant.map((one) => one.break(error)));
  }

  #keysNow(): Map<string, string> {
    const { members } = this.options.chain.governance();
    return new Map(members.map(({ memberId, publicKey }) => [memberId, publicKey.toString('hex')]));
  }

  #keyOf(memberId: string): Buffer | undefined {
    return this.options.chain.governance().members.find((member) => member.memberId === memberId)?.publicKey;
  }

  /** Throws what stands against it. */
  #check(from: string, to: string, service: string): void {
    const { chain } = this.options;
    const { members, former } = chain.governance();
    for (const id of [from, to]) {
      if (members.some(({ memberId }) => memberId === id)) continue;
      const wasOne = former.some(({ memberId }) => memberId === id);
      throw wasOne
        ? new OverlayError('revoked', `${id} was removed`)
        : new OverlayError('member-unknown', `${id} is no member`);
    }
    const stale = service === LEDGER_SERVICE ? null : this.options.staleness();
    if (stale !== null) throw new OverlayError('stale', stale);
    if (service.startsWith(OWN_SERVICES)) return;
    const { allowed, reason } = can(chain.policy.policy, members, { from, to, service });
    if (!allowed) throw new OverlayError('denied', `${from} may not open ${service} at ${to}: ${reason}`);
  }

  #refuse(from: string, { service, startMs }: Request) {
    const { chain, offers } = this.options;
    if (Math.abs(startMs - Date.now()) > MAX_CLOCK_DIFFERENCE_MS)
      return { code: 'clock-differs' as const, reason: `the clock here says ${new Date().toISOString()}` };
    try {
      this.#check(from, chain.memberId, service);
    } catch (error) {
      const { code, reason } = error as OverlayError;
      return { code, reason };
    }
    if (!offers(service)) return { code: 'service-unknown' as const, reason: `${chain.memberId} offers no ${service}` };
    if (this.#byWireId.size >= MAX_SESSIONS) return { code: 'busy' as const, reason: 'too many sessions' };
    return null;
  }

  async #accept(established: Established, route: Route): Promise<void> {
    await this.#make(established, false, [...route].reverse()).begin();
  }

  #make(established: Established, isInitiator: boolean, first: Route | null): Session {
    const { router, book, limits, logger, onStream, onSettled, onBroken } = this.options;
    const peer = isInitiator ? established.responder : established.initiator;
    const isOwn = established.service.startsWith(OWN_SERVICES);
    const session = new Session({
      established,
      isInitiator,
      limits,
      logger,
      book: isOwn ? null : book,
      // A relay may not have said yet what the handshake has shown.
      choose: (present) => router.routes.choose(peer, present)?.route ?? present ?? first,
      send: (route, packet) => void router.send(route, packet),
      ready: (route) => router.ready(route),
      avoid: (route) => router.routes.avoid(route),
      onStream: isInitiator ? null : onStream,
      onSettled,
      onEnd: (ended, error) => {
        this.#byWireId.delete(ended.wireId);
        const name = named(peer, ended.service);
        if (this.#own.get(name) === ended) this.#own.delete(name);
        const fields = { peer, service: ended.service, session: ended.id.toString('hex') };
        logger.info({ ...fields, ...(error && { code: error.code, reason: error.reason }) }, 'session ended');
        if (error !== null && !isOwn) onBroken(peer);
      },
    });
    this.#byWireId.set(session.wireId, session);
    logger.info({ peer, service: session.service, session: session.id.toString('hex') }, 'session begun');
    return session;
  }

  async #onRecord(from: string, route: Route, packet: Extract<EndPacket, { type: 5 | 6 }>): Promise<void> {
    const session = this.#byWireId.get(packet.session.toString('latin1'));
    if (session?.peer === from) return session.receive(packet);
    if (packet.type !== PacketType.record || !this.#unknown.take()) return;
    this.#send([...route].reverse(), Buffer.concat([Buffer.of(PacketType.unknown), packet.session]));
  }

  #send(route: Route, payload: Buffer): void {
    const packet = Buffer.alloc(PACKET_HEADROOM + payload.length);
    payload.copy(packet, PACKET_HEADROOM);
    this.options.router.send(route, packet);
  }
}
