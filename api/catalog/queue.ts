import { z } from 'zod';
import { type Archive, between, type CatalogSuggestion, type Store } from '../../platform/store/index.ts';
import {
  decodePlace,
  encodePlace,
  type Filter,
  inOrder,
  type Order,
  orderedPage,
  type Plan,
  type Position,
} from '../ordered.ts';

/** The same filter for a list and for an export. */
export const queueFilter = z.object({
  department: z.string().max(64).optional(),
  dischargedFrom: z.iso.datetime().optional(),
  dischargedTo: z.iso.datetime().optional(),
});
export type QueueFilter = z.infer<typeof queueFilter>;
/** An archive with pages that wait for a person, and what is known of them. */
export interface Queued {
  row: CatalogSuggestion;
  archive: Archive;
}
type Row = CatalogSuggestion & { _id: { toString(): string } };

/** Orders that the queue has, each an index of the model: the last discharged first, or the least sure. */
const ORDERS = {
  dischargedAt: { first: 'dischargedAt', then: '_id', direction: -1 },
  lowest: { first: 'lowest', then: '_id', direction: 1 },
} as const satisfies Record<string, Order>;
export type QueueOrder = keyof typeof ORDERS;
export const QUEUE_ORDERS = Object.keys(ORDERS) as [QueueOrder, ...QueueOrder[]];
export const queueOrder = z
  .enum(QUEUE_ORDERS)
  .default('dischargedAt')
  .describe('Last discharged first, or the least sure first');

/** What an index finds in order, and what is left to look at archive by archive. */
export function queuePlan(
  { department, dischargedFrom, dischargedTo }: QueueFilter,
  order: QueueOrder,
  place: Position | null,
  toId: (text: string) => unknown,
): Plan {
  const { first, direction } = ORDERS[order];
  const same: Filter = { isOpen: true, ...(department !== undefined && { department }) };
  const time: Filter = between(dischargedFrom, dischargedTo);
  const sort = { [first]: direction, _id: direction };
  const from: Position | null = place && [
    order === 'dischargedAt' ? new Date(place[0] as string) : place[0],
    toId(place[1] as string),
  ];
  if (order === 'dischargedAt') return { found: inOrder([same], ORDERS[order], time, from), rest: {}, sort };
  const rest: Filter = Object.keys(time).length > 0 ? { dischargedAt: time } : {};
  return { found: inOrder([same], ORDERS[order], {}, from), rest, sort };
}

function isPlace(order: string, [first, then]: Position): boolean {
  if (!(order in ORDERS) || typeof then !== 'string' || !/^[0-9a-f]{24}$/.test(then)) return false;
  return order === 'lowest' ? typeof first === 'number' : typeof first === 'string' && !Number.isNaN(Date.parse(first));
}

/** Rows with their archives. */
export async function withArchives(
  { Archive }: Store['models'],
  rows: readonly CatalogSuggestion[],
): Promise<Queued[]> {
  const archives = await Archive.find({ archiveId: { $in: rows.map(({ archiveId }) => archiveId) } }).lean<Archive[]>();
  const of = new Map(archives.map((archive) => [archive.archiveId, archive]));
  return rows.flatMap((row) => {
    const archive = of.get(row.archiveId);
    return archive === undefined ? [] : [{ row, archive }];
  });
}

/** One page of archives with pages that wait for a person. Throws request-invalid for another list's cursor. */
export async function listQueue(
  { models, connection }: Store,
  filter: QueueFilter,
  { order, cursor, limit }: { order: QueueOrder; cursor?: string | undefined; limit: number },
): Promise<{ rows: Queued[]; nextCursor: string | null }> {
  const toId = (text: string) => new connection.base.Types.ObjectId(text);
  const place = cursor === undefined ? null : decodePlace(cursor, (named, at) => named === order && isPlace(named, at));
  const plan = queuePlan(filter, order, place?.place ?? null, toId);
  const { rows, last } = await orderedPage<Row>(models.CatalogSuggestion.collection, plan, limit);
  return {
    rows: await withArchives(models, rows),
    nextCursor: last === null ? null : encodePlace(order, [last[ORDERS[order].first], String(last._id)]),
  };
}
