import {
  blockHash,
  decodeProposal,
  decodeVote,
  encodeBlock,
  encodeCommit,
  encodeProposal,
  encodeVote,
  NIL,
  proposalMessage,
  type Vote,
  voteMessage,
} from '../codec/block.ts';
import { encodeFinalBlock, encodeStatus, Frame, frame, splitFrame } from '../p2p/frames.ts';
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
    if (!this.random.chance(this.malice)) return [bytes];
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
            encodeStatus({ height: this.random.pick([0, 1, 2, 5, 1e6, 2 ** 40]), head: this.random.bytes(32) }),
          ),
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
    const block = ledger.build([], this.memberId, ledger.headTimeMs + this.random.int(1, 1000));
    const hash = blockHash(block.header);
    const { height } = block.header;
    const signatures = ledger.validators.map((memberId) => ({ memberId, signature: Buffer.alloc(64, 7) }));
    return [
      frame(
        Frame.block,
        encodeFinalBlock(encodeBlock(block), encodeCommit({ height, round: 0, blockHash: hash, signatures })),
      ),
    ];
  }

  #sign(vote: Omit<Vote, 'signature'>): Buffer {
    return frame(
      Frame.vote,
      encodeVote({ ...vote, signature: sign(this.privateKey, voteMessage(this.chainId, vote)) }),
    );
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
      const { header, txs } = proposal.block;
      if (txs.length > 0 && this.random.chance(0.4)) {
        // Its hash, and so its proposer's signature, stay as they are.
        const damaged = txs.map((tx) => Buffer.from(tx));
        damaged[0]![damaged[0]!.length - 1]! ^= 1;
        return [frame(Frame.proposal, encodeProposal({ ...proposal, block: { header, txs: damaged } })), bytes];
      }
      const blocks = [
        { header: { ...header, timeMs: header.timeMs + 1 }, txs },
        { header: { ...header, logRoot: this.random.bytes(32) }, txs },
        { header: { ...header, logSize: header.logSize + 1 }, txs },
        { header: { ...header, timeMs: header.timeMs + 3_600_000 }, txs },
        { header: { ...header, proposer: this.memberId }, txs: [] },
      ];
      const other = { ...proposal, block: this.random.pick(blocks), round: proposal.round + this.random.int(0, 1) };
      const signature = sign(this.privateKey, proposalMessage(this.chainId, other));
      return [
        frame(Frame.proposal, encodeProposal({ ...other, signature })),
        ...(this.random.chance(0.5) ? [bytes] : []),
      ];
    }
    return [bytes];
  }
}
