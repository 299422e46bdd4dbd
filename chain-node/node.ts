import { EventEmitter } from 'node:events';
import type { Header } from './codec/block.ts';
import { decodeChange } from './codec/change.ts';
import { encodeEquivocation, type Equivocation } from './codec/evidence.ts';
import { decodeCosigned } from './codec/checkpoint.ts';
import { decodeProposal } from './codec/proposal.ts';
import { decodeTransaction, encodeTransaction, signTransaction, txIdOf, TxType } from './codec/transaction.ts';
import { decodeVote } from './codec/vote.ts';
import { ConsensusDriver, type DropCause } from './consensus/driver.ts';
import { Signer } from './consensus/signer.ts';
import type { Timeouts } from './consensus/timeouts.ts';
import { Wal } from './consensus/wal.ts';
import { blameFor, LedgerError } from './errors.ts';
import { Freshness } from './freshness.ts';
import type { Genesis } from './genesis.ts';
import type { CheckedTx } from './mempool/checker.ts';
import { Intake } from './mempool/intake.ts';
import { Mempool } from './mempool/mempool.ts';
import {
  decodeFinalBlock,
  decodeGreeting,
  decodeHashes,
  decodeHeight,
  decodeSnapshotPart,
  decodeSnapshotWanted,
  decodeStatus,
  decodeTxs,
  encodeGreeting,
  encodeStatus,
  Frame,
  frame,
} from './p2p/frames.ts';
import { PolicyState } from './overlay/policy-state.ts';
import { Gossip } from './p2p/gossip.ts';
import { TokenBuckets } from './p2p/limits.ts';
import type { LinkFault } from './p2p/link-fault.ts';
import { PeerCounts } from './p2p/peer-counts.ts';
import type { Trust } from './p2p/tls.ts';
import { sm3 } from '../platform/crypto/index.ts';
import type { Logger } from '../platform/observe/logger.ts';
import type { Governance } from './state/governance.ts';
import type { Ledger, RefusedTx } from './state/ledger.ts';
import { LedgerReader } from './state/reader.ts';
import type { RulesTable } from './state/rules.ts';
import { CatchUp, FEW_BLOCKS } from './sync/catch-up.ts';
import { Checkpoints } from './sync/checkpoints.ts';
import { DamageMark, openLedger } from './sync/open-ledger.ts';
import { UnderWay } from './under-way.ts';
import type { Links, Timer, World } from './world.ts';

export interface NodeOptions {
  memberId: string;
  /** SM2, 32 bytes each; only in memory. The present key, and one that it may rotate to. */
  privateKeys: readonly Uint8Array[];
  genesis: Genesis;
  timeouts: Timeouts;
  /** How a node without a store begins: with all blocks, or, as an observer may, with a snapshot of the head. */
  sync: 'blocks' | 'snapshot';
  /** So many blocks it takes one by one rather than a snapshot. */
  fewBlocks?: number;
  /** By which blocks may be valid; those of this program. */
  rules?: RulesTable;
  logger: Logger;
}

export interface NodeEvents {
  block: [header: Header, txIds: string[]];
  /** The members decided something: other members, another policy, a change that is open. */
  governance: [];
  /** A transaction of our own that proves a member false. */
  evidence: [txId: string, encoded: Buffer];
}

const STATUS_EVERY_MS = 1000;
const STATUS_PAUSE_MS = 200;
/** A chain that has no block for this long has stopped, or goes on without this node: each minute there is one. */
const BEHIND_AFTER_MS = 5 * 60_000;
/** Greetings and checkpoints of one peer, a second and at once: each costs a look at a signature. */
const RARE_A_SECOND = 100;
const RARE_AT_ONCE = 1000;
/** Of no use to a node that takes part in no block any more. */
const OF_TXS: ReadonlySet<Frame> = new Set([Frame.announce, Frame.transactions]);
/** Transactions that came to nothing, remembered for who asks. */
const MAX_FAILED = 1000;

/** One member's ledger node: the ledger, the mempool, consensus and the links, tied together. */
export class LedgerNode extends EventEmitter<NodeEvents> {
  readonly mempool = new Mempool();
  /** Who may reach whom over the overlay, and whose certificates are taken. */
  readonly policy = new PolicyState();
  readonly reader: LedgerReader;
  readonly links: Links;
  /** Why transactions that were taken cannot be in a block any more; by id. */
  readonly failed = new Map<string, LedgerError>();
  readonly checkpoints: Checkpoints;
  /** How old what this node knows is. */
  readonly freshness: Freshness;
  /** Frames that were refused. */
  readonly refusals = new PeerCounts<LedgerError['code'] | LinkFault>();
  /** Messages that were let fall unread. */
  readonly dropped = new PeerCounts<DropCause>();
  /** Frames that were let fall as a peer took what we sent too slowly; by peer. */
  readonly unsent = new Map<string, number>();
  readonly #rare: TokenBuckets;
  /** Links that came to nothing by nobody's fault. */
  readonly unlinked = new PeerCounts<'version-unknown'>();
  /** What members speak with whom there was no common version of the protocol when a link was tried last. */
  readonly #otherVersions = new Map<string, readonly string[]>();
  readonly #driver: ConsensusDriver;
  readonly #intake: Intake;
  readonly #gossip: Gossip;
  readonly #catchUp: CatchUp;
  readonly #timers = new Set<Timer>();
  /** Frames that are being handled, and what nobody waits for. */
  readonly #underWay: UnderWay;
  #isTelling = false;
  #isClosed = false;
  #keys: Map<string, string>;
  #governance: Governance;

  private constructor(
    readonly options: NodeOptions,
    readonly ledger: Ledger,
    private readonly world: World,
    private readonly mark: DamageMark,
  ) {
    super();
    this.setMaxListeners(0);
    this.#underWay = new UnderWay(world);
    this.#rare = new TokenBuckets(RARE_A_SECOND, RARE_AT_ONCE, world.now);
    const { memberId, privateKeys, genesis, timeouts, sync, logger } = options;
    const { mempool } = this;
    this.reader = new LedgerReader(ledger);
    this.freshness = new Freshness(memberId, ledger, world.now);
    this.#keys = this.#keysNow();
    this.#governance = ledger.governance;
    this.policy.update(ledger.governance.policy);
    const signer = new Signer(memberId, genesis.chainId, privateKeys, world.vault, world.signatures);
    this.links = world.links({
      onFrame: (from, kind, payload) => this.#onFrame(from, kind, payload),
      onOpen: (peer) => this.#greet(peer),
      onFault: (peer, fault) => this.refusals.add(peer, fault),
      onUnsent: (peer) => this.#onUnsent(peer),
      onOtherVersions: (peer, versions) => this.#onOtherVersions(peer, versions),
      keyOf: (peer) => ledger.publicKeyOf(peer),
      privateKey: () => signer.linkKey(this.links.connected().length > 0),
      trust: () => this.trust(),
    });
    this.#driver = new ConsensusDriver({
      ledger,
      mempool,
      signer,
      wal: new Wal(world.disk.log('wal'), ledger.height + 1),
      world,
      timeouts,
      logger,
      broadcast: (bytes) => this.links.broadcast(bytes),
      isConnected: (peer) => this.links.isConnected(peer),
      want: (from, hashes) => this.#gossip.want(from, hashes),
      onDecided: (header, placed) => {
        this.freshness.reached();
        this.emit(
          'block',
          header,
          placed.map(({ txId }) => txId.toString('hex')),
        );
        this.#followGovernance(!header.membersHash.equals(header.nextMembersHash));
        this.checkpoints.onDecided(header);
        this.#tellStatus();
      },
      onBegun: () => {
        this.#followGovernance(true);
        this.#tellStatus();
      },
      onRefused: (refused) => this.#refuse(refused),
      onEquivocation: (equivocation) => this.#report(equivocation, signer),
      onDropped: (from, cause) => this.dropped.add(from, cause),
    });
    this.checkpoints = new Checkpoints({
      ledger,
      links: this.links,
      signatures: world.signatures,
      memberId,
      privateKey: () => signer.privateKey,
      spanMs: timeouts.checkpoint,
      world,
      underWay: this.#underWay,
      onSplit: (evidence, from) => {
        this.#catchUp.onFork(from, evidence.height);
        this.#underWay.behind(this.#driver.accuse(evidence));
      },
    });
    const clock = { now: world.now, after: (ms: number, run: () => void) => this.#after(ms, run) };
    this.#intake = new Intake(ledger, mempool, world.checker, clock, (tx, isNew) => this.#onChecked(tx, isNew));
    this.#gossip = new Gossip({
      links: this.links,
      mempool,
      intake: this.#intake,
      world: clock,
      txOfBlock: (hash) => this.#driver.tx(hash),
      onBad: (hash) => this.#driver.spoil(hash),
      isExcused: (from, encoded) => this.#isExcused(from, encoded),
    });
    this.#catchUp = new CatchUp({
      ledger,
      reader: this.reader,
      driver: this.#driver,
      links: this.links,
      world,
      takesSnapshot: sync === 'snapshot',
      fewBlocks: options.fewBlocks ?? FEW_BLOCKS,
      logger,
      after: (ms, run) => void this.#after(ms, run),
    });
  }

  /** Opens what is on disk; what is damaged there is repaired as far as it can be, the rest comes from the others. */
  static async open(options: NodeOptions, world: World): Promise<LedgerNode> {
    const mark = new DamageMark(world);
    let isOpen = false;
    const onCorrupt = (error: LedgerError) => {
      if (!isOpen) return;
      isOpen = false;
      options.logger.error({ reason: error.reason }, 'the store is damaged: it is repaired at the next start');
      mark.damaged();
      world.fatal(error);
    };
    const ledger = await openLedger(options.genesis, world, mark, options.logger, onCorrupt, options.rules);
    isOpen = true;
    if (options.sync === 'snapshot' && ledger.validators.includes(options.memberId)) {
      await ledger.store.close();
      throw new LedgerError(
        'config-invalid',
        'a validator needs all blocks, to know what was in them: sync must be blocks',
      );
    }
    return new LedgerNode(options, ledger, world, mark);
  }

  /** Joins the others, and gives the port it listens on. */
  async start(): Promise<number> {
    // Before anything is written.
    this.#underWay.behind(this.ledger.checkCounts(() => this.#isClosed));
    this.#warnOfRules();
    const port = await this.links.start();
    await this.#driver.start();
    await this.checkpoints.start();
    this.#tickLater();
    return port;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) timer.cancel();
    await this.links.close();
    await this.#driver.close();
    // What came before the links closed may be reading still.
    await this.#underWay.ended();
    await this.world.checker.close();
    await this.ledger.store.close();
    this.mark.close();
  }

  /** Takes a signed transaction from an application; gives its id. Sent again it is the same answer. Throws LedgerError. */
  async submit(encoded: Buffer): Promise<string> {
    this.ledger.needRules();
    const tx = await this.#intake.submit(encoded);
    if (this.mempool.byHash(tx.hash) !== undefined) this.#gossip.tell(tx);
    return tx.id;
  }

  #onChecked(tx: CheckedTx, isNew: boolean): void {
    this.#driver.supply(tx);
    if (!isNew) return;
    this.failed.delete(tx.id);
    this.#gossip.passOn(tx);
    this.#driver.notify();
  }

  #followGovernance(isHandover: boolean): void {
    if (isHandover) this.#partWithStrangers();
    this.policy.update(this.ledger.governance.policy);
    if (this.ledger.governance !== this.#governance) {
      this.emit('governance');
      this.#warnOfRules();
    }
    this.#governance = this.ledger.governance;
  }

  /** The switch to other rules that was adopted and is to come; null: there is none. */
  get rulesSwitch(): { version: number; height: number } | null {
    const { governance } = this.ledger;
    const next = governance.open
      .filter(({ txType, effectiveAt }) => txType === TxType.rules && effectiveAt > 0)
      .sort((a, b) => a.effectiveAt - b.effectiveAt)
      .map(({ txType, body }) => decodeChange(txType, body))
      .find((change) => change.type === 'rules' && change.version > governance.rules);
    return next?.type === 'rules' ? { version: next.version, height: next.height } : null;
  }

  /** Said at each decision of the members, and at the start, until a version that knows them runs. */
  #warnOfRules(): void {
    const next = this.rulesSwitch;
    if (next === null || this.ledger.knownRules.has(next.version)) return;
    const { version: rules, height } = next;
    this.options.logger.warn({ rules, height }, 'from this height on rules hold that this program does not know');
  }

  /** Closes the links to who is a member no more, or has another key now: they prove themselves anew. */
  #partWithStrangers(): void {
    const known = this.#keys;
    this.#keys = this.#keysNow();
    for (const peer of this.links.connected()) if (known.get(peer) !== this.#keys.get(peer)) this.links.drop(peer);
  }

  /** Whose certificates are taken on links. */
  trust(): Trust {
    const authorities = this.policy.policy.authorities.map(({ pem }) => pem);
    return { authorities, isBehind: this.world.now() - this.ledger.headTimeMs > BEHIND_AFTER_MS };
  }

  #keysNow(): Map<string, string> {
    return new Map(this.ledger.members.map(({ memberId, publicKey }) => [memberId, publicKey.toString('hex')]));
  }

  /**
   * A transaction that another key of its sender signed may come from a peer that is ahead, or behind. A block of which we
   * do not know yet may hold a change from its first vote to its last: then it waits here still.
   */
  #isExcused(from: string, encoded: Buffer): boolean {
    const { former, open } = this.ledger.governance;
    const { sender } = decodeTransaction(encoded);
    const height = this.#catchUp.heightOf(from);
    const isBehind = height === null || height > this.ledger.height;
    return (
      isBehind ||
      open.length > 0 ||
      this.mempool.holdsMemberChange() ||
      former.some(({ memberId }) => memberId === sender)
    );
  }

  #refuse(refused: readonly RefusedTx[]): void {
    for (const { tx, error } of refused) {
      this.failed.set(tx.id, error);
      this.options.logger.info({ txId: tx.id, code: error.code, reason: error.reason }, 'transaction came to nothing');
    }
    for (const id of this.failed.keys()) {
      if (this.failed.size <= MAX_FAILED) break;
      this.failed.delete(id);
    }
  }

  /** Puts what proves a member false on the chain, once a member and height, whoever else does the same. */
  #report(equivocation: Equivocation, signer: Signer): void {
    const { memberId: sender, genesis, logger } = this.options;
    const body = encodeEquivocation(equivocation);
    const nonce = sm3(body).subarray(0, 16);
    const unsigned = { chainId: genesis.chainId, sender, nonce, type: TxType.evidence, body };
    const tx = signTransaction(unsigned, signer.privateKey, this.world.signatures);
    const encoded = encodeTransaction(tx);
    this.emit('evidence', txIdOf(tx).toString('hex'), encoded);
    this.submit(encoded).catch((error: unknown) => {
      if (!(error instanceof LedgerError)) return this.world.fatal(error);
      logger.warn({ code: error.code, reason: error.reason }, 'evidence not submitted');
    });
  }

  /** The highest that is known: our own, or what f + 1 linked validators claim to have. */
  get highest(): number {
    return this.#catchUp.highest;
  }

  /** Whether the others have blocks that we have not. */
  get isSyncing(): boolean {
    return this.highest > this.ledger.height + 1;
  }

  /** How far the snapshot is that this node begins with; null if it begins with blocks. */
  get snapshot() {
    return this.#catchUp.snapshot;
  }

  /** Messages of heights ahead that were let fall, by the peer that sent too many. */
  get earlyDropped(): ReadonlyMap<string, number> {
    return this.#driver.earlyDropped;
  }

  /**
   * The other members, and how high each that is linked says that it is. `versions`: what it speaks of the protocol, if that
   * is why there is no link.
   */
  peers(): { memberId: string; connected: boolean; height: number | null; versions: readonly string[] | null }[] {
    return this.ledger.members
      .filter(({ memberId }) => memberId !== this.options.memberId)
      .map(({ memberId }) => {
        const connected = this.links.isConnected(memberId);
        const versions = connected ? null : (this.#otherVersions.get(memberId) ?? null);
        return { memberId, connected, height: this.#catchUp.claimOf(memberId), versions };
      });
  }

  #status(): Buffer {
    const { height, head } = this.ledger;
    return frame(Frame.status, encodeStatus({ height, head, isAsleep: this.#driver.isAsleep }));
  }

  /** Tells the others how far it is; under load not after every block, as only who has fallen behind needs it. */
  #tellStatus(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.links.broadcast(this.#status());
    const { height } = this.ledger;
    this.#after(STATUS_PAUSE_MS, () => {
      this.#isTelling = false;
      if (this.ledger.height > height) this.#tellStatus();
    });
  }

  /** Told at each try to link; said once for what is news. It is nobody's fault: members take a new version one by one. */
  #onOtherVersions(peer: string | undefined, versions: readonly string[]): void {
    if (peer === undefined || this.ledger.publicKeyOf(peer) === undefined) return;
    this.unlinked.add(peer, 'version-unknown');
    const isNews = this.#otherVersions.get(peer)?.join() !== versions.join();
    this.#otherVersions.set(peer, versions);
    if (isNews)
      this.options.logger.warn(
        { peer, code: 'version-unknown', versions },
        'no common version of the protocol: no link',
      );
  }

  /** Said once for each peer: what is let fall it asks for again. */
  #onUnsent(peer: string): void {
    const before = this.unsent.get(peer) ?? 0;
    this.unsent.set(peer, before + 1);
    if (before === 0) this.options.logger.warn({ peer }, 'peer takes what we send too slowly: some is let fall');
  }

  #greet(peer: string): void {
    this.#otherVersions.delete(peer);
    this.#catchUp.onOpen(peer);
    this.links.send(peer, this.#status());
    this.#sendGreeting(peer);
    this.#gossip.greet(peer);
    this.#underWay.behind(this.checkpoints.greet(peer));
    this.#remind(peer);
  }

  #sendGreeting(peer: string): void {
    this.links.send(peer, frame(Frame.greeting, encodeGreeting(this.#driver.greetingFor(peer))));
  }

  #after(ms: number, run: () => void): Timer {
    const timer = this.world.after(ms, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
    return timer;
  }

  #tickLater(): void {
    this.#after(STATUS_EVERY_MS, () => {
      this.#tick();
      this.#tickLater();
    });
  }

  #tick(): void {
    this.links.broadcast(this.#status());
    const missing = this.#driver.missing();
    const messages = this.#driver.messages();
    for (const peer of this.links.connected()) {
      this.#remind(peer, messages);
      if (missing.length > 0) this.#gossip.want(peer, missing);
    }
  }

  /** Sends what is known of the present height again to a peer that is at it. */
  #remind(peer: string, messages: readonly Buffer[] = this.#driver.messages()): void {
    const { height } = this.ledger;
    if ((this.#catchUp.heightOf(peer) ?? height) !== height) return;
    for (const message of messages) this.links.send(peer, message);
  }

  /** A refusal that a correct peer may cause is logged and counted; one that none would cause closes the link. */
  async #onFrame(from: string, kind: Frame, payload: Buffer): Promise<void> {
    try {
      await this.#underWay.track(this.#handle(from, kind, payload));
    } catch (error) {
      if (!(error instanceof LedgerError)) return this.world.fatal(error);
      this.refusals.add(from, error.code);
      if (blameFor(error) === 'reject') throw error;
      this.options.logger.debug({ peer: from, kind, code: error.code, reason: error.reason }, 'frame ignored');
    }
  }

  /** Whether to look at one more of what comes rarely, and may be wrong without the peer being false. */
  #takesRare(from: string): boolean {
    const isTaken = this.#rare.take(from);
    if (!isTaken) this.dropped.add(from, 'too-many');
    return isTaken;
  }

  async #handle(from: string, kind: Frame, payload: Buffer): Promise<void> {
    if (this.ledger.rules === null && OF_TXS.has(kind)) return this.dropped.add(from, 'rules-unknown');
    switch (kind) {
      case Frame.vote: {
        const vote = decodeVote(payload);
        this.#catchUp.onMessageOf(from, vote.height);
        return this.#driver.onVote(vote, from);
      }
      case Frame.proposal: {
        const proposal = decodeProposal(payload);
        this.#catchUp.onMessageOf(from, proposal.height);
        return this.#driver.onProposal(proposal, from);
      }
      case Frame.announce:
        return this.#gossip.onAnnounce(from, decodeHashes(payload));
      case Frame.want:
        return this.#gossip.onWant(from, decodeHashes(payload));
      case Frame.transactions:
        return this.#gossip.onTransactions(from, decodeTxs(payload));
      case Frame.status: {
        const status = decodeStatus(payload);
        this.freshness.heard(from, status.height);
        if (status.isAsleep) this.#sendGreeting(from);
        return this.#catchUp.onStatus(from, status);
      }
      case Frame.greeting:
        if (!this.#takesRare(from)) return;
        return this.#driver.onGreeting(from, decodeGreeting(payload));
      case Frame.blocksWanted:
        return this.#catchUp.onBlocksWanted(from, decodeHeight(payload), () => this.#status());
      case Frame.block:
        return this.#catchUp.onBlock(from, decodeFinalBlock(payload));
      case Frame.checkpoint:
        if (!this.#takesRare(from)) return;
        return this.checkpoints.on(from, decodeCosigned(payload));
      case Frame.snapshotWanted:
        return this.#catchUp.onSnapshotWanted(from, decodeSnapshotWanted(payload), () => this.#status());
      case Frame.snapshotPart:
        return this.#catchUp.onSnapshotPart(from, decodeSnapshotPart(payload));
      case Frame.hello:
        throw new LedgerError('encoding-invalid', 'a second hello');
    }
  }
}
