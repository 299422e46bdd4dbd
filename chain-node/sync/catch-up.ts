import { isAnyHonest } from '../consensus/core.ts';
import type { Logger } from '../../platform/observe/logger.ts';
import type { ConsensusDriver } from '../consensus/driver.ts';
import {
  encodeHeight,
  encodeSnapshotPart,
  encodeSnapshotWanted,
  finalBlockFrame,
  type FinalBlock,
  Frame,
  frame,
  type SnapshotPart,
  type SnapshotWanted,
  type Status,
} from '../p2p/frames.ts';
import type { Ledger } from '../state/ledger.ts';
import type { LedgerReader } from '../state/reader.ts';
import type { Links, World } from '../world.ts';
import { decodeSnapshot } from './snapshot.ts';
import { SnapshotGiver, SnapshotTaker } from './snapshot-parts.ts';
import { checkAhead } from './verify-block.ts';

/** A peer that is one block ahead may be so for a moment only: the block comes by itself. */
const ONE_BEHIND_MS = 60;
/** After an answer that brought nothing, and after no answer. */
const FRUITLESS_MS = 200;
const MAX_FRUITLESS_MS = 5000;
const ANSWER_WITHIN_MS = 3000;
/** So many blocks are taken one by one, rather than a snapshot after them. */
export const FEW_BLOCKS = 64;
const MAX_BLOCKS_SENT = 64;
const MAX_SENT_BYTES = 4 * 1024 * 1024;
/** An answer of so much that is new is a whole one; the rest of it we may have by now. */
const WHOLE_BLOCKS = MAX_BLOCKS_SENT / 2;
const WHOLE_BYTES = MAX_SENT_BYTES / 2;
/** So far behind, it takes blocks from one peer only, and asks for the next while it writes the last. */
const FAR_BEHIND = 3;
const LOW_WATER_BYTES = 4 * 1024 * 1024;
/** More than two answers never wait, unless a peer sends what it was not asked for. */
const MAX_WAITING_BYTES = 24 * 1024 * 1024;

/** What is known of a peer, and what it was asked. */
interface Peer {
  id: string;
  /** By its last word, or what its messages let one guess; 0 before that. */
  height: number;
  isHeard: boolean;
  /** By its last status on the present link; null before that. */
  claimed: number | null;
  /** Where its block is another than ours, by its last word: that block, with the signatures, is the evidence. */
  forkAt: number | null;
  /** A question is under way, or put off. */
  state: 'free' | 'paused' | 'asked';
  question: number;
  /** What of the answer was new. */
  blocks: number;
  bytes: number;
  /** It brought a snapshot further, or said that there is none. */
  isFurther: boolean;
  /** The last block that it gave on the present link, in their order. */
  received: number;
  /** Its snapshot is too large to be sent, or was none: it is asked for blocks. */
  hasNoSnapshot: boolean;
  /** How long to wait before it is asked again, grown by answers that brought nothing. */
  pauseMs: number;
}

export interface CatchUpOptions {
  ledger: Ledger;
  reader: LedgerReader;
  driver: ConsensusDriver;
  links: Links;
  after(ms: number, run: () => void): void;
  world: Pick<World, 'checker'>;
  /** Begins with a snapshot if it has nothing and the others have much. */
  takesSnapshot: boolean;
  fewBlocks: number;
  logger: Logger;
}

/** Follows the others: asks for final blocks that it does not have, checks their certificates, and gives them to who is behind. */
export class CatchUp {
  readonly #peers = new Map<string, Peer>();
  /** Of blocks that came and are not written yet. */
  #waitingBytes = 0;
  /** Whom it takes blocks from when it is far behind. */
  #source: Peer | null = null;
  /** Who is being given blocks. */
  readonly #served = new Set<string>();
  readonly #giver: SnapshotGiver;
  /** The snapshot that it is taking. */
  #taker: SnapshotTaker | null = null;
  /** The snapshot is here, and is being checked and written. */
  #isBeginning = false;

  constructor(private readonly options: CatchUpOptions) {
    this.#giver = new SnapshotGiver(options.ledger, options.after);
  }

  #peer(id: string): Peer {
    const known = this.#peers.get(id);
    if (known !== undefined) return known;
    const peer: Peer = {
      id,
      height: 0,
      isHeard: false,
      claimed: null,
      forkAt: null,
      state: 'free',
      question: 0,
      blocks: 0,
      bytes: 0,
      isFurther: false,
      received: 0,
      hasNoSnapshot: false,
      pauseMs: 0,
    };
    this.#peers.set(id, peer);
    return peer;
  }

  /** A link to a peer is open: what it said on one before counts no more. */
  onOpen(id: string): void {
    const peer = this.#peers.get(id);
    if (this.#taker?.from === id) this.#taker = null;
    if (peer === undefined) return;
    peer.claimed = null;
    peer.received = 0;
  }

  /** How high a peer is as far as can be told, for what is sent to it; null: it has not said so yet. */
  heightOf(id: string): number | null {
    const peer = this.#peers.get(id);
    return peer?.isHeard === true ? peer.height : null;
  }

  /** How high a peer that is linked says that it is; null: it has not said so on this link. */
  claimOf(id: string): number | null {
    return this.options.links.isConnected(id) ? (this.#peers.get(id)?.claimed ?? null) : null;
  }

  /** The highest that is known: our own, or what f + 1 validators that are linked claim to have, one of them honest. */
  get highest(): number {
    const { height, validators } = this.options.ledger;
    const claims = validators.flatMap((id) => this.claimOf(id) ?? []).sort((a, b) => b - a);
    return Math.max(height, claims.find((_, i) => isAnyHonest(i + 1, validators.length)) ?? 0);
  }

  /** For a node that begins with a snapshot: how far that is, and who has none that can be sent; else null. */
  get snapshot(): { from: string | null; taken: number; parts: number; tooLarge: string[] } | null {
    if (!this.options.takesSnapshot) return null;
    const progress = this.#taker?.progress ?? { taken: 0, parts: 0 };
    const tooLarge = [...this.#peers.values()].filter(({ hasNoSnapshot }) => hasNoSnapshot).map(({ id }) => id);
    return { from: this.#taker?.from ?? null, ...progress, tooLarge };
  }

  async onStatus(from: string, { height, head }: Status): Promise<void> {
    const { ledger } = this.options;
    const peer = this.#peer(from);
    peer.height = height;
    peer.claimed = height;
    peer.isHeard = true;
    // Blocks that were asked for come before the status.
    if (peer.state === 'asked') this.#answered(peer);
    if (ledger.holds(height)) {
      const own = height === ledger.height ? ledger.head : (await ledger.store.certificate(height)).commit.blockHash;
      peer.forkAt = own.equals(head) ? null : height;
    }
    this.#follow(peer);
  }

  /** A peer has another block at this height: that block, with the signatures, says who made both. */
  onFork(from: string, height: number): void {
    const peer = this.#peer(from);
    peer.forkAt = height;
    this.#follow(peer);
  }

  /** A peer speaks of this height: it has all before it. */
  onMessageOf(from: string, height: number): void {
    const peer = this.#peer(from);
    if (height - 1 <= peer.height || height - 1 <= this.options.ledger.height + 1) return;
    peer.height = height - 1;
    peer.isHeard = true;
    this.#follow(peer);
  }

  #isFar({ height }: Peer): boolean {
    return height > this.options.ledger.height + FAR_BEHIND;
  }

  /** Whether blocks come from the source, or have come and are not written yet. */
  #isTaking(): boolean {
    if (this.#source === null || !this.options.links.isConnected(this.#source.id)) return false;
    return this.#source.state === 'asked' || this.#waitingBytes > 0;
  }

  /** The first block to ask this peer for, or null if it has none for us. */
  #firstWanted({ height, forkAt, received }: Peer): number | null {
    const { ledger } = this.options;
    if (this.#isBeginning) return null;
    if (height <= ledger.height) return forkAt;
    if (ledger.rules === null) return null;
    if (this.#waitingBytes > 0 && received > ledger.height) return height > received ? received + 1 : null;
    // From our own head on: a peer on another branch shows itself by it.
    return Math.max(ledger.height, 1);
  }

  /** Asks a peer for what it has and we have not: at once if we are far behind, else a moment later. */
  #follow(peer: Peer): void {
    if (peer.state !== 'free' || this.#firstWanted(peer) === null) return;
    if (this.#waitingBytes >= LOW_WATER_BYTES) return;
    if (this.#isFar(peer) && this.#isTaking() && this.#source !== peer) return;
    const { ledger, after } = this.options;
    const wait = Math.max(peer.pauseMs, peer.height === ledger.height + 1 ? ONE_BEHIND_MS : 0);
    if (wait === 0) return this.#ask(peer);
    peer.state = 'paused';
    after(wait, () => {
      peer.state = 'free';
      this.#ask(peer);
    });
  }

  /** One question to a peer at a time: what it says of itself must not make us ask, and it answer, without end. */
  #ask(peer: Peer): void {
    const { ledger, links, after, takesSnapshot, fewBlocks } = this.options;
    const first = this.#firstWanted(peer);
    if (first === null || !links.isConnected(peer.id)) return this.#release(peer);
    if (this.#isFar(peer)) this.#source = peer;
    peer.state = 'asked';
    peer.blocks = peer.bytes = 0;
    peer.isFurther = false;
    peer.question += 1;
    const { question } = peer;
    const isSnapshot = takesSnapshot && ledger.height === 0 && peer.height > fewBlocks && !peer.hasNoSnapshot;
    if (isSnapshot) {
      if (this.#taker?.from !== peer.id) this.#taker = new SnapshotTaker(peer.id);
      links.send(peer.id, frame(Frame.snapshotWanted, encodeSnapshotWanted(this.#taker.wanted)));
    } else links.send(peer.id, frame(Frame.blocksWanted, encodeHeight(first)));
    after(ANSWER_WITHIN_MS, () => {
      if (peer.state === 'asked' && peer.question === question) this.#answered(peer);
    });
  }

  /** Who gives less than a correct peer would is not the only one that we ask: it could hold us back for ever. */
  #answered(peer: Peer): void {
    peer.state = 'free';
    const { blocks, bytes, isFurther, received, height } = peer;
    peer.pauseMs = blocks > 0 || isFurther ? 0 : Math.min(Math.max(2 * peer.pauseMs, FRUITLESS_MS), MAX_FRUITLESS_MS);
    const isWhole = blocks > 0 && (blocks >= WHOLE_BLOCKS || bytes >= WHOLE_BYTES || received >= height);
    if (!isWhole && !isFurther) this.#release(peer);
  }

  /** Takes blocks from another peer, if there is one that has them. */
  #release(peer: Peer): void {
    if (this.#source !== peer) return;
    this.#source = null;
    const others = [...this.#peers.values()].filter((one) => one !== peer);
    for (const other of others.sort((a, b) => a.pauseMs - b.pauseMs)) this.#follow(other);
  }

  /** A final block of another node. Rejects with what is wrong with it. */
  async onBlock(from: string, block: FinalBlock): Promise<void> {
    const { ledger, driver, world } = this.options;
    const peer = this.#peer(from);
    const { height } = block.header;
    const bytes = block.txs.reduce((sum, { length }) => sum + length, 1);
    if (height <= ledger.height) return driver.onKnownBlock(block);
    // A correct answer has no gaps. Who could hand us any block, of a height that is never reached, would keep its place
    // as our source by it, and us from all others.
    if (height !== ledger.height + 1 && height !== peer.received + 1) return;
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) return;
    peer.blocks += 1;
    peer.bytes += bytes;
    peer.received = height;
    this.#waitingBytes += bytes;
    try {
      await driver.onBlock(block, checkAhead(ledger, world.checker, block));
    } finally {
      this.#waitingBytes -= bytes;
    }
    if (this.#source !== peer) return;
    if (this.#waitingBytes === 0 && !this.#isFar(peer)) this.#source = null;
    this.#follow(peer);
  }

  /** A part of the snapshot that a peer was asked for. Rejects with what is wrong with it, or with the whole. */
  async onSnapshotPart(from: string, part: SnapshotPart): Promise<void> {
    const taker = this.#taker;
    if (taker?.from !== from) return;
    const peer = this.#peer(from);
    if (part.parts === 0) {
      this.#taker = null;
      peer.hasNoSnapshot = true;
      peer.isFurther = true;
      this.options.logger.warn(
        { peer: from },
        'the snapshot there is too large to be sent: all blocks are taken instead',
      );
      return;
    }
    const isFurther = taker.add(part);
    const { whole } = taker;
    if (whole === null) {
      if (isFurther) peer.isFurther = true;
      return;
    }
    this.#taker = null;
    this.#isBeginning = true;
    try {
      await this.options.driver.begin(decodeSnapshot(whole));
    } catch (error) {
      // Once is enough: whoever gave it would make us take the next one too.
      peer.hasNoSnapshot = true;
      throw error;
    } finally {
      this.#isBeginning = false;
    }
    peer.isFurther = true;
    this.#follow(peer);
  }

  /** Sends a part of a snapshot of the head, and `status` after it. */
  onSnapshotWanted(to: string, wanted: SnapshotWanted, status: () => Buffer): Promise<void> {
    const { ledger, links } = this.options;
    return this.#serve(to, status, async () => {
      if (ledger.height === 0) return;
      links.send(to, frame(Frame.snapshotPart, encodeSnapshotPart(await this.#giver.part(wanted))));
    });
  }

  /** Sends blocks from a height on, and `status` after them. */
  onBlocksWanted(to: string, from: number, status: () => Buffer): Promise<void> {
    const { ledger, reader, links } = this.options;
    return this.#serve(to, status, async () => {
      let bytes = 0;
      const first = Math.max(from, 1);
      const last = first > ledger.base.height ? Math.min(ledger.height, from + MAX_BLOCKS_SENT - 1) : 0;
      for (let height = first; height <= last && bytes < MAX_SENT_BYTES; height += 1) {
        const message = finalBlockFrame(await reader.block(height));
        if (!links.send(to, message)) return;
        bytes += message.length;
      }
    });
  }

  /** One answer to a peer at a time; its end is the status. */
  async #serve(to: string, status: () => Buffer, give: () => Promise<void>): Promise<void> {
    if (this.#served.has(to)) return;
    this.#served.add(to);
    try {
      await give();
      this.options.links.send(to, status());
    } finally {
      this.#served.delete(to);
    }
  }
}
