import {
  type Block,
  blockHash,
  type Commit,
  decodeBlock,
  decodeCommit,
  encodeProposal,
  encodeVote,
  type Header,
  MAX_BLOCK_TXS,
  type Proposal,
  proposalMessage,
  type Vote,
  voteMessage,
} from '../codec/block.ts';
import { LedgerError } from '../errors.ts';
import type { CheckedTx, Mempool } from '../mempool/mempool.ts';
import { Frame, frame } from '../p2p/frames.ts';
import { type Evidence, evidenceJson, forkOf, type Signed } from '../state/evidence.ts';
import { checkTxRoot, type Ledger, MAX_BLOCK_BYTES } from '../state/ledger.ts';
import type { AppliedTx } from '../store/block-store.ts';
import type { Logger } from '../../platform/observe/logger.ts';
import type { Timer, World } from '../world.ts';
import { type CoreState, type Effect, type Event, initialState, proposerOf, step } from './core.ts';
import type { Signer } from './signer.ts';
import type { Wal, WalEntry } from './wal.ts';

/** Milliseconds of each step in round 0; each later round adds `delta`. */
export interface Timeouts {
  propose: number;
  prevote: number;
  precommit: number;
  delta: number;
  /** Waits for a proposer that we have no link to. */
  absentProposer: number;
  /** A block without transactions after this long without one. */
  heartbeat: number;
}
export const DEFAULT_TIMEOUTS: Timeouts = {
  propose: 1000,
  prevote: 500,
  precommit: 500,
  delta: 500,
  absentProposer: 150,
  heartbeat: 60_000,
};

/** Rounds and messages beyond these are not kept: a faulty member must not fill our memory. */
const MAX_ROUNDS_AHEAD = 100;
const MAX_EARLY = 2000;
/** Findings written down in one life of the node. */
const MAX_ACCUSATIONS = 1000;

export interface DriverOptions {
  ledger: Ledger;
  mempool: Mempool;
  signer: Signer;
  wal: Wal;
  world: Pick<World, 'now' | 'after' | 'signatures' | 'fatal'>;
  timeouts: Timeouts;
  logger: Logger;
  broadcast(bytes: Buffer): void;
  isConnected(memberId: string): boolean;
  onDecided(header: Block['header'], txs: readonly AppliedTx[]): void;
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
  #closed = false;
  /** Checked blocks of this height by hash; null: may not follow the head. */
  #checked = new Map<string, CheckedTx[] | null>();
  /** Own votes and proposals known at this height: `type/round`. */
  #said = new Set<string>();
  /** Ids of what was found against members. */
  readonly #accused = new Set<string>();
  /** Messages of the next height that came before we got there. */
  #early: (() => Promise<void>)[] = [];
  readonly #isValidator: boolean;

  constructor(private readonly options: DriverOptions) {
    this.#state = this.#fresh();
    this.#isValidator = options.ledger.validators.includes(options.signer.memberId);
  }

  /** Plays the WAL of an unfinished height again, then goes on. */
  start(): Promise<void> {
    return this.#run(async () => {
      const { wal } = this.options;
      const entries = wal.entries.filter((entry) => this.#isOfThisHeight(entry));
      if (entries.length === 0) wal.clear();
      const ours = this.options.signer.memberId;
      for (const entry of entries) {
        if (entry.type === 'vote' && entry.vote.voter === ours)
          this.#said.add(`${entry.vote.type}/${entry.vote.round}`);
        if (entry.type === 'proposal' && this.#proposer(entry.proposal.round) === ours)
          this.#said.add(`0/${entry.proposal.round}`);
      }
      const effects: Effect[] = [];
      for (const entry of entries) effects.push(...step(this.#state, await this.#eventOf(entry)));
      await this.#perform(effects);
      this.#armHeartbeat();
      await this.#startIfNeeded();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#clearTimers();
    this.#heartbeat?.cancel();
    await this.#queue;
    this.options.wal.close();
  }

  /** A transaction came into the mempool. */
  notify(): void {
    this.#runBehind(() => this.#startIfNeeded());
  }

  onVote(vote: Vote): Promise<void> {
    return this.#run(async () => {
      if (this.#isEarly(vote.height)) this.#keep(() => this.#vote(vote));
      else await this.#vote(vote);
    });
  }

  onProposal(proposal: Proposal): Promise<void> {
    return this.#run(async () => {
      if (this.#isEarly(proposal.height)) this.#keep(() => this.#proposal(proposal));
      else await this.#proposal(proposal);
    });
  }

  /** A final block of another node, with the signatures that made it final; throws what is wrong with it. */
  onBlock(encodedBlock: Buffer, encodedCommit: Buffer): Promise<void> {
    return this.#run(async () => {
      const { ledger } = this.options;
      const block = decodeBlock(encodedBlock);
      if (block.header.height > ledger.height + 1) return;
      const commit = decodeCommit(encodedCommit);
      if (block.header.height <= ledger.height) return this.#compare(block.header, commit);
      await ledger.checkCommit(block.header, commit);
      checkTxRoot(block);
      const txs = await ledger.check(block, (encoded) => this.#known(encoded), null);
      await this.#advance(block, commit, txs);
    });
  }

  /** Another node's final block of a height that we have: two that differ are a fork, and prove who made it. */
  async #compare(header: Header, commit: Commit): Promise<void> {
    const { ledger } = this.options;
    const ownCommit = await ledger.store.commit(header.height);
    if (ownCommit.blockHash.equals(blockHash(header))) return;
    await ledger.checkCommit(header, commit);
    const own = await ledger.store.block(header.height);
    await this.#accuse(forkOf({ header: own.header, commit: ownCommit }, { header, commit }));
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
    const { ledger, signer } = this.options;
    return initialState(ledger.height + 1, signer.memberId, ledger.validators);
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
    return height === this.#state.height + 1;
  }

  #keep(task: () => Promise<void>): void {
    if (this.#early.length < MAX_EARLY) this.#early.push(task);
  }

  #isOfThisHeight(entry: WalEntry): boolean {
    const height =
      entry.type === 'vote'
        ? entry.vote.height
        : entry.type === 'proposal'
          ? entry.proposal.height
          : this.#state.height;
    return height === this.#state.height;
  }

  #isNear(height: number, round: number): boolean {
    return height === this.#state.height && round <= Math.max(this.#state.round, 0) + MAX_ROUNDS_AHEAD;
  }

  async #vote(vote: Vote): Promise<void> {
    if (!this.#isNear(vote.height, vote.round)) return;
    const known = this.#state.votes.get(vote.round)?.[vote.type === 1 ? 'prevotes' : 'precommits'].get(vote.voter);
    const [other] = known ?? [];
    if (known?.some(({ blockHash: hash }) => hash.equals(vote.blockHash))) return;
    const { ledger, world } = this.options;
    const publicKey = ledger.validators.includes(vote.voter) ? ledger.publicKeyOf(vote.voter) : undefined;
    if (
      publicKey === undefined ||
      !world.signatures.verify(publicKey, voteMessage(ledger.genesis.chainId, vote), vote.signature)
    )
      throw new LedgerError('signature-invalid', `vote in the name of ${vote.voter}`);
    if (other !== undefined) await this.#equivocation(vote.voter, other, vote, voteMessage);
    await this.#feed({ type: 'vote', vote });
  }

  /** Two different things that a member signed for one step. */
  #equivocation<T extends Vote | Proposal>(
    accused: string,
    first: T,
    second: T,
    messageOf: (chainId: string, one: T) => Buffer,
  ): Promise<void> {
    const { chainId } = this.options.ledger.genesis;
    const signedOf = (one: T): Signed => ({ message: messageOf(chainId, one), signature: one.signature });
    const { height, round } = second;
    const signed: [Signed, Signed] = [signedOf(first), signedOf(second)];
    return this.#accuse({ type: 'equivocation', accused: [accused], height, round, signed });
  }

  async #accuse(evidence: Evidence): Promise<void> {
    const { ledger, logger } = this.options;
    const found = evidenceJson(evidence);
    const { id, type, accused, height } = found;
    if (this.#accused.has(id)) return;
    this.#accused.add(id);
    if (this.#accused.size > MAX_ACCUSATIONS) return; // enough to convict; a faulty member must not fill the disk
    logger.error({ type, accused, height, evidence: id }, 'members are proven false');
    await ledger.store.addEvidence(found);
  }

  async #proposal(proposal: Proposal): Promise<void> {
    if (!this.#isNear(proposal.height, proposal.round)) return;
    const hash = blockHash(proposal.block.header);
    if (this.#state.proposals.get(proposal.round)?.some((known) => known.hash.equals(hash))) return;
    const { ledger, world } = this.options;
    const publicKey = ledger.publicKeyOf(this.#proposer(proposal.round))!;
    const message = proposalMessage(ledger.genesis.chainId, proposal);
    if (!world.signatures.verify(publicKey, message, proposal.signature))
      throw new LedgerError('signature-invalid', 'proposal not by the proposer');
    checkTxRoot(proposal.block);
    const [other] = this.#state.proposals.get(proposal.round) ?? [];
    if (other !== undefined)
      await this.#equivocation(this.#proposer(proposal.round), other.proposal, proposal, proposalMessage);
    await this.#feed(await this.#eventOf({ type: 'proposal', proposal, valid: false }, world.now()));
  }

  /** With `nowMs` a proposal is checked; without, it is from the WAL, which says what the check gave. */
  async #eventOf(entry: WalEntry, nowMs?: number): Promise<Event> {
    if (entry.type !== 'proposal') return entry;
    const { proposal } = entry;
    const hash = blockHash(proposal.block.header);
    const id = hash.toString('hex');
    if (!this.#checked.has(id)) {
      const wanted = nowMs !== undefined || entry.valid;
      this.#checked.set(id, wanted ? await this.#check(proposal.block, nowMs ?? null) : null);
    }
    return { type: 'proposal', proposal, hash, valid: this.#checked.get(id) !== null };
  }

  async #check(block: Block, nowMs: number | null): Promise<CheckedTx[] | null> {
    try {
      return await this.options.ledger.check(block, (encoded) => this.#known(encoded), nowMs);
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      const { proposer, height } = block.header;
      this.options.logger.warn({ proposer, height, code: error.code, reason: error.reason }, 'proposed block refused');
      return null;
    }
  }

  #known(encoded: Buffer): CheckedTx | undefined {
    return this.options.mempool.find(encoded);
  }

  async #startIfNeeded(): Promise<void> {
    if (this.#state.step !== 'idle' || !this.#isValidator) return;
    const { ledger, mempool, timeouts, world } = this.options;
    const isQuiet = world.now() - ledger.headTimeMs >= timeouts.heartbeat;
    if (mempool.size > 0 || isQuiet) await this.#feed({ type: 'start' });
  }

  async #feed(event: Event): Promise<void> {
    if (!this.#isValidator && event.type !== 'vote' && event.type !== 'proposal') return;
    this.options.wal.append(event);
    await this.#perform(step(this.#state, event));
  }

  async #perform(effects: readonly Effect[]): Promise<void> {
    for (const effect of effects) {
      switch (effect.type) {
        case 'timer':
          this.#arm(effect);
          break;
        case 'vote':
          await this.#sayVote(effect);
          break;
        case 'propose':
          await this.#propose(effect);
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
    this.options.wal.sync();
    const vote = this.#signed(() => this.options.signer.vote(unsigned));
    if (vote === null) return;
    this.options.broadcast(frame(Frame.vote, encodeVote(vote)));
    await this.#feed({ type: 'vote', vote });
  }

  async #propose({ round, validRound, again }: Extract<Effect, { type: 'propose' }>): Promise<void> {
    if (!this.#isValidator || this.#said.has(`0/${round}`)) return;
    this.#said.add(`0/${round}`);
    const { ledger, mempool, signer, wal, world } = this.options;
    const block =
      again?.proposal.block ?? ledger.build(mempool.take(MAX_BLOCK_TXS, MAX_BLOCK_BYTES), signer.memberId, world.now());
    wal.sync();
    const proposal = this.#signed(() => signer.proposal({ height: this.#state.height, round, validRound, block }));
    if (proposal === null) return;
    this.options.broadcast(frame(Frame.proposal, encodeProposal(proposal)));
    await this.#feed(await this.#eventOf({ type: 'proposal', proposal, valid: true }));
  }

  #arm({ step: name, round }: Extract<Effect, { type: 'timer' }>): void {
    const { timeouts, isConnected, signer, world } = this.options;
    const proposer = this.#proposer(round);
    const isAbsent = name === 'propose' && proposer !== signer.memberId && !isConnected(proposer);
    const wait = (isAbsent ? timeouts.absentProposer : timeouts[name]) + timeouts.delta * round;
    const { height } = this.#state;
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
    await this.#advance(proposal.proposal.block, commit, this.#checked.get(proposal.hash.toString('hex'))!);
  }

  async #advance(block: Block, commit: Commit, txs: readonly CheckedTx[]): Promise<void> {
    const { ledger, mempool, wal, onDecided } = this.options;
    const applied = await ledger.append(block, commit, txs);
    wal.clear();
    for (const { id } of txs) mempool.remove(id);
    this.#clearTimers();
    this.#checked.clear();
    this.#said.clear();
    this.#state = this.#fresh();
    this.#armHeartbeat();
    onDecided(block.header, applied);
    for (const task of this.#early.splice(0))
      await task().catch((error: unknown) => {
        if (!(error instanceof LedgerError)) throw error;
        this.options.logger.warn({ code: error.code, reason: error.reason }, 'message refused');
      });
    await this.#startIfNeeded();
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
  }
}
