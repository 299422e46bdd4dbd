import { type Proposal, proposalMessage, type Vote, voteMessage } from '../codec/block.ts';
import { LedgerError } from '../errors.ts';
import type { Disk, Signatures } from '../world.ts';

const FILE = 'last-signed.json';

/** What was last signed: a later one must be of a higher (height, round, step), or say the same. */
interface LastSigned {
  height: number;
  round: number;
  /** 0 proposal, 1 prevote, 2 precommit. */
  step: number;
  message: string;
  signature: string;
}

const isBefore = (a: Omit<LastSigned, 'message' | 'signature'>, b: LastSigned) =>
  a.height !== b.height ? a.height < b.height : a.round !== b.round ? a.round < b.round : a.step < b.step;

/**
 * Signs proposals and votes, and never two different ones of one step: what is signed is on disk before the signature
 * leaves, so neither a crash nor a lost WAL makes this member equivocate. Throws double-sign.
 */
export class Signer {
  #last: LastSigned | null;

  constructor(
    readonly memberId: string,
    private readonly chainId: string,
    private readonly privateKey: Uint8Array,
    private readonly disk: Disk,
    private readonly signatures: Signatures,
  ) {
    const kept = disk.read(FILE);
    this.#last = kept && (JSON.parse(kept.toString()) as LastSigned);
  }

  vote(unsigned: Omit<Vote, 'signature' | 'voter'>): Vote {
    const vote = { ...unsigned, voter: this.memberId };
    const message = voteMessage(this.chainId, vote);
    return { ...vote, signature: this.#sign(vote.height, vote.round, vote.type, message) };
  }

  proposal(proposal: Omit<Proposal, 'signature'>): Proposal {
    const message = proposalMessage(this.chainId, proposal);
    return { ...proposal, signature: this.#sign(proposal.height, proposal.round, 0, message) };
  }

  #sign(height: number, round: number, step: number, bytes: Buffer): Buffer {
    const message = bytes.toString('hex');
    if (this.#last !== null) {
      if (this.#last.message === message) return Buffer.from(this.#last.signature, 'hex');
      const place = { height, round, step };
      const isSame = !isBefore(place, this.#last) && this.#last.height === height && this.#last.round === round;
      if (isBefore(place, this.#last) || (isSame && this.#last.step === step))
        throw new LedgerError('double-sign', `height ${height}, round ${round}, step ${step} was signed otherwise`);
    }
    const signature = this.signatures.sign(this.privateKey, bytes);
    this.#last = { height, round, step, message, signature: signature.toString('hex') };
    this.disk.replace(FILE, JSON.stringify(this.#last));
    return signature;
  }
}
