import { OverlayError } from '../errors.ts';
import type { Route } from '../link/frames.ts';
import { type Established, Initiator, type Parties } from './handshake.ts';
import type { EndPacket } from './packets.ts';

/** How long one try waits for an answer, and all of them. */
const TRY_MS = 700;
const OPEN_WITHIN_MS = 10_000;
const MAX_ATTEMPTS = 3;

export interface OpeningOptions {
  parties: Parties;
  service: string;
  privateKey(): Uint8Array;
  keyOf(memberId: string): Uint8Array | undefined;
  /** The path to try now; null if there is none. */
  choose(): { route: Route; rttMs: number } | null;
  send(route: Route, payload: Buffer): void;
  avoid(route: Route): void;
}

/** A handshake from its first word to the session, over whatever path carries it. */
export class Opening {
  #initiator: Initiator;
  #expect: { type: 2 | 4; take: (packet: EndPacket) => void } | null = null;
  readonly #until = performance.now() + OPEN_WITHIN_MS;

  constructor(private readonly options: OpeningOptions) {
    this.#initiator = this.#begin();
  }

  /** A reply or an answer that names this handshake. */
  receive(packet: EndPacket): void {
    const expected = this.#expect;
    if (expected?.type !== packet.type) return;
    const half = packet.type === 2 ? packet.to : packet.type === 4 ? packet.halves.subarray(0, 16) : null;
    if (half?.equals(this.#initiator.half) === true) expected.take(packet);
  }

  /** Rejects with the other end's refusal, `unreachable`, `timeout`, or `protocol` if it does not prove itself. */
  async run(): Promise<Established> {
    for (let attempt = 1; ; attempt += 1)
      try {
        return await this.#attempt();
      } catch (error) {
        // Somebody on the way may have meddled: another path, and fresh keys.
        const isMeddled = error instanceof OverlayError && error.code === 'protocol';
        if (!isMeddled || attempt === MAX_ATTEMPTS) throw error;
        const path = this.options.choose();
        if (path !== null) this.options.avoid(path.route);
        this.#initiator = this.#begin();
      }
  }

  #begin(): Initiator {
    return new Initiator(this.options.parties, this.options.service, Date.now());
  }

  async #attempt(): Promise<Established> {
    const { privateKey, keyOf, parties } = this.options;
    const reply = await this.#ask(this.#initiator.offer, 2);
    const proof = await this.#initiator.prove(reply, privateKey());
    const answer = await this.#ask(proof, 4);
    const publicKey = keyOf(parties.responder);
    if (publicKey === undefined) throw new OverlayError('revoked', `${parties.responder} is a member no more`);
    return this.#initiator.finish(answer.sealed, publicKey);
  }

  /** Says something until it is answered. */
  async #ask<T extends 2 | 4>(payload: Buffer, type: T): Promise<Extract<EndPacket, { type: T }>> {
    const { choose, send, avoid, parties } = this.options;
    while (performance.now() < this.#until) {
      const path = choose();
      if (path === null) throw new OverlayError('unreachable', `no path leads to ${parties.responder} now`);
      const answered = this.#next(type, Math.max(TRY_MS, 3 * path.rttMs));
      send(path.route, payload);
      const packet = await answered;
      if (packet !== null) return packet as Extract<EndPacket, { type: T }>;
      avoid(path.route);
    }
    throw new OverlayError('timeout', `${parties.responder} does not answer`);
  }

  #next(type: 2 | 4, withinMs: number): Promise<EndPacket | null> {
    return new Promise((done) => {
      const timer = setTimeout(() => {
        this.#expect = null;
        done(null);
      }, withinMs);
      const take = (packet: EndPacket) => {
        clearTimeout(timer);
        this.#expect = null;
        done(packet);
      };
      this.#expect = { type, take };
    });
  }
}
