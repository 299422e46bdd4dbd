import { randomBytes } from 'node:crypto';
import type { Connection, mongo } from 'mongoose';
import { TRACE_ACTIONS, TRACE_ROW_FORMAT } from '../../domain/trace.ts';
import type { Card } from '../card/card.ts';
import { hmacSm3, jcs, sm3 } from '../crypto/index.ts';
import type { createTraceModels, TraceBatch as TraceBatchRow, TraceEntry } from './models/trace.ts';
import { Pseudonyms } from './pseudonyms.ts';

const DUPLICATE_KEY = 11_000;
/** What row 1 names as the row before. */
export const FIRST_HASH = '0'.repeat(64);
const KEY_BYTES = 32;
const MAC_CHARACTERS = 32;
/** Rows written by one insert: those that came while the one before was on its way. */
const MOST_AT_ONCE = 500;

export type TraceEvent = Omit<TraceEntry, 'seq' | 'at' | 'format' | 'kind' | 'previousHash' | 'hash' | 'mac'>;
type Head = Pick<TraceEntry, 'seq' | 'hash'>;

interface Waiting {
  event: TraceEvent;
  done(entry: TraceEntry): void;
  fail(error: unknown): void;
}

/** Digest of all that a row says; what chains and seals it is left out. */
export function traceDigest(row: Partial<TraceEntry>): Buffer {
  const { previousHash: _previous, hash: _hash, mac: _mac, ...content } = row;
  return sm3(Buffer.from('sealfolio/trace/1\0'), Buffer.from(jcs({ ...content, at: content.at?.toISOString() })));
}

/** Hash of a row: over the hash of the row before, and its own digest. */
export const chainHash = (previousHash: string, digest: Buffer): string =>
  sm3(Buffer.from('sealfolio/trace-chain/1\0'), Buffer.from(previousHash, 'hex'), digest).toString('hex');

/**
 * The member's trace: rows numbered without a gap, chained. A row is durable (majority, journal) when `append` resolves;
 * only then may bytes leave. Several processes may write: the unique number says who was first, the other takes the next.
 */
export class Trace {
  readonly #waiting: Waiting[] = [];
  readonly #models: ReturnType<typeof createTraceModels>;
  #isWriting = false;
  #head: Head | null = null;
  #key: Promise<Buffer> | null = null;
  /** Opaque ids of patients, in the trace only. */
  readonly patients: Pseudonyms;
  /** Is called when rows were written. */
  onWritten: () => void = () => {};

  constructor(
    private readonly connection: Connection,
    models: ReturnType<typeof createTraceModels>,
    private readonly card: Card,
  ) {
    this.#models = models;
    this.patients = new Pseudonyms(models.PatientSalt, () => this.#keyOf());
  }

  append(event: TraceEvent): Promise<TraceEntry> {
    // As JSON has it: what is absent is absent in the row too, and the digest is of what the database keeps.
    const kept = JSON.parse(JSON.stringify(event)) as TraceEvent;
    return new Promise((done, fail) => {
      this.#waiting.push({ event: kept, done, fail });
      if (!this.#isWriting) void this.#write();
    });
  }

  /** The last row that this process wrote or followed: rows up to it were there. 0 if it wrote none. */
  get seen(): number {
    return this.#head?.seq ?? 0;
  }

  /** How many rows wait for the ledger, and since when the oldest does (null: none waits). */
  async waiting(): Promise<{ rows: number; since: Date | null }> {
    const { TraceBatch, TraceEntry: Entry } = this.#models;
    // Batches are attested in their order.
    const attested = await TraceBatch.findOne({ attestation: { $exists: true } })
      .sort({ to: -1 })
      .select('to')
      .lean<Pick<TraceBatchRow, 'to'>>();
    const [oldest, last] = await Promise.all([
      Entry.findOne({ seq: { $gt: attested?.to ?? 0 } })
        .sort({ seq: 1 })
        .select('seq at')
        .lean<Pick<TraceEntry, 'seq' | 'at'>>(),
      Entry.findOne().sort({ seq: -1 }).select('seq').lean<Pick<TraceEntry, 'seq'>>(),
    ]);
    if (oldest === null) return { rows: 0, since: null };
    return { rows: Math.max(1, (last?.seq ?? 0) - oldest.seq + 1), since: oldest.at };
  }

  /** What stands in the trace for a text that was searched for: under the one key, for nobody can tell whose name it is. */
  async termOf(text: string): Promise<string> {
    const term = Buffer.from(`sealfolio/trace-term/1\0${text.trim().toLowerCase()}`);
    return hmacSm3(await this.#keyOf(), term)
      .toString('hex')
      .slice(0, MAC_CHARACTERS);
  }

  /** What seals digests of rows. Throws card-unavailable. */
  async sealer(): Promise<(digest: Uint8Array) => string> {
    const key = await this.#keyOf();
    return (digest) => hmacSm3(key, digest).toString('hex').slice(0, MAC_CHARACTERS);
  }

  #keyOf(): Promise<Buffer> {
    this.#key ??= this.#readKey().catch((error: unknown) => {
      this.#key = null;
      throw error;
    });
    return this.#key;
  }

  /** Lies in the database wrapped by the card: whoever has the database alone has no use of it. */
  async #readKey(): Promise<Buffer> {
    const settings = this.connection.collection<{ _id: string; wrappedKey: mongo.Binary; keyId: string }>('settings');
    const _id = 'traceKey';
    let found = await settings.findOne({ _id });
    if (found === null) {
      const { wrappedKey, keyId } = await this.card.wrapKey(randomBytes(KEY_BYTES));
      const made = { $setOnInsert: { wrappedKey: wrappedKey as never, keyId } };
      await settings.updateOne({ _id }, made, { upsert: true, writeConcern: { w: 'majority', journal: true } });
      found = (await settings.findOne({ _id }))!;
    }
    return this.card.unwrapKey(Buffer.from(found.wrappedKey.buffer), found.keyId);
  }

  /** Where to go on: after the last row, and never within what is attested, even if its rows are gone. */
  async #readHead(): Promise<Head> {
    const { TraceBatch, TraceEntry: Entry } = this.#models;
    const [last, batch] = await Promise.all([
      Entry.findOne().sort({ seq: -1 }).select('seq hash').lean<Head>(),
      TraceBatch.findOne().sort({ to: -1 }).select('to manifest').lean(),
    ]);
    if (batch !== null && batch.to > (last?.seq ?? 0)) return { seq: batch.to, hash: batch.manifest.head };
    return last ?? { seq: 0, hash: FIRST_HASH };
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MOST_AT_ONCE);
      try {
        await this.#insert(batch);
        this.onWritten();
      } catch (error) {
        this.#head = null;
        for (const { fail } of batch) fail(error);
      }
    }
    this.#isWriting = false;
  }

  /** Takes from `batch` what is written. */
  async #insert(batch: Waiting[]): Promise<void> {
    const seal = await this.sealer();
    while (batch.length > 0) {
      this.#head ??= await this.#readHead();
      let head = this.#head;
      const at = new Date();
      const rows = batch.map(({ event }) => {
        const content = {
          ...event,
          format: TRACE_ROW_FORMAT,
          seq: head.seq + 1,
          at,
          kind: TRACE_ACTIONS[event.action].kind,
        };
        const digest = traceDigest(content);
        const row = { ...content, previousHash: head.hash, hash: chainHash(head.hash, digest), mac: seal(digest) };
        head = row;
        return row as TraceEntry;
      });
      let written = rows.length;
      try {
        await this.#models.TraceEntry.collection.insertMany(rows.map((row) => ({ ...row })) as never, {
          ordered: true,
          writeConcern: { w: 'majority', journal: true },
        });
      } catch (error) {
        const { code, insertedCount = 0 } = error as { code?: number; insertedCount?: number };
        if (code !== DUPLICATE_KEY) throw error;
        written = insertedCount;
      }
      for (const [i, { done }] of batch.splice(0, written).entries()) done(rows[i]!);
      // Another process took the number: what it wrote is read, and gone on from.
      this.#head = batch.length === 0 ? { seq: head.seq, hash: head.hash } : null;
    }
  }
}
