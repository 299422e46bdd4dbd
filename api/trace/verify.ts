import { setImmediate } from 'node:timers/promises';
import { SealfolioError } from '../../domain/errors.ts';
import { TRACE_STREAM } from '../../domain/trace.ts';
import { sm2, sm3 } from '../../platform/crypto/index.ts';
import type { AgreedRecord, Quorum } from '../../platform/ledger/quorum.ts';
import type { TraceBatch } from '../../platform/store/index.ts';
import {
  type AttestedRows,
  readTraceNote,
  TraceCheck,
  type TraceFinding,
  traceKey,
  type TraceManifest,
  type TraceRow,
  verifyRecord,
} from '../../verifier/index.ts';
import type { ApiDeps } from '../deps.ts';

/** Told this often, in rows; and other requests get their turn. */
const STEP_ROWS = 256;
const TELL_ROWS = 5000;
/** Findings that are shown with the row as it is stored now. */
const MOST_SHOWN = 1000;

/** What the page is told, one JSON a line. */
export type TraceProgress =
  | {
      type: 'nodes';
      nodes: { memberId: string; state: string; height?: number }[];
      needed: number;
      batches: number;
      attestedTo: number;
    }
  | { type: 'progress'; checked: number; total: number }
  | ({ type: 'finding'; row: unknown } & TraceFinding)
  | { type: 'done'; checked: number; findings: number; attestedTo: number; height: number | null };

/** Batches as the ledger has them, in order; a later record of the same rows does not replace the first. */
export function attestedOf(records: readonly AgreedRecord[]): (AttestedRows & { place: AgreedRecord })[] {
  const batches: (AttestedRows & { place: AgreedRecord })[] = [];
  for (const place of records) {
    const rows = readTraceNote(place.record.note);
    if (rows !== null && rows.from > (batches.at(-1)?.to ?? 0))
      batches.push({ ...rows, digest: place.record.digest, place });
  }
  return batches;
}

/** As the verifier takes it: instants as text. */
export const rowOf = (stored: Record<string, unknown>): TraceRow => {
  const { _id, ...row } = stored;
  return { ...row, at: row.at instanceof Date ? row.at.toISOString() : row.at } as unknown as TraceRow;
};

let isRunning = false;

/**
 * 一键核验: every row and the chain made anew, held against what f + 1 nodes have attested. Throws quorum-missing,
 * receipt-invalid {layer} if the newest proof does not hold, or trace-verification-running.
 */
export async function verifyTrace(
  { store, ledger, trust, memberId }: Pick<ApiDeps, 'store' | 'ledger' | 'trust' | 'memberId'>,
  quorum: Quorum,
  tell: (progress: TraceProgress) => Promise<void>,
): Promise<void> {
  if (isRunning) throw new SealfolioError('trace-verification-running');
  isRunning = true;
  try {
    const { TraceBatch, TraceEntry } = store.models;
    const agreement = await quorum.records(TRACE_STREAM, traceKey(memberId, sm3), memberId);
    const attested = attestedOf(agreement.records);
    const newest = attested.at(-1);
    const attestedTo = newest?.to ?? 0;
    if (newest !== undefined) {
      const { txId, indexInTx } = newest.place;
      const crypto = { sm3, sm2Verify: sm2.verify.bind(sm2) };
      const receipt = await ledger.receipt(txId, indexInTx);
      const { verdict, failed } = verifyRecord(receipt, newest.digest, trust, crypto);
      if (verdict !== 'valid') throw new SealfolioError('receipt-invalid', { layer: failed ?? verdict });
    }
    await tell({
      type: 'nodes',
      nodes: agreement.nodes,
      needed: agreement.needed,
      batches: attested.length,
      attestedTo,
    });

    const findings: TraceFinding[] = [];
    let total = 0;
    const check = new TraceCheck({
      memberId,
      sm3,
      seal: await store.trace.sealer(),
      attested,
      reached: store.trace.seen,
      async leavesOf(from) {
        const batch = await TraceBatch.findOne({ from }).lean<TraceBatch>();
        if (batch === null || batch.leaves === undefined) return null;
        const { leaves, manifest } = batch as unknown as { leaves: { buffer: Uint8Array }; manifest: TraceManifest };
        return { leaves: leaves instanceof Uint8Array ? leaves : leaves.buffer, manifest };
      },
      onFinding: (finding) => void findings.push(finding),
    });
    let told = 0;
    const flush = async () => {
      for (; told < findings.length; told += 1) {
        const finding = findings[told]!;
        const row = told < MOST_SHOWN && finding.from === finding.to ? await stored(finding.from) : null;
        await tell({ type: 'finding', ...finding, row });
      }
    };
    const stored = (seq: number) =>
      TraceEntry.collection
        .findOne({ seq }, { projection: { _id: 0 } })
        .then((row) => (row === null ? null : rowOf(row)));

    total = await TraceEntry.estimatedDocumentCount();
    const cursor = TraceEntry.collection.find({}, { projection: { _id: 0 }, sort: { seq: 1 }, batchSize: 1000 });
    let n = 0;
    for await (const row of cursor) {
      await check.next(rowOf(row));
      n += 1;
      if (n % STEP_ROWS === 0) await setImmediate();
      if (n % TELL_ROWS === 0) {
        await flush();
        await tell({ type: 'progress', checked: n, total: Math.max(total, n) });
      }
    }
    await check.end();
    await flush();
    await tell({ type: 'progress', checked: n, total: n });
    const height = newest?.place.height ?? null;
    await tell({ type: 'done', checked: check.checked, findings: findings.length, attestedTo, height });
  } finally {
    isRunning = false;
  }
}
