import { z } from 'zod';
import { DEFAULT_TEMPLATE, DocumentType } from '../../domain/catalog.ts';
import { acceptFrom } from '../../domain/catalog/classify.ts';
import { SealfolioError } from '../../domain/errors.ts';
import { FRONT_PAGE_POLICIES, type FrontPagePolicy } from '../../domain/front-page/quality.ts';
import { type CatalogTemplateRow, catalogTemplates } from '../../platform/store/index.ts';
import { text } from '../batches/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { traced } from '../traced.ts';
import { reason } from './schemas.ts';

const DUPLICATE_KEY = 11_000;
const branch = z.strictObject({
  type: z.enum(DocumentType),
  zh: text(40),
  en: text(80),
  mandatory: z.boolean(),
  standard: text(40).optional(),
  formCodes: z
    .array(text(40))
    .max(50)
    .optional()
    .describe('What the barcode of a form of this type says, or begins with'),
  titleWords: z.array(text(40)).max(50).optional().describe('Words of its titles; absent: the product’s own'),
});
const branches = z
  .array(branch)
  .min(1)
  .max(50)
  .refine((all) => new Set(all.map(({ type }) => type)).size === all.length, 'names a type twice')
  .refine((all) => {
    const codes = all.flatMap(({ formCodes = [] }) => formCodes);
    return new Set(codes).size === codes.length;
  }, 'names a form code twice')
  .refine((all) => all.some(({ type }) => type === 'frontPage'), 'has no front page')
  .refine((all) => all.some(({ type }) => type === 'other'), 'has no place for what is not classified');
const frontPagePolicy = z
  .enum(Object.keys(FRONT_PAGE_POLICIES) as [FrontPagePolicy])
  .describe('首页质控: archiving tells of a front page that has not passed, or waits for it as for a document');
const shownTemplate = z.object({
  templateId: z.string(),
  version: z.number(),
  effectiveFrom: z.string(),
  branches: z.array(branch),
  acceptFrom: z.number(),
  frontPage: frontPagePolicy,
  by: z.string(),
  reason: z.string(),
  createdAt: z.string(),
});
const shown = ({
  templateId,
  version,
  effectiveFrom,
  branches: all,
  acceptFrom: from,
  frontPage = 'advisory',
  by,
  reason: why,
  createdAt,
}: CatalogTemplateRow) => ({
  templateId,
  version,
  effectiveFrom,
  branches: all.map(({ formCodes, titleWords, ...rest }) => ({
    ...rest,
    ...(formCodes !== undefined && { formCodes: [...formCodes] }),
    ...(titleWords !== undefined && { titleWords: [...titleWords] }),
  })),
  acceptFrom: acceptFrom({ acceptFrom: from }),
  frontPage,
  by,
  reason: why,
  createdAt: createdAt.toISOString(),
});

const day = z.iso.date();
/** 目录模板, data with versions. */
export function templateRoutes({ store }: ApiDeps): Route[] {
  const { CatalogTemplate } = store.models;
  return [
    route({
      method: 'get',
      path: '/catalog-templates',
      permission: 'archive:read',
      summary: 'Templates, the newest version first; a visit goes by the one in force on the day of its discharge',
      answer: z.object({ items: z.array(shownTemplate) }),
      handle: async () => ({ items: (await catalogTemplates(store.models)).map(shown) }),
    }),
    route({
      method: 'post',
      path: '/catalog-templates',
      permission: 'template:write',
      summary: 'Publish another, made from the newest; catalogues that are there stay by theirs',
      body: z.strictObject({
        from: z.int().min(1),
        effectiveFrom: day,
        branches,
        acceptFrom: z
          .number()
          .min(0.5)
          .max(1)
          .optional()
          .describe('Confidence from which a page is moved without a person'),
        frontPage: frontPagePolicy.optional(),
        reason,
      }),
      answer: shownTemplate,
      status: 201,
      async handle({ body, ...call }) {
        const { from, effectiveFrom, branches: all, acceptFrom: accept, frontPage, reason: why } = body;
        const [newest] = await catalogTemplates(store.models);
        if (newest!.version !== from)
          throw new SealfolioError('template-changed', { field: 'from', version: newest!.version });
        const version = from + 1;
        await traced(store, call, 'template.change', { type: 'template', id: String(version) }, { reason: why });
        const { templateId } = DEFAULT_TEMPLATE;
        const by = call.actor.id;
        const row = {
          templateId,
          version,
          effectiveFrom,
          branches: all,
          by,
          reason: why,
          createdAt: new Date(),
          ...(accept !== undefined && { acceptFrom: accept }),
          ...(frontPage !== undefined && { frontPage }),
        };
        try {
          await CatalogTemplate.create(row);
        } catch (error) {
          if ((error as { code?: number }).code !== DUPLICATE_KEY) throw error;
          throw new SealfolioError('template-changed', { field: 'from', version });
        }
        return shown(row);
      },
    }),
  ];
}
