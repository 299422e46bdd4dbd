import { z } from 'zod';
import { DEFAULT_TEMPLATE, DocumentType } from '../../domain/catalog.ts';
import { acceptFrom } from '../../domain/catalog/classify.ts';
import { SealfolioError } from '../../domain/errors.ts';
import { frontPageFaults } from '../../domain/front-page.ts';
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
const shownTemplate = z.object({
  templateId: z.string(),
  version: z.number(),
  effectiveFrom: z.string(),
  branches: z.array(branch),
  acceptFrom: z.number(),
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
  by,
  reason: why,
  createdAt: createdAt.toISOString(),
});

const day = z.iso.date();
const word = z.string().max(200).optional();
const frontPage = z.strictObject({
  patientNo: word,
  name: word,
  sex: z.enum(['male', 'female', 'unknown']).optional(),
  birthDate: word,
  idNumber: word,
  phone: word,
  postcode: word,
  marital: z.enum(['unmarried', 'married', 'widowed', 'divorced', 'other']).optional(),
  contactName: word,
  contactRelation: z.enum(['spouse', 'child', 'parent', 'sibling', 'other']).optional(),
  contactPhone: word,
  admittedAt: word,
  dischargedAt: word,
  mainDiagnosis: word,
  mainDiagnosisCode: word,
  externalCauseCode: word,
  birthWeightGrams: z.number().max(100_000).optional(),
  admissionWeightGrams: z.number().max(100_000).optional(),
  pathologySent: z.boolean().optional(),
  pathologyNo: word,
  pathologyResult: word,
});

/** 目录模板, data with versions; and 首页质控, what a catalogue cannot tell by itself. */
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
        reason,
      }),
      answer: shownTemplate,
      status: 201,
      async handle({ body: { from, effectiveFrom, branches: all, acceptFrom: accept, reason: why }, ...call }) {
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
    route({
      method: 'post',
      path: '/front-pages/check',
      permission: 'batch:write',
      summary: '首页质控: what is wrong with a front page, field by field; nothing of it is kept',
      body: frontPage,
      answer: z.object({ findings: z.array(z.object({ field: z.string(), rule: z.string() })) }),
      handle: ({ body }) => Promise.resolve({ findings: frontPageFaults(body) }),
    }),
  ];
}
