import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import { powerOver } from '../../domain/loan/powers.ts';
import type { LoanEventRow } from '../../platform/store/index.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { loanCalls } from './calls.ts';
import { countLoans } from './counts.ts';
import { listLoans, loanFilter, sorting } from './list.ts';
import { powersOf, visibleFilter } from './powers.ts';
import { returnRates } from './statistics.ts';
import { scopeShown, shownScope, withheldBranches } from './scope.ts';
import { loanParams, names, namesOf, shown, shownLoan, withNames } from './shown.ts';

const MAX_LIST = 200;

/** Loans as they are, and what happened to them. */
export function loanReadingRoutes(deps: ApiDeps): Route[] {
  const { store } = deps;
  const { LoanEvent } = store.models;
  const { find } = loanCalls(deps);

  return [
    route({
      method: 'get',
      path: '/loans',
      permission: 'loan:read',
      trace: 'loan.search',
      summary: 'Loans that I hold, that wait for me, or that I may know of',
      query: loanFilter.extend({
        sort: sorting,
        cursor: z.string().max(200).optional(),
        limit: z.coerce.number().int().min(1).max(MAX_LIST).default(50),
      }),
      answer: z.object({
        items: z.array(shownLoan),
        names,
        total: z.number(),
        isCapped: z.boolean(),
        nextCursor: z.string().nullable(),
      }),
      traceOf: async ({ query: { q, sort: _sort, cursor: _cursor, limit: _limit, ...filter } }, answer) => ({
        ...(q !== undefined && q !== '' && { term: await store.trace.termOf(q) }),
        details: { filters: Object.keys(filter), rows: (answer as { items: unknown[] }).items.length },
      }),
      async handle({ query: { sort, cursor, limit, ...filter }, actor }) {
        const powers = powersOf(actor);
        const { rows, ...rest } = await listLoans(store, filter, powers, { sort, cursor, limit });
        return { items: rows.map(shown), names: await namesOf(store, rows), ...rest };
      },
    }),
    route({
      method: 'get',
      path: '/loans/counts',
      permission: 'loan:read',
      summary: 'How many wait for me, and how those stand that have not ended: mine, and all I may know of',
      answer: z.object({
        tasks: z.number(),
        tasksOverdue: z.number(),
        dueSoon: z.number().describe('Of those one manages; else own ones'),
        mine: z.record(z.string(), z.number()),
        all: z.record(z.string(), z.number()),
      }),
      handle: async ({ actor }) => countLoans(store, powersOf(actor)),
    }),
    route({
      method: 'get',
      path: '/loans/statistics',
      permission: 'loan:read',
      trace: 'loan.statistics',
      summary: '归还率: of the loans that began in a time, how many are back, late, overdue or recalled; by department',
      query: z.object({
        from: z.iso.datetime({ offset: true }).optional(),
        to: z.iso.datetime({ offset: true }).optional(),
      }),
      answer: z.object({
        items: z.array(
          z.object({
            departmentId: z.string().nullable(),
            department: z.string(),
            begun: z.number(),
            returned: z.number(),
            late: z.number(),
            overdue: z.number(),
            recalled: z.number(),
            rate: z.number().nullable().describe('Returned of those that are due or back; null if none is'),
          }),
        ),
      }),
      handle: async ({ query: { from, to }, actor }) => ({
        items: await returnRates(store, visibleFilter(powersOf(actor)), {
          from: from === undefined ? 0 : Date.parse(from),
          to: to === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(to),
        }),
      }),
    }),
    route({
      method: 'get',
      path: '/loans/{loanId}',
      permission: 'loan:read',
      trace: 'loan.open',
      summary: 'A loan, and what happened to it',
      params: loanParams,
      answer: withNames.extend({
        mayDecide: z.boolean(),
        actingFor: z.string().optional(),
        scope: shownScope.describe('The branches that the loan is of'),
        events: z.array(z.record(z.string(), z.unknown())),
      }),
      async handle({ params: { loanId: id }, ...call }) {
        const { row, powers } = await find(id, call);
        const events = await LoanEvent.find({ loanId: id })
          .sort({ seq: 1 })
          .select('-_id -loanId -manifest -salt')
          .lean<LoanEventRow[]>();
        const power = row.task === undefined ? null : powerOver(powers, row);
        const isOwn = row.applicant === powers.self.username || row.applicant === power?.actingFor;
        const people = [power ?? {}, ...events].flatMap(({ by, actingFor, assignee }: Partial<LoanEventRow>) =>
          [by, actingFor, assignee].filter((one) => one !== undefined),
        );
        return {
          loan: shown(row),
          names: await namesOf(store, [row], people),
          mayDecide: power !== null && !isOwn,
          ...(power?.actingFor !== undefined && { actingFor: power.actingFor }),
          scope: await scopeShown(store, row),
          events: await Promise.all(
            events.map(async ({ at, grant, ...event }) => ({
              ...event,
              at: new Date(at).toISOString(),
              ...(grant && { grant, withheldBranches: await withheldBranches(store, row.archiveId, grant) }),
            })),
          ),
        };
      },
    }),
    route({
      method: 'get',
      path: '/loans/{loanId}/events/{seq}/proof',
      permission: 'loan:read',
      trace: 'loan.proof',
      summary: 'What was attested of an event, its salt, and its place in the ledger',
      params: loanParams.extend({ seq: z.coerce.number().int().min(1) }),
      answer: z.object({ manifest: z.unknown(), salt: z.string(), ledger: z.unknown() }),
      async handle({ params: { loanId: id, seq }, ...call }) {
        await find(id, call);
        const event = await LoanEvent.findOne({ loanId: id, seq }).lean<LoanEventRow>();
        if (event?.attestation === undefined) throw new SealfolioError('receipt-not-found', { loanId: id, seq });
        const { txId, indexInTx } = event.attestation;
        return { manifest: event.manifest, salt: event.salt!, ledger: await deps.ledger.receipt(txId, indexInTx) };
      },
    }),
  ];
}
