import { ATTEST_TAG, CORRECTION_STREAM, LOAN_STREAM, MERGE_STREAM } from '../../domain/attestation.ts';
import { PackedPages } from '../../domain/catalog/numbered.ts';
import { TRACE_STREAM } from '../../domain/trace.ts';
import { cardOf } from '../../platform/card/index.ts';
import type { MemberConfig } from '../../platform/config/schemas.ts';
import { jcs, sm3, taggedSm3 } from '../../platform/crypto/index.ts';
import { readTrust } from '../../platform/ledger/trust.ts';
import {
  type ArchiveVersion,
  type CatalogEdit,
  openStore,
  type OutboxItem,
  type Store,
} from '../../platform/store/index.ts';
import { type AttestedRows, readTraceNote, TraceCheck, type TraceRow } from '../../verifier/index.ts';
import { checkCorrections } from './corrections.ts';
import { checkMerges } from './merges.ts';
import type { Finding } from './finding.ts';
import { isSignedByOneOf } from './keys.ts';
import type { CheckedChain, LedgerRecordSeen } from './ledger.ts';
import { checkLoans, LOAN_LATE_MS } from './loans.ts';
import { checkVersions } from './versions.ts';

/** A batch of the trace that waits longer than this is stuck. */
const TRACE_LATE_MS = 60_000;

/**
 * Checks one member's database against its card and the ledger, reading only: every stored object opens and is what
 * was announced; every attested version has a receipt that holds, and is on the ledger once; so are the events of loans
 * and corrections, and merges of patients; the trace is whole. `asOf`: when the ledger was read.
 */
export async function checkMember(
  config: MemberConfig,
  { records, keys }: Pick<CheckedChain, 'records' | 'keys'>,
  asOf: number,
): Promise<Finding[]> {
  const card = cardOf(config.card);
  const store = await openStore(config.mongo, card, { readOnly: true });
  try {
    const findings: Finding[] = [];
    const find = (where: string, reason: string) => findings.push({ where: `${config.memberId} ${where}`, reason });
    await checkVersions(store, config.memberId, readTrust(config.ledger.trustFile), { records, keys }, find);
    await checkLoans(store, config.memberId, records, asOf, find);
    await checkCatalogs(store, config.memberId, { records, keys }, find);
    await checkCorrections(store, config.memberId, { records, keys }, asOf, find);
    await checkMerges(store, config.memberId, { records, keys }, asOf, find);
    await checkTrace(store, config.memberId, records, find);
    // These are written all the time: the newest are always on their way.
    const late = new Date(Math.min(Date.now() - TRACE_LATE_MS, asOf - LOAN_LATE_MS));
    const recent = {
      stream: { $in: [TRACE_STREAM, LOAN_STREAM, CORRECTION_STREAM, MERGE_STREAM] },
      createdAt: { $gt: late },
    };
    const stuck = await store.models.OutboxItem.find({ state: { $ne: 'final' }, $nor: [recent] }).lean<OutboxItem[]>();
    for (const { archiveId, version } of stuck) find(`${archiveId} v${version}`, 'waits in the outbox');
    return findings;
  } finally {
    await store.close();
    card.close();
  }
}

/** Every row made anew, against the chain and the records of the longest ledger. */
async function checkTrace(
  { models, trace }: Store,
  memberId: string,
  records: readonly LedgerRecordSeen[],
  find: (where: string, reason: string) => void,
): Promise<void> {
  if ((await models.TraceEntry.estimatedDocumentCount()) === 0) return;
  const check = new TraceCheck({
    memberId,
    sm3,
    seal: await trace.sealer(),
    attested: attestedOf(memberId, records),
    reached: 0,
    leavesOf: async (from) => {
      const batch = await models.TraceBatch.findOne({ from });
      return batch === null ? null : { leaves: batch.leaves, manifest: batch.manifest };
    },
    onFinding: ({ kind, from, to, reason }) =>
      find(`trace ${from === to ? `entry ${from}` : `entries ${from} to ${to}`}`, `${kind}: ${reason}`),
  });
  const rows = models.TraceEntry.collection.find({}, { projection: { _id: 0 }, sort: { seq: 1 } });
  for await (const row of rows) {
    const { at } = row as unknown as { at: unknown };
    await check.next({ ...row, at: at instanceof Date ? at.toISOString() : at } as unknown as TraceRow);
  }
  await check.end();
}

function attestedOf(memberId: string, records: readonly LedgerRecordSeen[]): AttestedRows[] {
  const batches: AttestedRows[] = [];
  for (const { sender, stream, note, digest } of records) {
    const rows = sender === memberId && stream === TRACE_STREAM ? readTraceNote(note) : null;
    if (rows !== null && rows.from > (batches.at(-1)?.to ?? 0)) batches.push({ ...rows, digest });
  }
  return batches;
}

/**
 * Every edit of a catalogue: signed by a key that the member had when it was attested, or before; attested, after the one
 * before it, over the very pages of its version.
 */
export async function checkCatalogs(
  { models }: Pick<Store, 'models'>,
  memberId: string,
  { records, keys }: Pick<CheckedChain, 'records' | 'keys'>,
  find: (where: string, reason: string) => void,
): Promise<void> {
  const own = keys.filter((key) => key.memberId === memberId);
  const onLedger = new Map(records.filter(({ sender }) => sender === memberId).map((one) => [one.digest, one.height]));
  const digestOf = (value: unknown) => sm3(Buffer.from(jcs(value))).toString('hex');
  let version = null as ArchiveVersion | null;
  let before = '';
  for await (const edit of models.CatalogEdit.find().sort({ archiveId: 1, version: 1, edit: 1 }).lean<CatalogEdit>()) {
    const { archiveId, manifest, salt, signature, catalog } = edit;
    const where = `${archiveId} catalogue ${edit.version}.${edit.edit}`;
    if (version?.archiveId !== archiveId || version.version !== edit.version) {
      version = await models.ArchiveVersion.findOne({ archiveId, version: edit.version }).lean<ArchiveVersion>();
      before = version === null ? '' : digestOf(version.catalog);
    }
    const packed = version === null ? null : new PackedPages(version.catalog);
    if (packed === null || packed.pageFaults(packed.number(catalog)).length > 0)
      find(where, 'is not of the pages of its version');
    if (manifest.catalog.sm3 !== digestOf(catalog)) find(where, 'is not the one that was signed');
    if (manifest.previousSm3 !== before) find(where, 'does not come after the one before it');
    const signed = Buffer.from(jcs(manifest));
    const height = onLedger.get(taggedSm3(ATTEST_TAG, Buffer.from(salt, 'hex'), signed).toString('hex'));
    if (height === undefined) find(where, 'is not on the ledger');
    if (!isSignedByOneOf(own, height, signed, signature)) find(where, 'is not signed');
    before = digestOf(catalog);
  }
}
