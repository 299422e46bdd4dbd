import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import { frontPageFaults } from '../../domain/front-page.ts';
import { frontPageChecks, keepFrontPage, openFrontPage, sealFrontPage } from '../../platform/store/index.ts';
import { archiveOf } from '../archives/find.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { traced } from '../traced.ts';
import { wakeArchiving } from '../waking.ts';
import { checkSchema, checksShown, findingsSchema, frontPageSchema } from './schemas.ts';

const params = z.object({ archiveId: z.string().regex(/^ar_[a-z0-9]{1,40}$/) });
const MOST_CHECKS = 50;

/** 首页质控: what a front page says, and what is wrong with it. */
export function frontPageRoutes(deps: ApiDeps): Route[] {
  const { store } = deps;
  const { models, objects } = store;

  return [
    route({
      method: 'post',
      path: '/front-pages/check',
      permission: 'batch:write',
      summary: 'What is wrong with a front page, field by field; nothing of it is kept',
      body: frontPageSchema,
      answer: z.object({ findings: findingsSchema }),
      handle: ({ body }) => Promise.resolve({ findings: frontPageFaults(body) }),
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}/front-page',
      permission: 'front-page:write',
      trace: 'frontPage.open',
      summary: 'What the front page of an archive says, and its checks, the last first',
      params,
      answer: z.object({ page: frontPageSchema.nullable(), checks: z.array(checkSchema) }),
      async handle({ params: { archiveId } }) {
        await archiveOf(store, archiveId);
        const checks = await frontPageChecks(models, archiveId, MOST_CHECKS);
        const [last] = checks;
        return {
          page: last === undefined ? null : await openFrontPage(objects, last.objectId),
          checks: await checksShown(store, checks),
        };
      },
    }),
    route({
      method: 'put',
      path: '/archives/{archiveId}/front-page',
      permission: 'front-page:write',
      summary: 'Enter what the front page of an archive says: it is checked, and kept with the result',
      params,
      body: z.strictObject({
        base: z.int().min(0).describe('The check that was looked at, 0 for none'),
        page: frontPageSchema,
      }),
      answer: checkSchema,
      async handle({ params: { archiveId }, body: { base, page }, ...call }) {
        const { legalHold } = await archiveOf(store, archiveId);
        if (legalHold !== undefined) throw new SealfolioError('archive-held', { archiveId });
        await requireBase(archiveId, base);
        await traced(store, call, 'frontPage.enter', { type: 'archive', id: archiveId }, { details: { base } });
        const objectId = await sealFrontPage(objects, page);
        const kept = await keepFrontPage(store, archiveId, { objectId, by: call.actor.id }, base);
        if (kept === null) {
          await objects.remove(objectId);
          await requireBase(archiveId, base);
        }
        await wakeArchiving(deps, archiveId);
        return (await checksShown(store, [kept!]))[0];
      },
    }),
  ];

  /** Throws front-page-changed, with the check that was first. */
  async function requireBase(archiveId: string, base: number): Promise<void> {
    const [last] = await frontPageChecks(models, archiveId, 1);
    if ((last?.check ?? 0) === base) return;
    const [theirs] = last === undefined ? [] : await checksShown(store, [last]);
    throw new SealfolioError('front-page-changed', { base: last?.check ?? 0, theirs });
  }
}
