import { EventEmitter } from 'node:events';
import type { Logger } from '../platform/observe/logger.ts';
import { decodeProposal, decodeVote, encodeBlock, encodeCommit, type Header } from './codec/block.ts';
import { ConsensusDriver, type Timeouts } from './consensus/driver.ts';
import { Signer } from './consensus/signer.ts';
import { Wal } from './consensus/wal.ts';
import { LedgerError } from './errors.ts';
import type { Genesis } from './genesis.ts';
import { checkTransactions, Mempool } from './mempool/mempool.ts';
import {
  decodeFinalBlock,
  decodeHeight,
  decodeIds,
  decodeStatus,
  encodeFinalBlock,
  encodeHeight,
  encodeIds,
  encodeStatus,
  Frame,
  frame,
  MAX_IDS,
  type Status,
} from './p2p/frames.ts';
import { Ledger } from './state/ledger.ts';
import type { Links, Timer, World } from './world.ts';

export interface NodeOptions {
  memberId: string;
  /** SM2, 32 bytes; only in memory. */
  privateKey: Uint8Array;
  genesis: Genesis;
  timeouts: Timeouts;
  logger: Logger;
}

export interface NodeEvents {
  block: [header: Header, txIds: string[]];
}

const STATUS_EVERY_MS = 1000;
/** A peer that is ahead may be so for a moment only. */
const BEHIND_AFTER_MS = 200;
const MAX_BLOCKS_SENT = 64;
const MAX_SENT_BYTES = 4 * 1024 * 1024;

/** One member's ledger node: the ledger, the mempool, consensus and the links, tied together. */
export class LedgerNode extends EventEmitter<NodeEvents> {
  readonly mempool = new Mempool();
  readonly network: Links;
  readonly #driver: ConsensusDriver;
  readonly #heights = new Map<string, number>();
  readonly #asking = new Set<string>();
  readonly #timers = new Set<Timer>();

  private constructor(
    readonly options: NodeOptions,
    readonly ledger: Ledger,
    private readonly world: World,
  ) {
    super();
    this.setMaxListeners(0);
    const { memberId, privateKey, genesis, timeouts, logger } = options;
    this.network = world.links({
      onFrame: (from, kind, payload) => this.#onFrame(from, kind, payload),
      onOpen: (peer) => this.#greet(peer),
    });
    this.#driver = new ConsensusDriver({
      ledger,
      mempool: this.mempool,
      signer: new Signer(memberId, genesis.chainId, privateKey, world.disk, world.signatures),
      wal: new Wal(world.disk.log('wal')),
      world,
      timeouts,
      logger,
      broadcast: (bytes) => this.network.broadcast(bytes),
      isConnected: (peer) => this.network.isConnected(peer),
      onDecided: (header, txs) => {
        this.emit(
          'block',
          header,
          txs.map(({ txId }) => txId.toString('hex')),
        );
        this.network.broadcast(this.#status());
      },
    });
  }

  /** Opens what is on disk. */
  static async open(options: NodeOptions, world: World): Promise<LedgerNode> {
    return new LedgerNode(options, await Ledger.open(options.genesis, world), world);
  }

  /** Joins the others, and gives the port it listens on. */
  async start(): Promise<number> {
    const port = await this.network.start();
    await this.#driver.start();
    this.#tickLater();
    return port;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) timer.cancel();
    await this.network.close();
    await this.#driver.close();
    await this.ledger.store.close();
  }

  /** Takes a signed transaction, from an application or a peer; gives its id. Sent again it is the same answer. Throws LedgerError. */
  async submit(encoded: Buffer): Promise<string> {
    const known = this.mempool.find(encoded);
    if (known !== undefined) return known.id;
    const [checked] = await checkTransactions([encoded], this.options.genesis, this.world.signatures);
    const { id, tx } = checked!;
    const used = await this.ledger.store.txIdOfNonce(tx.sender, tx.nonce);
    if (used === id) return id;
    if (used !== null) throw new LedgerError('transaction-invalid', 'nonce was used by another transaction');
    if (this.mempool.add(checked!)) {
      this.network.broadcast(frame(Frame.announce, encodeIds([id])));
      this.#driver.notify();
    }
    return id;
  }

  /** Whether some peer has blocks that we have not. */
  get isSyncing(): boolean {
    return Math.max(0, ...this.#heights.values()) > this.ledger.height + 1;
  }

  peers(): { memberId: string; connected: boolean; height: number | null }[] {
    return this.options.genesis.members
      .filter(({ memberId }) => memberId !== this.options.memberId)
      .map(({ memberId }) => ({
        memberId,
        connected: this.network.isConnected(memberId),
        height: this.#heights.get(memberId) ?? null,
      }));
  }

  #status(): Buffer {
    return frame(Frame.status, encodeStatus(this.ledger));
  }

  #greet(peer: string): void {
    this.network.send(peer, this.#status());
    const ids = this.mempool.ids().slice(0, MAX_IDS);
    if (ids.length > 0) this.network.send(peer, frame(Frame.announce, encodeIds(ids)));
    this.#remind(peer);
  }

  #after(ms: number, run: () => void): void {
    const timer = this.world.after(ms, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
  }

  #tickLater(): void {
    this.#after(STATUS_EVERY_MS, () => {
      this.#tick();
      this.#tickLater();
    });
  }

  #tick(): void {
    this.network.broadcast(this.#status());
    for (const peer of this.network.connected()) this.#remind(peer);
  }

  /** Sends what is known of the present height again to a peer that is at it. */
  #remind(peer: string): void {
    if ((this.#heights.get(peer) ?? this.ledger.height) !== this.ledger.height) return;
    for (const message of this.#driver.messages()) this.network.send(peer, message);
  }

  async #onFrame(from: string, kind: Frame, payload: Buffer): Promise<void> {
    switch (kind) {
      case Frame.vote:
        return this.#driver.onVote(decodeVote(payload));
      case Frame.proposal:
        return this.#driver.onProposal(decodeProposal(payload));
      case Frame.announce: {
        const unknown: string[] = [];
        for (const id of decodeIds(payload))
          if (!this.mempool.has(id) && (await this.ledger.store.place(id)) === null) unknown.push(id);
        if (unknown.length > 0) this.network.send(from, frame(Frame.want, encodeIds(unknown)));
        return;
      }
      case Frame.want:
        for (const id of decodeIds(payload)) {
          const tx = this.mempool.get(id);
          if (tx !== undefined) this.network.send(from, frame(Frame.transaction, tx.encoded));
        }
        return;
      case Frame.transaction:
        await this.submit(payload).catch((error: unknown) => {
          // A full mempool is our state, and a used nonce may be a race: neither is the peer's fault.
          if (!(error instanceof LedgerError) || !['mempool-full', 'transaction-invalid'].includes(error.code))
            throw error;
        });
        return;
      case Frame.status:
        return this.#onStatus(from, decodeStatus(payload));
      case Frame.blocksWanted:
        return this.#sendBlocks(from, decodeHeight(payload));
      case Frame.block: {
        const { block, commit } = decodeFinalBlock(payload);
        const before = this.ledger.height;
        await this.#driver.onBlock(block, commit);
        if (this.#blocksAwaited > 0) this.#blocksAwaited -= 1;
        if (this.#blocksAwaited === 0 && this.ledger.height > before) this.#catchUp(from);
        return;
      }
      case Frame.hello:
        throw new LedgerError('encoding-invalid', 'a second hello');
    }
  }

  async #onStatus(from: string, { height, head }: Status): Promise<void> {
    this.#heights.set(from, height);
    if (height > this.ledger.height) return this.#askLater(from, () => this.#catchUp(from));
    if (height === 0) return;
    const own = height === this.ledger.height ? this.ledger.head : (await this.ledger.store.commit(height)).blockHash;
    // It is on another branch: its block, with the signatures, is the evidence.
    const ask = () => this.network.send(from, frame(Frame.blocksWanted, encodeHeight(height)));
    if (!own.equals(head)) this.#askLater(from, ask);
  }

  #blocksAwaited = 0;

  /** One question to a peer at a time: what it says of itself must not make us ask, and it answer, without end. */
  #askLater(peer: string, ask: () => void): void {
    if (this.#asking.has(peer)) return;
    this.#asking.add(peer);
    this.#after(BEHIND_AFTER_MS, () => {
      this.#asking.delete(peer);
      ask();
    });
  }

  #catchUp(from: string): void {
    const missing = (this.#heights.get(from) ?? 0) - this.ledger.height;
    if (missing <= 0) return;
    // Our own head too: a peer on another branch shows itself by it.
    const first = Math.max(this.ledger.height, 1);
    this.#blocksAwaited = Math.min(this.ledger.height + missing - first + 1, MAX_BLOCKS_SENT);
    this.network.send(from, frame(Frame.blocksWanted, encodeHeight(first)));
  }

  async #sendBlocks(to: string, from: number): Promise<void> {
    let bytes = 0;
    const last = Math.min(this.ledger.height, from + MAX_BLOCKS_SENT - 1);
    for (let height = Math.max(from, 1); height <= last && bytes < MAX_SENT_BYTES; height += 1) {
      const [block, commit] = await Promise.all([this.ledger.store.block(height), this.ledger.store.commit(height)]);
      const message = frame(Frame.block, encodeFinalBlock(encodeBlock(block), encodeCommit(commit)));
      this.network.send(to, message);
      bytes += message.length;
    }
  }
}
