import { sm3 } from '../../platform/crypto/index.ts';
import { decode, Writer } from '../codec/bytes.ts';
import { type Proposal, proposalMessage } from '../codec/proposal.ts';
import { SIGNATURE_BYTES } from '../codec/record.ts';
import { comparePlaces, type Place } from '../codec/statement.ts';
import { decodeVoteMessage, type Vote, voteMessage, VoteType } from '../codec/vote.ts';
import { LedgerError } from '../errors.ts';
import type { Disk, LogFile, Signatures } from '../world.ts';

const FILE = 'last-signed';
const SLOT_BYTES = 1024;
const CHECK_BYTES = 8;
const MAX_MESSAGE_BYTES = 512;
const MAX_ROUND = 2 ** 32 - 1;

/** What was last signed: a later one must be of a higher place, or say the same. An empty message: nothing is signed up to and with this place. */
interface LastSigned extends Place {
  /** Entries of the height's log that the last precommit of this height stands on: fewer of them mean a forgotten lock. */
  logged: number;
  message: Buffer;
  signature: Buffer;
}

function encodeSlot({ height, round, step, logged, message, signature }: LastSigned): Buffer {
  const content = new Writer().u64(height).u32(round).u8(step).u32(logged).bytes(message).raw(signature).done();
  const sized = new Writer().bytes(content).done();
  const slot = Buffer.alloc(SLOT_BYTES);
  sm3(sized).copy(slot, 0, 0, CHECK_BYTES);
  sized.copy(slot, CHECK_BYTES);
  return slot;
}

function decodeSlot(slot: Buffer): LastSigned | null {
  if (slot.length < CHECK_BYTES + 4) return null;
  const length = 4 + slot.readUInt32BE(CHECK_BYTES);
  const sized = slot.subarray(CHECK_BYTES, CHECK_BYTES + length);
  if (sized.length !== length || !sm3(sized).subarray(0, CHECK_BYTES).equals(slot.subarray(0, CHECK_BYTES)))
    return null;
  return decode(sized.subarray(4), (reader) => ({
    height: reader.u64(),
    round: reader.u32(),
    step: reader.u8(),
    logged: reader.u32(),
    message: reader.bytes(MAX_MESSAGE_BYTES),
    signature: reader.raw(SIGNATURE_BYTES),
  }));
}

/**
 * Signs proposals and votes, and never two different ones of one step: what is signed is on disk before the signature
 * leaves, so neither a crash nor a lost log makes this member equivocate. It is written to two slots by turns, so that
 * one that is torn leaves the other. Throws double-sign.
 */
export class Signer {
  readonly #file: LogFile;
  #last: LastSigned | null = null;
  #slot = 0;
  #key: Uint8Array | null = null;
  #greetings = -1;
  readonly #keys: { publicKey: Buffer; privateKey: Uint8Array }[];

  constructor(
    readonly memberId: string,
    private readonly chainId: string,
    /** The member's keys: the present one, and one that it may rotate to. */
    privateKeys: readonly Uint8Array[],
    /** Beside the key, and not in the backups of the store. */
    vault: Pick<Disk, 'log'>,
    private readonly signatures: Signatures,
  ) {
    this.#keys = privateKeys.map((privateKey) => ({ privateKey, publicKey: signatures.publicKeyOf(privateKey) }));
    this.#file = vault.log(FILE);
    for (const slot of [0, 1]) {
      const found = decodeSlot(this.#file.content.subarray(slot * SLOT_BYTES, (slot + 1) * SLOT_BYTES));
      if (found === null || (this.#last !== null && comparePlaces(found, this.#last) < 0)) continue;
      this.#last = found;
      this.#slot = 1 - slot;
    }
  }

  /** Signs from now on by the key that the members know; false if it is not among ours. */
  use(publicKey: Uint8Array | undefined): boolean {
    this.#key =
      this.#keys.find((pair) => publicKey !== undefined && pair.publicKey.equals(publicKey))?.privateKey ?? null;
    return this.#key !== null;
  }

  /** The key in use. Throws double-sign if none is. */
  get privateKey(): Uint8Array {
    if (this.#key === null) throw new LedgerError('double-sign', 'the members know no key of ours');
    return this.#key;
  }

  /**
   * What to greet peers with. While none is linked this node may not know what the members decided lately, that it is
   * one of them or has another key now: then each of our keys in turn, whichever they take.
   */
  linkKey(isLinked: boolean): Uint8Array {
    if (isLinked && this.#key !== null) return this.#key;
    this.#greetings += 1;
    return this.#keys[this.#greetings % this.#keys.length]!.privateKey;
  }

  /** The vote that was signed last, if that was a vote: a crash may have taken it before anyone heard it. */
  lastVote(): Vote | null {
    if (this.#last === null || this.#last.step === 0 || this.#last.message.length === 0) return null;
    return { ...decodeVoteMessage(this.chainId, this.#last.message), signature: this.#last.signature };
  }

  /** `logged`: how many entries of the height's log are on the disk. */
  vote(unsigned: Omit<Vote, 'signature' | 'voter'>, logged: number): Vote {
    const vote = { ...unsigned, voter: this.memberId };
    const place = { height: vote.height, round: vote.round, step: vote.type };
    const standsOn = vote.type === VoteType.precommit ? logged : 0;
    return { ...vote, signature: this.#sign(place, voteMessage(this.chainId, vote), standsOn) };
  }

  proposal(proposal: Omit<Proposal, 'signature'>): Proposal {
    const place = { height: proposal.height, round: proposal.round, step: 0 };
    return { ...proposal, signature: this.#sign(place, proposalMessage(this.chainId, proposal), 0) };
  }

  /** Whether something was signed at `place`, or behind it. */
  hasSigned(place: Place): boolean {
    return this.#last !== null && comparePlaces(place, this.#last) <= 0;
  }

  /**
   * Whether a log of this many entries has all that was signed at this height stands on. If not, a lock may be forgotten,
   * and to vote would be to break it.
   */
  isBacked(height: number, logged: number): boolean {
    return this.#last === null || this.#last.height !== height || this.#last.logged <= logged;
  }

  /** Signs nothing more at this height, nor below it. */
  silence(height: number): void {
    const end = { height, round: MAX_ROUND, step: VoteType.precommit };
    if (this.hasSigned(end)) return;
    this.#write({ ...end, logged: 0, message: Buffer.alloc(0), signature: Buffer.alloc(SIGNATURE_BYTES) });
  }

  #sign(place: Place, message: Buffer, standsOn: number): Buffer {
    if (this.#last !== null) {
      if (this.#last.message.equals(message)) return this.#last.signature;
      if (comparePlaces(place, this.#last) <= 0) {
        const { height, round, step } = place;
        throw new LedgerError('double-sign', `height ${height}, round ${round}, step ${step} was signed otherwise`);
      }
    }
    const signature = this.signatures.sign(this.privateKey, message);
    const before = this.#last?.height === place.height ? this.#last.logged : 0;
    this.#write({ ...place, logged: Math.max(before, standsOn), message, signature });
    return signature;
  }

  #write(next: LastSigned): void {
    this.#file.write([encodeSlot(next)], this.#slot * SLOT_BYTES);
    this.#file.sync();
    this.#last = next;
    this.#slot = 1 - this.#slot;
  }

  close(): void {
    this.#file.close();
  }
}
