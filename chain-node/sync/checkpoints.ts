import { blockHash, type Certificate, type Header } from '../codec/block.ts';
import { type Checkpoint, checkpointMessage, type Cosigned, encodeCosigned } from '../codec/checkpoint.ts';
import { LedgerError } from '../errors.ts';
import { Frame, frame } from '../p2p/frames.ts';
import type { Evidence } from '../state/evidence.ts';
import type { Ledger } from '../state/ledger.ts';
import type { UnderWay } from '../under-way.ts';
import type { Links, Signatures, World } from '../world.ts';

/** Checkpoints older than this and a span, as in catching up, are not signed any more: the others have done it. */
const RECENT_MS = 60_000;

export interface CheckpointsOptions {
  ledger: Ledger;
  links: Links;
  signatures: Signatures;
  memberId: string;
  privateKey(): Uint8Array;
  /** Milliseconds of the blocks' own time; the same for all nodes of a chain. */
  spanMs: number;
  world: Pick<World, 'now'>;
  underWay: UnderWay;
  /** A member says otherwise than our own final block. */
  onSplit(evidence: Evidence, from: string): void;
}

/** A checkpoint, and all signatures under it that are here. */
export interface SignedCheckpoint {
  checkpoint: Checkpoint;
  /** Of its block. */
  timeMs: number;
  cosigned: Cosigned[];
}

/** What a block's certificate says as a checkpoint. */
const checkpointOf = ({ header, commit }: Certificate): Checkpoint => ({
  height: header.height,
  blockHash: commit.blockHash,
  logSize: header.logSize,
  logRoot: header.logRoot,
});

/** Whether a checkpoint is of this block. */
const isOf = (own: Certificate, { blockHash: hash, logSize, logRoot }: Checkpoint): boolean =>
  own.commit.blockHash.equals(hash) && own.header.logSize === logSize && own.header.logRoot.equals(logRoot);

/**
 * All members sign the same checkpoints: the first block of each span of time, as each holds it. Whoever is shown a
 * checkpoint with the signatures of all knows that there is one view; a member that has another shows it by its own
 * signature (after the cosignatures of C2SP tlog-cosignature, and of gossip between the monitors of RFC 6962 logs).
 */
export class Checkpoints {
  /** What members signed of heights that we have not, the last of each. */
  readonly #early = new Map<string, Cosigned>();
  #last: number | null = null;
  #headMs: number;

  constructor(private readonly options: CheckpointsOptions) {
    this.#headMs = options.ledger.headTimeMs;
  }

  /** Finds the last checkpoint again after a start. */
  async start(): Promise<void> {
    const [last] = await this.options.ledger.store.checkpointHeights(1);
    this.#last = last ?? null;
  }

  #isBoundary(header: Header, previousMs: number): boolean {
    const { spanMs } = this.options;
    return Math.floor(header.timeMs / spanMs) > Math.floor(previousMs / spanMs);
  }

  /** A block became the head, durably. */
  onDecided(header: Header): void {
    const { memberId, spanMs, world, underWay } = this.options;
    const previousMs = this.#headMs;
    this.#headMs = header.timeMs;
    if (this.#isBoundary(header, previousMs)) {
      this.#last = header.height;
      const { logSize, logRoot } = header;
      const checkpoint = { height: header.height, blockHash: blockHash(header), logSize, logRoot };
      if (header.timeMs > world.now() - spanMs - RECENT_MS) this.#sign({ ...checkpoint, memberId });
    }
    for (const cosigned of this.#early.values()) {
      if (cosigned.height > header.height) continue;
      this.#early.delete(cosigned.memberId);
      underWay.behind(this.#takeEarly(cosigned));
    }
  }

  #sign(checkpoint: Checkpoint & { memberId: string }): void {
    const { ledger, signatures, privateKey, underWay } = this.options;
    const key = privateKey();
    if (!ledger.publicKeyOf(checkpoint.memberId)?.equals(signatures.publicKeyOf(key))) return;
    const signature = signatures.sign(key, checkpointMessage(ledger.genesis.chainId, checkpoint));
    underWay.behind(this.#keep({ ...checkpoint, signature }));
  }

  /** To a peer that we have just met. */
  async greet(peer: string): Promise<void> {
    const { ledger, links } = this.options;
    if (this.#last === null) return;
    for (const cosigned of (await this.at(this.#last))?.cosigned ?? [])
      if (ledger.height >= cosigned.height) links.send(peer, frame(Frame.checkpoint, encodeCosigned(cosigned)));
  }

  /** A signed checkpoint from a peer. Throws signature-invalid, sender-unknown, pruned. */
  async on(from: string, cosigned: Cosigned): Promise<void> {
    const { ledger, signatures } = this.options;
    const { height, memberId, signature } = cosigned;
    if (height <= ledger.base.height) throw new LedgerError('pruned', `checkpoint of ${height}`);
    const own = height > ledger.height ? null : await ledger.store.certificate(height);
    // Whoever has the block signs by the key that it has from the next height on.
    const members = own === null ? ledger.members : await ledger.membersAt(height + 1);
    const key = members.find((member) => member.memberId === memberId)?.publicKey;
    if (key === undefined) throw new LedgerError('sender-unknown', 'no member after that height');
    if (own !== null && isOf(own, cosigned) && (await this.#isKnown(cosigned))) return;
    if (!signatures.verify(key, checkpointMessage(ledger.genesis.chainId, cosigned), signature)) {
      // Its key may be another at a height that we do not have.
      if (own === null) return;
      throw new LedgerError('signature-invalid', `checkpoint in the name of ${memberId}`);
    }
    if (own !== null) return this.#take(cosigned, own, from);
    const known = this.#early.get(memberId);
    if (known === undefined || known.height < height) this.#early.set(memberId, cosigned);
  }

  async #isKnown({ height, memberId }: Cosigned): Promise<boolean> {
    return (await this.options.ledger.store.cosignature(height, memberId)) !== null;
  }

  /** A checked signature of a height that we have come to. */
  async #takeEarly(cosigned: Cosigned): Promise<void> {
    const { ledger } = this.options;
    // It came before the snapshot that this node began with.
    if (cosigned.height <= ledger.base.height) return;
    await this.#take(cosigned, await ledger.store.certificate(cosigned.height), cosigned.memberId);
  }

  /** A checked signature, and what we hold at its height. */
  async #take(cosigned: Cosigned, own: Certificate, from: string): Promise<void> {
    const { ledger, onSplit } = this.options;
    const { height, memberId, signature } = cosigned;
    if (!isOf(own, cosigned)) {
      const message = checkpointMessage(ledger.genesis.chainId, cosigned);
      return onSplit({ type: 'split-view', height, own, memberId, signed: { message, signature } }, from);
    }
    const before = height === 1 ? ledger.genesis.timeMs : (await ledger.store.certificate(height - 1)).header.timeMs;
    if (this.#isBoundary(own.header, before)) await this.#keep(cosigned);
  }

  async #keep(cosigned: Cosigned): Promise<void> {
    const { ledger, links } = this.options;
    const { height, memberId, signature } = cosigned;
    if (await this.#isKnown(cosigned)) return;
    await ledger.store.addCosignature(height, memberId, signature);
    links.broadcast(frame(Frame.checkpoint, encodeCosigned(cosigned)));
  }

  /** The checkpoint of a height with all signatures that are here, or null. */
  async at(height: number): Promise<SignedCheckpoint | null> {
    const { ledger } = this.options;
    const found = await ledger.store.cosignatures(height);
    if (found.length === 0) return null;
    const certificate = await ledger.store.certificate(height);
    const checkpoint = checkpointOf(certificate);
    return { checkpoint, timeMs: certificate.header.timeMs, cosigned: found.map((one) => ({ ...checkpoint, ...one })) };
  }

  /** The last ones, the newest first. */
  async latest(limit: number): Promise<SignedCheckpoint[]> {
    const heights = await this.options.ledger.store.checkpointHeights(limit);
    const found = await Promise.all(heights.map((height) => this.at(height)));
    return found.filter((one) => one !== null);
  }
}
