import { z } from 'zod';
import { Place, Purpose } from '../../domain/loan/policy.ts';
import { LoanState } from '../../domain/loan/state.ts';
import type { LoanRow, Store } from '../../platform/store/index.ts';
import {
  countPlan,
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
import { departmentId, username } from '../people/schemas.ts';
import { type Powers, taskBranches, taskFilter, visibleBranches, visibleFilter } from './powers.ts';

/** Loans of one application, more than any policy lets (routes.ts). */
const MOST_OF_ONE = 500;
const instant = z.iso.datetime({ offset: true });

/** The same filter for a list, for what is done to all its rows, and for an export. */
export const loanFilter = z.strictObject({
  view: z
    .enum(['mine', 'tasks', 'all'])
    .default('all')
    .describe('Own loans; those that wait for me; all I may know of'),
  state: z
    .string()
    .regex(/^[a-zA-Z]+(,[a-zA-Z]+)*$/)
    .optional()
    .describe('States, by commas'),
  q: z.string().max(64).optional().describe('Start of a patient number, a patient or an applicant; or an id'),
  purpose: z.enum(Purpose).optional(),
  place: z.enum(Place).optional(),
  emergency: z.enum(['true', 'false']).optional(),
  departmentId: departmentId.optional(),
  applicant: username.optional(),
  archiveId: z.string().max(64).optional(),
  applicationId: z.string().max(64).optional(),
  claimed: z.enum(['me', 'nobody']).optional(),
  dueBefore: instant.optional(),
  dueAfter: instant.optional(),
});
export type LoanFilter = z.infer<typeof loanFilter>;
export const sorting = z.enum(['created', 'due', 'expire']).default('created');

const statesOf = (state: string): string[] => [...new Set(state.split(','))].filter((one) => one in LoanState);

/** What a filter asks that an index has answered, so that it is not looked at row by row. */
type Answered = readonly (keyof LoanFilter)[];

/** Rows of a view, never more than the person may know of; nothing if `states` say as much. */
function viewFilter(view: LoanFilter['view'], states: readonly string[] | null, powers: Powers): Filter[] {
  if (view === 'mine') return [{ applicant: powers.self.username }];
  if (view === 'tasks') return [taskFilter(powers)];
  return powers.manages && states !== null && !states.includes('draft') ? [] : [visibleFilter(powers)];
}

/** The filter as the database takes it, never wider than what the person may know of. */
export function filterOf(filter: LoanFilter, powers: Powers, answered: Answered = []): Filter {
  const asked = Object.fromEntries(
    Object.entries(filter).filter(([name]) => !answered.includes(name as keyof LoanFilter)),
  ) as Partial<LoanFilter>;
  const { view, state, q, dueBefore, dueAfter, purpose, place, emergency, claimed, ...same } = asked;
  const all: Filter[] = [];
  if (view !== undefined)
    all.push(...viewFilter(view, filter.state === undefined ? null : statesOf(filter.state), powers));
  if (state !== undefined) all.push({ state: { $in: statesOf(state) } });
  if (q !== undefined && q !== '') {
    const start = startsWith(q);
    all.push({
      $or: [
        { patientNo: start },
        { patientName: start },
        { applicantName: start },
        { loanId: q },
        { applicationId: q },
      ],
    });
  }
  if (purpose !== undefined) all.push({ 'request.purpose': purpose });
  if (place !== undefined) all.push({ 'request.place': place });
  if (emergency !== undefined) all.push({ 'request.emergency': emergency === 'true' });
  if (claimed === 'me') all.push({ 'task.claimedBy': powers.self.username });
  if (claimed === 'nobody') all.push({ 'task.claimedBy': { $exists: false } });
  if (dueBefore !== undefined) all.push({ dueAt: { $lt: Date.parse(dueBefore) } });
  if (dueAfter !== undefined) all.push({ dueAt: { $gte: Date.parse(dueAfter) } });
  const given = Object.entries(same).filter(([, value]) => value !== undefined);
  if (given.length > 0) all.push(Object.fromEntries(given));
  return all.length === 0 ? {} : { $and: all };
}

/** Orders that lists have; where a text is looked for, by what is found by it: numbers, then patients, then applicants. */
const ORDERS = {
  created: { first: 'createdAt', then: 'loanId', direction: -1 },
  due: { first: 'dueAt', then: 'loanId', direction: 1 },
  expire: { first: 'task.expireAt', then: 'loanId', direction: 1 },
  patientNo: { first: 'patientNo', then: 'loanId', direction: 1 },
  patientName: { first: 'patientName', then: 'loanId', direction: 1 },
  applicantName: { first: 'applicantName', then: 'loanId', direction: 1 },
} as const satisfies Record<string, Order>;
export type OrderName = keyof typeof ORDERS;
const TEXTS: readonly OrderName[] = ['patientNo', 'patientName', 'applicantName'];
const isText = (order: OrderName) => TEXTS.includes(order);

const isPlace = (order: string, [first, then]: Position): boolean =>
  order in ORDERS &&
  typeof then === 'string' &&
  (first === null || typeof first === (isText(order as OrderName) ? 'string' : 'number'));

/** Fields that an index begins with, the narrowest first; each is followed by those of the order (models/loan.ts). */
const NARROW: Record<'created' | 'due' | 'expire', readonly (keyof LoanFilter)[]> = {
  created: ['applicationId', 'archiveId', 'applicant', 'departmentId', 'state'],
  due: ['archiveId', 'applicant', 'departmentId', 'state'],
  expire: ['archiveId', 'applicant'],
};

/** The branches of an index that hold all rows of a filter, one of all if none is narrower; and what they answer of it. */
function branchesOf(filter: LoanFilter, powers: Powers, order: OrderName): { branches: Filter[]; answered: Answered } {
  if (isText(order)) return { branches: [{}], answered: [] };
  const { view, state } = filter;
  const isMine = view === 'mine';
  const asked: LoanFilter = { ...filter, ...(isMine && { applicant: powers.self.username }) };
  const name = NARROW[order as keyof typeof NARROW].find((one) => asked[one] !== undefined);
  if (view === 'tasks' && order === 'expire') return { branches: taskBranches(powers), answered: ['view'] };
  // One branch a state: each is in order, and they are merged.
  if (name === 'state') return { branches: statesOf(state!).map((one) => ({ state: one })), answered: ['state'] };
  if (name !== undefined)
    return { branches: [{ [name]: asked[name] }], answered: [name === 'applicant' && isMine ? 'view' : name] };
  const branches = view === 'all' && order !== 'expire' ? visibleBranches(powers) : [{}];
  const isNarrow = branches.some((branch) => Object.keys(branch).length > 0);
  // Of all there are, those of one purpose are found by it.
  if (!isNarrow && order === 'created' && filter.purpose !== undefined)
    return { branches: [{ 'request.purpose': filter.purpose }], answered: ['purpose'] };
  return { branches, answered: [] };
}

/** What an index finds in order, and what is left to look at loan by loan. */
export function loanPlan(filter: LoanFilter, powers: Powers, order: OrderName, place: Position | null): Plan {
  const { first, then, direction } = ORDERS[order];
  const { q, dueBefore, dueAfter } = filter;
  const isDue = order === 'due';
  const bounds: Filter = isText(order)
    ? startsWith(q!)
    : order === 'created'
      ? {}
      : {
          $gt: isDue && dueAfter !== undefined ? Date.parse(dueAfter) - 1 : 0,
          ...(isDue && dueBefore !== undefined && { $lt: Date.parse(dueBefore) }),
        };
  const { branches, answered } = branchesOf(filter, powers, order);
  const rest = filterOf(filter, powers, [...answered, 'q', ...(isDue ? (['dueBefore', 'dueAfter'] as const) : [])]);
  // What was found by an order before is not found again by the next.
  const before = isText(order) ? TEXTS.slice(0, TEXTS.indexOf(order)) : [];
  const others = before.map((one) => ({ [one]: { $not: startsWith(q!) } }));
  return {
    found: inOrder(branches, ORDERS[order], bounds, place),
    rest: others.length === 0 ? rest : { $and: [rest, ...others] },
    sort: { [first]: direction, [then]: direction },
  };
}

const valueOf = (row: LoanRow, order: OrderName): unknown =>
  order === 'expire' ? row.task?.expireAt : row[ORDERS[order].first as 'createdAt'];

/** One page of loans, and how many there are. Its time does not grow with their number. */
export async function listLoans(
  { models: { Loan } }: Store,
  filter: LoanFilter,
  powers: Powers,
  { sort, cursor, limit }: { sort: z.infer<typeof sorting>; cursor?: string | undefined; limit: number },
): Promise<{ rows: LoanRow[]; nextCursor: string | null; total: number; isCapped: boolean }> {
  const { q } = filter;
  if (q !== undefined && /^l[na]_[a-z0-9]{1,40}$/.test(q)) {
    const { q: _q, ...others } = filter;
    const named = q.startsWith('ln_') ? { loanId: q } : { applicationId: q };
    const rows = await Loan.find({ $and: [named, filterOf(others, powers)] })
      .sort({ createdAt: -1 })
      .limit(MOST_OF_ONE)
      .lean<LoanRow[]>();
    return { rows, nextCursor: null, total: rows.length, isCapped: false };
  }
  const orders: readonly OrderName[] = q === undefined || q === '' ? [sort] : TEXTS;
  const from = cursor === undefined ? null : decodePlace(cursor, isPlace);
  const rows: LoanRow[] = [];
  /** What an order finds, where the page shows all of it. */
  const known = new Map<OrderName, Awaited<ReturnType<typeof countPlan>>>();
  let nextCursor: string | null = null;
  for (const order of orders.slice(Math.max(0, orders.indexOf((from?.order ?? orders[0]) as never)))) {
    const place = from?.order === order && from.place[0] !== null ? from.place : null;
    const page = await orderedPage<LoanRow>(
      Loan.collection,
      loanPlan(filter, powers, order, place),
      limit - rows.length,
    );
    rows.push(...page.rows);
    if (place === null && page.last === null) known.set(order, { total: page.rows.length, isCapped: false });
    const next = orders[orders.indexOf(order) + 1];
    if (page.last !== null) nextCursor = encodePlace(order, [valueOf(page.last, order), page.last.loanId]);
    else if (rows.length === limit && next !== undefined) nextCursor = encodePlace(next, [null, '']);
    if (nextCursor !== null) break;
  }
  let total = 0;
  for (const order of orders) {
    const counted = known.get(order) ?? (await countPlan(Loan.collection, loanPlan(filter, powers, order, null)));
    total += counted.total;
    // There are more than are counted: what the orders after it find changes nothing.
    if (counted.isCapped) return { rows, nextCursor, total, isCapped: true };
  }
  return { rows, nextCursor, total, isCapped: false };
}
