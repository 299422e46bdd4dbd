import type { Collection, PipelineStage } from 'mongoose';
import { SealfolioError } from '../domain/errors.ts';

/** A filter as the database takes it. */
export type Filter = Record<string, unknown>;
/** An order that a list has, which is that of an index: by `first`, and where it is the same by `then`. */
export interface Order {
  first: string;
  then: string;
  direction: 1 | -1;
}
/** Where a list went on: the values of the last row. */
export type Position = [first: unknown, then: unknown];
/** What an index finds in order, and what is left to look at row by row. */
export interface Plan {
  found: Filter;
  rest: Filter;
  sort: Record<string, 1 | -1>;
}

/** Rows looked at for one page, and counted, at most: beyond that the page ends early, and the next goes on there. */
const MOST_EXAMINED = 1000;
/** Rows that the database sends at once where all are read. */
const MOST_AT_ONCE = 500;
/** Rows looked at first, for each one that is asked for: most pages are full then. The database fetches all at once. */
const EXAMINED_FIRST = 2;
const EMPTY = (filter: Filter) => Object.keys(filter).length === 0;

/**
 * What an index finds: of each of `branches` (fields that are equal, which the index begins with) the rows whose `first`
 * is in `bounds`, after a place.
 */
export function inOrder(
  branches: readonly Filter[],
  { first, then, direction }: Order,
  bounds: Filter,
  place: Position | null,
): Filter {
  const after = direction === 1 ? '$gt' : '$lt';
  const on = (range: Filter): Filter => (EMPTY(range) ? {} : { [first]: range });
  const places =
    place === null
      ? [on(bounds)]
      : [{ [first]: place[0], [then]: { [after]: place[1] } }, on({ ...bounds, [after]: place[0] })];
  // Of no branch at all: nothing.
  if (branches.length === 0) return { [then]: null, [first]: null };
  const all = branches.flatMap((branch) => places.map((one) => ({ ...branch, ...one })));
  return all.length === 1 ? all[0]! : { $or: all };
}

/** Bounds of what begins with a text. */
export const startsWith = (text: string): Filter => ({ $gte: text, $lt: `${text}\uffff` });

/** The stages of one page of a plan; one row more than `limit` tells that there are more. */
export const orderedStages = (
  { found, rest, sort }: Plan,
  limit: number,
  mostExamined = MOST_EXAMINED,
): PipelineStage[] => [
  { $match: found },
  { $sort: sort },
  ...(EMPTY(rest) ? [] : [{ $limit: mostExamined }, { $match: rest }]),
  { $limit: limit + 1 },
];

/** One page of a plan, and the row after which the next begins (null at the end). Its time does not grow with the list. */
export async function orderedPage<T extends object>(
  collection: Collection,
  plan: Plan,
  limit: number,
  examined = Math.min(EXAMINED_FIRST * limit, MOST_EXAMINED),
): Promise<{ rows: T[]; last: T | null; endedEarly: boolean }> {
  const found = await collection.aggregate<T>(orderedStages(plan, limit, examined)).toArray();
  const rows = found.slice(0, limit);
  if (found.length > limit) return { rows, last: rows.at(-1)!, endedEarly: false };
  if (EMPTY(plan.rest)) return { rows, last: null, endedEarly: false };
  const [last] = await collection
    .aggregate<T>([{ $match: plan.found }, { $sort: plan.sort }, { $skip: examined - 1 }, { $limit: 1 }])
    .toArray();
  if (last === undefined) return { rows, last: null, endedEarly: false };
  if (examined === MOST_EXAMINED) return { rows, last, endedEarly: true };
  return orderedPage(collection, plan, limit, MOST_EXAMINED);
}

/** The fields that a filter looks at. */
const fieldsOf = (filter: unknown): string[] =>
  typeof filter !== 'object' || filter === null
    ? []
    : Object.entries(filter).flatMap(([name, value]) =>
        name.startsWith('$') ? (Array.isArray(value) ? value.flatMap(fieldsOf) : []) : [name],
      );

/** The stages of a count. Only the fields that are asked for are taken, so that where an index holds them no row is read. */
export function totalStages({ found, rest, sort }: Plan): PipelineStage[] {
  const counted = { $count: 'n' };
  const fields = [...Object.keys(sort), ...fieldsOf(rest)];
  return [
    { $match: found },
    { $sort: sort },
    { $limit: MOST_EXAMINED + 1 },
    { $project: { _id: 0, ...Object.fromEntries(fields.map((field) => [field, 1])) } },
    ...(EMPTY(rest)
      ? [{ $group: { _id: null, examined: { $sum: 1 }, total: { $sum: 1 } } }]
      : [
          { $facet: { examined: [counted], total: [{ $match: rest }, counted] } },
          { $project: { examined: { $first: '$examined.n' }, total: { $first: '$total.n' } } },
        ]),
  ];
}

/** How many rows a plan has; where there are more to look at than for one page, how many of those looked at. */
export async function countPlan(collection: Collection, plan: Plan): Promise<{ total: number; isCapped: boolean }> {
  const [counts] = await collection
    .aggregate<Partial<Record<'examined' | 'total', number>>>(totalStages(plan))
    .toArray();
  return { total: counts?.total ?? 0, isCapped: (counts?.examined ?? 0) > MOST_EXAMINED };
}

/** The stages that find what a plan has. */
const foundStages = ({ found, rest }: Plan): PipelineStage[] => [
  { $match: found },
  ...(EMPTY(rest) ? [] : [{ $match: rest }]),
];

/** How many rows a plan has, counted as far as `most`. */
export async function countTo(collection: Collection, plan: Plan, most: number): Promise<number> {
  const stages = [...foundStages(plan), { $limit: most }, { $count: 'n' }];
  const [counted] = await collection.aggregate<{ n: number }>(stages).toArray();
  return counted?.n ?? 0;
}

/** Rows of a plan in its order, as many at a time as lie ready; no more are asked for than are taken. */
export async function* rowsOf<T extends object>(collection: Collection, plan: Plan): AsyncGenerator<T[]> {
  const [match, ...rest] = foundStages(plan);
  const cursor = collection.aggregate<T>([match!, { $sort: plan.sort }, ...rest], { batchSize: MOST_AT_ONCE });
  try {
    for (let row = await cursor.next(); row !== null; row = await cursor.next())
      yield [row, ...cursor.readBufferedDocuments()];
  } finally {
    await cursor.close();
  }
}

/** A cursor, opaque to clients: the name of the order, and the place in it. */
export const encodePlace = (order: string, [first, then]: Position): string =>
  Buffer.from(JSON.stringify([order, first, then])).toString('base64url');

/** Throws request-invalid for what `isPlace` does not take. */
export function decodePlace(
  text: string,
  isPlace: (order: string, place: Position) => boolean,
): { order: string; place: Position } {
  try {
    const [order, first, then] = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as [string, ...Position];
    if (isPlace(order, [first, then])) return { order, place: [first, then] };
  } catch {
    // refused below
  }
  throw new SealfolioError('request-invalid', {
    errors: [{ pointer: '/query/cursor', rule: 'cursor', message: 'not a cursor of this list' }],
  });
}
