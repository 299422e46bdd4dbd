import { sm4gcm } from '../../../platform/crypto/index.ts';
import { decode, Writer } from '../../codec/bytes.ts';
import { PUBLIC_KEY_BYTES } from '../../codec/record.ts';
import { LedgerError } from '../../errors.ts';
import { OverlayError } from '../errors.ts';
import { PACKET_HEADROOM } from '../link/frames.ts';
import { Body, bodyType } from './bodies.ts';
import { Ephemeral } from './exchange.ts';
import { type Established, wireIdOf } from './handshake.ts';
import { Inbox } from './inbox.ts';
import { type Epoch, nextEpoch, nonceOf, type SealingKeys, wipe } from './keys.ts';
import { Outbox } from './outbox.ts';
import { encodeHead, type Head, PacketType } from './packets.ts';
import { firstTally, type Tally } from './tally.ts';

export interface ChannelLimits {
  /** A fresh exchange after so much, in one direction or the other. */
  rekeyAfterRecords: number;
  rekeyAfterBytes: number;
  rekeyAfterMs: number;
  /** What may be on the way and not acknowledged. */
  windowBytes: number;
  /** Silence after which the other end is asked whether it is there; and after which it is given up. */
  askAfterMs: number;
  giveUpAfterMs: number;
  /** Least time to wait for an acknowledgement. */
  retryAfterMs: number;
}

export const DEFAULT_LIMITS: ChannelLimits = {
  rekeyAfterRecords: 2 ** 20,
  rekeyAfterBytes: 2 ** 30,
  rekeyAfterMs: 10 * 60_000,
  windowBytes: 8 * 1024 * 1024,
  askAfterMs: 15_000,
  giveUpAfterMs: 60_000,
  retryAfterMs: 1500,
};

/** So many times what asks for a fresh exchange: the other end does not answer it, and the key is used no more. */
const HARD_LIMIT = 8;
const ACK_AFTER_MS = 20;
const ACK_AFTER_BYTES = 256 * 1024;
const ACK_AFTER_RECORDS = 32;
const MAX_RETRY_MS = 10_000;
const MIN_REPEAT_MS = 50;
const DOUBT_MS = 3000;
const TICK_MS = 1000;

/** What is said beside the records: all before `next` has come, and if something is missing, or an answer is wanted. */
const Flag = { missing: 1, answer: 2 } as const;

export interface ChannelOptions {
  established: Established;
  isInitiator: boolean;
  limits: ChannelLimits;
  /** Sends a packet with head room on the present path; it is lost if there is none. */
  send(packet: Buffer): void;
  ready(): Promise<void>;
  /** What came, in order. `whole` counts its part up to and with it. Throws on what no correct end sends. */
  onBody(type: Body, body: Buffer, whole: Tally): void;
  /** The path does not carry: another may. */
  onStuck(): void;
  /** The end of it. */
  onBroken(error: OverlayError): void;
}

/**
 * An ordered, lossless, sealed channel between two ends over whatever path there is: records are numbered,
 * acknowledged, and sent again after a loss or on another path; keys change with time and volume.
 */
export class Channel {
  readonly #options: ChannelOptions;
  readonly #session: Buffer;
  readonly #outbox: Outbox;
  readonly #inbox: Inbox;
  #epoch: Epoch;
  #exchange: Ephemeral | null = null;
  #epochSince = performance.now();
  /** What is said beside the records has keys and numbers of its own. */
  #besideOut: { epoch: number; key: Buffer };
  #besideIn: { epoch: number; key: Buffer }[];
  #saidOut = 0;
  #heardIn = -1;
  #heardAt = performance.now();
  #tickedAt = performance.now();
  #askedAt = 0;
  #doubtedAt: number | null = null;
  #ackTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs: number;
  #isRecovering = false;
  #repeatedAt = 0;
  #unsaidBytes = 0;
  #unsaidRecords = 0;
  readonly #tick: NodeJS.Timeout;
  #isClosed = false;
  #onAcked: (() => void)[] = [];
  rekeys = 0;

  constructor(options: ChannelOptions) {
    this.#options = options;
    const { established, isInitiator, limits, send, ready } = options;
    this.#session = wireIdOf(established.id);
    this.#epoch = established.epoch;
    const { own, other } = this.#keysOf(established.epoch);
    const { transcript } = established;
    this.#outbox = new Outbox(
      {
        session: this.#session,
        first: firstTally(transcript, isInitiator),
        maxWindowBytes: limits.windowBytes,
        send: (packet) => {
          send(packet);
          this.#armRetry();
        },
        ready,
      },
      own.record,
    );
    this.#inbox = new Inbox(
      {
        first: firstTally(transcript, !isInitiator),
        maxAheadBytes: 2 * limits.windowBytes,
        onBody: (body, whole) => this.#onBody(body, whole),
        onError: (error) => this.#fail(error),
      },
      other.record,
    );
    this.#besideOut = { epoch: 0, key: own.beside };
    this.#besideIn = [{ epoch: 0, key: other.beside }];
    this.#retryMs = limits.retryAfterMs;
    this.#tick = setInterval(() => this.#onTick(), TICK_MS);
  }

  get sent(): Tally {
    return this.#outbox.sent;
  }
  get acked(): Tally {
    return this.#outbox.acked;
  }
  get received(): Tally {
    return this.#inbox.received;
  }
  get rttMs(): number | null {
    return this.#outbox.rttMs;
  }
  /** Records that had to be sent again, and such as were forged on the way. */
  get repeated(): number {
    return this.#outbox.repeatedRecords;
  }
  get forged(): number {
    return this.#inbox.forged;
  }

  /** Sends a body when there is room. */
  send(body: Buffer): Promise<void> {
    this.#rekeyIfDue();
    return this.#outbox.send(body);
  }

  /** Sends a body at once; gives what of its part had gone out with it. */
  sendNow(body: Buffer): Promise<Tally> {
    return this.#outbox.sendNow(body);
  }

  /** Nothing that waits for room goes out until `resume`. */
  hold(): void {
    this.#outbox.isHeld = true;
  }
  resume(): void {
    this.#outbox.resume();
  }

  /** Resolves when the other end has all that was sent, or after this time. */
  async drained(withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    while (!this.#isClosed && this.#outbox.hasUnacked && performance.now() < until)
      await new Promise<void>((done) => {
        const timer = setTimeout(done, withinMs);
        this.#onAcked.push(() => {
          clearTimeout(timer);
          done();
        });
      });
  }

  /** Tells the other end now what has come. */
  acknowledge(): Promise<void> {
    return this.#say(0);
  }

  /** Packets go another way from now on. */
  moved(): void {
    if (!this.#outbox.hasUnacked) return;
    this.#isRecovering = true;
    this.#outbox.probe();
    this.#armRetry(true);
  }

  /** Somebody on the way says that the other end knows nothing of this session. That may be a lie: it is asked. */
  doubt(): void {
    if (this.#doubtedAt !== null) return;
    this.#doubtedAt = performance.now();
    void this.#say(Flag.answer);
    setTimeout(() => {
      if (this.#doubtedAt !== null) this.#break(new OverlayError('closed', 'the other end has lost the session'));
    }, DOUBT_MS).unref();
  }

  /** A packet of this session. */
  async receive(packet: Head & { head: Buffer; sealed: Buffer }): Promise<void> {
    if (this.#isClosed) return;
    if (packet.type === PacketType.beside) return this.#hear(packet);
    const { number, epoch, head, sealed } = packet;
    const before = this.#inbox.next;
    switch (this.#inbox.take(number, { epoch, head, sealed })) {
      case 'taken':
        return;
      case 'old':
        // It was sent again: what we said was lost, or is on its way.
        return number < before ? this.#say(0) : undefined;
      case 'gap':
      case 'far':
        return this.#say(Flag.missing);
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#tick);
    clearTimeout(this.#ackTimer);
    clearTimeout(this.#retryTimer);
    this.#doubtedAt = null;
    for (const acked of this.#onAcked.splice(0)) acked();
    this.#outbox.close();
    this.#inbox.close();
    wipe(this.#epoch.secret, this.#besideOut.key, ...this.#besideIn.map(({ key }) => key));
  }

  #keysOf(epoch: Epoch): { own: SealingKeys; other: SealingKeys } {
    return this.#options.isInitiator
      ? { own: epoch.initiator, other: epoch.responder }
      : { own: epoch.responder, other: epoch.initiator };
  }

  #break(error: OverlayError): void {
    if (this.#isClosed) return;
    this.close();
    this.#options.onBroken(error);
  }

  #fail(error: unknown): void {
    if (error instanceof OverlayError) return this.#break(error);
    if (error instanceof LedgerError) return this.#break(new OverlayError('protocol', error.reason));
    throw error;
  }

  #onTick(): void {
    const { limits } = this.#options;
    const now = performance.now();
    // While this process stood still (a full machine, one that was suspended) it heard nobody: that is no silence.
    const lateMs = now - this.#tickedAt - TICK_MS;
    if (lateMs > TICK_MS) this.#heardAt += lateMs;
    this.#tickedAt = now;
    const silentMs = now - this.#heardAt;
    if (silentMs > limits.giveUpAfterMs) return this.#break(new OverlayError('timeout', 'the other end is silent'));
    if (silentMs > limits.askAfterMs && now - this.#askedAt > limits.askAfterMs) {
      this.#askedAt = now;
      void this.#say(Flag.answer);
    }
    this.#rekeyIfDue();
  }

  // Acknowledging

  /** What came is acknowledged soon, or at once if it is much. */
  #owe(bytes: number): void {
    this.#unsaidBytes += bytes;
    this.#unsaidRecords += 1;
    if (this.#unsaidBytes >= ACK_AFTER_BYTES || this.#unsaidRecords >= ACK_AFTER_RECORDS) void this.#say(0);
    else this.#ackTimer ??= setTimeout(() => void this.#say(0), ACK_AFTER_MS);
  }

  async #say(flags: number): Promise<void> {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    this.#unsaidBytes = this.#unsaidRecords = 0;
    if (this.#isClosed) return;
    const { epoch, key } = this.#besideOut;
    const number = (this.#saidOut += 1);
    const head = encodeHead({ type: PacketType.beside, session: this.#session, epoch, number });
    const plain = new Writer().u64(this.#inbox.next).u8(flags).done();
    const sealed = await sm4gcm.seal(key, nonceOf(epoch, number), head, plain);
    this.#options.send(Buffer.concat([Buffer.alloc(PACKET_HEADROOM), head, sealed]));
  }

  async #hear({ number, epoch, head, sealed }: Head & { head: Buffer; sealed: Buffer }): Promise<void> {
    const known = this.#besideIn.find((one) => one.epoch === epoch);
    if (number <= this.#heardIn || known === undefined) return;
    let plain: Buffer;
    try {
      plain = await sm4gcm.open(known.key, nonceOf(epoch, number), head, sealed);
    } catch {
      this.#inbox.forged += 1;
      return;
    }
    if (this.#isClosed || number <= this.#heardIn) return;
    this.#heardIn = number;
    this.#heard();
    try {
      const { next, flags } = decode(plain, (reader) => ({ next: reader.u64(), flags: reader.u8() }));
      this.#onAck(next, (flags & Flag.missing) !== 0);
      if ((flags & Flag.answer) !== 0) await this.#say(0);
    } catch (error) {
      this.#fail(error instanceof RangeError ? new OverlayError('protocol', error.message) : error);
    }
  }

  #heard(): void {
    this.#heardAt = performance.now();
    this.#doubtedAt = null;
  }

  #onAck(next: number, isMissing: boolean): void {
    const isNews = this.#outbox.onAck(next);
    for (const acked of this.#onAcked.splice(0)) acked();
    const now = performance.now();
    if (!this.#outbox.hasUnacked) {
      this.#isRecovering = false;
      clearTimeout(this.#retryTimer);
      this.#retryTimer = undefined;
      this.#retryMs = this.#leastRetryMs();
      return;
    }
    if (isNews) {
      this.#retryMs = this.#leastRetryMs();
      this.#armRetry(true);
    }
    if (!isMissing && !(this.#isRecovering && isNews)) return;
    if (now - this.#repeatedAt < Math.max(MIN_REPEAT_MS, this.#outbox.rttMs ?? 0)) return;
    this.#repeatedAt = now;
    this.#isRecovering = false;
    this.#outbox.slowDown();
    this.#outbox.repeatAll();
  }

  #leastRetryMs(): number {
    return Math.min(MAX_RETRY_MS, this.#options.limits.retryAfterMs + 3 * (this.#outbox.rttMs ?? 0));
  }

  #armRetry(isAnew = false): void {
    if (isAnew) clearTimeout(this.#retryTimer);
    else if (this.#retryTimer !== undefined) return;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      if (this.#isClosed || !this.#outbox.hasUnacked) return;
      this.#retryMs = Math.min(MAX_RETRY_MS, 2 * this.#retryMs);
      this.#isRecovering = true;
      this.#options.onStuck();
      this.#outbox.probe();
      this.#armRetry(true);
    }, this.#retryMs);
  }

  // Keys

  #rekeyIfDue(): void {
    const { limits, isInitiator } = this.#options;
    const records = Math.max(this.#outbox.epochRecords, this.#inbox.epochRecords);
    const bytes = Math.max(this.#outbox.epochBytes, this.#inbox.epochBytes);
    if (records > HARD_LIMIT * limits.rekeyAfterRecords || bytes > HARD_LIMIT * limits.rekeyAfterBytes)
      return this.#break(new OverlayError('protocol', 'the other end does not change keys'));
    const isDue =
      records >= limits.rekeyAfterRecords ||
      bytes >= limits.rekeyAfterBytes ||
      performance.now() - this.#epochSince > limits.rekeyAfterMs;
    // One end begins, so that two exchanges never cross.
    if (!isDue || !isInitiator || this.#exchange !== null) return;
    this.#exchange = new Ephemeral();
    void this.sendNow(new Writer().u8(Body.rekeyOffer).raw(this.#exchange.publicKey).done());
  }

  #onRekeyOffer(body: Buffer): void {
    if (this.#options.isInitiator) throw new OverlayError('protocol', 'the responder began an exchange');
    const exchange = new Ephemeral();
    const answer = new Writer().u8(Body.rekeyAnswer).raw(exchange.publicKey).done();
    const next = nextEpoch(this.#epoch, exchange.shared(exchangeKeyIn(body)), Buffer.concat([body, answer]));
    void this.sendNow(answer);
    this.#begin(next);
    this.#inbox.followBy(this.#keysOf(next).other.record);
  }

  #onRekeyAnswer(body: Buffer): void {
    const exchange = this.#exchange;
    if (exchange === null) throw new OverlayError('protocol', 'an exchange that nobody began');
    this.#exchange = null;
    const offer = new Writer().u8(Body.rekeyOffer).raw(exchange.publicKey).done();
    const next = nextEpoch(this.#epoch, exchange.shared(exchangeKeyIn(body)), Buffer.concat([offer, body]));
    this.#begin(next);
    this.#inbox.followBy(this.#keysOf(next).other.record);
    this.#inbox.switch();
    // The other end lets its old key go when it sees the new one in use.
    void this.sendNow(Buffer.of(Body.rekeyed));
  }

  /** Seals by the keys of the next epoch from now on. */
  #begin(next: Epoch): void {
    const { own, other } = this.#keysOf(next);
    wipe(this.#epoch.secret);
    this.#epoch = next;
    this.#epochSince = performance.now();
    this.#outbox.useKey(next.number, own.record);
    wipe(this.#besideOut.key);
    this.#besideOut = { epoch: next.number, key: own.beside };
    // What was said beside may overtake: the key before this one is kept until the next exchange.
    const [last] = this.#besideIn.slice(-1);
    for (const { key } of this.#besideIn.slice(0, -1)) wipe(key);
    this.#besideIn = [last!, { epoch: next.number, key: other.beside }];
    this.rekeys += 1;
  }

  #onBody(body: Buffer, whole: Tally): void {
    if (this.#isClosed) return;
    this.#heard();
    this.#owe(body.length);
    const type = bodyType(body);
    if (type === Body.rekeyOffer) return this.#onRekeyOffer(body);
    if (type === Body.rekeyAnswer) return this.#onRekeyAnswer(body);
    if (type === Body.rekeyed) return;
    this.#options.onBody(type, body, whole);
    this.#rekeyIfDue();
  }
}

const exchangeKeyIn = (body: Buffer): Buffer => decode(body.subarray(1), (reader) => reader.raw(PUBLIC_KEY_BYTES));
