import { blockHash, type Certificate, txRootOf } from '../codec/block.ts';
import type { Equivocation, Signed } from '../codec/evidence.ts';
import { encodeProposal, proposalMessage, type Proposal } from '../codec/proposal.ts';
import { HASH_BYTES } from '../codec/record.ts';
import { statementOf } from '../codec/statement.ts';
import { type Commit, encodeVote, type Vote, VoteType } from '../codec/vote.ts';
import { LedgerError } from '../errors.ts';
import { type CheckedTx, isFine } from '../mempool/checker.ts';
import type { Mempool } from '../mempool/mempool.ts';
import { type FinalBlock, Frame, frame, type Greeting } from '../p2p/frames.ts';
import { type Evidence, evidenceJson, forkOf } from '../state/evidence.ts';
import type { Ledger, Prepared, RefusedTx } from '../state/ledger.ts';
import type { PlacedTx } from '../store/block-store.ts';
import { type CheckedAhead, verifyBlock } from '../sync/verify-block.ts';
import type { Logger } from '../../platform/observe/logger.ts';
import type { Timer, World } from '../world.ts';
import type { Snapshot } from '../sync/snapshot.ts';
import { Candidates } from './candidates.ts';
import {
  type CoreState,
  type Effect,
  type Event,
  initialState,
  isQuorum,
  MAX_CONFLICTING,
  proposerOf,
  step,
} from './core.ts';
import { EarlyMessages } from './early.ts';
import type { Signer } from './signer.ts';
import type { Timeouts } from './timeouts.ts';
import type { Wal, WalEntry } from './wal.ts';
import { equivocationOf, signedProposal, signedVote, Witness } from './witness.ts';

/** Rounds and messages beyond these are not kept: a faulty member must not fill our memory. */
const MAX_ROUNDS_AHEAD = 100;
const MAX_HEIGHTS_AHEAD = 16;
/** Who has not greeted within this, when a quorum has, is taken to be down: one that runs has dialled again by then. */
const UNHEARD_MS = 6000;
/** How far what we signed may lie above the head of all who greet (docs/adr/0018). */
const HEIGHTS_UNSEEN = 2;
/** What a vote, or a proposal without its hashes, is counted for while it is kept. */
const VOTE_BYTES = 1024;
/** Findings written down in one life of the node. */
const MAX_ACCUSATIONS = 1000;

/** Why a message is let fall without a look at its signature: none of it says that the peer is false. */
export type DropCause = 'stale' | 'far-height' | 'far-round' | 'repeated' | 'too-many' | 'rules-unknown';

const isFor = (hash: Buffer) => (vote: Vote) => vote.blockHash.equals(hash);

export interface DriverOptions {
  ledger: Ledger;
  mempool: Mempool;
  signer: Signer;
  wal: Wal;
  world: Pick<World, 'now' | 'after' | 'signatures' | 'checker' | 'fatal'>;
  timeouts: Timeouts;
  logger: Logger;
  broadcast(bytes: Buffer): void;
  isConnected(memberId: string): boolean;
  /** Asks a peer for transactions that its proposal names. */
  want(from: string, hashes: readonly Buffer[]): void;
  onDecided(header: Prepared['header'], placed: readonly PlacedTx[]): void;
  /** The ledger began with a snapshot. */
  onBegun(): void;
  onRefused(refused: readonly RefusedTx[]): void;
  onEquivocation(equivocation: Equivocation): void;
  onDropped(from: string, cause: DropCause): void;
}

/**
 * Gives the pure core its world: checks signatures, writes the WAL, signs, sends, keeps the timers, and makes decided
 * blocks the head. One thing at a time: every event waits for the one before.
 */
export class ConsensusDriver {
  #state: CoreState;
  #queue: Promise<void> = Promise.resolve();
  #timers = new Set<Timer>();
  #heartbeat: Timer | undefined;
  #pace: Timer | undefined;
  #closed = false;
  readonly #candidates: Candidates;
  readonly #witness: Witness;
  /** Proposals of each round, whole or not, the first one first: another one beside it is an equivocation. */
  #proposed = new Map<number, Proposal[]>();
  /** Own votes and proposals known at this height: `type/round`. */
  #said = new Set<string>();
  /** Ids of what was found against members. */
  readonly #accused = new Set<string>();
  /** Messages of the next heights that came before we got there. */
  readonly #early: EarlyMessages;
  /** Validators whose greeting has come, and the height of each; null once we may sign. */
  #greeted: Map<string, number> | null = new Map();
  /** Once they make a quorum with us: the head at which nothing can come back that we signed before; how long we wait for it. */
  #clear: { height: number; timer: Timer; isOver: boolean } | null = null;
  /** What is to be said once they are. */
  #unsaid: Effect[] = [];
  /** When this height left idleness, or, while it is idle, the one before. */
  #begunAtMs = 0;
  #isValidator = false;

  constructor(private readonly options: DriverOptions) {
    this.#candidates = new Candidates((hash) => options.mempool.byHash(hash));
    this.#witness = new Witness(options.ledger.genesis.chainId);
    this.#early = new EarlyMessages((peer) =>
      options.logger.warn({ peer }, 'more messages of heights ahead than are kept for one peer'),
    );
    this.#state = this.#fresh();
  }

  /** Plays the WAL of an unfinished height again, then goes on. */
  start(): Promise<void> {
    return this.#run(async () => {
      const { ledger, wal, signer } = this.options;
      if (ledger.height > 0) {
        const { header, commit } = await ledger.store.certificate(ledger.height);
        this.#witness.sawCommit(header, commit);
      }
      const ours = signer.memberId;
      const events: Event[] = [];
      for (const entry of wal.entries) {
        if (entry.type === 'vote') {
          this.#witness.saw(entry.vote.voter, signedVote(this.#chainId, entry.vote));
          if (entry.vote.voter === ours) this.#said.add(`${entry.vote.type}/${entry.vote.round}`);
        }
        if (entry.type === 'proposal') {
          const proposer = this.#proposer(entry.proposal.round);
          this.#witness.saw(proposer, signedProposal(this.#chainId, entry.proposal));
          if (proposer === ours) this.#said.add(`0/${entry.proposal.round}`);
        }
        events.push(await this.#replayed(entry));
      }
      const last = signer.lastVote();
      if (last !== null && last.height === this.#state.height && !this.#said.has(`${last.type}/${last.round}`)) {
        this.#said.add(`${last.type}/${last.round}`);
        events.push({ type: 'vote', vote: last });
      }
      const effects: Effect[] = [];
      for (const event of events) effects.push(...step(this.#state, event));
      await this.#wakeIfGreeted();
      await this.#perform(effects);
      this.#armHeartbeat();
      await this.#startIfNeeded();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#clearTimers();
    this.#heartbeat?.cancel();
    this.#clear?.timer.cancel();
    await this.#queue;
    this.options.wal.close();
    this.options.signer.close();
  }

  get #chainId(): string {
    return this.options.ledger.genesis.chainId;
  }

  /** It signs nothing yet: not enough of the others have said what they saw it sign. */
  get isAsleep(): boolean {
    return this.#greeted !== null && this.#isValidator;
  }

  /** A transaction came into the mempool. */
  notify(): void {
    if (this.#state.step === 'idle') this.#runBehind(() => this.#startIfNeeded());
  }

  async onVote(vote: Vote, from: string): Promise<void> {
    // Most votes come again and again. What is kept of a height stays, so that this can be told out of turn.
    if (vote.height === this.#state.height && this.#kept(vote).some(isFor(vote.blockHash)))
      return this.#drop(from, 'repeated', vote);
    return this.#inTime(vote.height, from, VOTE_BYTES, () => this.#vote(vote, from));
  }

  onProposal(proposal: Proposal, from: string): Promise<void> {
    const bytes = VOTE_BYTES + proposal.txHashes.length * HASH_BYTES;
    return this.#inTime(proposal.height, from, bytes, () => this.#proposal(proposal, from));
  }

  /** At once, or when its height has come if that is near. */
  #inTime(height: number, from: string, bytes: number, task: () => Promise<void>): Promise<void> {
    return this.#run(async () => {
      if (!this.#isEarly(height)) return task();
      this.#early.keep(from, this.options.ledger.members.length, { height, bytes, task });
    });
  }

  /** Messages of heights ahead that were let fall, by the peer that sent too many. */
  get earlyDropped(): ReadonlyMap<string, number> {
    return this.#early.dropped;
  }

  /** A transaction that was asked for, or came by itself: a proposal may wait for it. */
  supply(tx: CheckedTx): void {
    if (!this.#candidates.waitsFor(tx.hash)) return;
    this.#runBehind(async () => {
      for (const proposal of this.#candidates.supply(tx)) await this.#consider(proposal, null);
    });
  }

  /** A transaction that was asked for, and is no good: neither is a block that names it. */
  spoil(txHash: Buffer): void {
    this.#runBehind(async () => {
      for (const proposal of this.#candidates.spoil(txHash)) await this.#feedProposal(proposal, null);
    });
  }

  /** What proposals of this height wait for. */
  missing(): Buffer[] {
    return this.#candidates.missing();
  }

  /** A transaction of a block of this height. */
  tx(hash: Buffer): CheckedTx | undefined {
    return this.#candidates.tx(hash);
  }

  /** A final block of another node, and what was checked of it already; throws what is wrong with it. */
  onBlock(block: FinalBlock, ahead: CheckedAhead): Promise<void> {
    return this.#run(async () => {
      const { ledger } = this.options;
      const { header, commit } = block;
      if (header.height > ledger.height + 1) return;
      if (header.height <= ledger.height) return this.#compare({ header, commit });
      ledger.needRules();
      await this.#advance(await verifyBlock(ledger, block, ahead), commit);
    });
  }

  /** Begins with a snapshot; throws what is wrong with it. */
  begin(snapshot: Snapshot): Promise<void> {
    return this.#run(async () => {
      const { ledger, logger } = this.options;
      await ledger.begin(snapshot);
      this.#moveOn(snapshot.certificate);
      logger.info(ledger.base, 'began with a snapshot');
      this.options.onBegun();
    });
  }

  /** Another node's final block of a height that we have; throws what is wrong with it. */
  onKnownBlock(block: Certificate): Promise<void> {
    return this.#run(() => this.#compare(block));
  }

  /** Another node's final block of a height that we have: two that differ are a fork, and prove who made it. */
  async #compare(other: Certificate): Promise<void> {
    const { ledger } = this.options;
    if (!ledger.holds(other.header.height)) return;
    const own = await ledger.store.certificate(other.header.height);
    if (own.commit.blockHash.equals(blockHash(other.header))) return;
    await ledger.checkCommit(other.header, other.commit, await ledger.membersAt(other.header.height));
    await this.#accuse(forkOf(own, other));
  }

  /** What was found otherwise than by consensus. */
  accuse(evidence: Evidence): Promise<void> {
    return this.#run(async () => void (await this.#accuse(evidence)));
  }

  /** What a peer last saw us sign. A proof that we have forgotten something is taken to heart; enough greetings, and we sign. */
  onGreeting(from: string, greeting: Greeting): Promise<void> {
    return this.#run(async () => {
      const { ledger, signer, world, logger } = this.options;
      const key = ledger.publicKeyOf(signer.memberId);
      const { seen, height } = greeting;
      if (seen !== null && key !== undefined && world.signatures.verify(key, seen.message, seen.signature)) {
        const place = statementOf(this.#chainId, seen.message);
        if (!signer.hasSigned(place)) {
          logger.warn(place, 'our disk is older than what we signed: silent at that height');
          signer.silence(place.height);
        }
      }
      this.#greeted?.set(from, height);
      await this.#wakeIfGreeted();
    });
  }

  /**
   * Says what was put off, once nothing that we signed before can come up against it: a quorum with us has greeted, and so
   * has everybody else, or the chain has gone on so far that it lies behind (docs/adr/0018), or who has not greeted is
   * taken to be down.
   */
  async #wakeIfGreeted(): Promise<void> {
    const greeted = this.#greeted;
    if (greeted === null) return;
    const { ledger, signer, world } = this.options;
    const { validators } = this.#state;
    const known = validators.filter((id) => id === signer.memberId || greeted.has(id)).length;
    if (!isQuorum(known, validators.length)) return;
    this.#clear ??= {
      height: Math.max(ledger.height, ...validators.map((id) => greeted.get(id) ?? 0)) + HEIGHTS_UNSEEN,
      timer: world.after(UNHEARD_MS, () => {
        this.#clear!.isOver = true;
        if (!this.#closed) this.#runBehind(() => this.#wakeIfGreeted());
      }),
      isOver: false,
    };
    const isAll = validators.every((id) => id === signer.memberId || greeted.has(id));
    if (!isAll && ledger.height < this.#clear.height && !this.#clear.isOver) return;
    this.#clear.timer.cancel();
    this.#greeted = null;
    await this.#perform(this.#unsaid.splice(0));
  }

  /** What this member was last seen to sign. */
  greetingFor(memberId: string): Greeting {
    return { height: this.options.ledger.height, seen: this.#witness.lastOf(memberId) };
  }

  /** Everything known of the present height, to be sent again to who may have missed it. */
  messages(): Buffer[] {
    if (this.#state.step === 'idle') return [];
    const proposals = [...this.#state.proposals.values()].flat();
    const votes = [...this.#state.votes.values()].flatMap(({ prevotes, precommits }) =>
      [...prevotes.values(), ...precommits.values()].flat(),
    );
    return [
      ...proposals.map(({ proposal }) => frame(Frame.proposal, encodeProposal(proposal))),
      ...votes.map((vote) => frame(Frame.vote, encodeVote(vote))),
    ];
  }

  #fresh(): CoreState {
    const { ledger, signer, wal, logger } = this.options;
    const { memberId } = signer;
    const { validators } = ledger;
    const holdsKey = signer.use(ledger.publicKeyOf(memberId));
    // Who began with a snapshot does not know all nonces, and cannot say which transactions are new.
    const isWhole = ledger.base.height === 0;
    const knowsRules = ledger.rules !== null;
    this.#isValidator = validators.includes(memberId) && holdsKey && isWhole && knowsRules;
    if (!knowsRules)
      logger.error(
        { code: 'rules-unknown', rules: ledger.governance.rules, height: ledger.height + 1 },
        'the members switched to rules that this program does not know: it stops before this height, and answers readers; ' +
          'start a version that knows them',
      );
    if (validators.includes(memberId) && !isWhole)
      logger.error({ memberId }, 'a validator that began with a snapshot does not vote: give it all blocks');
    if (validators.includes(memberId) && !holdsKey)
      logger.error({ memberId }, 'the key that the members know is not ours');
    const height = ledger.height + 1;
    this.#witness.watch(validators, height);
    if (!signer.isBacked(height, wal.count)) {
      logger.error({ height }, 'the log of this height is not what was signed on: silent at it');
      signer.silence(height);
    }
    return initialState(height, memberId, validators);
  }

  #run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(() => {
      if (this.#closed) throw new LedgerError('not-found', 'the node is closing');
      return task();
    });
    this.#queue = result.then(
      () => {},
      (error: unknown) => {
        // The state may be half-stepped: what is on disk is right, so begin again from it.
        if (!this.#closed && !(error instanceof LedgerError)) this.options.world.fatal(error);
      },
    );
    return result;
  }

  /** For what nobody waits for: what goes wrong was told to the world already. */
  #runBehind(task: () => Promise<void>): void {
    this.#run(task).catch((error: unknown) => {
      if (!this.#closed && error instanceof LedgerError)
        this.options.logger.error({ code: error.code, reason: error.reason }, 'consensus step refused');
    });
  }

  /** Our own signature, or null if we signed otherwise before (a restored backup, a lost log): then we are silent. */
  #signed<T>(sign: () => T): T | null {
    try {
      return sign();
    } catch (error) {
      if (!(error instanceof LedgerError) || error.code !== 'double-sign') throw error;
      this.options.logger.warn({ code: error.code, reason: error.reason }, 'not signed');
      return null;
    }
  }

  #proposer(round: number): string {
    return proposerOf(this.#state.validators, this.#state.height, round);
  }

  #isEarly(height: number): boolean {
    return height > this.#state.height && height <= this.#state.height + MAX_HEIGHTS_AHEAD;
  }

  /** Why a message of this height and round is of no use now; null: it may be. */
  #uselessness(height: number, round: number): DropCause | null {
    if (height !== this.#state.height) return height < this.#state.height ? 'stale' : 'far-height';
    if (this.options.ledger.rules === null) return 'rules-unknown';
    return round <= Math.max(this.#state.round, 0) + MAX_ROUNDS_AHEAD ? null : 'far-round';
  }

  #drop(peer: string, cause: DropCause, { height, round }: { height: number; round: number }): void {
    this.options.onDropped(peer, cause);
    this.options.logger.debug({ peer, cause, height, round }, 'message dropped');
  }

  /** What is kept of the same voter, round and step at this height. */
  #kept({ round, type, voter }: Vote): readonly Vote[] {
    const box = type === VoteType.prevote ? 'prevotes' : 'precommits';
    return this.#state.votes.get(round)?.[box].get(voter) ?? [];
  }

  async #vote(vote: Vote, from: string): Promise<void> {
    const signed = signedVote(this.#chainId, vote);
    const cause = this.#uselessness(vote.height, vote.round);
    if (cause === 'stale') this.#overheard(vote.voter, signed, from);
    if (cause !== null) return this.#drop(from, cause, vote);
    const known = this.#kept(vote);
    const [other] = known;
    if (known.some(isFor(vote.blockHash))) return this.#drop(from, 'repeated', vote);
    // It is convicted by two: to check what else it signed would keep us from the others.
    if (known.length >= MAX_CONFLICTING) return this.#drop(from, 'too-many', vote);
    if (known.length === 0 && this.#isSettled(vote)) return this.#overheard(vote.voter, signed, from);
    const { ledger, world } = this.options;
    const publicKey = this.#state.validators.includes(vote.voter) ? ledger.publicKeyOf(vote.voter) : undefined;
    if (publicKey === undefined || !world.signatures.verify(publicKey, signed.message, vote.signature))
      throw new LedgerError('signature-invalid', `vote in the name of ${vote.voter}`);
    this.#witness.saw(vote.voter, signed);
    if (other !== undefined) await this.#equivocation(vote.voter, vote, signedVote(this.#chainId, other), signed);
    await this.#feed({ type: 'vote', vote });
  }

  /**
   * What came too late to be checked: who signed it may lose its disk, and must be told of this too. Of what a member says in
   * its own name over its own link no check is needed: only that member is told, and believes its own signature alone.
   */
  #overheard(memberId: string, signed: Signed, from: string): void {
    if (memberId === from) this.#witness.saw(memberId, signed);
  }

  /** A quorum has said the same: one more voice for it is not worth its check. */
  #isSettled({ round, type, blockHash: hash }: Vote): boolean {
    const votes = this.#state.votes.get(round);
    const ballot = [...((type === VoteType.prevote ? votes?.prevotes : votes?.precommits) ?? []).values()].flat();
    const same = ballot.filter(isFor(hash));
    return isQuorum(same.length, this.#state.validators.length);
  }

  async #equivocation(
    accused: string,
    { height, round }: { height: number; round: number },
    first: Signed,
    second: Signed,
  ): Promise<void> {
    const equivocation = equivocationOf(accused, first, second);
    const isNew = await this.#accuse({ type: 'equivocation', height, round, ...equivocation });
    if (isNew) this.options.onEquivocation(equivocation);
  }

  /** Writes a finding down; false if it was known, or enough are. */
  async #accuse(evidence: Evidence): Promise<boolean> {
    const { ledger, logger } = this.options;
    const found = evidenceJson(evidence);
    const { id, type, accused, height } = found;
    if (this.#accused.has(id)) return false;
    this.#accused.add(id);
    if (this.#accused.size > MAX_ACCUSATIONS) return false; // enough to convict; a faulty member must not fill the disk
    logger.error({ type, accused, height, evidence: id }, 'members are proven false');
    await ledger.store.addEvidence(found);
    return true;
  }

  async #proposal(proposal: Proposal, from: string): Promise<void> {
    const signed = signedProposal(this.#chainId, proposal);
    const cause = this.#uselessness(proposal.height, proposal.round);
    if (cause === 'stale')
      this.#overheard(proposerOf(this.#state.validators, proposal.height, proposal.round), signed, from);
    if (cause !== null) return this.#drop(from, cause, proposal);
    const hash = blockHash(proposal.header);
    if (this.#state.proposals.get(proposal.round)?.some((known) => known.hash.equals(hash)))
      return this.#drop(from, 'repeated', proposal);
    const known = this.#proposed.get(proposal.round) ?? [];
    const isNew = known.every((one) => !proposalMessage(this.#chainId, one).equals(signed.message));
    if (isNew && known.length >= MAX_CONFLICTING) return this.#drop(from, 'too-many', proposal);
    const { ledger, world } = this.options;
    const proposer = this.#proposer(proposal.round);
    if (!world.signatures.verify(ledger.publicKeyOf(proposer)!, signed.message, proposal.signature))
      throw new LedgerError('signature-invalid', 'proposal not by the proposer');
    if (!proposal.header.txRoot.equals(txRootOf(proposal.txHashes)))
      throw new LedgerError('block-invalid', 'root of the transactions');
    this.#witness.saw(proposer, signed);
    if (isNew) this.#proposed.set(proposal.round, [...known, proposal]);
    const [first] = known;
    if (first !== undefined && isNew)
      await this.#equivocation(proposer, proposal, signedProposal(this.#chainId, first), signed);
    await this.#consider(proposal, from);
  }

  /** Checks a proposal once all that it names is here; else asks for the rest. */
  async #consider(proposal: Proposal, from: string | null): Promise<void> {
    const { world, want } = this.options;
    const hash = blockHash(proposal.header);
    let prepared = this.#candidates.checked(hash);
    if (prepared === undefined) {
      const txs = this.#candidates.gather(proposal, hash);
      if (txs === null) {
        if (from !== null) want(from, this.#candidates.missing());
        return;
      }
      prepared = this.#check(proposal, txs, world.now());
    }
    await this.#feedProposal(proposal, prepared);
  }

  async #feedProposal(proposal: Proposal, prepared: Prepared | null): Promise<void> {
    const hash = blockHash(proposal.header);
    if (this.#state.proposals.get(proposal.round)?.some((known) => known.hash.equals(hash))) return;
    this.#candidates.setChecked(hash, prepared);
    await this.#feed({ type: 'proposal', proposal, hash, valid: prepared !== null });
  }

  /** What the WAL says, as an event: a proposal that was found good is made ready again. */
  async #replayed(entry: WalEntry): Promise<Event> {
    if (entry.type !== 'proposal') return entry;
    const { proposal, valid, txs: encoded } = entry;
    const hash = blockHash(proposal.header);
    this.#proposed.set(proposal.round, [...(this.#proposed.get(proposal.round) ?? []), proposal]);
    if (this.#candidates.checked(hash) === undefined) {
      const context = { chainId: this.#chainId, members: this.options.ledger.members };
      const txs = valid ? await this.options.world.checker.check(encoded, context, 'sender') : [];
      const good = txs.filter(isFine);
      const isWhole = valid && good.length === proposal.txHashes.length;
      this.#candidates.setChecked(hash, isWhole ? this.#check(proposal, good, null) : null);
    }
    return { type: 'proposal', proposal, hash, valid: this.#candidates.checked(hash) !== null };
  }

  #check({ header }: Proposal, txs: readonly CheckedTx[], nowMs: number | null): Prepared | null {
    const { ledger, mempool, logger } = this.options;
    try {
      return ledger.check(header, txs, (tx) => mempool.byHash(tx.hash) !== undefined, nowMs);
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      const { proposer, height } = header;
      logger.warn({ proposer, height, code: error.code, reason: error.reason }, 'proposed block refused');
      return null;
    }
  }

  async #startIfNeeded(): Promise<void> {
    if (this.#state.step !== 'idle' || !this.#isValidator) return;
    const { ledger, mempool, timeouts, world } = this.options;
    const now = world.now();
    if (now - ledger.headTimeMs >= timeouts.heartbeat) return this.#feed({ type: 'start' });
    if (mempool.size === 0) return;
    const wait = this.#begunAtMs + timeouts.interval - now;
    // A clock that was set back must not make us wait for longer than the interval itself.
    if (wait <= 0 || wait > timeouts.interval || mempool.size >= ledger.needRules().maxBlockTxs)
      return this.#feed({ type: 'start' });
    this.#pace ??= world.after(wait, () => {
      this.#pace = undefined;
      if (!this.#closed) this.#runBehind(() => this.#startIfNeeded());
    });
  }

  async #feed(event: Event): Promise<void> {
    if (!this.#isValidator && event.type !== 'vote' && event.type !== 'proposal') return;
    if (this.#state.step === 'idle') this.#begunAtMs = this.options.world.now();
    this.options.wal.append(this.#entryOf(event));
    await this.#perform(step(this.#state, event));
  }

  #entryOf(event: Event): WalEntry {
    if (event.type !== 'proposal') return event;
    const txs = this.#candidates.checked(event.hash)?.txs ?? [];
    return { type: 'proposal', proposal: event.proposal, valid: event.valid, txs: txs.map(({ encoded }) => encoded) };
  }

  async #perform(effects: readonly Effect[]): Promise<void> {
    const { height } = this.#state;
    for (const effect of effects) {
      // Saying one thing may have decided the height: what is left was of it.
      if (this.#state.height !== height) return;
      switch (effect.type) {
        case 'timer':
          this.#arm(effect);
          break;
        case 'vote':
        case 'propose':
          if (this.#greeted !== null) this.#unsaid.push(effect);
          else if (effect.type === 'vote') await this.#sayVote(effect);
          else await this.#propose(effect);
          break;
        case 'decide':
          await this.#decide(effect);
          return;
      }
    }
  }

  async #sayVote({ vote: unsigned }: Extract<Effect, { type: 'vote' }>): Promise<void> {
    if (!this.#isValidator || this.#said.has(`${unsigned.type}/${unsigned.round}`)) return;
    this.#said.add(`${unsigned.type}/${unsigned.round}`);
    // What we lock on must outlive us; that we signed at all is kept by the signer.
    if (unsigned.type === VoteType.precommit) this.options.wal.sync();
    const { signer, wal } = this.options;
    const vote = this.#signed(() => signer.vote(unsigned, wal.count));
    if (vote === null) return;
    this.options.broadcast(frame(Frame.vote, encodeVote(vote)));
    await this.#feed({ type: 'vote', vote });
  }

  async #propose({ round, validRound, again }: Extract<Effect, { type: 'propose' }>): Promise<void> {
    if (!this.#isValidator || this.#said.has(`0/${round}`)) return;
    this.#said.add(`0/${round}`);
    const { signer } = this.options;
    const prepared = again === undefined ? this.#build() : this.#candidates.checked(again.hash)!;
    const { header } = prepared;
    const txHashes = prepared.txs.map(({ hash }) => hash);
    const proposal = this.#signed(() =>
      signer.proposal({ height: this.#state.height, round, validRound, header, txHashes }),
    );
    if (proposal === null) return;
    this.options.broadcast(frame(Frame.proposal, encodeProposal(proposal)));
    await this.#feedProposal(proposal, prepared);
  }

  #build(): Prepared {
    const { ledger, mempool, signer, world, onRefused } = this.options;
    const { maxBlockTxs, maxBlockBytes } = ledger.needRules();
    const txs = mempool.take(maxBlockTxs, maxBlockBytes);
    const { prepared, refused } = ledger.build(txs, signer.memberId, world.now());
    for (const { tx } of refused) mempool.remove(tx);
    if (refused.length > 0) onRefused(refused);
    return prepared;
  }

  #arm({ step: name, round }: Extract<Effect, { type: 'timer' }>): void {
    const { timeouts, isConnected, signer, world } = this.options;
    const proposer = this.#proposer(round);
    const { height } = this.#state;
    const isGone = () => !isConnected(proposer) || this.#witness.isSilent(proposer, height);
    const isAbsent = name === 'propose' && proposer !== signer.memberId && isGone();
    const wait = (isAbsent ? timeouts.absentProposer : timeouts[name]) + timeouts.delta * round;
    const timer = world.after(wait, () => {
      this.#timers.delete(timer);
      if (this.#closed) return;
      this.#runBehind(async () => {
        if (this.#state.height === height) await this.#feed({ type: 'timeout', step: name, round });
      });
    });
    this.#timers.add(timer);
  }

  async #decide({ proposal, round, precommits }: Extract<Effect, { type: 'decide' }>): Promise<void> {
    const signatures = precommits
      .map(({ voter, signature }) => ({ memberId: voter, signature }))
      .sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
    const commit = { height: this.#state.height, round, blockHash: proposal.hash, signatures };
    await this.#advance(this.#candidates.checked(proposal.hash)!, commit);
  }

  async #advance(prepared: Prepared, commit: Commit): Promise<void> {
    const { ledger, mempool, onDecided, onRefused } = this.options;
    const { members } = ledger;
    const placed = await ledger.append(prepared, commit);
    mempool.final(prepared.txs);
    if (ledger.members !== members) {
      const error = new LedgerError('signature-invalid', 'signed by a key that the sender has no more');
      onRefused(mempool.dropStrangers(ledger.members).map((tx) => ({ tx, error })));
    }
    this.#moveOn({ header: prepared.header, commit });
    onDecided(prepared.header, placed);
    await this.#wakeIfGreeted();
    for (const task of this.#early.take(this.#state.height))
      await task().catch((error: unknown) => {
        if (!(error instanceof LedgerError)) throw error;
        this.options.logger.warn({ code: error.code, reason: error.reason }, 'message refused');
      });
    await this.#startIfNeeded();
  }

  /** The head is another: what was said of its height is done with. */
  #moveOn({ header, commit }: Certificate): void {
    const { ledger, wal } = this.options;
    wal.begin(ledger.height + 1);
    this.#clearTimers();
    this.#candidates.clear();
    this.#proposed.clear();
    this.#said.clear();
    this.#unsaid = [];
    this.#witness.sawCommit(header, commit);
    this.#state = this.#fresh();
    this.#armHeartbeat();
  }

  #armHeartbeat(): void {
    this.#heartbeat?.cancel();
    const { ledger, timeouts, world } = this.options;
    const wait = Math.max(ledger.headTimeMs + timeouts.heartbeat - world.now(), 10);
    this.#heartbeat = world.after(wait, () => {
      if (!this.#closed) this.notify();
    });
  }

  #clearTimers(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
    this.#pace?.cancel();
    this.#pace = undefined;
  }
}
