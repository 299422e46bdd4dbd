import { LRUCache } from 'lru-cache';
import type { TraceAction } from '../domain/trace.ts';
import type { Archive, LoanRow, Store, TraceEntry, TraceEvent } from '../platform/store/index.ts';
import type { Actor } from './route.ts';

/** What an entry says besides who, what and to which object. */
export type TraceMore = Partial<
  Pick<TraceEvent, 'result' | 'reason' | 'details' | 'archiveId' | 'patientId' | 'loanId' | 'purpose' | 'term'>
>;
type About = Pick<TraceMore, 'archiveId' | 'patientId' | 'purpose'>;

/** Archives and loans whose patient is remembered. */
const MOST_KNOWN = 5000;
/** A number that is corrected through another process is known here after this long. */
const KNOWN_MS = 60_000;
const known = new WeakMap<Store, LRUCache<string, About>>();

async function read(
  { models, trace }: Store,
  archiveId: string | undefined,
  loanId: string | undefined,
): Promise<About> {
  const loan =
    loanId === undefined
      ? null
      : await models.Loan.findOne({ loanId }).select('archiveId patientNo request').lean<LoanRow>();
  const id = loan?.archiveId ?? archiveId;
  const patientNo =
    loan?.patientNo ??
    (id === undefined ? null : await models.Archive.findOne({ archiveId: id }).select('patientNo').lean<Archive>())
      ?.patientNo;
  if (patientNo === undefined) return {};
  const purpose = loan?.request.purpose;
  return { archiveId: id!, patientId: await trace.patients.of(patientNo), ...(purpose !== undefined && { purpose }) };
}

/** Whose archive or loan it is, for the timelines by patient and by archive. */
async function aboutOf(store: Store, archiveId: string | undefined, loanId: string | undefined): Promise<About> {
  if (archiveId === undefined && loanId === undefined) return {};
  const remembered = known.get(store) ?? new LRUCache<string, About>({ max: MOST_KNOWN, ttl: KNOWN_MS });
  known.set(store, remembered);
  const key = loanId ?? archiveId!;
  const found = remembered.get(key) ?? (await read(store, archiveId, loanId));
  if (found.patientId === undefined) return {};
  remembered.set(key, found);
  return found;
}

/** The number of an archive was corrected: whose it is, is read again. */
export function forgetPatient(store: Store, archiveId: string): void {
  const remembered = known.get(store);
  for (const [key, about] of remembered?.entries() ?? []) if (about.archiveId === archiveId) remembered!.delete(key);
}

/** Leaves the trace of who does what to which object: it is durable when this resolves, and the deed follows, or the bytes. */
export async function traced(
  store: Store,
  { actor, requestId }: { actor: Actor; requestId: string },
  action: TraceAction,
  object: TraceEntry['object'],
  more: TraceMore = {},
): Promise<TraceEntry> {
  const archiveId = more.archiveId ?? (object.type === 'archive' ? object.id : undefined);
  const loanId = more.loanId ?? (object.type === 'loan' ? object.id : undefined);
  const { type, id, roles, departmentId, proof, place } = actor;
  return store.trace.append({
    actor: {
      ...{ type, id, roles: [...roles] },
      ...(departmentId !== undefined && { departmentId }),
      ...(proof !== undefined && { proof }),
    },
    ...(place !== undefined && { from: place }),
    action,
    object,
    ...(await aboutOf(store, archiveId, loanId)),
    ...(archiveId !== undefined && { archiveId }),
    ...(loanId !== undefined && { loanId }),
    result: 'allowed',
    ...more,
    requestId,
  });
}
