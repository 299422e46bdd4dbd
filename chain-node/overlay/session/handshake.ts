import { randomBytes } from 'node:crypto';
import { hmacSm3, sm2, sm3, sm4gcm, SM4_KEY_BYTES } from '../../../platform/crypto/index.ts';
import { decode, tag, Writer } from '../../codec/bytes.ts';
import { MAX_NAME_BYTES, SIGNATURE_BYTES } from '../../codec/record.ts';
import { CODE_NUMBERS, codeOfNumber, type OverlayCode, OverlayError } from '../errors.ts';
import { Ephemeral } from './exchange.ts';
import { derive, type Epoch, epochOf, nonceOf, wipe } from './keys.ts';
import {
  encodeOffer,
  encodeReply,
  encodeSealed,
  HALF_BYTES,
  type Offer,
  PacketType,
  type Reply,
  SESSION_BYTES,
} from './packets.ts';

const SALT_TAG = tag('sealfolio/overlay-handshake/1');
const PROOF_TAG = tag('sealfolio/overlay-proof/1');
const ANSWER_TAG = tag('sealfolio/overlay-answer/1');
const TRANSCRIPT_TAG = tag('sealfolio/overlay-transcript/1');
const SESSION_TAG = tag('sealfolio/overlay-session-id/1');
const MAX_REASON_BYTES = 256;
const HASH_BYTES = 32;

/** Who wants what of whom. */
export interface Parties {
  chainId: string;
  initiator: string;
  responder: string;
}

/** What both ends have once each has proven itself. */
export interface Established extends Parties {
  service: string;
  startMs: number;
  /** SM3 of both halves, 32 bytes; its first 16 name the session on the wire. */
  id: Buffer;
  /** Digest of all that was said until here. */
  transcript: Buffer;
  epoch: Epoch;
}

export const sessionIdOf = (halves: Uint8Array): Buffer => sm3(SESSION_TAG, halves);
export const wireIdOf = (id: Buffer): Buffer => id.subarray(0, SESSION_BYTES);

/** Keys and texts that follow from the two public keys; both ends compute the same. */
class Secrets {
  readonly salt: Buffer;
  readonly #shared: Buffer;

  constructor(
    readonly parties: Parties,
    offer: Buffer,
    reply: Buffer,
    shared: Buffer,
  ) {
    const { chainId, initiator, responder } = parties;
    const said = new Writer().str(chainId).str(initiator).str(responder).bytes(offer).bytes(reply).done();
    this.salt = sm3(SALT_TAG, said);
    this.#shared = shared;
  }

  key(label: string): Buffer {
    return derive(this.#shared, this.salt, label, SM4_KEY_BYTES);
  }

  /** What the initiator signs: all that was said, what it wants, and a MAC that only who has the secret can make (SIGMA). */
  proofMessage(service: string, startMs: number): Buffer {
    return this.#claim(PROOF_TAG, this.parties.initiator, 'initiator mac').str(service).u64(startMs).done();
  }

  /** Digest of the handshake up to the initiator's proof. */
  transcript(service: string, startMs: number, signature: Uint8Array): Buffer {
    const said = new Writer().str(service).u64(startMs).raw(signature).done();
    return sm3(TRANSCRIPT_TAG, this.salt, said);
  }

  /** What the responder signs: the same, the initiator's proof, and its decision. */
  answerMessage(transcript: Buffer, code: number, reason: string): Buffer {
    return this.#claim(ANSWER_TAG, this.parties.responder, 'responder mac').raw(transcript).u8(code).str(reason).done();
  }

  #claim(kind: Buffer, speaker: string, label: string): Writer {
    const { chainId, initiator, responder } = this.parties;
    const key = derive(this.#shared, this.salt, label, HASH_BYTES);
    const mac = hmacSm3(key, Buffer.from(speaker, 'utf8'));
    wipe(key);
    return new Writer().raw(kind).str(chainId).str(initiator).str(responder).raw(this.salt).raw(mac);
  }

  establish(service: string, startMs: number, transcript: Buffer, answer: Buffer, halves: Buffer): Established {
    const secret = derive(this.#shared, transcript, 'secret', HASH_BYTES);
    const epoch = epochOf(0, secret);
    wipe(this.#shared);
    const whole = sm3(TRANSCRIPT_TAG, transcript, answer);
    return { ...this.parties, service, startMs, id: sessionIdOf(halves), transcript: whole, epoch };
  }
}

const onlyNonce = nonceOf(0, 0);
const aad = (type: number, halves: Uint8Array) => new Writer().u8(type).raw(halves).done();

async function open(key: Buffer, type: number, halves: Buffer, sealed: Buffer): Promise<Buffer> {
  try {
    return await sm4gcm.open(key, onlyNonce, aad(type, halves), sealed);
  } catch {
    throw new OverlayError('protocol', 'handshake does not open');
  }
}

/** What one end makes for one handshake. */
export interface Fresh {
  half: Buffer;
  ephemeral: Ephemeral;
}
const fresh = (): Fresh => ({ half: randomBytes(HALF_BYTES), ephemeral: new Ephemeral() });

/** The end that wants a service: it proves itself first, the other says nothing of its own before. */
export class Initiator {
  readonly half: Buffer;
  readonly offer: Buffer;
  readonly #ephemeral: Ephemeral;
  #secrets: Secrets | undefined;
  #halves: Buffer = Buffer.alloc(0);
  #transcript: Buffer = Buffer.alloc(0);

  constructor(
    private readonly parties: Parties,
    private readonly service: string,
    readonly startMs: number,
    { half, ephemeral } = fresh(),
  ) {
    this.half = half;
    this.#ephemeral = ephemeral;
    this.offer = encodeOffer({ half, ephemeral: ephemeral.publicKey });
  }

  /** What proves us, in return for the other's fresh key. Throws `protocol`. */
  async prove(reply: Reply, privateKey: Uint8Array): Promise<Buffer> {
    const shared = this.#ephemeral.shared(reply.ephemeral);
    this.#secrets = new Secrets(this.parties, this.offer, encodeReply(reply), shared);
    this.#halves = Buffer.concat([this.half, reply.half]);
    const signature = sm2.sign(privateKey, this.#secrets.proofMessage(this.service, this.startMs));
    this.#transcript = this.#secrets.transcript(this.service, this.startMs, signature);
    const plain = new Writer().str(this.service).u64(this.startMs).raw(signature).done();
    const key = this.#secrets.key('initiator proof');
    const sealed = await sm4gcm.seal(key, onlyNonce, aad(PacketType.proof, this.#halves), plain);
    wipe(key);
    return encodeSealed(PacketType.proof, { halves: this.#halves, sealed });
  }

  /** The session, if the other end is who it must be and agrees. Throws its refusal, or `protocol`. */
  async finish(sealed: Buffer, publicKey: Uint8Array): Promise<Established> {
    const secrets = this.#secrets;
    if (secrets === undefined) throw new OverlayError('protocol', 'an answer before the proof');
    const plain = await open(secrets.key('responder answer'), PacketType.answer, this.#halves, sealed);
    const { code, reason, signature } = decode(plain, (reader) => ({
      code: reader.u8(),
      reason: reader.str(MAX_REASON_BYTES),
      signature: reader.raw(SIGNATURE_BYTES),
    }));
    if (!sm2.verify(publicKey, secrets.answerMessage(this.#transcript, code, reason), signature))
      throw new OverlayError('protocol', 'answer is not signed by the member');
    if (code !== CODE_NUMBERS.closed) throw new OverlayError(codeOfNumber(code), reason);
    return secrets.establish(this.service, this.startMs, this.#transcript, plain, this.#halves);
  }
}

/** What an initiator proved. */
export interface Request {
  service: string;
  startMs: number;
}

/** The end that is asked. */
export class Responder {
  readonly half: Buffer;
  readonly reply: Buffer;
  readonly #secrets: Secrets;
  readonly #halves: Buffer;

  /** Throws `protocol` on a key that is no good. */
  constructor(
    readonly parties: Parties,
    offer: Offer,
    { half, ephemeral } = fresh(),
  ) {
    this.half = half;
    this.reply = encodeReply({ to: offer.half, half, ephemeral: ephemeral.publicKey });
    this.#halves = Buffer.concat([offer.half, half]);
    this.#secrets = new Secrets(parties, encodeOffer(offer), this.reply, ephemeral.shared(offer.ephemeral));
  }

  /** What the initiator asks for, proven by its key. Throws `protocol`. */
  async check(sealed: Buffer, publicKey: Uint8Array): Promise<Request & { transcript: Buffer }> {
    const plain = await open(this.#secrets.key('initiator proof'), PacketType.proof, this.#halves, sealed);
    const { service, startMs, signature } = decode(plain, (reader) => ({
      service: reader.str(MAX_NAME_BYTES),
      startMs: reader.u64(),
      signature: reader.raw(SIGNATURE_BYTES),
    }));
    if (!sm2.verify(publicKey, this.#secrets.proofMessage(service, startMs), signature))
      throw new OverlayError('protocol', 'proof is not signed by the member');
    return { service, startMs, transcript: this.#secrets.transcript(service, startMs, signature) };
  }

  /** The signed answer, and the session if it is not a refusal. */
  async answer(
    { service, startMs, transcript }: Request & { transcript: Buffer },
    refusal: { code: OverlayCode; reason: string } | null,
    privateKey: Uint8Array,
  ): Promise<{ packet: Buffer; established: Established | null }> {
    const code = refusal === null ? CODE_NUMBERS.closed : CODE_NUMBERS[refusal.code];
    const reason = refusal?.reason.slice(0, MAX_REASON_BYTES / 2) ?? '';
    const signature = sm2.sign(privateKey, this.#secrets.answerMessage(transcript, code, reason));
    const plain = new Writer().u8(code).str(reason).raw(signature).done();
    const key = this.#secrets.key('responder answer');
    const sealed = await sm4gcm.seal(key, onlyNonce, aad(PacketType.answer, this.#halves), plain);
    wipe(key);
    const packet = encodeSealed(PacketType.answer, { halves: this.#halves, sealed });
    if (refusal !== null) return { packet, established: null };
    return { packet, established: this.#secrets.establish(service, startMs, transcript, plain, this.#halves) };
  }
}
