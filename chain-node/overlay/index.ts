import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import type { Logger } from '../../platform/observe/logger.ts';
import { LedgerError } from '../errors.ts';
import type { Upgrade } from '../p2p/network.ts';
import { LinkTls, type TlsFiles } from '../p2p/tls.ts';
import { Age } from './age.ts';
import { certificatesNow, type CertificateStatus } from './certificates.ts';
import type { Chain } from './chain.ts';
import type { OverlayConfig } from './config.ts';
import { OverlayError } from './errors.ts';
import { type Address, Links } from './link/links.ts';
import { can, type Decision, type Policy, readPolicy, servicesBetween } from './policy.ts';
import { Router } from './router.ts';
import { Forwards } from './services/forwards.ts';
import { createGateway } from './services/gateway.ts';
import { Services } from './services/services.ts';
import { DEFAULT_LIMITS } from './session/channel.ts';
import type { SessionLimits } from './session/session.ts';
import { Sessions, SETTLE_SERVICE } from './session/sessions.ts';
import type { OverlayStream } from './session/streams.ts';
import { Attestor } from './settlement/attestor.ts';
import { SessionBook } from './settlement/book.ts';
import { Settler } from './settlement/settler.ts';
import { type MemberStatus, StatusBoard } from './status.ts';

export { overlaySchema, type OverlayConfig, type OverlayConfigInput } from './config.ts';
export { OVERLAY_PATH } from './link/listener.ts';
export { GATEWAY_PREFIX } from './services/gateway.ts';

const REFRESH_EVERY_MS = 1000;
const MAX_RETRY_MS = 10_000;
const DAY_MS = 86_400_000;

export interface OverlayOptions {
  chain: Chain;
  tls: TlsFiles;
  /** Folder of what it keeps. */
  dataDir: string;
  config: OverlayConfig;
  logger: Logger;
  limits?: Partial<SessionLimits>;
  /** After this long without the other end, a session that broke off is attested by this end alone. */
  unsettledAfterMs?: number;
  /** So old may be what is known of the chain, before nobody is served by it. */
  staleAfterMs?: number;
  /** Longest pause between two tries to reach an address. */
  maxRetryMs?: number;
  /** Services of this process itself, beside those of the configuration. */
  handlers?: Readonly<Record<string, (stream: OverlayStream, peer: string) => void>>;
  /** Test hook: every frame that passes here as at a relay. */
  onRelayed?: (frame: Buffer) => void;
}

/**
 * The overlay of one member: links to relays and to whom it can reach, paths over them, sealed sessions with other
 * members, and on these what the applications use: forwards, services, and the HTTP gateway.
 */
export class Overlay {
  readonly links: Links;
  readonly router: Router;
  readonly sessions: Sessions;
  readonly book: SessionBook;
  readonly attestor: Attestor;
  /** Of what is known of the chain. */
  readonly age: Age;
  readonly gateway: (request: IncomingMessage, response: ServerResponse) => void;
  readonly #options: OverlayOptions;
  readonly #services: Services;
  readonly #handlers: Map<string, (stream: OverlayStream, peer: string) => void>;
  readonly #forwards: Forwards;
  readonly #settler: Settler;
  readonly #board: StatusBoard;
  readonly #tls: LinkTls;
  readonly #timer: NodeJS.Timeout;
  #isClosed = false;
  #isStale = true;
  /** Of its own listener, if it has one. */
  port: number | null = null;

  private constructor(options: OverlayOptions, book: SessionBook) {
    this.#options = options;
    this.book = book;
    const { chain, config, logger } = options;
    const { memberId } = chain;
    this.age = new Age(chain, options.staleAfterMs);
    this.#tls = new LinkTls(options.tls, () => chain.trust(), logger);
    this.links = new Links({
      memberId,
      chainId: chain.chainId,
      tls: this.#tls,
      proxy: config.proxy,
      maxBytesPerSecond: config.maxMegabytesPerSecond * 1e6,
      maxRetryMs: options.maxRetryMs ?? MAX_RETRY_MS,
      logger,
      keyOf: (id) => this.#keyOf(id),
      privateKey: () => chain.privateKey(),
      onFrame: (link, kind, frame) => this.router.onFrame(link, kind, frame),
      onChange: (peer) => this.router.changed(peer),
    });
    this.router = new Router({
      memberId,
      links: this.links,
      isRelay: (id) => this.#policy.relays.some((relay) => relay.memberId === id),
      isMember: (id) => this.#keyOf(id) !== undefined,
      logger,
      onPacket: (from, route, payload) => this.#onPacket(from, route, payload),
      onPaths: () => this.#onPaths(),
      onRelayed: options.onRelayed,
    });
    this.#services = new Services(config.services, logger);
    this.#handlers = new Map(Object.entries(options.handlers ?? {}));
    this.#handlers.set(SETTLE_SERVICE, (stream, peer) => this.#settler.answer(stream, peer));
    this.attestor = new Attestor(chain, book, logger);
    const onSettled = (key: string) => this.attestor.add(key);
    this.sessions = new Sessions({
      chain,
      router: this.router,
      book,
      limits: {
        ...DEFAULT_LIMITS,
        idleAfterMs: config.idleSeconds * 1000,
        partAfterMs: config.partSeconds * 1000,
        ...options.limits,
      },
      logger,
      staleness: () => (this.age.isStale ? `${memberId}: ${this.age.words}` : null),
      offers: (service) => this.#handlers.has(service) || this.#services.offers(service),
      onStream: (stream, session) => {
        const handle = this.#handlers.get(session.service);
        if (handle !== undefined) handle(stream, session.peer);
        else this.#services.onStream(stream, session);
      },
      onSettled,
      onBroken: () => this.#settler.wake(),
    });
    this.#settler = new Settler({
      chain,
      book,
      sessions: this.sessions,
      isReachable: (peer) => this.router.routes.paths(peer).length > 0,
      onSettled,
      giveUpAfterMs: options.unsettledAfterMs ?? DAY_MS,
      logger,
    });
    const open = (member: string, service: string) => this.open(member, service);
    this.#forwards = new Forwards(open, logger);
    this.gateway = createGateway(open, config.gateway);
    this.#board = new StatusBoard({
      memberId,
      governance: () => chain.governance(),
      policy: () => this.#policy,
      routes: this.router.routes,
      links: this.links,
      age: this.age,
    });
    this.#timer = setInterval(() => {
      this.#board.refresh();
      this.#followAge();
    }, REFRESH_EVERY_MS);
    chain.onGovernance(() => this.#onGovernance());
  }

  /** Opens what is on disk, listens where the configuration says, and begins to dial. */
  static async start(options: OverlayOptions): Promise<Overlay> {
    const book = await SessionBook.open(path.join(options.dataDir, 'overlay'));
    const overlay = new Overlay(options, book);
    try {
      await overlay.#start();
    } catch (error) {
      await overlay.close();
      throw error;
    }
    return overlay;
  }

  async #start(): Promise<void> {
    const { chain, config, logger } = this.#options;
    if (chain.policy.faults.length > 0)
      // The addresses of the last policy that this node could read.
      for (const { document } of await this.book.policies(16)) {
        const read = readPolicy(Buffer.from(document, 'utf8'));
        if ('policy' in read) chain.policy.keep(read.policy);
      }
    if (config.listen !== undefined)
      this.port = await this.links.listener.listen(config.listen.host, config.listen.port, this.#tls);
    await this.#forwards.start(config.forwards);
    await this.attestor.start();
    this.#onGovernance();
    this.#settler.wake();
    logger.info({ relays: this.#policy.relays.length, services: Object.keys(config.services) }, 'overlay ready');
  }

  /** What the listener of the ledger's links does with requests for the overlay. */
  get upgrade(): Upgrade {
    return this.links.listener.upgrade;
  }

  /** A new stream to a service of a member. Rejects with OverlayError. */
  async open(member: string, service: string): Promise<OverlayStream> {
    if (this.#isClosed) throw new OverlayError('closed', 'the node is going down');
    const session = await this.sessions.open(member, service);
    if (this.router.routes.paths(member).length === 0)
      throw new OverlayError('unreachable', `no path leads to ${member} now`);
    return session.open();
  }

  can(question: { from: string; to: string; service: string }, draft?: Policy): Decision {
    return can(draft ?? this.#policy, this.#options.chain.governance().members, question);
  }

  members(): MemberStatus[] {
    return this.#board.refresh();
  }

  certificates(): CertificateStatus[] {
    return certificatesNow(this.#options.tls.certFile, this.#policy);
  }

  get chain(): Chain {
    return this.#options.chain;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    const settled = this.#settler.close();
    await this.#forwards.close();
    await this.sessions.close();
    await settled;
    this.#services.close();
    await this.attestor.close();
    this.router.close();
    await this.links.close();
    await this.book.close();
  }

  get #policy(): Policy {
    return this.#options.chain.policy.policy;
  }

  #keyOf(memberId: string): Buffer | undefined {
    return this.#options.chain.governance().members.find((member) => member.memberId === memberId)?.publicKey;
  }

  #onPaths(): void {
    if (this.#isClosed) return;
    this.sessions.onPaths();
    this.#settler.wake();
  }

  #onPacket(from: string, route: readonly string[], payload: Buffer): void {
    this.sessions.onPacket(from, route, payload).catch((error: unknown) => {
      if (!(error instanceof LedgerError) && !(error instanceof OverlayError)) throw error;
      this.#options.logger.debug({ peer: from, code: error.code, reason: error.reason }, 'packet let fall');
    });
  }

  #onGovernance(): void {
    if (this.#isClosed) return;
    const { chain, logger } = this.#options;
    const { policy, members } = chain.governance();
    if (chain.policy.faults.length > 0)
      logger.error(
        { version: policy.version, faults: chain.policy.faults },
        'the policy cannot be read: all is denied',
      );
    else void this.book.keepPolicy(policy.version, policy.document);
    this.links.partWithStrangers();
    this.links.dial(this.#addresses(members.map(({ memberId }) => memberId)));
    this.sessions.onGovernance();
    this.router.changed();
  }

  /** While it is too old no session goes on or begins, but the ledger's own; by itself again once it is not. */
  #followAge(): void {
    const { logger } = this.#options;
    const { isStale, words } = this.age;
    if (isStale !== this.#isStale) {
      if (isStale) logger.error({ reason: words }, 'what is known of the chain is too old: sessions end');
      else {
        logger.info('what is known of the chain is new: sessions may begin');
        this.#settler.wake();
      }
    }
    this.#isStale = isStale;
    if (isStale) this.sessions.onGovernance();
  }

  /** Whom to dial: relays, and whoever has an address and anything to do with us. Of two relays the lower id dials. */
  #addresses(ids: readonly string[]): Address[] {
    const { memberId } = this.#options.chain;
    const { members } = this.#options.chain.governance();
    const policy = this.#policy;
    const isRelay = (id: string) => policy.relays.some((relay) => relay.memberId === id);
    if (!ids.includes(memberId)) return [];
    const relays = policy.relays.filter((relay) => !isRelay(memberId) || memberId < relay.memberId);
    const endpoints = policy.endpoints.filter(
      (endpoint) =>
        servicesBetween(policy, members, memberId, endpoint.memberId).length > 0 ||
        servicesBetween(policy, members, endpoint.memberId, memberId).length > 0,
    );
    return [...relays, ...endpoints].filter((one) => one.memberId !== memberId && ids.includes(one.memberId));
  }
}
