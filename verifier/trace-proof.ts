import { fromHex, toHex } from './bytes.ts';
import { type Trust, type VerifierCrypto, verifyRecord } from './index.ts';
import {
  manifestDigest,
  readTraceNote,
  traceDigest,
  traceKey,
  type TraceManifest,
  traceRoot,
  type TraceRow,
} from './trace.ts';

/** All that shows that one row of the trace is attested: nothing else of the member is believed. */
export interface TraceProof {
  row: TraceRow;
  /** Digests of the rows of its batch, hex. */
  leaves: string[];
  manifest: TraceManifest;
  ledger: unknown;
}

/** The steps of the check, in order; each stands on the one before. */
export const TRACE_STEPS = {
  row: { zh: '记录内容与摘要一致', en: 'The row is what its digest is of' },
  batch: { zh: '摘要属于该批次', en: 'The digest is one of the batch' },
  record: { zh: '批次与账本记录一致', en: 'The batch is what the ledger holds' },
  ledger: { zh: '账本记录由法定多数成员签名', en: 'A quorum of the members signed the record' },
} as const;
export type TraceStep = keyof typeof TRACE_STEPS;

/** Checks a row without believing the server: the step that failed, or null. Never throws on bad input. */
export function verifyTraceProof(
  { row, leaves, manifest, ledger }: TraceProof,
  trust: Trust,
  crypto: VerifierCrypto,
): { failed: TraceStep; reason: string } | null {
  const { sm3 } = crypto;
  try {
    const digest = toHex(traceDigest(row, sm3));
    if (leaves[row.seq - manifest.from] !== digest) return { failed: 'row', reason: 'digest differs' };
    if (leaves.length !== manifest.to - manifest.from + 1) return { failed: 'batch', reason: 'number of rows' };
    if (traceRoot(leaves.map(fromHex), sm3) !== manifest.root) return { failed: 'batch', reason: 'root differs' };
    const proof = verifyRecord(ledger, null, trust, crypto);
    if (proof.verdict !== 'valid') return { failed: 'ledger', reason: proof.failed ?? proof.verdict };
    const { sender, record } = proof.ledger!.entry;
    const note = readTraceNote(record.note);
    const isOurs =
      record.digest === manifestDigest(manifest, sm3) &&
      record.key === traceKey(manifest.memberId, sm3) &&
      sender === manifest.memberId &&
      note?.from === manifest.from &&
      note.to === manifest.to;
    return isOurs ? null : { failed: 'record', reason: 'digest differs' };
  } catch {
    return { failed: 'row', reason: 'not readable' };
  }
}
