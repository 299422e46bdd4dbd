import type { mongo } from 'mongoose';
import { type Permission, rolesWith } from '../../domain/access.ts';
import type { Logger } from '../../platform/observe/logger.ts';
import type { BulkJob, LoanRow, Notice, Store } from '../../platform/store/index.ts';

/** Something that a page may want to ask for again. It says which kind, and whom it may concern; never what it says. */
export interface Change {
  kind: 'loans' | 'notices' | 'jobs' | 'corrections' | 'batches' | 'workflows';
  /** These people, and for loans whoever manages or reviews them. */
  people: string[];
  roles: string[];
  departmentId?: string | undefined;
}

const readers = (permission: Permission): Omit<Change, 'kind'> => ({ people: [], roles: rolesWith(permission) });
const WORKFLOWS: Change = { kind: 'workflows', ...readers('workflow:read') };
const BATCHES: Change = { kind: 'batches', ...readers('batch:read') };
const CORRECTIONS: Change = { kind: 'corrections', people: [], roles: ['recordsClerk', 'medicalAffairs'] };
/** Collections whose changes are all told alike, whatever the document says: to those who may read what is shown of it. */
const ALIKE: Record<string, Change> = {
  corrections: CORRECTIONS,
  patientMerges: CORRECTIONS,
  batches: BATCHES,
  stations: BATCHES,
  archives: WORKFLOWS,
  workflowTroubles: WORKFLOWS,
  workflowCares: WORKFLOWS,
};
/** Those of which the document says whom they concern; of it only that is read. */
const NAMING = ['loans', 'notices', 'bulkJobs'];
const WATCHED = [
  {
    $match: {
      $or: [
        { 'ns.coll': { $in: [...NAMING, ...Object.keys(ALIKE).filter((name) => name !== 'archives')] } },
        // Workflows bring an archive from state to state; what else changes of it is none of theirs.
        { 'ns.coll': 'archives', 'updateDescription.updatedFields.state': { $exists: true } },
      ],
    },
  },
  {
    $project: {
      ns: 1,
      ...Object.fromEntries(
        ['username', 'by', 'applicant', 'departmentId', 'levels'].map((field) => [`fullDocument.${field}`, 1]),
      ),
    },
  },
];
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
    const stream = this.store.connection.db!.watch(WATCHED, { fullDocument: 'updateLookup' });
    this.#stream = stream;
    stream.on('change', (event) => {
      const { ns, fullDocument } = event as { ns?: { coll: string }; fullDocument?: object };
      if (ns === undefined) return;
      for (const change of changesOf(ns.coll, fullDocument)) for (const tell of this.#listeners) tell(change);
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

/** What is gone has no document. */
function changesOf(collection: string, document: object | undefined): Change[] {
  const alike = ALIKE[collection];
  if (alike !== undefined) return [alike];
  if (document === undefined) return [];
  if (collection === 'notices') return [{ kind: 'notices', people: [(document as Notice).username], roles: [] }];
  if (collection === 'bulkJobs') return [{ kind: 'jobs', people: [(document as BulkJob).by], roles: [] }];
  const { applicant, departmentId, levels } = document as LoanRow;
  const roles = ['recordsClerk', 'medicalAffairs', ...levels];
  return [{ kind: 'loans', people: [applicant], roles, departmentId }, WORKFLOWS];
}
