import { MockActivityEnvironment } from '@temporalio/testing';
import { createAnchoringActivities } from '../../../activities/anchoring.ts';
import { createArchivingActivities } from '../../../activities/archiving.ts';
import { decodeTransaction, signingMessage } from '../../../chain-node/codec/transaction.ts';
import { chainStart, checkChain, nodeAt } from '../../../ops/fsck/ledger.ts';
import { checkCatalogs } from '../../../ops/fsck/member.ts';
import { sm2, sm3 } from '../../../platform/crypto/index.ts';
import type { MemberKeys } from '../../../platform/card/keys.ts';
import { LedgerClient } from '../../../platform/ledger/client.ts';
import {
  type AnchoringTx,
  type Archive,
  type ArchiveVersion,
  catalogAt,
  type CatalogEdit,
  placeOf,
  signEdit,
  writeEdit,
} from '../../../platform/store/index.ts';
import { verifyCatalogEdit } from '../../../verifier/attested.ts';
import { verifyReceipt } from '../../../verifier/index.ts';
import { committed, frontPage } from '../../fixtures/archiving.ts';
import { TestMember } from '../../fixtures/member.ts';
import { until } from '../../fixtures/until.ts';

const member = new TestMember('rotation');
const [second, third, fourth] = [sm2.generateKeyPair(), sm2.generateKeyPair(), sm2.generateKeyPair()];
beforeAll(async () => {
  member.nodes.nextKeys.set(member.memberId, [second.privateKey, third.privateKey, fourth.privateKey]);
  await member.start();
});
afterAll(() => member.stop());

const tryOf = <T>(step: () => Promise<T>): Promise<T> => new MockActivityEnvironment().run(step);

/** A version that waits in the outbox, and nobody is told. */
async function waiting(archiveId: string, seed: number): Promise<void> {
  const signals = { ...member.deps.signals, backlog: async () => {} };
  const archiving = createArchivingActivities({ ...member.deps, signals });
  const batchIds = [await committed(member, archiveId, [await frontPage(seed)])];
  await tryOf(() => archiving.checkBatches({ archiveId, batchIds }));
  await tryOf(() => archiving.buildCatalog({ archiveId, batchIds }));
  await tryOf(() => archiving.packArchive({ archiveId, version: 1 }));
  await tryOf(() => archiving.requestAttestation({ archiveId, version: 1 }));
}

/** The transaction that is made of what waits, by a worker that does not reach the ledger. */
async function signed(): Promise<AnchoringTx> {
  const { anchorBacklog } = createAnchoringActivities({
    ...member.deps,
    ledger: new LedgerClient('http://127.0.0.1:2'),
  });
  await expect(tryOf(anchorBacklog)).rejects.toMatchObject({ code: 'ledger-unavailable' });
  return (await member.store.models.AnchoringTx.findOne({ state: 'pending' }).lean<AnchoringTx>())!;
}

const bytesOf = ({ encoded }: AnchoringTx) => Buffer.from((encoded as unknown as { buffer: Buffer }).buffer);
const isSignedBy = (tx: AnchoringTx, publicKey: Buffer) => {
  const { signature, ...unsigned } = decodeTransaction(bytesOf(tx));
  return sm2.verify(publicKey, signingMessage(unsigned), signature);
};
const kept = async (txId: string) => (await member.store.models.AnchoringTx.findOne({ txId }).lean<AnchoringTx>())!;

/** Its receipt holds for anyone, and its record is in the log once. */
async function expectAttestedOnce(archiveId: string, txId: string): Promise<void> {
  const version = (await member.store.models.ArchiveVersion.findOne({ archiveId }).lean<ArchiveVersion>())!;
  const { manifest, receipt } = version;
  const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
  expect(verifyReceipt(receipt!, manifest!.package, member.deps.trust, crypto)).toMatchObject({ verdict: 'valid' });
  const outbox = await member.store.models.OutboxItem.find({ archiveId }).lean();
  expect(outbox).toMatchObject([{ state: 'final', txId }]);
  for (const { rpcUrl } of member.witnesses) {
    const answer = await fetch(`${rpcUrl}/v1/records?digest=${outbox[0]!.digest}`);
    expect(await answer.json()).toMatchObject([{ txId }]);
  }
}

test('the key is rotated while a signed transaction waits: it is signed anew by the new key, and attested once', async () => {
  const first = sm2.publicKeyOf(await member.keys.get('ledger'));
  await waiting('ar_waits', 1);
  const made = await signed();
  await member.nodes.rotate(member.memberId, second.privateKey);

  // A worker that still has the old key can only say so; what waits is as it was.
  const { anchorBacklog } = createAnchoringActivities(member.deps);
  await expect(tryOf(anchorBacklog)).rejects.toMatchObject({
    code: 'ledger-refused',
    data: { code: 'signature-invalid' },
  });
  expect(await kept(made.txId)).toMatchObject({ state: 'pending' });
  expect(isSignedBy(await kept(made.txId), first)).toBe(true);

  await member.restartWorkers(await member.keysWith(second.privateKey));
  await member.deps.signals.backlog();
  await until(async () => (await kept(made.txId)).state === 'final');
  expect(isSignedBy(await kept(made.txId), second.publicKey)).toBe(true);
  await expectAttestedOnce('ar_waits', made.txId);

  // The next is signed by the new key from the beginning, and goes with it.
  await waiting('ar_next', 2);
  await member.deps.signals.backlog();
  await until(async () => (await member.store.models.OutboxItem.countDocuments({ state: { $ne: 'final' } })) === 0);
});

test('the key is rotated after the transaction became final, and before that was written down: it is found, not sent again', async () => {
  await waiting('ar_final', 3);
  const made = await signed();
  await member.ledger.submit(bytesOf(made));
  await member.nodes.final(member.memberId, made.txId);
  await member.nodes.rotate(member.memberId, third.privateKey);
  const { logSize } = await member.ledger.status();

  await member.restartWorkers(await member.keysWith(third.privateKey));
  await member.deps.signals.backlog();
  await until(async () => (await kept(made.txId)).state === 'final');
  expect(isSignedBy(await kept(made.txId), second.publicKey)).toBe(true);
  await expectAttestedOnce('ar_final', made.txId);
  expect((await member.ledger.status()).logSize).toBe(logSize);
});

/** A catalogue is arranged anew, and the edit waits in the outbox. */
async function edited(archiveId: string, reason: string): Promise<void> {
  const archive = (await member.store.models.Archive.findOne({ archiveId }).lean<Archive>())!;
  const base = placeOf(archive);
  const before = (await catalogAt(member.store.models, archiveId, base))!;
  const nodes = before.nodes.map((node, i) => (i === 0 ? { ...node, title: reason } : node));
  const made = { archiveId, base, before, catalog: { ...before, nodes }, by: 'clerk', reason };
  expect(await writeEdit(member.store, await signEdit(member, made), archive)).toBe(true);
}

test('edits of a catalogue hold that a former key signed: attested before the key was rotated, and after it', async () => {
  await member.stopWorkers();
  const anchor = (keys: MemberKeys) => tryOf(createAnchoringActivities({ ...member.deps, keys }).anchorBacklog);
  await edited('ar_next', 'before');
  expect(await anchor(member.keys)).toEqual({ anchored: 1, remaining: 0 });
  await edited('ar_next', 'waits');
  await member.nodes.rotate(member.memberId, fourth.privateKey);
  expect(await anchor(await member.keysWith(fourth.privateKey))).toEqual({ anchored: 1, remaining: 0 });

  const edits = await member.store.models.CatalogEdit.find().sort({ edit: 1 }).lean<CatalogEdit[]>();
  expect(edits.map(({ reason }) => reason)).toEqual(['before', 'waits']);
  const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
  for (const { archiveId, version, edit, by, reason, at, attestation, ...own } of edits) {
    const proof = { ...own, manifest: { ...own.manifest }, ledger: await member.ledger.receipt(attestation!.txId, 0) };
    const shown = { archiveId, version, edit, by, reason, at: at.toISOString() };
    expect(verifyCatalogEdit(proof, shown, member.deps.trust, crypto)).toMatchObject({ verdict: 'valid' });
  }

  const chain = await checkChain(nodeAt(member.rpcUrl), chainStart(member.nodes.genesis));
  expect(chain.findings).toEqual([]);
  const findings = async (keys = chain.keys) => {
    const found: string[] = [];
    await checkCatalogs(member.store, 'yz1', { ...chain, keys }, (where, reason) => found.push(`${where}: ${reason}`));
    return found;
  };
  expect(await findings()).toEqual([]);
  const isSigner = (key: { publicKey: string }) => key.publicKey === third.publicKey.toString('hex');
  const unsigned = ['ar_next catalogue 1.1: is not signed', 'ar_next catalogue 1.2: is not signed'];
  expect(await findings(chain.keys.filter((key) => !isSigner(key)))).toEqual(unsigned);
  const later = chain.keys.map((key) => (isSigner(key) ? { ...key, from: edits[1]!.attestation!.height + 1 } : key));
  expect(await findings(later)).toEqual(unsigned);
});
