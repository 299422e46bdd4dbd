import fc from 'fast-check';
import { checkpointMessage } from '../../../chain-node/codec/checkpoint.ts';
import { voteMessage } from '../../../chain-node/codec/vote.ts';
import { sm2, sm3 } from '../../../platform/crypto/index.ts';
import { fromHex, toHex } from '../../../verifier/bytes.ts';
import { EVIDENCE_FORMAT, type Evidence, type EvidenceFile, verifyEvidence } from '../../../verifier/evidence-file.ts';
import { blockHash, membersHash } from '../../../verifier/index.ts';
import type { SignedHeader } from '../../../verifier/receipt.ts';
import type { Block } from '../../../web/explorer/client/types.ts';
import { forkOf, splitViewOf } from '../../../web/explorer/check/two-views.ts';
import { keyOf, makeHandover, makeReceipt, signHeader } from '../../fixtures/receipt.ts';

const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
const { ledger } = makeReceipt();
const { members, chainId } = ledger;
const { height } = ledger.header;
const trust = { chainId, genesisHash: ledger.genesisHash, membersHash: toHex(membersHash(members, sm3)!) };

/** A block of this height at a time of its own, under these members' signatures. */
function blockAt(timeMs: number, signers: readonly string[]): Block {
  const signed = { header: { ...ledger.header, timeMs }, commit: { round: 0, signatures: [] }, members };
  signHeader(signed, signers);
  return { ...signed, hash: toHex(blockHash(signed.header, sm3)), txCount: 0 };
}
const [one, other] = [blockAt(1000, ['yz1', 'yz2', 'yz3']), blockAt(2000, ['yz2', 'yz3', 'yzp'])];
const split = {
  height,
  blockHash: other.hash,
  logSize: other.header.logSize,
  logRoot: other.header.logRoot,
  timeMs: 2000,
  signatures: [] as { memberId: string; signature: string }[],
};
const said = { ...split, blockHash: Buffer.from(split.blockHash, 'hex'), logRoot: Buffer.from(split.logRoot, 'hex') };
split.signatures.push({
  memberId: 'yzp',
  signature: toHex(sm2.sign(keyOf('yzp'), checkpointMessage(chainId, { ...said, memberId: 'yzp' }))),
});
const votes = [1, 2].map((fill) => {
  const vote = { type: 1 as const, height, round: 0, blockHash: Buffer.alloc(32, fill), voter: 'yz2' };
  const message = voteMessage(chainId, vote);
  return { message: toHex(message), signature: toHex(sm2.sign(keyOf('yz2'), message)) };
});
const equivocation: Evidence = {
  id: '00'.repeat(32),
  type: 'equivocation',
  accused: ['yz2'],
  height,
  round: 0,
  signed: votes,
};
const FOUND = {
  fork: forkOf([one, other], crypto),
  'split-view': splitViewOf(chainId, one, split, 'yzp', crypto),
  equivocation,
};
const fileOf = (evidence: Evidence): EvidenceFile => ({
  format: EVIDENCE_FORMAT,
  chainId,
  evidence,
  members,
  handovers: [],
  others: [],
});
const verdictOf = (file: unknown, anchor: typeof trust | null = trust) =>
  verifyEvidence(JSON.stringify(file), anchor, crypto).verdict;
const failed = (file: EvidenceFile) =>
  verifyEvidence(JSON.stringify(file), trust, crypto)
    .steps.filter(({ state }) => state === 'fail')
    .map(({ name }) => name);

test.each(Object.entries(FOUND))('%s: valid under the trusted members, whoever makes it', (_type, evidence) => {
  expect(failed(fileOf(evidence))).toEqual([]);
  expect(verdictOf(fileOf(evidence))).toBe('valid');
  expect(verdictOf(fileOf(evidence), null)).toBe('unknown');
  expect(verdictOf(fileOf(evidence), { ...trust, membersHash: 'ab'.repeat(32) })).toBe('unknown');
  expect(verdictOf(fileOf(evidence), { ...trust, chainId: 'other' })).toBe('invalid');
});

test('the accused are those who signed both', () => {
  expect(FOUND.fork.accused).toEqual(['yz2', 'yz3']);
  expect(failed(fileOf({ ...FOUND.fork, accused: ['yz1'] }))).toEqual(['forkAccused']);
});

const certificates = (FOUND.fork as Extract<Evidence, { type: 'fork' }>).certificates;
const fork = (changed: object) => fileOf({ ...FOUND.fork, ...changed } as Evidence);
const few = forkOf([blockAt(1000, ['yz1', 'yz2']), other], crypto);
test.each<[string, EvidenceFile, string[]]>([
  ['twice the same block', fork({ certificates: [certificates[0], certificates[0]] }), ['twoBlocks', 'forkAccused']],
  ['one block only', fork({ certificates: [certificates[0]] }), ['form']],
  ['a height that is not theirs', fork({ height: height + 1 }), ['forkCertificate', 'forkCertificate']],
  ['a certificate of too few', fileOf(few), ['forkCertificate']],
  [
    'members that are not the headers’',
    { ...fileOf(FOUND.fork), members: members.slice(1) },
    ['members', 'forkCertificate'],
  ],
  [
    'a commit that cannot be read',
    fork({ certificates: [{ ...certificates[0], commit: 'AAAA' }, certificates[1]] }),
    ['form'],
  ],
  ['two votes that are the same', fileOf({ ...equivocation, signed: [votes[0]!, votes[0]!] }), ['equivocation']],
  ['votes of another member', fileOf({ ...equivocation, accused: ['yz1'] }), ['equivocation']],
  ['a checkpoint of another member', fileOf({ ...FOUND['split-view'], memberId: 'yz1' } as Evidence), ['splitView']],
])('%s prove nothing', (_case, file, names) => {
  expect(failed(file)).toEqual(names);
});

test('a key that the accused had at another time is enough to prove it, not to say whose it is', () => {
  const [own] = members.filter(({ memberId }) => memberId === 'yz2');
  const replaced = members.map((member) => (member === own ? { ...own!, publicKey: members[0]!.publicKey } : member));
  const file = { ...fileOf(equivocation), members: replaced, others: [{ memberId: 'yz2', publicKey: own!.publicKey }] };
  expect(verdictOf(file)).toBe('unknown');
  expect(verdictOf({ ...file, others: [] })).toBe('invalid');
});

const handover = makeHandover();
const ofThree = { ...trust, membersHash: handover.header.membersHash };
const handed = (...handovers: SignedHeader[]) => ({ ...fileOf(FOUND.fork), handovers });
test('under members to whom the trusted ones handed the chain over: valid, by each block that did', () => {
  expect(verdictOf(handed(), ofThree)).toBe('unknown');
  expect(verdictOf(handed(handover), ofThree)).toBe('valid');
  expect(verdictOf(handed(handover))).toBe('valid');
  expect(verdictOf(handed(handover), null)).toBe('unknown');
});

test.each<[string, SignedHeader[]]>([
  ['signed by too few', [makeHandover(['yz1', 'yz2'])]],
  ['to other members', [{ ...handover, header: { ...handover.header, nextMembersHash: 'ab'.repeat(32) } }]],
  ['of a later block', [{ ...handover, header: { ...handover.header, height: height + 1 } }]],
  ['twice', [handover, handover]],
])('a handover %s hands nothing over', (_case, handovers) => {
  expect(failed(handed(...handovers))).toEqual(['handover']);
});

test('any text: no evidence, and never an error', () => {
  const content = JSON.stringify(fileOf(FOUND.fork));
  fc.assert(
    fc.property(fc.string(), fc.nat(content.length - 1), fc.constantFrom('0', '"', '{', 'x'), (text, at, char) => {
      expect(verifyEvidence(text, trust, crypto).verdict).toBe('invalid');
      const changed = content.slice(0, at) + char + content.slice(at + 1);
      if (changed !== content) verifyEvidence(changed, trust, crypto);
    }),
    { numRuns: 60 },
  );
  expect(verdictOf({ ...fileOf(FOUND.fork), more: 1 })).toBe('invalid');
  expect(fromHex(FOUND.fork.id)).toHaveLength(32);
});
