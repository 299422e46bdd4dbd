import type { Logger } from '../../../platform/observe/logger.ts';
import { OverlayError } from '../errors.ts';
import type { Route } from '../link/frames.ts';
import type { SessionBook } from '../settlement/book.ts';
import { Parts } from '../settlement/parts.ts';
import { Ending, type View } from '../settlement/record.ts';
import { Body } from './bodies.ts';
import { Channel, type ChannelLimits } from './channel.ts';
import { type Established, wireIdOf } from './handshake.ts';
import type { Head } from './packets.ts';
import { type OverlayStream, Streams } from './streams.ts';
import type { Tally } from './tally.ts';

export interface SessionLimits extends ChannelLimits {
  /** No stream and nothing said for this long: the session ends. */
  idleAfterMs: number;
  /** A session that goes on is settled this often, part by part. */
  partAfterMs: number;
}

export interface SessionOptions {
  established: Established;
  isInitiator: boolean;
  limits: SessionLimits;
  logger: Logger;
  /** Null: a session of the overlay's own, of which nothing is written down. */
  book: SessionBook | null;
  /** The path to take, given the one that is taken. */
  choose(present: Route | null): Route | null;
  send(route: Route, packet: Buffer): void;
  ready(route: Route): Promise<void>;
  /** The route carries nothing. */
  avoid(route: Route): void;
  onStream: ((stream: OverlayStream, session: Session) => void) | null;
  /** A part is settled and on disk: it can be attested. */
  onSettled(key: string): void;
  onEnd(session: Session, error: OverlayError | null): void;
}

const NOTE_EVERY_MS = 5000;
const CLOSE_WITHIN_MS = 3000;
const LAST_WORD_MS = 1000;

/** Two members, one service: streams over a sealed channel, of which both ends attest the same record. */
export class Session {
  readonly id: Buffer;
  readonly wireId: string;
  readonly peer: string;
  readonly service: string;
  readonly isInitiator: boolean;
  readonly startedMs: number;
  readonly #options: SessionOptions;
  readonly #channel: Channel;
  readonly #streams: Streams;
  readonly #parts: Parts;
  readonly #timer: NodeJS.Timeout;
  #route: Route | null;
  #state: 'open' | 'closing' | 'over' = 'open';
  #leaving: NodeJS.Timeout | undefined;

  constructor(options: SessionOptions) {
    const { established, isInitiator, limits, book, logger, choose, onStream, onSettled } = options;
    this.#options = options;
    this.id = established.id;
    this.wireId = wireIdOf(established.id).toString('latin1');
    this.isInitiator = isInitiator;
    this.peer = isInitiator ? established.responder : established.initiator;
    this.service = established.service;
    this.startedMs = established.startMs;
    this.#route = choose(null);
    this.#channel = new Channel({
      established,
      isInitiator,
      limits,
      send: (packet) => {
        if (this.#route !== null) options.send(this.#route, packet);
      },
      ready: () => (this.#route === null ? Promise.resolve() : options.ready(this.#route)),
      onBody: (type, body, whole) => this.#onBody(type, body, whole),
      onStuck: () => {
        if (this.#route !== null) options.avoid(this.#route);
        this.reroute();
      },
      onBroken: (error) => void this.break(error),
    });
    this.#parts = new Parts({ established, isInitiator, book, channel: this.#channel, logger, onSettled });
    this.#streams = new Streams(this.#channel, onStream && ((stream) => onStream(stream, this)));
    this.#timer = setInterval(() => this.#onTick(), Math.min(NOTE_EVERY_MS, limits.idleAfterMs / 2));
  }

  /** Writes down that it began; to be awaited before anything is said in it. */
  begin(): Promise<void> {
    return this.#parts.begin();
  }

  get route(): Route | null {
    return this.#route;
  }
  get isOpen(): boolean {
    return this.#state === 'open';
  }
  get streams(): number {
    return this.#streams.size;
  }
  get part(): number {
    return this.#parts.number;
  }
  get channel(): Pick<Channel, 'sent' | 'received' | 'rttMs' | 'rekeys' | 'repeated' | 'forged'> {
    return this.#channel;
  }

  /** A new stream to the other end. Throws OverlayError. */
  open(): OverlayStream {
    if (!this.isOpen) throw new OverlayError('closed', 'the session is over');
    this.#parts.lastMs = Date.now();
    return this.#streams.open();
  }

  receive(packet: Head & { head: Buffer; sealed: Buffer }): Promise<void> {
    return this.#channel.receive(packet);
  }

  /** Somebody on the way says that the other end does not know this session. */
  doubt(): void {
    this.#channel.doubt();
  }

  /** Paths may have changed. */
  reroute(): void {
    const route = this.#options.choose(this.#route);
    const isSame = route?.join(' ') === this.#route?.join(' ');
    this.#route = route;
    if (!isSame && route !== null) this.#channel.moved();
  }

  /** Ends its streams at once, then itself; resolves at the initiator when the other end has agreed, or is not heard of. */
  async close(error = new OverlayError('closed', 'the session was ended')): Promise<void> {
    if (!this.isOpen) return;
    this.#state = 'closing';
    this.#streams.closeAll(error);
    this.#leaving = setTimeout(
      () => this.break(new OverlayError('timeout', 'the end was not agreed')),
      CLOSE_WITHIN_MS,
    );
    // The end of a session is the initiator's to ask for.
    if (!this.isInitiator) return;
    await this.#parts.settle(Ending.closed);
    await this.#channel.drained(LAST_WORD_MS);
    this.#end(null);
  }

  /** It is over, and the other end does not know, or does not agree. Resolves when what is known of it is on disk. */
  async break(error: OverlayError): Promise<void> {
    if (this.#state === 'over') return;
    const noted = this.#parts.note();
    this.#end(error);
    await noted;
  }

  /** What this end knows of the present part. */
  view(): View {
    return this.#parts.view();
  }

  #end(error: OverlayError | null): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    clearInterval(this.#timer);
    clearTimeout(this.#leaving);
    this.#parts.abandon();
    this.#streams.closeAll(error ?? new OverlayError('closed', 'the session is over'));
    this.#channel.close();
    this.#options.onEnd(this, error);
  }

  #onTick(): void {
    const { limits } = this.#options;
    const now = Date.now();
    void this.#parts.note();
    if (!this.isInitiator || !this.isOpen || this.#parts.isSettling) return;
    if (this.#streams.size === 0 && now - this.#parts.lastMs > limits.idleAfterMs) void this.close();
    else if (now - this.#parts.startMs > limits.partAfterMs) void this.#parts.settle(Ending.continued);
  }

  #onBody(type: Body, body: Buffer, whole: Tally): void {
    this.#parts.lastMs = Date.now();
    if (type < Body.settle) return this.isOpen ? this.#streams.onBody(type, body) : undefined;
    // The other end waits for nothing more than to know that its last word came.
    if (this.#parts.onBody(type, body, whole)) void this.#channel.acknowledge().then(() => this.#end(null));
  }
}
