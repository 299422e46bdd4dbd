import { z } from 'zod';
import { COMPLETENESS, type CompletenessState } from '../../domain/catalog/completeness.ts';
import { Mark } from '../../domain/loan/policy.ts';
import { AttestationState } from '../../domain/status.ts';
import { allNumbersOf, type Archive, between, type PatientMerge, type Store } from '../../platform/store/index.ts';
import { frontPageState } from '../front-pages/schemas.ts';
import { type Found, foundBy } from '../exports/export.ts';
import {
  decodePlace,
  encodePlace,
  type Filter,
  inOrder,
  type Order,
  orderedPage,
  type Position,
  type Plan,
  startsWith,
} from '../ordered.ts';

export const completenessState = z.enum(Object.keys(COMPLETENESS) as [CompletenessState]);
/** The same filter for a list and for an export. */
export const archiveFilter = z.object({
  q: z.string().max(64).optional().describe('Start of a patient number or name, or an archive id'),
  state: z.enum(AttestationState).optional(),
  department: z.string().max(64).optional(),
  completeness: completenessState.optional(),
  frontPage: frontPageState.optional().describe('首页质控'),
  mark: z.enum(Mark).optional(),
  dischargedFrom: z.iso.datetime().optional(),
  dischargedTo: z.iso.datetime().optional(),
});
export type ArchiveFilter = z.infer<typeof archiveFilter>;
type Row = Archive & { _id: { toString(): string } };

/** Orders that lists have, each an index of the model: by discharge, or, where a number or a name is looked for, by that. */
const ORDERS = {
  dischargedAt: { first: 'dischargedAt', then: '_id', direction: -1 },
  patientNo: { first: 'patientNo', then: 'visitNo', direction: 1 },
  patientName: { first: 'patientName', then: '_id', direction: 1 },
} as const satisfies Record<string, Order>;
type OrderName = keyof typeof ORDERS;

function isPlace(order: string, [first, then]: Position): boolean {
  if (!(order in ORDERS) || typeof first !== 'string' || typeof then !== 'string') return false;
  const isId = ORDERS[order as OrderName].then !== '_id' || /^[0-9a-f]{24}$/.test(then);
  return isId && (order !== 'dischargedAt' || !Number.isNaN(Date.parse(first)));
}
const cursorOf = (order: OrderName, row: Row): string =>
  encodePlace(order, [row[ORDERS[order].first], String(row[ORDERS[order].then])]);

/**
 * What an index finds in order, and what is left to look at archive by archive. `alike`: numbers of patients that are looked
 * for by another one of theirs.
 */
export function archivePlan(
  { q, state, department, completeness, frontPage, mark, dischargedFrom, dischargedTo }: ArchiveFilter,
  order: OrderName,
  place: Position | null,
  toId: (text: string) => unknown,
  alike: readonly string[] = [],
): Plan {
  const { first, then, direction } = ORDERS[order];
  const byState: Filter = state === undefined ? {} : { state };
  const byMark: Filter = mark === undefined ? {} : { marks: mark };
  const others: Filter = {
    ...(department !== undefined && { department }),
    ...(frontPage === undefined && completeness !== undefined && { completeness }),
    ...(frontPage !== undefined && { frontPage }),
  };
  const beside: Filter = { ...byState, ...(frontPage !== undefined && completeness !== undefined && { completeness }) };
  const time: Filter = between(dischargedFrom, dischargedTo);
  const sort = { [first]: direction, [then]: direction };
  const from: Position | null = place && [
    order === 'dischargedAt' ? new Date(place[0] as string) : place[0],
    then === '_id' ? toId(place[1] as string) : place[1],
  ];
  if (order === 'dischargedAt') {
    // Nearly all archives are attested: beside `completeness` or `frontPage` the state needs no index of its own; nor do both.
    // Few have a mark.
    const isAlone = completeness === undefined && frontPage === undefined;
    const [same, rest] =
      mark !== undefined
        ? [byMark, { ...beside, ...others }]
        : isAlone
          ? [{ ...byState, ...others }, {}]
          : [others, beside];
    return { found: inOrder([same], ORDERS[order], time, from), rest, sort };
  }
  // Names are many that begin alike: an index by department, or else by state, finds fewer. Numbers are few.
  const narrow: Filter = order === 'patientNo' ? {} : department !== undefined ? { department } : byState;
  const asked = { ...beside, ...others, ...byMark, ...(Object.keys(time).length > 0 && { dischargedAt: time }) };
  const rest = Object.fromEntries(Object.entries(asked).filter(([name]) => !(name in narrow)));
  const found = inOrder([narrow], ORDERS[order], startsWith(q ?? ''), from);
  if (order !== 'patientNo' || alike.length === 0) return { found, rest, sort };
  return { found: { $or: [found, inOrder([narrow], ORDERS[order], { $in: alike }, from)] }, rest, sort };
}

/** What is looked for, the first that finds any: names in Latin letters are looked for once no number begins so. */
function ordersOf(q: string | undefined): readonly OrderName[] {
  if (q === undefined || q === '') return ['dischargedAt'];
  return /[^\x20-\x7e]/.test(q) ? ['patientName'] : ['patientNo', 'patientName'];
}
/** Merges that a text is looked for in; it begins more numbers than that only where it is too short to be one. */
const MOST_MERGES = 50;
/** Numbers of the patients whose other numbers begin so. */
async function alikeOf({ models }: Store, q: string | undefined): Promise<string[]> {
  if (q === undefined || !ordersOf(q).includes('patientNo')) return [];
  const merges = await models.PatientMerge.find({
    stands: true,
    $or: [{ retired: startsWith(q) }, { surviving: startsWith(q) }],
  } as never)
    .limit(MOST_MERGES)
    .lean<PatientMerge[]>();
  const named = merges.flatMap(({ retired, surviving }) => [retired, surviving]).filter((one) => one.startsWith(q));
  return (await allNumbersOf(models, named)).filter((one) => !one.startsWith(q));
}
const isArchiveId = (q: string | undefined): q is string => q !== undefined && /^ar_[a-z0-9]{1,40}$/.test(q);

/** One page of archives. Its time does not grow with their number. Throws request-invalid for another list's cursor. */
export async function listArchives(
  store: Store,
  filter: ArchiveFilter,
  { cursor, limit }: { cursor?: string | undefined; limit: number },
): Promise<{ rows: Archive[]; nextCursor: string | null }> {
  const { connection } = store;
  const { Archive } = store.models;
  const { q } = filter;
  const toId = (text: string) => new connection.base.Types.ObjectId(text);
  if (isArchiveId(q)) {
    const found = await Archive.findOne({ archiveId: q }).lean<Archive>();
    if (found !== null) return { rows: [found], nextCursor: null };
  }
  const place = cursor === undefined ? null : decodePlace(cursor, isPlace);
  const alike = await alikeOf(store, q);
  const page = async (order: OrderName): Promise<{ rows: Archive[]; nextCursor: string | null }> => {
    const plan = archivePlan(filter, order, place?.place ?? null, toId, alike);
    const { rows, last } = await orderedPage<Row>(Archive.collection, plan, limit);
    return { rows, nextCursor: last === null ? null : cursorOf(order, last) };
  };
  if (place !== null) return page(place.order as OrderName);
  for (const order of ordersOf(q)) {
    const found = await page(order);
    if (found.rows.length > 0 || found.nextCursor !== null) return found;
  }
  return { rows: [], nextCursor: null };
}

/** All archives that the list would show, page by page. */
export async function allArchives(store: Store, filter: ArchiveFilter, limit: number): Promise<Found<Archive>> {
  const { Archive } = store.models;
  const { q } = filter;
  const alike = await alikeOf(store, q);
  const plans: Plan[] = [
    ...(isArchiveId(q) ? [{ found: { archiveId: q }, rest: {}, sort: { _id: 1 as const } }] : []),
    ...ordersOf(q).map((order) => archivePlan(filter, order, null, String, alike)),
  ];
  let found = await foundBy<Archive>(Archive.collection, plans[0]!, limit);
  for (const plan of plans.slice(1)) {
    if (found.count > 0) break;
    found = await foundBy<Archive>(Archive.collection, plan, limit);
  }
  return found;
}
