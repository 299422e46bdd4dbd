import { checkpointMessage, decodeCosigned, encodeCosigned } from '../codec/checkpoint.ts';
import { decodeProposal, encodeProposal, type Proposal, proposalMessage } from '../codec/proposal.ts';
import { decodeVote, encodeVote, NIL, type Vote, voteMessage } from '../codec/vote.ts';
import {
  decodeFinalBlock,
  decodeTxs,
  finalBlockFrame,
  encodeGreeting,
  encodeStatus,
  Frame,
  frame,
  splitFrame,
  txsFrame,
} from '../p2p/frames.ts';
import { txRootOf } from '../codec/block.ts';
import type { LedgerNode } from '../node.ts';
import type { Random } from './random.ts';
import { sign } from './signatures.ts';

const MAX_OLD = 40;

/**
 * What a faulty member makes of its own frames, one by one: it withholds, damages and repeats them, speaks of heights and
 * rounds far ahead, votes for other blocks than it should and in the name of others, proposes out of turn or what does
 * not follow the head, and hands out blocks that nobody signed. It cannot forge the signatures of others.
 */
export class Liar {
  readonly #old: Buffer[] = [];
  /** What it tells of a height and round to all alike: only who looks into the block finds it. Null: nothing. */
  readonly #told = new Map<string, Buffer | null>();

  constructor(
    private readonly random: Random,
    private readonly chainId: string,
    private readonly memberId: string,
    private readonly privateKey: Uint8Array,
    private readonly node: () => LedgerNode | undefined,
    /** How often it lies: 0 never, 1 always. */
    private readonly malice: number,
  ) {}

  tap(bytes: Buffer): Buffer[] {
    this.#old.push(bytes);
    if (this.#old.length > MAX_OLD) this.#old.shift();
    const told = bytes[0] === Frame.proposal ? this.#toldToAll(bytes) : null;
    if (told !== null) return [told];
    if (!this.random.chance(this.malice)) return [bytes];
    // It leads one round in n only: it makes the most of it.
    if (bytes[0] === Frame.proposal && this.random.chance(0.7)) return this.#otherWords(bytes);
    switch (this.random.int(0, 6)) {
      case 0:
        return [];
      case 1: {
        const damaged = Buffer.from(bytes);
        damaged[this.random.int(0, damaged.length - 1)]! ^= 1 << this.random.int(0, 7);
        return [damaged];
      }
      case 2:
        return [bytes, this.random.pick(this.#old)];
      case 3:
        return [
          frame(
            Frame.status,
            encodeStatus({
              height: this.random.pick([0, 1, 2, 5, 1e6, 2 ** 40]),
              head: this.random.bytes(32),
              isAsleep: this.random.chance(0.5),
            }),
          ),
          this.#forgedGreeting(),
          bytes,
        ];
      case 4:
        return this.#unsignedBlock() ?? [bytes];
      default:
        return this.#otherWords(bytes);
    }
  }

  #unsignedBlock(): Buffer[] | null {
    const ledger = this.node()?.ledger;
    if (ledger === undefined) return null;
    const { header, hash } = ledger.build([], this.memberId, ledger.headTimeMs + this.random.int(1, 1000)).prepared;
    const signatures = ledger.validators.map((memberId) => ({ memberId, signature: Buffer.alloc(64, 7) }));
    const commit = { height: header.height, round: 0, blockHash: hash, signatures };
    return [finalBlockFrame({ header, commit, txs: [] })];
  }

  /** As if the other had signed something at a far height. */
  #forgedGreeting(): Buffer {
    const voter = this.random.pick(this.node()?.ledger.validators ?? [this.memberId]);
    const vote = { type: 2 as const, height: 2 ** 40, round: 0, blockHash: NIL, voter };
    const message = voteMessage(this.chainId, vote);
    return frame(
      Frame.greeting,
      encodeGreeting({
        height: this.random.pick([0, 1, 2 ** 40]),
        seen: { message, signature: sign(this.privateKey, message) },
      }),
    );
  }

  #sign(vote: Omit<Vote, 'signature'>): Buffer {
    return frame(
      Frame.vote,
      encodeVote({ ...vote, signature: sign(this.privateKey, voteMessage(this.chainId, vote)) }),
    );
  }

  #toldToAll(bytes: Buffer): Buffer | null {
    const proposal = decodeProposal(splitFrame(bytes).payload);
    const key = `${proposal.height}/${proposal.round}`;
    let told = this.#told.get(key);
    if (told === undefined) {
      told = this.random.chance(this.malice) ? this.#propose(this.#otherBlock(proposal)) : null;
      this.#told.set(key, told);
    }
    return told;
  }

  #propose(proposal: Proposal): Buffer {
    const signature = sign(this.privateKey, proposalMessage(this.chainId, proposal));
    return frame(Frame.proposal, encodeProposal({ ...proposal, signature }));
  }

  /** The same proposal, of another block: mostly one that no correct member would make. */
  #otherBlock(proposal: Proposal): Proposal {
    const { header, txHashes } = proposal;
    const named = this.random.bytes(32);
    const blocks = [
      { header: { ...header, timeMs: header.timeMs + 1 }, txHashes },
      { header: { ...header, logRoot: this.random.bytes(32) }, txHashes },
      { header: { ...header, stateHash: this.random.bytes(32) }, txHashes },
      { header: { ...header, nextMembersHash: this.random.bytes(32) }, txHashes },
      { header: { ...header, logSize: header.logSize + 1 }, txHashes },
      { header: { ...header, timeMs: header.timeMs + 3_600_000 }, txHashes },
      // A transaction that nobody has, so that nobody can have the block whole.
      { header: { ...header, txRoot: txRootOf([named]) }, txHashes: [named] },
      { header: { ...header, proposer: this.memberId, txRoot: txRootOf([]) }, txHashes: [] },
    ];
    return { ...proposal, ...this.random.pick(blocks) };
  }

  #otherWords(bytes: Buffer): Buffer[] {
    const { kind, payload } = splitFrame(bytes);
    if (kind === Frame.vote) {
      const { signature: _mine, ...vote } = decodeVote(payload);
      const other = { ...vote, voter: this.memberId };
      switch (this.random.int(0, 4)) {
        case 0:
          return [this.#sign({ ...other, blockHash: vote.blockHash.equals(NIL) ? this.random.bytes(32) : NIL })];
        case 1:
          return [bytes, this.#sign({ ...other, round: vote.round + this.random.pick([1, 2, 90, 4e9]) })];
        case 2:
          return [bytes, this.#sign({ ...other, height: vote.height + this.random.pick([1, 2, 1000, 2 ** 50]) })];
        case 3: // in the name of another
          return [this.#sign({ ...other, voter: this.random.pick(this.node()?.ledger.validators ?? [this.memberId]) })];
        default:
          return [
            this.#sign({ ...other, type: 2, blockHash: vote.blockHash }),
            this.#sign({ ...other, type: 1, blockHash: NIL }),
          ];
      }
    }
    if (kind === Frame.proposal) {
      const proposal = decodeProposal(payload);
      const { txHashes } = proposal;
      if (txHashes.length > 0 && this.random.chance(0.3)) {
        // Its hash, and so its proposer's signature, stay as they are.
        const unknown = [this.random.bytes(32), ...txHashes.slice(1)];
        return [frame(Frame.proposal, encodeProposal({ ...proposal, txHashes: unknown })), bytes];
      }
      const other = { ...this.#otherBlock(proposal), round: proposal.round + this.random.int(0, 1) };
      return [this.#propose(other), ...(this.random.chance(0.5) ? [bytes] : [])];
    }
    if (kind === Frame.block) {
      // The signatures under the block stay as they are; one of a transaction in it does not.
      const block = decodeFinalBlock(payload);
      if (block.txs.length === 0) return [bytes];
      const damaged = Buffer.from(block.txs[0]!);
      damaged[damaged.length - 1]! ^= 1;
      return [finalBlockFrame({ ...block, txs: [damaged, ...block.txs.slice(1)] })];
    }
    if (kind === Frame.transactions) {
      const [first, ...others] = decodeTxs(payload);
      const damaged = Buffer.from(first!);
      damaged[damaged.length - 1]! ^= 1;
      return [txsFrame([damaged, ...others])];
    }
    if (kind === Frame.checkpoint) {
      // Another view of the chain, or one in the name of another.
      const { signature: _theirs, ...checkpoint } = decodeCosigned(payload);
      const memberId = this.random.chance(0.8) ? this.memberId : checkpoint.memberId;
      const other = { ...checkpoint, memberId, logRoot: this.random.bytes(32) };
      const signature = sign(this.privateKey, checkpointMessage(this.chainId, other));
      return [frame(Frame.checkpoint, encodeCosigned({ ...other, signature })), bytes];
    }
    return [bytes];
  }
}
