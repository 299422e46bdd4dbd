import { sm2, sm3 } from '../../../platform/crypto/index.ts';
import {
  type AttestedProof,
  type AttestedVerdict,
  type ShownCatalogEdit,
  type ShownLoanEvent,
  verifyCatalogEdit,
  verifyLoanEvent,
} from '../../../verifier/attested.ts';
import { concat, fromHex, tag, toHex, utf8 } from '../../../verifier/bytes.ts';
import { leafHash, type LedgerReceipt, membersHash } from '../../../verifier/index.ts';
import { canonicalJson } from '../../../verifier/jcs.ts';
import { digestOf, keyOf, makeReceipt, signHeader } from '../../fixtures/receipt.ts';

const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
const SALT = '7b'.repeat(32);
const salted = (name: string, text: string) => toHex(sm3(concat(tag(name), fromHex(SALT), utf8(text))));

/** What a node gives for a record of this manifest: alone in its log. */
function ledgerOf(manifest: object, stream: string, subject: string): LedgerReceipt {
  const { ledger } = makeReceipt();
  const digest = toHex(sm3(concat(tag('sealfolio/attest/1'), fromHex(SALT), utf8(canonicalJson(manifest)))));
  const key = toHex(sm3(concat(tag('sealfolio/key/1'), utf8(subject))));
  const entry = { ...ledger.entry, record: { stream, key, digest, note: '' } };
  const header = { ...ledger.header, logSize: 1, logRoot: toHex(leafHash(entry, sm3)) };
  const made = { ...ledger, entry, index: 0, path: [], header };
  signHeader(made, ['yz1', 'yz2', 'yzp']);
  return made;
}
const trustOf = ({ chainId, genesisHash, members }: LedgerReceipt) => ({
  chainId,
  genesisHash,
  membersHash: toHex(membersHash(members, sm3)!),
});

const event: ShownLoanEvent = {
  loanId: 'ln_1',
  seq: 2,
  act: 'approve',
  from: 'inReview',
  to: 'approved',
  at: '2026-11-28T01:02:03.000Z',
  by: 'medical',
};
const { by, ...said } = event;
const loanManifest = {
  format: 'sealfolio-loan/1',
  memberId: 'yz1',
  archiveId: 'ar_1',
  ...said,
  actor: salted('sealfolio/actor/1', by),
};
const loan: AttestedProof = { manifest: loanManifest, salt: SALT, ledger: ledgerOf(loanManifest, 'loan', 'ln_1') };

/** An approval that took a right away: its manifest says it, where those of before say nothing. */
const grant = { asked: { days: 30, rights: ['view', 'print'] }, given: { days: 30, rights: ['view'] } };
const grantManifest = { ...loanManifest, grant };
const narrowed: AttestedProof = {
  manifest: grantManifest,
  salt: SALT,
  ledger: ledgerOf(grantManifest, 'loan', 'ln_1'),
};

const edit: ShownCatalogEdit = {
  archiveId: 'ar_1',
  version: 1,
  edit: 3,
  at: '2026-11-28T01:02:03.000Z',
  by: 'clerk',
  reason: '检验单归入医嘱',
};
const catalog = { templateId: 'inpatient', templateVersion: 1, nodes: [{ title: '医嘱', pages: [1] }] };
const editManifest = {
  format: 'sealfolio-catalog/1',
  memberId: 'yz1',
  archiveId: 'ar_1',
  version: 1,
  edit: 3,
  at: edit.at,
  actor: salted('sealfolio/actor/1', edit.by),
  reason: salted('sealfolio/reason/1', edit.reason),
  catalog: { templateId: 'inpatient', templateVersion: 1, sm3: toHex(sm3(utf8(canonicalJson(catalog)))) },
  previousSm3: digestOf('before'),
};
const signature = toHex(sm2.sign(keyOf('yz1'), utf8(canonicalJson(editManifest))));
const ledger = ledgerOf(editManifest, 'catalog', 'ar_1');
const arranged = { manifest: editManifest, salt: SALT, ledger, signature, catalog };

const trust = trustOf(ledger);
const ofLoan = (change: object = {}, shown: object = {}, anchor: typeof trust | null = trust) =>
  verifyLoanEvent({ ...loan, ...change }, { ...event, ...shown }, anchor, crypto);
const ofEdit = (change: object = {}, shown: object = {}, anchor: typeof trust | null = trust) =>
  verifyCatalogEdit({ ...arranged, ...change }, { ...edit, ...shown }, anchor, crypto);
const failedAt = ({ steps }: AttestedVerdict) => steps.find(({ state }) => state === 'fail')?.step;

test('as it was attested: every step passes', () => {
  expect(ofLoan()).toMatchObject({ verdict: 'valid' });
  expect(ofLoan().steps.map(({ step }) => step)).toEqual(['shown', 'record', 'ledger']);
  expect(ofEdit()).toMatchObject({ verdict: 'valid' });
  expect(ofEdit().steps.map(({ step }) => step)).toEqual(['shown', 'catalog', 'record', 'ledger', 'signature']);
});

test('an approval that says what it gave: it is covered, whatever the order of its fields', () => {
  const { given, asked } = grant;
  expect(ofLoan(narrowed, { grant: { given, asked } })).toMatchObject({ verdict: 'valid' });
});

test('without a trust anchor it cannot be told', () => {
  for (const outcome of [ofLoan({}, {}, null), ofEdit({}, {}, null)]) {
    expect(outcome.verdict).toBe('unknown');
    expect(outcome.steps.find(({ step }) => step === 'ledger')).toMatchObject({ state: 'unknown' });
  }
});

const other = ledgerOf(editManifest, 'loan', 'ln_1');
const few = structuredClone(loan.ledger) as LedgerReceipt;
signHeader(few, ['yz1', 'yz2']);
test.each<[string, AttestedVerdict, string]>([
  ['another person', ofLoan({}, { by: 'doctor' }), 'shown'],
  ['another deed', ofLoan({}, { act: 'refuse' }), 'shown'],
  ['another time', ofLoan({}, { at: '2026-11-28T01:02:04.000Z' }), 'shown'],
  ['a proof of another event', ofLoan({}, { seq: 3 }), 'shown'],
  [
    'a manifest that fits what is shown',
    ofLoan({ manifest: { ...loanManifest, act: 'refuse' } }, { act: 'refuse' }),
    'record',
  ],
  ['a salt that is not its own', ofEdit({ salt: '00'.repeat(32) }), 'shown'],
  ['a record of something else', ofLoan({ ledger: other }), 'record'],
  ['too few signatures', ofLoan({ ledger: few }), 'ledger'],
  ['members that are not the trusted ones', ofLoan({}, {}, { ...trust, membersHash: digestOf('x') }), 'ledger'],
  ['no ledger at all', ofLoan({ ledger: null }), 'record'],
  ['no manifest at all', ofLoan({ manifest: null }), 'shown'],
  ['another right given', ofLoan(narrowed, { grant: { ...grant, given: grant.asked } }), 'shown'],
  ['what was given left out', ofLoan(narrowed), 'shown'],
  ['what was given added to an event of before', ofLoan({}, { grant }), 'shown'],
  ['another reason', ofEdit({}, { reason: '改名' }), 'shown'],
  ['another catalogue', ofEdit({ catalog: { ...catalog, nodes: [] } }), 'catalog'],
  ['no signature', ofEdit({ signature: undefined }), 'signature'],
  ['another signature', ofEdit({ signature: '11'.repeat(64) }), 'signature'],
])('%s: does not pass, and says where', (_case, outcome, step) => {
  expect([outcome.verdict, failedAt(outcome)]).toEqual(['invalid', step]);
});

test('what a key of before a rotation signed holds, as far back as the trusted members', () => {
  const rotated = structuredClone(ledger) as LedgerReceipt;
  const handover = { header: rotated.header, commit: rotated.commit, members: ledger.members };
  rotated.members = ledger.members.map((one) =>
    one.memberId === 'yz1' ? { ...one, publicKey: toHex(sm2.publicKeyOf(keyOf('yz1 later'))) } : one,
  );
  const now = toHex(membersHash(rotated.members, sm3)!);
  const { header } = ledger;
  handover.header = { ...header, height: header.height - 1, nextMembersHash: now };
  handover.commit = { round: 0, signatures: [] };
  signHeader(handover, ['yz1', 'yz2', 'yz3']);
  rotated.header = { ...header, membersHash: now, nextMembersHash: now };
  signHeader(rotated, ['yz2', 'yz3', 'yzp']);
  rotated.handovers = [handover];
  expect(ofEdit({ ledger: rotated })).toMatchObject({ verdict: 'valid' });
  const newer = ofEdit({ ledger: rotated }, {}, { ...trust, membersHash: now });
  expect([newer.verdict, failedAt(newer)]).toEqual(['unknown', undefined]);
  const byAnother = toHex(sm2.sign(keyOf('yz2'), utf8(canonicalJson(editManifest))));
  expect(failedAt(ofEdit({ ledger: rotated, signature: byAnother }))).toBe('signature');
});
