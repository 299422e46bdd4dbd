import type { Logger } from '../../../platform/observe/logger.ts';
import { LedgerError } from '../../errors.ts';
import { type OverlayCode, OverlayError } from '../errors.ts';
import type { Route } from '../link/frames.ts';
import { TokenBuckets } from '../../p2p/limits.ts';
import { type Established, type Parties, type Request, Responder } from './handshake.ts';
import { type EndPacket, HALF_BYTES } from './packets.ts';

/**
 * Handshakes of one member that one neighbour brings, and all of that neighbour: each costs an exchange and two signatures.
 * A relay can put any name into a route: what it makes up must not count for who comes another way.
 */
const PER_SECOND = 10;
const BURST = 40;
const NEIGHBOUR_PER_SECOND = 50;
const NEIGHBOUR_BURST = 200;
const MAX_WAITING = 256;
const MAX_WAITING_EACH = 32;
const KEPT_MS = 15_000;

export interface AnsweringOptions {
  chainId: string;
  memberId: string;
  privateKey(): Uint8Array;
  keyOf(memberId: string): Uint8Array | undefined;
  /** Why not, or null. */
  refuse(from: string, request: Request): { code: OverlayCode; reason: string } | null;
  /** Takes the session up; resolves once it is on disk. */
  accept(established: Established, route: Route): Promise<void>;
  send(route: Route, payload: Buffer): void;
  logger: Logger;
}

interface Waiting {
  from: string;
  /** The neighbour that brought it. */
  via: string;
  responder: Responder;
  at: number;
  answer: Promise<Buffer | null> | null;
}

const neighbourIn = (route: Route): string => route.at(-2)!;

/** The end that is asked: it answers handshakes, each once, and says the same again if it is asked again. */
export class Answering {
  readonly #waiting = new Map<string, Waiting>();
  readonly #ofMember = new TokenBuckets(PER_SECOND, BURST);
  readonly #ofNeighbour = new TokenBuckets(NEIGHBOUR_PER_SECOND, NEIGHBOUR_BURST);

  constructor(private readonly options: AnsweringOptions) {}

  onOffer(from: string, route: Route, packet: Extract<EndPacket, { type: 1 }>): void {
    const { chainId, memberId, keyOf, send } = this.options;
    const back = [...route].reverse();
    const id = packet.half.toString('latin1');
    const known = this.#waiting.get(id);
    if (known !== undefined) {
      if (known.from === from) send(back, known.responder.reply);
      return;
    }
    const via = neighbourIn(route);
    if (keyOf(from) === undefined || !this.#take(from, via)) return;
    this.#tidy(from, via);
    const parties: Parties = { chainId, initiator: from, responder: memberId };
    const responder = new Responder(parties, packet);
    this.#waiting.set(id, { from, via, responder, at: Date.now(), answer: null });
    send(back, responder.reply);
  }

  async onProof(from: string, route: Route, packet: Extract<EndPacket, { type: 3 }>): Promise<void> {
    const waiting = this.#waiting.get(packet.halves.subarray(0, HALF_BYTES).toString('latin1'));
    if (waiting?.from !== from || !waiting.responder.half.equals(packet.halves.subarray(HALF_BYTES))) return;
    if (waiting.answer === null && !this.#take(from, neighbourIn(route))) return;
    const pending = (waiting.answer ??= this.#answer(waiting, route, packet.sealed));
    const answer = await pending;
    // One that was not the member's is forgotten: the true one may come yet.
    if (answer === null && waiting.answer === pending) waiting.answer = null;
    if (answer !== null) this.options.send([...route].reverse(), answer);
  }

  async #answer({ from, responder }: Waiting, route: Route, sealed: Buffer): Promise<Buffer | null> {
    const { keyOf, privateKey, refuse, accept, logger } = this.options;
    try {
      const publicKey = keyOf(from);
      if (publicKey === undefined) return null;
      const request = await responder.check(sealed, publicKey);
      const refusal = refuse(from, request);
      const { packet, established } = await responder.answer(request, refusal, privateKey());
      if (refusal !== null) logger.info({ peer: from, service: request.service, ...refusal }, 'session refused');
      if (established !== null) await accept(established, route);
      return packet;
    } catch (error) {
      if (!(error instanceof OverlayError) && !(error instanceof LedgerError)) throw error;
      logger.warn({ peer: from, code: error.code, reason: error.reason }, 'bad handshake');
      return null;
    }
  }

  #take(from: string, via: string): boolean {
    return this.#ofMember.take(`${via} ${from}`) && this.#ofNeighbour.take(via);
  }

  /** Makes room for one more of this member. */
  #tidy(from: string, via: string): void {
    const now = Date.now();
    for (const [id, { at }] of this.#waiting) if (now - at > KEPT_MS) this.#waiting.delete(id);
    const own = [...this.#waiting].filter(([, waiting]) => waiting.from === from && waiting.via === via);
    if (own.length >= MAX_WAITING_EACH) this.#waiting.delete(own[0]![0]);
    else if (this.#waiting.size >= MAX_WAITING) this.#waiting.delete([...this.#waiting.keys()][0]!);
  }
}
