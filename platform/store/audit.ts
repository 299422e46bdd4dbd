import { jcs, sm3 } from '../crypto/index.ts';
import type { AuditEntry, createAuditModel } from './models/audit.ts';

const DUPLICATE_KEY = 11_000;
const FIRST = '0'.repeat(64);

export type AuditEvent = Omit<AuditEntry, 'seq' | 'at' | 'previousHash' | 'hash'>;

/** Hash that an entry must have: over everything in it and the hash before. */
export function auditHash({ seq, at, actor, action, object, result, requestId, previousHash }: AuditEntry): string {
  const content = { seq, at: at.toISOString(), actor, action, object, result, requestId, previousHash };
  return sm3(Buffer.from('sealfolio/audit/1\0'), Buffer.from(jcs(content))).toString('hex');
}

/** The member's chain of audit entries. An entry is durable when `append` resolves; only then may bytes leave. */
export class AuditTrail {
  #queue: Promise<unknown> = Promise.resolve();

  constructor(private readonly model: ReturnType<typeof createAuditModel>) {}

  append(event: AuditEvent): Promise<AuditEntry> {
    const result = this.#queue.then(() => this.#append(event));
    this.#queue = result.catch(() => {});
    return result;
  }

  /** The first entry that is not what was written, or whose neighbour is missing; null if the chain is whole. */
  async firstBroken(): Promise<number | null> {
    let previousHash = FIRST;
    let seq = 0;
    for await (const entry of this.model.find().sort({ seq: 1 }).lean<AuditEntry>()) {
      seq += 1;
      if (entry.seq !== seq || entry.previousHash !== previousHash || auditHash(entry) !== entry.hash) return seq;
      previousHash = entry.hash;
    }
    return null;
  }

  /** Another process may have written meanwhile: the unique number says so, and we take the next. */
  async #append(event: AuditEvent): Promise<AuditEntry> {
    for (;;) {
      const last = await this.model.findOne().sort({ seq: -1 }).lean<AuditEntry>();
      const unsigned = {
        ...event,
        seq: (last?.seq ?? 0) + 1,
        at: new Date(),
        previousHash: last?.hash ?? FIRST,
        hash: '',
      };
      const entry = { ...unsigned, hash: auditHash(unsigned) };
      try {
        await this.model.collection.insertOne({ ...entry });
        return entry;
      } catch (error) {
        if ((error as { code?: number }).code !== DUPLICATE_KEY) throw error;
      }
    }
  }
}
