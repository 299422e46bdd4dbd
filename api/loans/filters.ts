import { ulid } from 'ulid';
import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import type { SavedFilter } from '../../platform/store/index.ts';
import { text } from '../batches/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';

const DUPLICATE_KEY = 11_000;
const MAX_FILTERS = 50;
const page = z.enum(['loans', 'archives']);
const shown = z.object({ filterId: z.string(), page, name: z.string(), query: z.record(z.string(), z.string()) });

/** 常用筛选: what someone looks for again and again, by the name they gave it; seen by them alone. */
export function filterRoutes({ store }: ApiDeps): Route[] {
  const { SavedFilter } = store.models;
  return [
    route({
      method: 'get',
      path: '/saved-filters',
      permission: 'session',
      summary: 'My saved filters',
      query: z.object({ page }),
      answer: z.object({ items: z.array(shown) }),
      async handle({ query, actor }) {
        const found = await SavedFilter.find({ username: actor.id, page: query.page })
          .sort({ name: 1 })
          .lean<SavedFilter[]>();
        return {
          items: found.map(({ filterId, page: of, name, query: saved }) => ({
            filterId,
            page: of,
            name,
            query: saved,
          })),
        };
      },
    }),
    route({
      method: 'post',
      path: '/saved-filters',
      permission: 'session',
      summary: 'Save a filter',
      body: z.strictObject({ page, name: text(40), query: z.record(z.string().max(32), z.string().max(200)) }),
      answer: shown,
      status: 201,
      async handle({ body, actor }) {
        const mine = { username: actor.id, page: body.page };
        if ((await SavedFilter.countDocuments(mine)) >= MAX_FILTERS)
          throw new SealfolioError('filter-limit', { limit: MAX_FILTERS });
        const made = { filterId: `fi_${ulid().toLowerCase()}`, ...body };
        try {
          await SavedFilter.create({ ...made, username: actor.id, createdAt: new Date() });
        } catch (error) {
          if ((error as { code?: number }).code !== DUPLICATE_KEY) throw error;
          throw new SealfolioError('filter-taken', { field: 'name' });
        }
        return made;
      },
    }),
    route({
      method: 'delete',
      path: '/saved-filters/{filterId}',
      permission: 'session',
      summary: 'Forget it',
      params: z.object({ filterId: z.string().regex(/^fi_[a-z0-9]{1,40}$/) }),
      async handle({ params: { filterId }, actor }) {
        const { deletedCount } = await SavedFilter.deleteOne({ filterId, username: actor.id });
        if (deletedCount === 0) throw new SealfolioError('filter-not-found', { filterId });
      },
    }),
  ];
}
