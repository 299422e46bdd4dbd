import type { mongo } from 'mongoose';
import type { Logger } from '../../platform/observe/logger.ts';
import type { BulkJob, LoanRow, Notice, Store } from '../../platform/store/index.ts';

/** Something that a page may want to ask for again. It says which kind, and whom it may concern; never what it says. */
export interface Change {
  kind: 'loans' | 'notices' | 'jobs' | 'corrections';
  /** These people, and for loans whoever manages or reviews them. */
  people: string[];
  roles: string[];
  departmentId?: string | undefined;
}

const COLLECTIONS = ['loans', 'notices', 'bulkJobs', 'corrections'];
const RETRY_MS = 1000;

/** Changes of the member's database, told to whoever listens: one stream of the database for all pages. */
export class EventHub {
  readonly #listeners = new Set<(change: Change) => void>();
  readonly #ends = new Set<() => void>();
  #stream: mongo.ChangeStream | null = null;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: Store,
    private readonly logger: Logger,
  ) {}

  /** `end` is called when the process stops. Gives what ends the listening. */
  listen(tell: (change: Change) => void, end: () => void): () => void {
    if (this.#stream === null && !this.#closed) this.#open();
    this.#listeners.add(tell);
    this.#ends.add(end);
    return () => {
      this.#listeners.delete(tell);
      this.#ends.delete(end);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    for (const end of this.#ends) end();
    await this.#stream?.close();
  }

  #open(): void {
    const filter = [{ $match: { 'ns.coll': { $in: COLLECTIONS } } }];
    const stream = this.store.connection.db!.watch(filter, { fullDocument: 'updateLookup' });
    this.#stream = stream;
    stream.on('change', (event) => {
      const { ns, fullDocument } = event as { ns?: { coll: string }; fullDocument?: object };
      if (ns === undefined || fullDocument === undefined) return;
      const change = changeOf(ns.coll, fullDocument);
      for (const tell of this.#listeners) tell(change);
    });
    stream.on('error', (error) => {
      this.#stream = null;
      void stream.close();
      if (this.#closed) return;
      this.logger.warn({ err: error }, 'the change stream broke off');
      // Pages ask by themselves now and then: what was missed meanwhile is not lost.
      this.#retry = setTimeout(() => this.#open(), RETRY_MS);
    });
  }
}

function changeOf(collection: string, document: object): Change {
  if (collection === 'notices') return { kind: 'notices', people: [(document as Notice).username], roles: [] };
  if (collection === 'bulkJobs') return { kind: 'jobs', people: [(document as BulkJob).by], roles: [] };
  if (collection === 'corrections')
    return { kind: 'corrections', people: [], roles: ['recordsClerk', 'medicalAffairs'] };
  const { applicant, departmentId, levels } = document as LoanRow;
  return { kind: 'loans', people: [applicant], roles: ['recordsClerk', 'medicalAffairs', ...levels], departmentId };
}
