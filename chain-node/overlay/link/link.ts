import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { TLSSocket } from 'node:tls';
import { type RawData, WebSocket } from 'ws';
import type { Logger } from '../../../platform/observe/logger.ts';
import { LedgerError } from '../../errors.ts';
import { TokenBucket } from '../../p2p/limits.ts';
import { decodePing, encodePing, LinkFrame } from './frames.ts';
import { Heartbeat } from './heartbeat.ts';

/** What close codes of a link say; the words are beside them. */
export const CloseCode = {
  goingAway: 1001,
  refused: 1008,
  /** Two links between the same two: the other one stays. */
  superseded: 4001,
  revoked: 4003,
  duplicate: 4009,
  clock: 4010,
} as const;

export const MAX_CLOCK_DIFFERENCE_MS = 5 * 60_000;
const PING_EVERY_MS = 2000;
/** No word for this long, and nothing that we sent was taken: the link is dead. */
const DEAD_AFTER_MS = 7000;
const FULL_AT_BYTES = 2 * 1024 * 1024;
const FREE_AT_BYTES = 1024 * 1024;
const BLOCKED_FROM_BYTES = 64 * 1024;
/** Frames that are not packets: pings, their answers, who is near. */
const CONTROL_PER_SECOND = 50;
const CONTROL_BURST = 300;

export interface LinkOptions {
  ws: WebSocket;
  socket: TLSSocket;
  memberId: string;
  /** Who of the two dialled. */
  dialer: string;
  /** What one peer may send in a second, in bytes. */
  maxBytesPerSecond: number;
  logger: Logger;
  /** A packet, a report, or who is near. Throws LedgerError on what no correct peer sends. */
  onFrame(link: Link, kind: LinkFrame, frame: Buffer): void;
  onClose(link: Link, code: number, words: string): void;
}

/** One proven link to another member. */
export class Link {
  readonly memberId: string;
  readonly dialer: string;
  readonly since = Date.now();
  readonly remote: string;
  readonly mtu: number | null;
  readonly #options: LinkOptions;
  readonly #heartbeat = new Heartbeat();
  readonly #timer: NodeJS.Timeout;
  readonly #control = new TokenBucket(CONTROL_PER_SECOND, CONTROL_BURST);
  readonly #volume: TokenBucket;
  #heardAt = performance.now();
  #takenAt = performance.now();
  #resume: NodeJS.Timeout | undefined;
  #waiting: (() => void)[] = [];
  bytesIn = 0;
  bytesOut = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { ws, socket, memberId, dialer, maxBytesPerSecond } = options;
    this.memberId = memberId;
    this.dialer = dialer;
    this.remote = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? '?'}`;
    this.mtu = mtuOf(socket.localAddress);
    this.#volume = new TokenBucket(maxBytesPerSecond, maxBytesPerSecond);
    ws.on('message', (data: RawData) => this.#onMessage(data as Buffer));
    ws.once('close', (code, words) => {
      clearInterval(this.#timer);
      clearTimeout(this.#resume);
      this.#release();
      options.onClose(this, code, words.toString('utf8'));
    });
    this.#timer = setInterval(() => this.#beat(), PING_EVERY_MS);
    this.#beat();
  }

  get isOpen(): boolean {
    return this.#options.ws.readyState === WebSocket.OPEN;
  }

  /** Round trip in ms; null before the first answer. */
  get rttMs(): number | null {
    return this.#heartbeat.rttMs;
  }

  /** Heartbeats of the last minute that got no answer in time. */
  get lossPercent(): number {
    return this.#heartbeat.lossPercent;
  }

  /** Bytes that were sent and not yet taken by the system. */
  get backlog(): number {
    return this.#options.ws.bufferedAmount;
  }

  send(frame: Buffer): void {
    const { ws } = this.#options;
    if (!this.isOpen) return;
    this.bytesOut += frame.length;
    ws.send(frame, this.#onTaken);
  }

  /** Resolves when there is room for more, or the link is gone. */
  async ready(): Promise<void> {
    while (this.isOpen && this.backlog > FULL_AT_BYTES) await new Promise<void>((done) => this.#waiting.push(done));
  }

  /** Whether the other end answers within this time. */
  probe(withinMs: number): Promise<boolean> {
    return new Promise((answer) => {
      const timer = setTimeout(() => answer(false), withinMs);
      this.#ping(() => {
        clearTimeout(timer);
        answer(true);
      });
    });
  }

  close(code: number, words: string): void {
    this.#options.ws.close(code, words.slice(0, 120));
    // Who does not answer the closing is not waited for.
    setTimeout(() => this.#options.ws.terminate(), 1000).unref();
  }

  terminate(): void {
    this.#options.ws.terminate();
  }

  readonly #onTaken = (): void => {
    // The system takes a little for a peer that is gone; that it goes on taking is a sign of life.
    if (this.backlog > BLOCKED_FROM_BYTES) this.#takenAt = performance.now();
    if (this.#waiting.length > 0 && this.backlog < FREE_AT_BYTES) this.#release();
  };

  #release(): void {
    for (const done of this.#waiting.splice(0)) done();
  }

  #onMessage(frame: Buffer): void {
    this.#heardAt = performance.now();
    this.bytesIn += frame.length;
    const waitMs = this.#volume.spend(frame.length);
    if (waitMs > 0) this.#pauseFor(waitMs);
    try {
      const kind = frame[0] as LinkFrame;
      if (kind !== LinkFrame.packet && !this.#control.take())
        throw new LedgerError('encoding-invalid', 'too many frames');
      if (kind === LinkFrame.ping)
        this.send(encodePing(LinkFrame.pong, { id: decodePing(frame).id, timeMs: Date.now() }));
      else if (kind === LinkFrame.pong) this.#onPong(frame);
      else if (kind === LinkFrame.packet || kind === LinkFrame.lost || kind === LinkFrame.reach)
        this.#options.onFrame(this, kind, frame);
      else throw new LedgerError('encoding-invalid', `frame kind ${kind}`);
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      const { code, reason } = error;
      this.#options.logger.warn({ peer: this.memberId, code, reason }, 'bad frame: overlay link closed');
      this.close(CloseCode.refused, reason);
    }
  }

  #onPong(frame: Buffer): void {
    const { id, timeMs } = decodePing(frame);
    const answered = this.#heartbeat.answered(id);
    if (answered === null) return;
    const difference = timeMs - (answered.timeMs + answered.rttMs / 2);
    if (Math.abs(difference) <= MAX_CLOCK_DIFFERENCE_MS) return;
    const minutes = Math.round(Math.abs(difference) / 60_000);
    this.close(CloseCode.clock, `the clocks differ by ${minutes} minutes; set the one that is wrong`);
  }

  #ping(onAnswer?: () => void): void {
    const ping = this.#heartbeat.next(onAnswer);
    this.send(encodePing(LinkFrame.ping, ping));
  }

  #beat(): void {
    const now = performance.now();
    if (now - Math.max(this.#heardAt, this.#takenAt) > DEAD_AFTER_MS && !this.#options.ws.isPaused) {
      this.#options.logger.info({ peer: this.memberId }, 'overlay link is silent');
      return this.terminate();
    }
    this.#ping();
  }

  /** Reads nothing from a peer that sends more than its share, until it is even. */
  #pauseFor(ms: number): void {
    const { ws } = this.#options;
    clearTimeout(this.#resume);
    ws.pause();
    this.#resume = setTimeout(() => ws.resume(), ms);
  }
}

/** MTU of the interface with this address, where the system tells (Linux). */
function mtuOf(localAddress: string | undefined): number | null {
  const plain = localAddress?.replace(/^::ffff:/, '');
  for (const [name, addresses] of Object.entries(os.networkInterfaces()))
    if (addresses?.some(({ address }) => address === plain) === true)
      try {
        return Number(readFileSync(`/sys/class/net/${name}/mtu`, 'utf8'));
      } catch {
        return null;
      }
  return null;
}
