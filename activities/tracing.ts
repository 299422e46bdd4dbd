import { ATTEST_TAG, KEY_TAG } from '../domain/attestation.ts';
import { TRACE_BATCH_ROWS, TRACE_FORMAT, TRACE_STREAM, type TraceManifest } from '../domain/trace.ts';
import { jcs, sm3, SM3_BYTES, taggedSm3 } from '../platform/crypto/index.ts';
import { FIRST_HASH, type Store, type TraceBatch, traceDigest, type TraceEntry } from '../platform/store/index.ts';

/** Batches made in one call: the next call makes the next. */
const MOST_BATCHES = 256;

/** Merkle root over digests (RFC 6962 §2.1, SM3). */
function rootOf(digests: readonly Buffer[]): Buffer {
  if (digests.length === 1) return sm3(Uint8Array.of(0), digests[0]!);
  let left = 1;
  while (left * 2 < digests.length) left *= 2;
  return sm3(Uint8Array.of(1), rootOf(digests.slice(0, left)), rootOf(digests.slice(left)));
}

/** First and last row of a batch, in clear beside its digest: the ledger alone tells which rows are attested. */
function noteOf({ from, to }: TraceManifest): string {
  const note = Buffer.alloc(16);
  note.writeBigUInt64BE(BigInt(from), 0);
  note.writeBigUInt64BE(BigInt(to), 8);
  return note.toString('hex');
}

/** A row that was put there with what no digest is made of has none: the check names it. */
function digestOf(row: TraceEntry): Buffer {
  try {
    return traceDigest(row);
  } catch {
    return Buffer.alloc(SM3_BYTES);
  }
}

function isYounger({ at }: TraceEntry, ms: number): boolean {
  const age = Date.now() - at.getTime();
  return age >= 0 && age < ms;
}

/** Rows that follow one another from the first, as many as one batch holds. */
function runOf(rows: readonly TraceEntry[]): TraceEntry[] {
  const end = rows.findIndex(({ seq }, i) => seq !== rows[0]!.seq + i);
  return rows.slice(0, end === -1 ? rows.length : end);
}

/**
 * Puts rows that no batch has yet into batches, and these into the outbox: full ones at once, what is left when its first
 * row is `restMs` old; one that seems to come from the future (the clocks of two processes differ) waits for nothing. Done
 * again, or twice at once, it makes each batch once.
 */
export async function sealTrace({ models }: Store, memberId: string, restMs: number): Promise<number> {
  const { OutboxItem, TraceBatch, TraceEntry } = models;
  const key = taggedSm3(KEY_TAG, `trace/${memberId}`).toString('hex');
  for (let made = 0; ; made += 1) {
    const last = await TraceBatch.findOne().sort({ to: -1 }).lean<TraceBatch>();
    // A batch whose way into the outbox broke off is put there again.
    if (made === 0 && last !== null && last.attestation === undefined) await request(last);
    if (made === MOST_BATCHES) return made;
    const found = await TraceEntry.find({ seq: { $gt: last?.to ?? 0 } })
      .sort({ seq: 1 })
      .limit(TRACE_BATCH_ROWS)
      .select('-_id')
      .lean<TraceEntry[]>();
    const rows = runOf(found);
    if (rows.length === 0 || (found.length < TRACE_BATCH_ROWS && isYounger(rows[0]!, restMs))) return made;
    const digests = rows.map(digestOf);
    const [from, to] = [rows[0]!.seq, rows.at(-1)!.seq];
    const manifest: TraceManifest = {
      format: TRACE_FORMAT,
      memberId,
      from,
      to,
      root: rootOf(digests).toString('hex'),
      previous: rows[0]!.previousHash ?? FIRST_HASH,
      head: rows.at(-1)!.hash,
    };
    const batch = await TraceBatch.findOneAndUpdate(
      { from },
      { $setOnInsert: { to, manifest, leaves: Buffer.concat(digests), createdAt: new Date() } },
      { upsert: true, returnDocument: 'after' },
    ).lean<TraceBatch>();
    await request(batch);
  }

  async function request({ from, manifest }: TraceBatch): Promise<void> {
    const digest = taggedSm3(ATTEST_TAG, jcs(manifest)).toString('hex');
    const item = { stream: TRACE_STREAM, key, digest, note: noteOf(manifest), state: 'pending', createdAt: new Date() };
    await OutboxItem.updateOne(
      { archiveId: TRACE_STREAM, version: from },
      { $setOnInsert: item as never },
      { upsert: true },
    );
  }
}
