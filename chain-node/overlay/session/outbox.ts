import { GCM_TAG_BYTES, sm4gcm } from '../../../platform/crypto/index.ts';
import { PACKET_HEADROOM } from '../link/frames.ts';
import { dataBytesIn, endsPart } from './bodies.ts';
import { nonceOf } from './keys.ts';
import { encodeHead, PacketType, RECORD_HEAD_BYTES } from './packets.ts';
import { nextTally, type Tally, tallied } from './tally.ts';

const FIRST_WINDOW_BYTES = 1024 * 1024;
const LEAST_WINDOW_BYTES = 256 * 1024;
const GROW_BYTES = 128 * 1024;

interface Sent {
  seq: number;
  /** Packet with head room; sealed once, sent as often as need be. */
  packet: Buffer;
  sentAt: number;
  isRepeated: boolean;
  /** What had gone out with it and before. */
  after: Tally;
}

export interface OutboxOptions {
  session: Buffer;
  first: Tally;
  maxWindowBytes: number;
  /** Sends a packet with head room; its head room may be written. */
  send(packet: Buffer): void;
  /** Resolves when the path takes more. */
  ready(): Promise<void>;
}

/** Seals records in order, keeps them until they are acknowledged, and sends them again. */
export class Outbox {
  #key: Buffer;
  #epoch = 0;
  #next = 0;
  #unacked: Sent[] = [];
  #unackedBytes = 0;
  #window = FIRST_WINDOW_BYTES;
  #isGrowingFast = true;
  #turn: Promise<void> = Promise.resolve();
  #tail: Promise<void> = Promise.resolve();
  #waiting: (() => void)[] = [];
  #isClosed = false;
  /** What waits for room stays until `resume`. */
  isHeld = false;
  /** What was sealed of the present part, and of that what the other end has. */
  sent: Tally;
  acked: Tally;
  /** Since the present key was put in: its limits. */
  epochRecords = 0;
  epochBytes = 0;
  /** Mean round trip in ms. */
  rttMs: number | null = null;
  repeatedRecords = 0;

  constructor(
    private readonly options: OutboxOptions,
    key: Buffer,
  ) {
    this.#key = key;
    this.sent = this.acked = options.first;
  }

  get hasUnacked(): boolean {
    return this.#unacked.length > 0;
  }

  /** Sequence number of the next record. */
  get next(): number {
    return this.#next;
  }

  /** Sends a body when there is room for it, after those before it. Resolves when it is on its way. */
  send(body: Buffer): Promise<void> {
    const turn = this.#turn.then(async () => {
      while (!this.#isClosed && (this.isHeld || this.#unackedBytes >= this.#window))
        await new Promise<void>((done) => this.#waiting.push(done));
      await this.options.ready();
      void this.#put(body);
    });
    this.#turn = turn;
    return turn;
  }

  /** Sends a body without waiting for room; gives what of its part had gone out with it. */
  sendNow(body: Buffer): Promise<Tally> {
    return this.#put(body);
  }

  /** Records that are put in from now on are sealed by the next key; the old one is wiped when those before are sealed. */
  useKey(epoch: number, key: Buffer): void {
    const old = this.#key;
    this.#key = key;
    this.#epoch = epoch;
    this.epochRecords = this.epochBytes = 0;
    void this.#tail.then(() => old.fill(0));
  }

  /** Lets go of what was held. */
  resume(): void {
    this.isHeld = false;
    this.#release();
  }

  /** The other end has all before `next`. Gives whether that is news. Throws RangeError if we never sent that. */
  onAck(next: number): boolean {
    if (next > this.#next) throw new RangeError('acknowledged what was not sent');
    let last: Sent | undefined;
    let bytes = 0;
    while (this.#unacked[0] !== undefined && this.#unacked[0].seq < next) {
      last = this.#unacked.shift()!;
      bytes += last.packet.length;
    }
    if (last === undefined) return false;
    this.acked = last.after;
    this.#unackedBytes -= bytes;
    if (!last.isRepeated) {
      const sample = performance.now() - last.sentAt;
      this.rttMs = this.rttMs === null ? sample : this.rttMs + (sample - this.rttMs) / 8;
    }
    const growth = this.#isGrowingFast ? bytes : (GROW_BYTES * bytes) / this.#window;
    this.#window = Math.min(this.options.maxWindowBytes, this.#window + growth);
    this.#release();
    return true;
  }

  /** Sends the oldest again that is not acknowledged: the answer tells how much the other end has. */
  probe(): void {
    if (this.#unacked[0] !== undefined) this.#repeat(this.#unacked[0]);
  }

  /** Something was lost: less at once from now on. */
  slowDown(): void {
    this.#window = Math.max(LEAST_WINDOW_BYTES, this.#window / 2);
    this.#isGrowingFast = false;
  }

  /** Sends all again that is not acknowledged. */
  repeatAll(): void {
    for (const one of this.#unacked) this.#repeat(one);
  }

  close(): void {
    this.#isClosed = true;
    this.#release();
    this.#unacked = [];
    void this.#tail.then(() => this.#key.fill(0));
  }

  #release(): void {
    for (const done of this.#waiting.splice(0)) done();
  }

  #repeat(one: Sent): void {
    one.isRepeated = true;
    this.repeatedRecords += 1;
    // A copy: the first sending may still wait in a socket, with the head of another route.
    this.options.send(Buffer.from(one.packet));
  }

  #put(body: Buffer): Promise<Tally> {
    if (this.#isClosed) return Promise.resolve(this.sent);
    const seq = this.#next;
    this.#next += 1;
    this.epochRecords += 1;
    this.epochBytes += body.length;
    const length = PACKET_HEADROOM + RECORD_HEAD_BYTES + body.length + GCM_TAG_BYTES;
    this.#unackedBytes += length;
    const head = encodeHead({
      type: PacketType.record,
      session: this.options.session,
      epoch: this.#epoch,
      number: seq,
    });
    const sealing = sm4gcm.seal(this.#key, nonceOf(this.#epoch, seq), head, body);
    const done = this.#tail.then(async () => {
      const sealed = await sealing;
      if (this.#isClosed) return this.sent;
      const packet = Buffer.allocUnsafe(length);
      head.copy(packet, PACKET_HEADROOM);
      sealed.copy(packet, PACKET_HEADROOM + RECORD_HEAD_BYTES);
      const whole = tallied(this.sent, dataBytesIn(body), head, sealed);
      const after = (this.sent = endsPart(body) ? nextTally(whole) : whole);
      this.#unacked.push({ seq, packet, sentAt: performance.now(), isRepeated: false, after });
      this.options.send(packet);
      return whole;
    });
    this.#tail = done.then(() => undefined);
    return done;
  }
}
