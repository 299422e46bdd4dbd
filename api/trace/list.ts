import { z } from 'zod';
import { TraceKind, TRACE_RESULTS } from '../../domain/trace.ts';
import {
  allNumbersOf,
  type Archive,
  type Store,
  type TraceBatch,
  type TraceEntry,
} from '../../platform/store/index.ts';
import { type Found, foundBy } from '../exports/export.ts';
import { type Filter, orderedPage, type Plan } from '../ordered.ts';
import type { TraceMore } from '../traced.ts';

const id = (prefix: string) => z.string().regex(new RegExp(`^${prefix}_[a-zA-Z0-9]{1,64}$`));
const instant = z.iso.datetime({ offset: true });

/** What the trace is narrowed by: by archive, person, patient or loan, and within that by kind, result and time. */
export const traceFilter = z.strictObject({
  archiveId: id('ar').optional(),
  loanId: id('ln').optional(),
  patientId: id('pt').optional(),
  patientNo: z.string().min(1).max(64).optional().describe('病案号: only its opaque id is looked for'),
  actor: z.string().min(1).max(64).optional().describe('User name, or id of a system'),
  kind: z.enum(TraceKind).optional(),
  result: z.enum(TRACE_RESULTS).optional(),
  searched: z.string().min(1).max(64).optional().describe('A text that someone searched for'),
  from: instant.optional(),
  to: instant.optional(),
});
export type TraceFilter = z.infer<typeof traceFilter>;

/**
 * What an index finds, and what is left to look at entry by entry. Each of the first is an index of the model
 * (platform/store/models/trace.ts). `also`: what is of the patient besides the rows that name the id.
 */
export function tracePlan(filter: Filter, seq: Filter, also: readonly Filter[] = []): Plan {
  const isRefused = filter.result === 'denied' || filter.result === 'failed';
  const orders: string[][] = [
    ['archiveId'],
    ['loanId'],
    ['patientId'],
    ['term'],
    ...(isRefused ? [['actor.id', 'result']] : []),
    ['actor.id', 'kind'],
    ['actor.id'],
    ...(isRefused ? [['result', 'kind'], ['result']] : []),
    ['kind'],
    [],
  ];
  const names = orders.find((all) => all.every((name) => filter[name] !== undefined))!;
  const pick = (isFound: boolean) =>
    Object.fromEntries(
      Object.entries(filter).filter(([name, value]) => value !== undefined && names.includes(name) === isFound),
    );
  const patient: Filter[] = [{ patientId: filter.patientId }, ...also];
  const byPatient = names[0] === 'patientId';
  const found =
    byPatient && patient.length > 1 ? { $or: patient.map((one) => ({ ...one, seq })) } : { ...pick(true), seq };
  const { patientId, ...others } = pick(false);
  const rest = patientId === undefined ? others : { ...others, $or: patient };
  return { found, rest, sort: { seq: -1 } };
}

/**
/**
 * Besides the rows under a patient's id: those under the id of before, and under the ids of other numbers that were merged
 * with this one; and what was done to archives whose number was corrected, as before it that stands under yet another one.
 */
async function alsoOf({ models, trace }: Store, patientNo: string): Promise<Filter[]> {
  const numbers = await allNumbersOf(models, [patientNo]);
  const others = numbers.filter((one) => one !== patientNo);
  const [patients, corrected] = await Promise.all([
    Promise.all([
      ...others.map((one) => trace.patients.of(one)),
      ...numbers.map((one) => trace.patients.ofBefore(one)),
    ]),
    models.Archive.find({ patientNo: { $in: numbers }, corrected: { $gt: 0 } })
      .select('archiveId')
      .lean<Archive[]>(),
  ]);
  return [...patients.map((patientId) => ({ patientId })), ...corrected.map(({ archiveId }) => ({ archiveId }))];
}

/** The number of the first entry at or after an instant; one beyond the last if there is none. */
async function seqAt({ models }: Store, at: Date): Promise<number> {
  const first = await models.TraceEntry.findOne({ at: { $gte: at } })
    .sort({ at: 1, seq: 1 })
    .select('seq')
    .lean<TraceEntry>();
  return first?.seq ?? Number.MAX_SAFE_INTEGER;
}

export interface TracePage {
  rows: TraceEntry[];
  /** Go on before this number; null at the end. */
  nextBefore: number | null;
  /** Until when entries were looked at, if the page ended early. */
  searchedTo: Date | null;
}

/** The plan of a filter, newest first, before a number. */
async function planOf(
  store: Store,
  { patientNo, patientId, actor, searched, from, to, ...same }: TraceFilter,
  before = Number.MAX_SAFE_INTEGER,
): Promise<Plan> {
  const [first, end] = [
    from === undefined ? 0 : await seqAt(store, new Date(from)),
    to === undefined ? Number.MAX_SAFE_INTEGER : await seqAt(store, new Date(to)),
  ];
  return tracePlan(
    {
      ...same,
      'actor.id': actor,
      patientId: patientNo === undefined ? patientId : await store.trace.patients.of(patientNo),
      term: searched === undefined ? undefined : await store.trace.termOf(searched),
    },
    { $gte: first, $lt: Math.min(end, before) },
    patientNo === undefined ? [] : await alsoOf(store, patientNo),
  );
}

/** One page of the trace, newest first. Its time does not grow with the trace. */
export async function listTrace(
  store: Store,
  filter: TraceFilter,
  { before, limit }: { before?: number | undefined; limit: number },
): Promise<TracePage> {
  const { rows, last, endedEarly } = await orderedPage<TraceEntry & { _id?: unknown }>(
    store.models.TraceEntry.collection,
    await planOf(store, filter, before),
    limit,
  );
  return {
    rows: rows.map(({ _id, ...row }) => row),
    nextBefore: last?.seq ?? null,
    searchedTo: endedEarly ? last!.at : null,
  };
}

/** All entries that the list would show, page by page. */
export const allTrace = async (store: Store, filter: TraceFilter, limit: number): Promise<Found<TraceEntry>> =>
  foundBy<TraceEntry>(store.models.TraceEntry.collection, await planOf(store, filter), limit);

/** What was looked for, without the text that would name someone. */
export async function lookedFor(
  store: Store,
  { patientNo, searched, patientId, ...filter }: TraceFilter,
): Promise<TraceMore> {
  const patient = patientNo === undefined ? patientId : await store.trace.patients.of(patientNo);
  const { archiveId, loanId, ...rest } = filter;
  return {
    ...(patient !== undefined && { patientId: patient }),
    ...(archiveId !== undefined && { archiveId }),
    ...(loanId !== undefined && { loanId }),
    ...(searched !== undefined && { term: await store.trace.termOf(searched) }),
    details: rest,
  };
}

/** Where each entry is attested; absent while it waits. */
export async function placesOf({ models }: Store, rows: readonly TraceEntry[]): Promise<Map<number, TraceBatch>> {
  if (rows.length === 0) return new Map();
  const numbers = rows.map(({ seq }) => seq);
  // The batch of each is the last that begins at or before it: found by one look each, as they lie far apart in a filter.
  const starts = [...new Set(numbers)];
  const batches = new Map<number, TraceBatch>();
  let known: TraceBatch | null = null;
  for (const seq of starts.sort((a, b) => b - a)) {
    if (known === null || seq < known.from)
      known = await models.TraceBatch.findOne({ from: { $lte: seq } })
        .sort({ from: -1 })
        .select('-leaves')
        .lean<TraceBatch>();
    if (known === null) break;
    if (seq <= known.to && known.attestation !== undefined) batches.set(seq, known);
  }
  return batches;
}
