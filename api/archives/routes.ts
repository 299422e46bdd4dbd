import { z } from 'zod';
import { completenessOf } from '../../domain/catalog/completeness.ts';
import { PackedPages } from '../../domain/catalog/numbered.ts';
import { SealfolioError } from '../../domain/errors.ts';
import { Mark } from '../../domain/loan/policy.ts';
import { type Merges, numbersOf } from '../../domain/merge.ts';
import { AttestationState } from '../../domain/status.ts';
import {
  type Archive,
  type ArchiveVersion,
  foreignOf,
  frontPageChecks,
  latestCatalog,
  mergesAbout,
  placeOf,
  suggestedOf,
  templateFor,
} from '../../platform/store/index.ts';
import { archivingWorkflowId, retrySignal } from '../../workflows/shared.ts';
import { text } from '../batches/schemas.ts';
import { numberedPage, place } from '../catalog/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { checkSchema, checksShown, frontPageState } from '../front-pages/schemas.ts';
import { type Route, route } from '../route.ts';
import { traced } from '../traced.ts';
import { familyOf } from './family.ts';
import { archiveOf } from './find.ts';
import { archiveFilter, completenessState, listArchives } from './list.ts';
import { timelineOf } from './timeline.ts';

const archiveId = z.string().regex(/^ar_[a-z0-9]{1,40}$/);
const params = z.object({ archiveId });
const archive = z.object({
  archiveId: z.string(),
  patientNo: z.string().describe('The number that it was registered under'),
  currentPatientNo: z.string().optional().describe('现病案号, where that number was merged into another'),
  formerPatientNos: z.array(z.string()).describe('原病案号: numbers that were merged into this one'),
  visitNo: z.string(),
  patientName: z.string(),
  department: z.string(),
  motherPatientNo: z.string().optional().describe('母亲病案号: of a newborn'),
  admittedAt: z.string().optional(),
  dischargedAt: z.string(),
  currentVersion: z.number(),
  state: z.enum(AttestationState),
  pageCount: z.number(),
  attestedAt: z.string().optional(),
  updatedAt: z.string(),
  completeness: z
    .object({ state: completenessState })
    .nullable()
    .describe('Of the catalogue of today; null where it is not known yet'),
  frontPage: z.object({ state: frontPageState }).nullable(),
  isHeld: z.boolean(),
  marks: z.array(z.enum(Mark)),
});
const finding = z.object({
  rule: z.string(),
  type: z.string().optional(),
  title: z.string().optional(),
  objectId: z.string().optional(),
  pages: z.number().optional(),
});
const kin = z.array(
  archive.pick({ archiveId: true, patientNo: true, visitNo: true, patientName: true, dischargedAt: true }),
);
const detail = archive.extend({
  mother: kin.describe('Of a newborn: the archives of its mother, last discharged first'),
  newborns: kin.describe('The archives of the newborns whose mother the patient is'),
  corrected: z.number().describe('Number of the last correction of what it was registered with; 0: none'),
  versions: z.array(
    z.object({
      version: z.number(),
      state: z.string(),
      reason: z.string().optional(),
      createdAt: z.string(),
      pages: z.number(),
      bytes: z.number().optional(),
      height: z.number().optional(),
      txId: z.string().optional(),
    }),
  ),
  catalog: z
    .array(
      z.object({
        type: z.string(),
        title: z.string(),
        firstPage: z.number(),
        pageCount: z.number(),
        pages: z.array(numberedPage),
      }),
    )
    .describe(
      'Branches as they are arranged today. `pages` by number in the package of the current version; `firstPage` and `pageCount` count, from 1, those that are not marked as blank or twice there',
    ),
  catalogPlace: place,
  completeness: z
    .object({ state: completenessState, findings: z.array(finding) })
    .nullable()
    .describe('Of the catalogue of today, by the template of its visit; null while there is none'),
  frontPage: checkSchema.nullable().describe('首页质控: its last check; null while there is none'),
});
const MAX_LIST = 100;

const shown = ({ admittedAt, dischargedAt, attestedAt, updatedAt, ...rest }: Archive, merges: Merges) => ({
  archiveId: rest.archiveId,
  patientNo: rest.patientNo,
  ...numbersShown(merges, rest.patientNo),
  visitNo: rest.visitNo,
  patientName: rest.patientName,
  department: rest.department,
  ...(rest.motherPatientNo !== undefined && { motherPatientNo: rest.motherPatientNo }),
  ...(admittedAt !== undefined && { admittedAt: admittedAt.toISOString() }),
  dischargedAt: dischargedAt.toISOString(),
  currentVersion: rest.currentVersion,
  state: rest.state,
  pageCount: rest.pageCount,
  ...(attestedAt !== undefined && { attestedAt: attestedAt.toISOString() }),
  updatedAt: updatedAt.toISOString(),
  completeness: rest.completeness === undefined ? null : { state: rest.completeness },
  frontPage: { state: rest.frontPage },
  isHeld: rest.legalHold !== undefined,
  marks: rest.marks ?? [],
});

function numbersShown(merges: Merges, patientNo: string): { currentPatientNo?: string; formerPatientNos: string[] } {
  const [current, ...former] = numbersOf(merges, patientNo);
  return current === patientNo ? { formerPatientNos: former } : { currentPatientNo: current!, formerPatientNos: [] };
}

const object = (id: string) => ({ type: 'archive', id });

export function archiveRoutes(deps: ApiDeps): Route[] {
  const { store, temporal, codec, memberId } = deps;
  const { ArchiveVersion } = store.models;

  return [
    route({
      method: 'get',
      path: '/archives',
      permission: 'archive:read',
      summary: 'Archives, last discharged first; where a number or a name is looked for, in its order',
      query: archiveFilter.extend({
        cursor: z.string().max(200).optional(),
        limit: z.coerce.number().int().min(1).max(MAX_LIST).default(20),
      }),
      answer: z.object({ items: z.array(archive), nextCursor: z.string().nullable() }),
      trace: 'archive.search',
      traceOf: async ({ query: { q, limit: _limit, cursor, ...filters } }, answer) => ({
        ...(q !== undefined && q !== '' && { term: await store.trace.termOf(q) }),
        details: {
          filters: Object.keys(filters),
          rows: (answer as { items: unknown[] }).items.length,
          ...(cursor !== undefined && { isMore: true }),
        },
      }),
      async handle({ query }) {
        const { cursor, limit, ...filter } = query;
        const { rows, nextCursor } = await listArchives(store, filter, { cursor, limit });
        const merges = await mergesAbout(
          store.models,
          rows.map(({ patientNo }) => patientNo),
        );
        return { items: rows.map((row) => shown(row, merges)), nextCursor };
      },
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}',
      permission: 'archive:read',
      summary: 'An archive, its versions and its catalogue',
      params,
      answer: detail,
      trace: 'archive.open',
      async handle({ params: { archiveId: id } }) {
        const found = await archiveOf(store, id);
        const versions = await ArchiveVersion.find({ archiveId: id })
          .select('-receipt -manifest -documents')
          .sort({ version: -1 })
          .lean<ArchiveVersion[]>();
        const current = versions.find(({ version }) => version === found.currentVersion);
        const latest = current === undefined ? null : await latestCatalog(store.models, current);
        const [template, suggested, family, merges, checks] = await Promise.all([
          templateFor(store.models, found),
          suggestedOf(store.models, id),
          familyOf(store, found),
          mergesAbout(store.models, [found.patientNo]),
          frontPageChecks(store.models, id, 1),
        ]);
        const [frontPage = null] = await checksShown(store, checks);
        const arranged = latest === null ? [] : new PackedPages(current!.catalog).number(latest);
        let firstPage = 1;
        return {
          ...shown(found, merges),
          ...family,
          corrected: found.corrected ?? 0,
          versions: versions.map(({ version, state, reason, createdAt, catalog, package: packed, attestation }) => ({
            version,
            state,
            ...(reason !== undefined && { reason }),
            createdAt: createdAt.toISOString(),
            pages: catalog.nodes.reduce((sum, node) => sum + node.pages.length, 0),
            ...(packed !== undefined && { bytes: packed.bytes }),
            ...(attestation !== undefined && { height: attestation.height, txId: attestation.txId }),
          })),
          catalog: arranged.map(({ type, title, pages }) => {
            const pageCount = pages.filter(({ mark }) => mark === undefined).length;
            const branch = { type, title, firstPage, pageCount, pages };
            firstPage += pageCount;
            return branch;
          }),
          catalogPlace: placeOf(found),
          completeness: latest === null ? null : completenessOf(template, latest, foreignOf(suggested)),
          frontPage,
        };
      },
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}/timeline',
      permission: 'archive:read',
      summary: 'What happened to it, from the workflow history',
      params,
      answer: z.object({
        steps: z.array(
          z.object({
            step: z.string(),
            state: z.enum(['done', 'running', 'retrying', 'failed']),
            at: z.string(),
            endedAt: z.string().optional(),
            attempts: z.number().optional(),
            failure: z.string().optional(),
            proof: z.boolean().optional(),
            text: z.string().optional(),
          }),
        ),
      }),
      trace: 'archive.timeline',
      async handle({ params: { archiveId: id } }) {
        await archiveOf(store, id);
        return { steps: await timelineOf(temporal, codec, archivingWorkflowId(memberId, id), { withTexts: true }) };
      },
    }),
    route({
      method: 'post',
      path: '/archives/{archiveId}/retry',
      permission: 'batch:write',
      summary: 'What made archiving fail is put right: try again',
      params,
      body: z.strictObject({ reason: text(200) }),
      async handle({ params: { archiveId: id }, body: { reason }, ...call }) {
        const { state } = await archiveOf(store, id);
        if (state !== AttestationState.failed) throw new SealfolioError('retry-not-needed', { archiveId: id, state });
        await traced(store, call, 'archive.retry', object(id), { reason });
        await temporal.workflow.getHandle(archivingWorkflowId(memberId, id)).signal(retrySignal);
        return undefined;
      },
    }),
  ];
}
