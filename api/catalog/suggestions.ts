import { z } from 'zod';
import { DocumentType } from '../../domain/catalog.ts';
import { acceptFrom } from '../../domain/catalog/classify.ts';
import { FOREIGN_EVIDENCE } from '../../domain/catalog/foreign.ts';
import { PackedPages } from '../../domain/catalog/numbered.ts';
import { SealfolioError } from '../../domain/errors.ts';
import { type CatalogSuggestion, leavePages, numberSuggestions, templateFor } from '../../platform/store/index.ts';
import { archiveOf, versionOf } from '../archives/find.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { traced } from '../traced.ts';
import { listQueue, queueFilter, queueOrder } from './queue.ts';

const params = z.object({ archiveId: z.string().regex(/^ar_[a-z0-9]{1,40}$/) });
const type = z.enum(DocumentType);
const evidence = z.object({
  kind: z.enum(['formCode', 'title', 'continued']),
  type,
  confidence: z.number(),
  code: z.string().optional(),
  word: z.string().optional(),
});
const MOST_PAGES = 2000;

/** 分类建议: what pages seem to be, and the queue of archives where a person should look. They are never part of a catalogue until someone saves one. */
export function suggestionRoutes({ store }: ApiDeps): Route[] {
  const { models } = store;
  return [
    route({
      method: 'get',
      path: '/catalog-queue',
      permission: 'catalog:write',
      summary: 'Archives with pages that lie elsewhere than they seem to belong, or that nobody could tell',
      query: queueFilter.extend({
        order: queueOrder,
        cursor: z.string().max(200).optional(),
        limit: z.coerce.number().int().min(1).max(100).default(50),
      }),
      answer: z.object({
        items: z.array(
          z.object({
            archiveId: z.string(),
            patientNo: z.string(),
            patientName: z.string(),
            department: z.string(),
            dischargedAt: z.string(),
            pageCount: z.number(),
            doubtful: z.number(),
            lowest: z.number(),
            foreign: z.number().describe('Of them, those that seem to be of another patient or visit'),
            isHeld: z.boolean(),
            at: z.string(),
          }),
        ),
        nextCursor: z.string().nullable(),
      }),
      trace: 'catalog.queue',
      traceOf: ({ query: { limit: _limit, cursor, ...filters } }, answer) => ({
        details: {
          filters: Object.keys(filters),
          rows: (answer as { items: unknown[] }).items.length,
          ...(cursor !== undefined && { isMore: true }),
        },
      }),
      async handle({ query: { order, cursor, limit, ...filter } }) {
        const { rows, nextCursor } = await listQueue(store, filter, { order, cursor, limit });
        const items = rows.map(({ row: { archiveId, doubtful, lowest, foreign = 0, at }, archive }) => ({
          archiveId,
          patientNo: archive.patientNo,
          patientName: archive.patientName,
          department: archive.department,
          dischargedAt: archive.dischargedAt.toISOString(),
          pageCount: archive.pageCount,
          doubtful,
          lowest,
          foreign,
          isHeld: archive.legalHold !== undefined,
          at: at.toISOString(),
        }));
        return { items, nextCursor };
      },
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}/catalog/suggestions',
      permission: 'catalog:write',
      summary:
        'What its pages seem to be, by their numbers in the current version’s package, with why; null: not looked at',
      params,
      answer: z.object({
        at: z.string().nullable(),
        acceptFrom: z.number(),
        branches: z.array(z.object({ type, zh: z.string(), en: z.string() })),
        items: z.array(
          z.object({
            page: z.number(),
            kept: z.boolean().optional(),
            foreign: z
              .enum(FOREIGN_EVIDENCE)
              .optional()
              .describe('It seems to be of another patient or visit, by this'),
            suggested: z.object({ type, confidence: z.number(), evidence: z.array(evidence) }).nullable(),
          }),
        ),
      }),
      trace: 'catalog.suggestions',
      async handle({ params: { archiveId } }) {
        const archive = await archiveOf(store, archiveId);
        const [row, template] = await Promise.all([
          models.CatalogSuggestion.findOne({ archiveId }).lean<CatalogSuggestion>(),
          templateFor(models, archive),
        ]);
        const branches = template.branches.map(({ type: of, zh, en }) => ({ type: of, zh, en }));
        const common = { acceptFrom: acceptFrom(template), branches };
        if (row === null) return { at: null, ...common, items: [] };
        const { catalog } = await versionOf(store, archiveId);
        return {
          at: row.at.toISOString(),
          ...common,
          items: numberSuggestions(new PackedPages(catalog), row.pages),
        };
      },
    }),
    route({
      method: 'post',
      path: '/archives/{archiveId}/catalog/suggestions/leave',
      permission: 'catalog:write',
      summary: 'These pages are right where they lie: they wait for nobody any more',
      params,
      body: z.strictObject({ pages: z.array(z.int().min(1)).min(1).max(MOST_PAGES) }),
      async handle({ params: { archiveId }, body: { pages }, ...call }) {
        const { catalog } = await versionOf(store, archiveId);
        const refs = new PackedPages(catalog).refs;
        const chosen = pages.flatMap((page) => refs[page - 1] ?? []);
        const known = await models.CatalogSuggestion.exists({ archiveId });
        if (known === null || chosen.length < pages.length)
          throw new SealfolioError('suggestion-not-found', { field: 'pages', archiveId });
        const details = { pages: pages.length };
        await traced(store, call, 'catalog.leave', { type: 'archive', id: archiveId }, { details });
        if (!(await leavePages(store, archiveId, chosen, call.actor.id)))
          throw new SealfolioError('suggestion-not-found', { field: 'pages', archiveId });
        return undefined;
      },
    }),
  ];
}
