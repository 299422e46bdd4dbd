import type { Proposal } from '../codec/proposal.ts';
import { NIL, type Vote, VoteType } from '../codec/vote.ts';

/**
 * Tendermint (arXiv:1807.04938, Algorithm 1) for one height, as a pure function of its events: no clock, no network, no
 * disk, no keys. Line numbers in the comments are those of the algorithm. Signatures are checked before an event is
 * made; own votes come back as events once they are signed and written down.
 */
export type Step = 'idle' | 'propose' | 'prevote' | 'precommit' | 'decided';

export interface ProposalEvent {
  type: 'proposal';
  proposal: Proposal;
  hash: Buffer;
  /** Whether the block may follow the present head: the algorithm's valid(v). */
  valid: boolean;
}

export type Event =
  /** There is something to say, or the heartbeat is due. */
  | { type: 'start' }
  | ProposalEvent
  | { type: 'vote'; vote: Vote }
  | { type: 'timeout'; step: 'propose' | 'prevote' | 'precommit'; round: number };

export type Effect =
  /** It is our turn: propose this block again, or a new one if absent. */
  | { type: 'propose'; round: number; validRound: number; again?: ProposalEvent }
  | { type: 'vote'; vote: Omit<Vote, 'signature' | 'voter'> }
  | { type: 'timer'; step: 'propose' | 'prevote' | 'precommit'; round: number }
  | { type: 'decide'; proposal: ProposalEvent; round: number; precommits: Vote[] };

/**
 * Votes by voter. A voter that voted for several blocks is counted for each of them, as the proof that a block had its
 * quorum must not depend on which of its votes came first; of honest ones there is one vote.
 */
type Ballot = Map<string, Vote[]>;

interface RoundVotes {
  prevotes: Ballot;
  precommits: Ballot;
}

/** What one equivocating validator may make us keep in a round. */
export const MAX_CONFLICTING = 4;

export interface CoreState {
  readonly height: number;
  readonly me: string;
  /** Validators in the order of their turns. */
  readonly validators: readonly string[];
  round: number;
  step: Step;
  lockedRound: number;
  lockedHash: Buffer | null;
  validRound: number;
  valid: ProposalEvent | null;
  /** By round; the first is the one to vote on, others are an equivocating proposer's. */
  proposals: Map<number, ProposalEvent[]>;
  votes: Map<number, RoundVotes>;
  /** Rules that fire once a round: `${rule}:${round}`. */
  fired: Set<string>;
}

export function initialState(height: number, me: string, validators: readonly string[]): CoreState {
  const turns = [...validators].sort();
  return {
    height,
    me,
    validators: turns,
    round: -1,
    step: 'idle',
    lockedRound: -1,
    lockedHash: null,
    validRound: -1,
    valid: null,
    proposals: new Map(),
    votes: new Map(),
    fired: new Set(),
  };
}

/** Whose turn it is: in rotation over heights and rounds. */
export const proposerOf = (validators: readonly string[], height: number, round: number): string =>
  validators[(height + round) % validators.length]!;

/** More than two thirds: 2f + 1 of 3f + 1. */
export const isQuorum = (count: number, validators: number): boolean => 3 * count > 2 * validators;
/** The fewest that are a quorum. */
export const quorumSize = (validators: number): number => Math.floor((2 * validators) / 3) + 1;
/** More than one third: f + 1, so at least one honest. */
export const isAnyHonest = (count: number, validators: number): boolean => 3 * count > validators;

const same = (a: Buffer | null, b: Buffer | null) => a !== null && b !== null && a.equals(b);

/** Takes one event and gives what is to be done; `state` is changed in place and belongs to the caller. */
export function step(state: CoreState, event: Event): Effect[] {
  if (state.step === 'decided') return [];
  const effects: Effect[] = [];
  switch (event.type) {
    case 'start':
      if (state.step === 'idle') startRound(state, 0, effects);
      break;
    case 'proposal': {
      const known = state.proposals.get(event.proposal.round) ?? [];
      const isNew = known.length < MAX_CONFLICTING && !known.some(({ hash }) => hash.equals(event.hash));
      state.proposals.set(event.proposal.round, isNew ? [...known, event] : known);
      if (state.step === 'idle') startRound(state, 0, effects);
      break;
    }
    case 'vote': {
      const { vote } = event;
      const round = votesOf(state, vote.round);
      const box = vote.type === VoteType.prevote ? round.prevotes : round.precommits;
      const known = box.get(vote.voter) ?? [];
      const isNew = known.length < MAX_CONFLICTING && !known.some(({ blockHash }) => blockHash.equals(vote.blockHash));
      if (isNew) box.set(vote.voter, [...known, vote]);
      if (state.step === 'idle') startRound(state, 0, effects);
      break;
    }
    case 'timeout':
      onTimeout(state, event, effects);
      break;
  }
  settle(state, effects);
  return effects;
}

function votesOf(state: CoreState, round: number): RoundVotes {
  let votes = state.votes.get(round);
  if (votes === undefined) {
    votes = { prevotes: new Map(), precommits: new Map() };
    state.votes.set(round, votes);
  }
  return votes;
}

const votesFor = (ballot: Ballot, hash: Buffer) =>
  [...ballot.values()].flatMap((votes) => votes.filter((vote) => vote.blockHash.equals(hash)));
const countFor = (ballot: Ballot, hash: Buffer) => votesFor(ballot, hash).length;

/** Lines 11–21. */
function startRound(state: CoreState, round: number, effects: Effect[]): void {
  state.round = round;
  state.step = 'propose';
  if (proposerOf(state.validators, state.height, round) === state.me) {
    const again = state.valid ?? undefined;
    effects.push({ type: 'propose', round, validRound: state.validRound, ...(again && { again }) });
  }
  effects.push({ type: 'timer', step: 'propose', round });
}

function cast(state: CoreState, type: VoteType, hash: Buffer, effects: Effect[]): void {
  effects.push({ type: 'vote', vote: { type, height: state.height, round: state.round, blockHash: hash } });
  state.step = type === VoteType.prevote ? 'prevote' : 'precommit';
}

/** Lines 57–67. */
function onTimeout(state: CoreState, event: Extract<Event, { type: 'timeout' }>, effects: Effect[]): void {
  if (event.round !== state.round) return;
  if (event.step === 'propose' && state.step === 'propose') cast(state, VoteType.prevote, NIL, effects);
  else if (event.step === 'prevote' && state.step === 'prevote') cast(state, VoteType.precommit, NIL, effects);
  else if (event.step === 'precommit') startRound(state, state.round + 1, effects);
}

/** Applies the `upon` rules until none fires. */
function settle(state: CoreState, effects: Effect[]): void {
  for (;;) {
    if (state.step === 'decided' || state.step === 'idle') return;
    if (!decide(state, effects) && !skip(state, effects) && !advance(state, effects)) return;
  }
}

function once(state: CoreState, rule: string): boolean {
  const key = `${rule}:${state.round}`;
  if (state.fired.has(key)) return false;
  state.fired.add(key);
  return true;
}

/** Lines 49–54: a quorum of precommits for a block of any round decides. */
function decide(state: CoreState, effects: Effect[]): boolean {
  for (const [round, proposals] of state.proposals)
    for (const proposal of proposals) {
      const winning = votesFor(votesOf(state, round).precommits, proposal.hash);
      if (!proposal.valid || !isQuorum(winning.length, state.validators.length)) continue;
      state.step = 'decided';
      effects.push({ type: 'decide', proposal, round, precommits: winning });
      return true;
    }
  return false;
}

/** Line 55: f + 1 are in a later round already. */
function skip(state: CoreState, effects: Effect[]): boolean {
  for (const [round, { prevotes, precommits }] of state.votes) {
    if (round <= state.round) continue;
    const voters = new Set([...prevotes.keys(), ...precommits.keys()]);
    if (!isAnyHonest(voters.size, state.validators.length)) continue;
    startRound(state, round, effects);
    return true;
  }
  return false;
}

/** Lines 22–48 for the present round; true if one of them fired. */
function advance(state: CoreState, effects: Effect[]): boolean {
  const n = state.validators.length;
  const proposals = state.proposals.get(state.round) ?? [];
  const [proposal] = proposals;
  const { prevotes, precommits } = votesOf(state, state.round);

  if (state.step === 'propose' && proposal !== undefined) {
    const { validRound } = proposal.proposal;
    if (validRound === -1) {
      // Lines 22–27.
      const free = state.lockedRound === -1 || same(state.lockedHash, proposal.hash);
      cast(state, VoteType.prevote, proposal.valid && free ? proposal.hash : NIL, effects);
      return true;
    }
    if (validRound < state.round && isQuorum(countFor(votesOf(state, validRound).prevotes, proposal.hash), n)) {
      // Lines 28–33.
      const free = state.lockedRound <= validRound || same(state.lockedHash, proposal.hash);
      cast(state, VoteType.prevote, proposal.valid && free ? proposal.hash : NIL, effects);
      return true;
    }
  }
  // Lines 34–35.
  if (state.step === 'prevote' && isQuorum(prevotes.size, n) && once(state, 'prevote-timer'))
    effects.push({ type: 'timer', step: 'prevote', round: state.round });

  // Lines 36–43.
  const past = state.step === 'prevote' || state.step === 'precommit';
  const polka = proposals.find(({ hash, valid }) => valid && isQuorum(countFor(prevotes, hash), n));
  if (past && polka !== undefined && once(state, 'polka')) {
    state.validRound = state.round;
    state.valid = polka;
    if (state.step === 'prevote') {
      state.lockedRound = state.round;
      state.lockedHash = polka.hash;
      cast(state, VoteType.precommit, polka.hash, effects);
    }
    return true;
  }
  // Lines 44–46.
  if (state.step === 'prevote' && isQuorum(countFor(prevotes, NIL), n)) {
    cast(state, VoteType.precommit, NIL, effects);
    return true;
  }
  // Not in the paper: two quorums of nil. Nobody can have locked in this round, nor can it decide, so nobody is waited for.
  if (isQuorum(countFor(prevotes, NIL), n) && isQuorum(countFor(precommits, NIL), n)) {
    startRound(state, state.round + 1, effects);
    return true;
  }
  // Lines 47–48.
  if (isQuorum(precommits.size, n) && once(state, 'precommit-timer'))
    effects.push({ type: 'timer', step: 'precommit', round: state.round });
  return false;
}
