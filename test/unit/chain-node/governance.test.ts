import fc from 'fast-check';
import { type Change, encodeChange, memberKeyMessage, txTypeOf } from '../../../chain-node/codec/change.ts';
import { encodeEquivocation } from '../../../chain-node/codec/evidence.ts';
import { type Member, membersHash, type Role, validatorsOf } from '../../../chain-node/codec/member.ts';
import { TxType } from '../../../chain-node/codec/transaction.ts';
import { voteMessage } from '../../../chain-node/codec/vote.ts';
import { equivocationOf } from '../../../chain-node/consensus/witness.ts';
import { publicKeyOf, sign, simSignatures } from '../../../chain-node/sim/signatures.ts';
import {
  applyGovernanceTx,
  decodeGovernance,
  encodeGovernance,
  endBlock,
  type Governance,
  initialGovernance,
  MAX_ADOPTED,
  OPEN_FOR_BLOCKS,
  stateHash,
} from '../../../chain-node/state/governance.ts';
import { GovernanceFollower } from '../../../ops/fsck/governance.ts';

const CHAIN = 'test';
const keyOf = (fill: number) => Buffer.alloc(32, fill);
const memberOf = (memberId: string, fill: number, role: Role = 'validator'): Member => ({
  memberId,
  name: `成员 ${memberId}`,
  publicKey: publicKeyOf(keyOf(fill)),
  role,
});
const FOUR = ['a', 'b', 'c', 'd'].map((id, i) => memberOf(id, i + 1));
const start = () => initialGovernance(FOUR, Buffer.from('{}'));

const setTo = (member: Member, fill: number, height = 0): Change => ({
  type: 'set',
  height,
  member,
  proof: sign(keyOf(fill), memberKeyMessage(CHAIN, member.memberId, member.publicKey)),
  request: Buffer.alloc(0),
});
const removal = (memberId: string, fill: number): Change => ({
  type: 'remove',
  height: 0,
  memberId,
  publicKey: publicKeyOf(keyOf(fill)),
});
const policy = (text: string): Change => ({ type: 'policy', height: 0, document: Buffer.from(text) });

function vote(governance: Governance, change: Change, sender: string, height = 10): Governance {
  const tx = { sender, type: txTypeOf(change), body: encodeChange(change) };
  return applyGovernanceTx(governance, tx, { chainId: CHAIN, height }, simSignatures.verify);
}
const voteAll = (governance: Governance, change: Change, senders: string, height = 10) =>
  [...senders].reduce((now, sender) => vote(now, change, sender, height), governance);
const ids = ({ members }: Governance) => members.map(({ memberId }) => memberId).join('');

describe('a change of who votes needs more than two thirds', () => {
  const join = setTo(memberOf('e', 5), 5);

  test('two of four: it stays open', () => {
    const after = endBlock(voteAll(start(), join, 'ab'), 10);
    expect(ids(after)).toBe('abcd');
    expect(after.open).toMatchObject([{ approvals: ['a', 'b'], effectiveAt: 0 }]);
  });

  test('three of four, in one block or in several: in force at the next height', () => {
    expect(ids(endBlock(voteAll(start(), join, 'abc'), 10))).toBe('abcde');
    const first = endBlock(voteAll(start(), join, 'ab', 10), 10);
    expect(ids(endBlock(vote(first, join, 'd', 17), 17))).toBe('abcde');
  });

  test('at the height that it names, if that is later', () => {
    const named = setTo(memberOf('e', 5), 5, 20);
    let now = endBlock(voteAll(start(), named, 'abc'), 10);
    expect(now.open).toMatchObject([{ effectiveAt: 20 }]);
    for (let height = 11; height < 19; height += 1) now = endBlock(now, height);
    expect(ids(now)).toBe('abcd');
    expect(ids(endBlock(now, 19))).toBe('abcde');
  });

  test('a validator leaves; its key never comes back, under no name', () => {
    const after = endBlock(voteAll(start(), removal('d', 4), 'abc'), 10);
    expect(ids(after)).toBe('abc');
    expect(after.former).toEqual([{ memberId: 'd', publicKey: publicKeyOf(keyOf(4)) }]);
    for (const memberId of ['d', 'e'])
      expect(() => vote(after, setTo(memberOf(memberId, 4), 4), 'a')).toThrow(/transaction-invalid/);
  });

  test('a key is rotated: the old one is retired', () => {
    const after = endBlock(voteAll(start(), setTo(memberOf('d', 9), 9), 'abd'), 10);
    expect(after.members.find(({ memberId }) => memberId === 'd')!.publicKey).toEqual(publicKeyOf(keyOf(9)));
    expect(after.former).toEqual([{ memberId: 'd', publicKey: publicKeyOf(keyOf(4)) }]);
  });
});

describe('what does not touch who votes needs two, and more where more may be faulty', () => {
  test('an observer joins, and leaves, by two of four', () => {
    const joined = endBlock(voteAll(start(), setTo(memberOf('e', 5, 'observer'), 5), 'ab'), 10);
    expect(ids(joined)).toBe('abcde');
    expect(validatorsOf(joined.members)).toEqual(['a', 'b', 'c', 'd']);
    expect(ids(endBlock(voteAll(joined, removal('e', 5), 'cd'), 11))).toBe('abcd');
  });

  test('a policy by two of four, by three of seven', () => {
    expect(endBlock(vote(start(), policy('{"v":2}'), 'a'), 10).policy.version).toBe(1);
    const after = endBlock(voteAll(start(), policy('{"v":2}'), 'ab'), 10);
    expect(after.policy).toEqual({ version: 2, document: Buffer.from('{"v":2}') });
    const seven = initialGovernance(
      [...'abcdefg'].map((id, i) => memberOf(id, i + 1)),
      Buffer.from('{}'),
    );
    expect(endBlock(voteAll(seven, policy('x'), 'ab'), 10).policy.version).toBe(1);
    expect(endBlock(voteAll(seven, policy('x'), 'abc'), 10).policy.version).toBe(2);
  });
});

const rules = (version: number, height = 20): Change => ({ type: 'rules', height, version });

describe('the rules are switched by more than two thirds, at the height that is named, and only forwards', () => {
  test('two of four do not; three do, and they hold from that height', () => {
    expect(voteAll(start(), rules(2), 'ab').open).toMatchObject([{ effectiveAt: 0 }]);
    let now = endBlock(voteAll(start(), rules(2), 'abc'), 10);
    for (let height = 11; height < 19; height += 1) now = endBlock(now, height);
    expect(now.rules).toBe(1);
    now = endBlock(now, 19);
    expect(now).toMatchObject({ rules: 2, open: [] });
    expect(decodeGovernance(encodeGovernance(now))).toEqual(now);
  });

  test('fsck comes to the same state, before the switch and after it', () => {
    const hexed = FOUR.map((member) => ({ ...member, publicKey: member.publicKey.toString('hex') }));
    const follower = new GovernanceFollower(hexed, Buffer.from('{}'));
    let now = start();
    for (let height = 10; height < 22; height += 1) {
      const sender = { 10: 'a', 12: 'b', 14: 'c' }[height];
      if (sender !== undefined) {
        now = vote(now, rules(2), sender, height);
        const said = { sender, type: txTypeOf(rules(2)), body: encodeChange(rules(2)) };
        follower.apply({ ...said, entries: [], message: Buffer.alloc(0), signature: Buffer.alloc(0) }, height);
      }
      now = endBlock(now, height);
      follower.endBlock(height);
      expect([follower.rules, follower.stateHash()]).toEqual([now.rules, stateHash(now).toString('hex')]);
      expect(now.rules).toBe(height < 19 ? 1 : 2);
    }
  });

  test('the last approval comes when the height is past: the switch is not adopted, and there is none', () => {
    const waiting = endBlock(voteAll(start(), rules(2), 'ab'), 10);
    expect(() => vote(waiting, rules(2), 'c', 20)).toThrow(/height of the switch is past/);
    expect(endBlock(vote(waiting, rules(2), 'c', 19), 19).rules).toBe(2);
  });

  test('not to what holds already, nor back', () => {
    expect(() => vote(start(), rules(1), 'a')).toThrow(/of this version, or a later one/);
    const third = { ...start(), rules: 3 };
    expect(() => vote(third, rules(2), 'a')).toThrow(/of this version, or a later one/);
    expect(endBlock(voteAll(third, rules(5), 'abc', 19), 19).rules).toBe(5);
  });

  test('of two that were adopted the one that comes too late falls', () => {
    const both = voteAll(voteAll(start(), rules(3, 15), 'abc'), rules(2, 20), 'abc');
    let now = endBlock(both, 10);
    for (let height = 11; height < 25; height += 1) now = endBlock(now, height);
    expect(now).toMatchObject({ rules: 3, open: [] });
  });

  test('before the first switch the state has the bytes that it always had, and the first version has no others', () => {
    const bytes = encodeGovernance(start());
    expect(decodeGovernance(bytes)).toEqual(start());
    for (const version of [0, 1])
      expect(() => decodeGovernance(Buffer.concat([bytes, Buffer.from([0, 0, 0, version])]))).toThrow(
        /encoding-invalid/,
      );
  });
});

const observed = () => endBlock(voteAll(start(), setTo(memberOf('o', 7, 'observer'), 7), 'ab'), 9);
const decided = (change: Change, senders: string) => endBlock(voteAll(start(), change, senders), 10);
const replaced = () => endBlock(voteAll(decided(policy('x'), 'ab'), policy('y'), 'ab', 11), 11);
const opened = (count: number) => {
  let now = start();
  for (let i = 0; i < count; i += 1) now = vote(now, policy(`${i}`), 'a');
  return now;
};
const twice = (fill: number) => {
  const unsigned = { type: 1 as const, height: 6, round: 0, voter: 'b' };
  const [first, second] = [1, 2].map((block) => {
    const message = voteMessage(CHAIN, { ...unsigned, blockHash: Buffer.alloc(32, block) });
    return { message, signature: sign(keyOf(fill), message) };
  });
  return equivocationOf('b', first!, second!);
};
const accuse = (governance: Governance, equivocation: ReturnType<typeof twice>, sender = 'a') => {
  const tx = { sender, type: TxType.evidence, body: encodeEquivocation(equivocation) };
  return applyGovernanceTx(governance, tx, { chainId: CHAIN, height: 10 }, simSignatures.verify);
};

test.each<[string, () => Governance]>([
  ['of an observer', () => vote(observed(), policy('x'), 'o')],
  ['of nobody', () => vote(start(), policy('x'), 'z')],
  ['a second time', () => voteAll(start(), policy('x'), 'aa')],
  ['for what is adopted', () => voteAll(start(), setTo(memberOf('e', 5), 5, 99), 'abcd')],
  ['for a policy that was adopted and is in force', () => vote(decided(policy('x'), 'ab'), policy('x'), 'c', 11)],
  ['for a policy that was adopted and replaced', () => vote(replaced(), policy('x'), 'c', 12)],
  [
    'for a member that was adopted',
    () => vote(decided(setTo(memberOf('e', 5), 5), 'abc'), setTo(memberOf('e', 5), 5), 'd', 11),
  ],
  ['for a key that did not sign for itself', () => vote(start(), setTo(memberOf('e', 5), 6), 'a')],
  ['for a key that another member has', () => vote(start(), setTo(memberOf('e', 1), 1), 'a')],
  ['for a member without a name', () => vote(start(), setTo({ ...memberOf('e', 5), name: '' }, 5), 'a')],
  ['for an id with a blank', () => vote(start(), setTo(memberOf('e f', 5), 5), 'a')],
  ['to remove who is no member', () => vote(start(), removal('e', 5), 'a')],
  ['to remove by a key that it has no more', () => vote(start(), removal('d', 9), 'a')],
  [
    'that would leave nobody to vote',
    () => vote(initialGovernance([FOUR[0]!], Buffer.from('{}')), removal('a', 1), 'a'),
  ],
  ['when too many are open', () => vote(opened(64), policy('one more'), 'a')],
  ['of evidence that another key signed', () => accuse(start(), twice(3))],
  ['of evidence that is recorded already', () => accuse(accuse(start(), twice(2)), twice(2))],
  [
    'of evidence in the other order',
    () => accuse(start(), { ...twice(2), signed: [twice(2).signed[1], twice(2).signed[0]] }),
  ],
  [
    'of evidence with one thing said twice',
    () => accuse(start(), { ...twice(2), signed: [twice(2).signed[0], twice(2).signed[0]] }),
  ],
])('a vote is refused: %s', (_name, act) => {
  expect(act).toThrow(expect.objectContaining({ code: 'transaction-invalid' }));
});

test('equivocation is recorded against its maker, who stays until voted out', () => {
  const after = accuse(start(), twice(2));
  expect(after.faults).toEqual([{ memberId: 'b', height: 6 }]);
  expect(ids(endBlock(after, 10))).toBe('abcd');
});

test('a change that nobody else wants is closed', () => {
  const open = endBlock(vote(start(), policy('x'), 'a', 10), 10);
  expect(endBlock(open, 9 + OPEN_FOR_BLOCKS).open).toHaveLength(1);
  expect(endBlock(open, 10 + OPEN_FOR_BLOCKS).open).toHaveLength(0);
});

test('an earlier policy comes back under another height; of the adopted the last 256 are remembered', () => {
  const back = endBlock(voteAll(replaced(), { ...policy('x'), height: 11 }, 'cd', 12), 12);
  expect(back.policy).toEqual({ version: 4, document: Buffer.from('x') });
  let now = start();
  for (let i = 0; i <= MAX_ADOPTED; i += 1) now = endBlock(voteAll(now, policy(`${i}`), 'ab', i + 1), i + 1);
  expect(now.adopted).toHaveLength(MAX_ADOPTED);
  expect(decodeGovernance(encodeGovernance(now))).toEqual(now);
  expect(() => vote(now, policy('1'), 'c', 999)).toThrow('the change was adopted before');
});

test('of two changes that do not go together the first adopted stands', () => {
  const [one, other] = [setTo(memberOf('e', 5), 5, 30), setTo(memberOf('f', 5), 5, 30)];
  const after = endBlock(voteAll(voteAll(start(), one, 'abc'), other, 'abd'), 29);
  expect(ids(after)).toBe('abcde');
  expect(after.open).toEqual([]);
});

test('approvals of who was voted out meanwhile do not count', () => {
  const join = setTo(memberOf('e', 5), 5);
  const without = endBlock(voteAll(voteAll(start(), join, 'dc'), removal('d', 4), 'abc'), 10);
  expect(ids(endBlock(vote(without, join, 'a', 11), 11))).toBe('abc');
  expect(ids(endBlock(voteAll(without, join, 'ab', 11), 11))).toBe('abce');
});

test('the state has one encoding, which is read back, its hash tells any two apart, and fsck comes to the same', () => {
  const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 0, max: 7 })), {
    maxLength: 12,
  });
  const changes = [
    setTo(memberOf('e', 5), 5),
    setTo(memberOf('o', 7, 'observer'), 7),
    removal('d', 4),
    policy('x'),
    policy('y'),
    setTo(memberOf('a', 8), 8),
    rules(2, 4),
    rules(3, 9),
  ];
  fc.assert(
    fc.property(steps, (votes) => {
      let now = start();
      const hexed = FOUR.map((member) => ({ ...member, publicKey: member.publicKey.toString('hex') }));
      const follower = new GovernanceFollower(hexed, Buffer.from('{}'));
      for (const [i, [sender, which]] of votes.entries()) {
        const before = now;
        try {
          now = endBlock(vote(now, changes[which]!, sender, i + 1), i + 1);
          const change = changes[which]!;
          const said = { sender, type: txTypeOf(change), body: encodeChange(change) };
          follower.apply({ ...said, entries: [], message: Buffer.alloc(0), signature: Buffer.alloc(0) }, i + 1);
          follower.endBlock(i + 1);
          expect(follower.stateHash()).toBe(stateHash(now).toString('hex'));
        } catch (error) {
          expect(error).toMatchObject({ code: 'transaction-invalid' });
        }
        expect(stateHash(now).equals(stateHash(before))).toBe(now === before);
        expect(decodeGovernance(encodeGovernance(now))).toEqual({ ...now });
        expect(validatorsOf(now.members).length).toBeGreaterThan(0);
        expect(membersHash(now.members)).toHaveLength(32);
      }
    }),
  );
});
