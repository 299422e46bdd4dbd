import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Collection } from 'mongoose';
import { z } from 'zod';
import type { Permission } from '../../domain/access.ts';
import type { TraceAction } from '../../domain/trace.ts';
import { type Column, workbook } from '../../platform/xlsx/workbook.ts';
import type { ApiDeps } from '../deps.ts';
import { countTo, type Plan, rowsOf } from '../ordered.ts';
import { type Actor, type Route, route } from '../route.ts';
import { traced, type TraceMore } from '../traced.ts';
import { atMinute } from './columns.ts';

/** Rows of one workbook, at most. */
const MAX_ROWS = 20_000;
const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
/** What a workbook that does not hold all says first. */
const cutNote = (rows: number) => `本表只含最前的 ${rows} 行，符合条件的不止这些。请缩小筛选范围后再导出。`;

/** What a filter finds, as far as it was asked for. */
export interface Found<Row> {
  count: number;
  /** There are more. */
  isCut: boolean;
  /** In the order of the list, some at a time, as they are asked for. */
  rows: AsyncIterable<readonly Row[]>;
}

/** What a plan finds. */
export const foundBy = async <Row extends object>(
  collection: Collection,
  plan: Plan,
  limit: number,
): Promise<Found<Row>> => {
  const counted = await countTo(collection, plan, limit + 1);
  return { count: Math.min(counted, limit), isCut: counted > limit, rows: rowsOf<Row>(collection, plan) };
};

/** The same rows as something else, made some at a time. */
export function as<From, To>(
  { rows, ...rest }: Found<From>,
  to: (some: readonly From[]) => Promise<readonly To[]>,
): Found<To> {
  const made = async function* () {
    for await (const some of rows) yield await to(some);
  };
  return { ...rest, rows: made() };
}

/** A list that is exported as a workbook, beside the route that shows it page by page. */
export interface Exported<Row, Shape extends z.ZodObject> {
  /** Path of the list: the workbook is at `{path}.xlsx`. */
  path: string;
  /** That of the list. */
  permission: Permission;
  action: TraceAction;
  /** Name of the sheet. */
  sheet: string;
  filter: Shape;
  columns: readonly Column<Row>[];
  /** What the trace says of it besides the names of the filters and the number of rows. */
  traceOf?(filter: z.infer<Shape>): Promise<TraceMore>;
  find(filter: z.infer<Shape>, limit: number, actor: Actor): Promise<Found<Row>>;
}

/** At most `limit` of the rows. */
async function* first<Row>(rows: AsyncIterable<readonly Row[]>, limit: number): AsyncGenerator<readonly Row[]> {
  let left = limit;
  for await (const some of rows) {
    yield some.slice(0, left);
    left -= some.length;
    if (left <= 0) return;
  }
}

/**
 * All rows of a list as a workbook, with who took it and when behind and around them, written while it is read. Its trace
 * is durable before the first byte leaves, and never more rows leave than it says.
 */
export function exportRoute<Row, Shape extends z.ZodObject>(
  { store, memberName, logger }: ApiDeps,
  { path, permission, action, sheet, filter: shape, columns, traceOf, find }: Exported<Row, Shape>,
): Route {
  const name = path.slice(1).replaceAll('/', '-');
  return route({
    method: 'get',
    path: `${path}.xlsx`,
    permission,
    summary: `What the filter finds of \`${path}\`, as a workbook with a watermark; one that does not hold all says so first`,
    query: shape.extend({ limit: z.coerce.number().int().min(1).max(MAX_ROWS).default(MAX_ROWS) }),
    async handle({ query, response, actor, requestId }) {
      const { limit, ...rest } = query as { limit: number };
      const filter = rest as z.infer<Shape>;
      const { count, isCut, rows } = await find(filter, limit, actor);
      const { details, ...more } = (await traceOf?.(filter)) ?? {};
      const told = { filters: Object.keys(filter), ...details, rows: count, ...(isCut && { isCut }) };
      const { at } = await traced(
        store,
        { actor, requestId },
        action,
        { type: name, id: 'list' },
        { ...more, details: told },
      );
      const mark = `${memberName} ${actor.displayName}（${actor.id}） ${atMinute(at)}`;
      const book = workbook(sheet, columns, first(rows, count), mark, isCut ? cutNote(count) : undefined);
      response
        .set({ 'Cache-Control': 'private, no-store', ...(isCut && { 'X-Export-Cut': String(count) }) })
        .attachment(`${name}-${at.toISOString().slice(0, 10)}.xlsx`)
        .type(XLSX);
      try {
        await pipeline(Readable.from(book), response);
      } catch (error) {
        // Whoever asked has left: what was read is in the trace.
        if ((error as { code?: string }).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
        logger.debug({ requestId, path }, 'export was not taken');
      }
      return undefined;
    },
  });
}
