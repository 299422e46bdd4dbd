import { blockHash, type Header } from '../../../chain-node/codec/block.ts';
import type { Proposal } from '../../../chain-node/codec/proposal.ts';
import { NIL, type Vote, VoteType } from '../../../chain-node/codec/vote.ts';
import {
  type CoreState,
  type Effect,
  type Event,
  initialState,
  isQuorum,
  proposerOf,
  step,
} from '../../../chain-node/consensus/core.ts';

const VALIDATORS = ['a', 'b', 'c', 'd'];
const HEIGHT = 8;

function headerOf(text: string): Header {
  const digest = Buffer.alloc(32, text);
  return {
    chainId: 't',
    height: HEIGHT,
    timeMs: 1,
    previous: digest,
    txRoot: digest,
    logSize: 1,
    logRoot: digest,
    membersHash: digest,
    nextMembersHash: digest,
    stateHash: digest,
    proposer: 'a',
  };
}

function proposalOf(text: string, round: number, validRound = -1): Extract<Event, { type: 'proposal' }> {
  const header = headerOf(text);
  const proposal: Proposal = { height: HEIGHT, round, validRound, header, txHashes: [], signature: Buffer.alloc(64) };
  return { type: 'proposal', proposal, hash: blockHash(header), valid: text !== 'bad' };
}

const vote = (type: VoteType, voter: string, blockHash: Buffer, round = 0): Event => ({
  type: 'vote',
  vote: { type, height: HEIGHT, round, blockHash, voter, signature: Buffer.alloc(64) },
});
const votesIn = (effects: Effect[]) =>
  effects.flatMap((effect) =>
    effect.type === 'vote' ? [{ type: effect.vote.type, hash: effect.vote.blockHash }] : [],
  );
const A = proposalOf('block A', 0);

describe('one validator, rule by rule', () => {
  let state: CoreState;
  beforeEach(() => {
    state = initialState(HEIGHT, 'd', VALIDATORS);
  });

  test('prevotes a valid proposal, locks and precommits at a quorum, decides at a quorum', () => {
    expect(votesIn(step(state, A))).toEqual([{ type: VoteType.prevote, hash: A.hash }]);
    for (const voter of ['a', 'b']) expect(votesIn(step(state, vote(1, voter, A.hash)))).toEqual([]);
    expect(votesIn(step(state, vote(1, 'c', A.hash)))).toEqual([{ type: VoteType.precommit, hash: A.hash }]);
    expect(state.lockedRound).toBe(0);
    for (const voter of ['a', 'b']) step(state, vote(2, voter, A.hash));
    const [decision] = step(state, vote(2, 'c', A.hash));
    expect(decision).toMatchObject({ type: 'decide', round: 0 });
    expect(step(state, vote(2, 'd', A.hash))).toEqual([]);
  });

  test('prevotes nil for a block that may not follow', () => {
    expect(votesIn(step(state, proposalOf('bad', 0)))).toEqual([{ type: VoteType.prevote, hash: NIL }]);
  });

  test('one vote a voter counts', () => {
    step(state, A);
    for (let i = 0; i < 5; i += 1) expect(votesIn(step(state, vote(1, 'a', A.hash)))).toEqual([]);
  });

  test('locked on A it prevotes nil for B, and B again once B has a later quorum', () => {
    step(state, A);
    for (const voter of ['a', 'b', 'c']) step(state, vote(1, voter, A.hash));
    step(state, { type: 'timeout', step: 'precommit', round: 0 });
    const B1 = proposalOf('block B', 1);
    expect(votesIn(step(state, B1))).toEqual([{ type: VoteType.prevote, hash: NIL }]);
    for (const voter of ['a', 'b', 'c']) step(state, vote(1, voter, B1.hash, 1));
    step(state, { type: 'timeout', step: 'precommit', round: 1 });
    expect(votesIn(step(state, proposalOf('block B', 2, 1)))).toEqual([{ type: VoteType.prevote, hash: B1.hash }]);
  });

  test('no proposal in time: prevotes nil, then precommits nil, then the next round', () => {
    step(state, { type: 'start' });
    expect(votesIn(step(state, { type: 'timeout', step: 'propose', round: 0 }))).toEqual([{ type: 1, hash: NIL }]);
    for (const voter of ['a', 'b']) step(state, vote(1, voter, NIL));
    expect(votesIn(step(state, vote(1, 'c', NIL)))).toEqual([{ type: 2, hash: NIL }]);
    step(state, { type: 'timeout', step: 'precommit', round: 0 });
    expect(state.round).toBe(1);
  });

  test('quorums of nil in both steps: nobody can have locked, so the next round begins at once', () => {
    step(state, { type: 'start' });
    for (const voter of ['a', 'b', 'c']) step(state, vote(1, voter, NIL));
    for (const voter of ['a', 'b']) step(state, vote(2, voter, NIL));
    expect(state.round).toBe(0);
    step(state, vote(2, 'c', NIL));
    expect(state.round).toBe(1);
  });

  test('a quorum of precommits for nil alone: somebody may have locked, and is waited for', () => {
    step(state, { type: 'start' });
    for (const voter of ['a', 'b']) step(state, vote(1, voter, NIL));
    for (const voter of ['a', 'b']) step(state, vote(2, voter, NIL));
    const effects = step(state, vote(2, 'c', NIL));
    expect(effects).toContainEqual({ type: 'timer', step: 'precommit', round: 0 });
    expect(state.round).toBe(0);
  });

  test('a timeout of a past round changes nothing', () => {
    step(state, { type: 'start' });
    step(state, { type: 'timeout', step: 'precommit', round: 0 });
    expect(step(state, { type: 'timeout', step: 'propose', round: 0 })).toEqual([]);
  });

  test.each([0, 3])(
    'a block that claims its prevotes in its own round, or a later one, gets none: %i',
    (validRound) => {
      expect(votesIn(step(state, proposalOf('block A', 0, validRound)))).toEqual([]);
      for (const voter of ['a', 'b', 'c']) expect(votesIn(step(state, vote(1, voter, A.hash)))).toEqual([]);
      expect(votesIn(step(state, { type: 'timeout', step: 'propose', round: 0 }))).toContainEqual({
        type: 1,
        hash: NIL,
      });
    },
  );

  test('joins a later round when a third and one are there', () => {
    step(state, { type: 'start' });
    step(state, vote(1, 'a', NIL, 5));
    expect(state.round).toBe(0);
    step(state, vote(2, 'b', NIL, 5));
    expect(state.round).toBe(5);
  });
});

test.each([
  [2, 4, false],
  [3, 4, true],
  [2, 3, false],
  [1, 1, true],
  [5, 7, true],
  [4, 7, false],
])('%i of %i is a quorum: %p', (count, n, expected) => {
  expect(isQuorum(count, n)).toBe(expected);
});

/** mulberry32, so that a seed names a schedule. */
function random(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Until this step the network is asynchronous; from then on messages arrive, as the algorithm needs for an end. */
const STABLE = 400;

interface Delivery {
  to: string;
  event: Event;
}

/** Runs one height under a seeded schedule: messages are late, doubled or lost; one validator is silent or equivocates. */
function simulate(seed: number, fault: 'none' | 'silent' | 'equivocates'): Map<string, string> {
  const next = random(seed);
  let steps = 0;
  const faulty = fault === 'none' ? null : VALIDATORS[Math.floor(next() * 4)]!;
  const states = new Map(VALIDATORS.map((id) => [id, initialState(HEIGHT, id, VALIDATORS)]));
  const decided = new Map<string, string>();
  const wire: Delivery[] = [];
  const sent: Delivery[] = [];
  const timers: Delivery[] = [];
  const send = (from: string, make: (to: string) => Event) => {
    for (const to of VALIDATORS) {
      const delivery = { to, event: make(to) };
      sent.push(delivery);
      if (to === from || steps > STABLE || next() > 0.15) wire.push(delivery);
      if (next() < 0.1) wire.push(delivery);
    }
  };
  const act = (id: string, effects: Effect[]) => {
    for (const effect of effects) {
      if (effect.type === 'timer') timers.push({ to: id, event: { ...effect, type: 'timeout' } });
      if (effect.type === 'decide') decided.set(id, effect.proposal.hash.toString('hex'));
      if (id === faulty && fault === 'silent') continue;
      if (effect.type === 'propose') {
        const text = (to: string) => (id === faulty && next() < 0.5 ? `other ${to}` : `block of ${id} ${effect.round}`);
        send(id, (to) =>
          effect.again === undefined
            ? proposalOf(text(to), effect.round)
            : {
                ...effect.again,
                proposal: { ...effect.again.proposal, round: effect.round, validRound: effect.validRound },
              },
        );
      }
      if (effect.type === 'vote') {
        const hash = (): Buffer => (id === faulty && next() < 0.5 ? NIL : effect.vote.blockHash);
        send(id, () => ({
          type: 'vote',
          vote: { ...effect.vote, blockHash: hash(), voter: id, signature: NIL } as Vote,
        }));
      }
    }
  };
  for (const [id, state] of states) act(id, step(state, { type: 'start' }));
  const honest = VALIDATORS.filter((id) => id !== faulty);
  for (; steps < 20_000 && honest.some((id) => !decided.has(id)); steps += 1) {
    const chaotic = steps < STABLE;
    if (!chaotic && wire.length === 0) {
      // Gossip: before any timer fires, whatever an honest one was sent reaches all.
      const known = sent.splice(0).filter(({ to }) => to !== faulty);
      const undecided = VALIDATORS.filter((id) => !decided.has(id));
      wire.push(...undecided.flatMap((to) => known.map(({ event }) => ({ to, event }))));
    }
    const early = chaotic && next() < 0.05;
    const from = wire.length > 0 && !early ? wire : timers;
    const delivery = from.splice(chaotic ? Math.floor(next() * from.length) : 0, 1)[0];
    if (delivery === undefined || decided.has(delivery.to)) continue;
    act(delivery.to, step(states.get(delivery.to)!, delivery.event));
  }
  return new Map([...decided].filter(([id]) => id !== faulty));
}

describe.each(['none', 'silent', 'equivocates'] as const)('seeded schedules, fault: %s', (fault) => {
  test('the honest all decide, and decide the same', () => {
    for (let seed = 1; seed <= 150; seed += 1) {
      const decided = simulate(seed, fault);
      expect({ seed, blocks: new Set(decided.values()).size }).toEqual({ seed, blocks: 1 });
      expect({ seed, count: decided.size }).toEqual({ seed, count: fault === 'none' ? 4 : 3 });
    }
  });
});

test('every validator has its turn', () => {
  expect([0, 1, 2, 3].map((round) => proposerOf(VALIDATORS, HEIGHT, round))).toEqual(VALIDATORS);
});
