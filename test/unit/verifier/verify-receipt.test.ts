import fc from 'fast-check';
import smCrypto from 'sm-crypto';
import { sm3 } from '../../../platform/crypto/sm3.ts';
import { utf8, toHex } from '../../../verifier/bytes.ts';
import { type LayerName, type Trust, type VerifierCrypto, verifyReceipt } from '../../../verifier/index.ts';
import { canonicalJson } from '../../../verifier/jcs.ts';
import type { Receipt } from '../../../verifier/receipt.ts';
import { makeHandover, makeReceipt, signHeader } from '../../fixtures/receipt.ts';

const crypto: VerifierCrypto = {
  sm3,
  sm2Verify: (publicKey, message, signature) =>
    smCrypto.sm2.doVerifySignature(Array.from(message), toHex(signature), toHex(publicKey), { hash: true }),
};

const receipt = makeReceipt();
const content = canonicalJson(receipt);
const { bytes, sm3: fileSm3, sha256 } = receipt.manifest.package;
const file = { bytes, sm3: fileSm3, sha256 };
const trust: Trust = {
  chainId: 'yunzhou-demo',
  genesisHash: receipt.ledger.genesisHash,
  membersHash: receipt.ledger.header.membersHash,
};

/** A receipt of the four, for someone who trusts the three that were before them. */
const handed = makeReceipt();
handed.ledger.handovers = [makeHandover()];
const ofThree: Trust = { ...trust, membersHash: handed.ledger.handovers[0]!.header.membersHash };

/** The handed-over receipt with its handover changed, and signed again by these. */
function handedBy(signers: string[], edit: (handover: (typeof handed.ledger.handovers)[number]) => void): string {
  const copy = structuredClone(handed);
  edit(copy.ledger.handovers[0]!);
  signHeader(copy.ledger.handovers[0]!, signers);
  return canonicalJson(copy);
}

/** The receipt with one place changed afterwards, signatures left as they were. */
function changed(edit: (receipt: Receipt) => void): string {
  const copy = structuredClone(receipt);
  edit(copy);
  return canonicalJson(copy);
}

describe('verifyReceipt', () => {
  test('a true receipt with its file and a trust anchor is valid, layer by layer', () => {
    const verdict = verifyReceipt(content, file, trust, crypto);
    expect(verdict.layers.map(({ layer, state }) => `${layer} ${state}`)).toEqual([
      'form pass',
      'file pass',
      'manifest pass',
      'inclusion pass',
      'header pass',
      'commit pass',
      'handover pass',
      'trust pass',
    ]);
    expect(verdict.verdict).toBe('valid');
  });

  test('without a trust anchor, or without the file, it cannot tell', () => {
    expect(verifyReceipt(content, file, null, crypto).verdict).toBe('unknown');
    expect(verifyReceipt(content, null, trust, crypto).verdict).toBe('unknown');
  });

  test('members that were trusted before are enough, if they signed who comes after them', () => {
    expect(verifyReceipt(canonicalJson(handed), file, ofThree, crypto).verdict).toBe('valid');
    expect(verifyReceipt(canonicalJson(handed), file, trust, crypto).verdict).toBe('valid');
  });

  const three = ['yz1', 'yz2', 'yz3'];
  test.each<[string, LayerName, string]>([
    ['by too few', 'handover', handedBy(['yz1', 'yz2'], () => {})],
    ['by one who was no member yet', 'handover', handedBy(['yz1', 'yz2', 'yzp'], () => {})],
    ['to others', 'handover', handedBy(three, ({ header }) => (header.nextMembersHash = '00'.repeat(32)))],
    ['after the receipt', 'handover', handedBy(three, ({ header }) => (header.height = 8))],
    ['on another chain', 'handover', handedBy(three, ({ header }) => (header.chainId = 'other'))],
    ['left out', 'trust', content],
  ])('a handover %s is invalid at the layer "%s"', (_name, layer, altered) => {
    expect(verifyReceipt(altered, file, ofThree, crypto).failed).toBe(layer);
  });

  const refusals: [string, LayerName, string][] = [
    ['text that is no JSON', 'form', '{'],
    ['a blank added', 'form', ` ${content}`],
    ['a second key of one name', 'form', content.replace('{', '{"salt":"00",')],
    ['a prototype key', 'form', content.replace('{', '{"__proto__":{},')],
    ['an unknown field', 'form', changed((r) => Object.assign(r, { more: 1 }))],
    ['another length', 'file', changed((r) => (r.manifest.package.bytes = 5))],
    ['another sealing time', 'manifest', changed((r) => (r.manifest.sealedAt = '2026-11-22T02:03:01.000Z'))],
    ['another salt', 'manifest', changed((r) => (r.salt = '5b'.repeat(32)))],
    ['another sender', 'manifest', changed((r) => (r.ledger.entry.sender = 'yz2'))],
    ['another index', 'inclusion', changed((r) => (r.ledger.index = 1))],
    ['an index beyond the log', 'inclusion', changed((r) => (r.ledger.index = 3))],
    ['a path too long', 'inclusion', changed((r) => r.ledger.path.push('00'.repeat(32)))],
    ['another name of a member', 'header', changed((r) => (r.ledger.members[0]!.name = '别名'))],
    ['members out of order', 'header', changed((r) => r.ledger.members.reverse())],
    ['another time of the block', 'commit', changed((r) => r.ledger.header.timeMs++)],
    ['another round', 'commit', changed((r) => r.ledger.commit.round++)],
    [
      'one signature wrong among enough',
      'commit',
      changed((r) => (r.ledger.commit.signatures[0]!.signature = '11'.repeat(64))),
    ],
    ['two signatures of four', 'commit', canonicalJson(makeReceipt(['yz1', 'yz2']))],
    ['one signature three times', 'commit', canonicalJson(makeReceipt(['yz1', 'yz1', 'yz1']))],
    ['another genesis', 'trust', changed((r) => (r.ledger.genesisHash = '00'.repeat(32)))],
    [
      'another set of members',
      'trust',
      canonicalJson(makeReceipt(undefined, (r) => (r.ledger.members[3]!.name = 'x'))),
    ],
  ];
  test.each(refusals)('%s is invalid at the layer "%s"', (_name, layer, altered) => {
    const verdict = verifyReceipt(altered, file, trust, crypto);
    expect(verdict.verdict).toBe('invalid');
    expect(verdict.failed).toBe(layer);
  });

  test('one changed bit anywhere in the receipt is caught', () => {
    const bytes = utf8(canonicalJson(handed));
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        const altered = Uint8Array.from(bytes);
        altered[at]! ^= 1 << bit;
        const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(altered);
        expect(verifyReceipt(text, file, trust, crypto).verdict).toBe('invalid');
      }),
      { numRuns: 150 },
    );
  });
});
