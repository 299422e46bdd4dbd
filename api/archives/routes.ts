import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { SealfolioError } from '../../domain/errors.ts';
import { AttestationState } from '../../domain/status.ts';
import type { Archive, ArchiveVersion } from '../../platform/store/index.ts';
import { archivingWorkflowId, retrySignal } from '../../workflows/shared.ts';
import { text } from '../batches/schemas.ts';
import type { ApiDeps } from '../deps.ts';
import { decodeCursor, encodeCursor } from '../pagination.ts';
import { type Actor, type Route, route } from '../route.ts';
import { Pages } from './pages.ts';
import { timelineOf } from './timeline.ts';

const archiveId = z.string().regex(/^ar_[a-z0-9]{1,40}$/);
const params = z.object({ archiveId });
const versioned = z.object({ version: z.coerce.number().int().min(1).optional() });
const archive = z.object({
  archiveId: z.string(),
  patientNo: z.string(),
  visitNo: z.string(),
  patientName: z.string(),
  department: z.string(),
  admittedAt: z.string().optional(),
  dischargedAt: z.string(),
  currentVersion: z.number(),
  state: z.enum(AttestationState),
  pageCount: z.number(),
  attestedAt: z.string().optional(),
  updatedAt: z.string(),
});
const detail = archive.extend({
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
    .array(z.object({ type: z.string(), title: z.string(), firstPage: z.number(), pageCount: z.number() }))
    .describe('Branches of the current version; pages count from 1'),
});
const MAX_LIST = 100;

const shown = ({ admittedAt, dischargedAt, attestedAt, updatedAt, ...rest }: Archive) => ({
  archiveId: rest.archiveId,
  patientNo: rest.patientNo,
  visitNo: rest.visitNo,
  patientName: rest.patientName,
  department: rest.department,
  ...(admittedAt !== undefined && { admittedAt: admittedAt.toISOString() }),
  dischargedAt: dischargedAt.toISOString(),
  currentVersion: rest.currentVersion,
  state: rest.state,
  pageCount: rest.pageCount,
  ...(attestedAt !== undefined && { attestedAt: attestedAt.toISOString() }),
  updatedAt: updatedAt.toISOString(),
});

export function archiveRoutes(deps: ApiDeps): Route[] {
  const { store, temporal, memberId } = deps;
  const { Archive, ArchiveVersion } = store.models;
  const pages = new Pages(store);

  /** Written down before anything is shown. */
  const audited = (actor: Actor, action: string, id: string, requestId: string) =>
    store.audit.append({
      actor: { type: actor.type, id: actor.id, roles: actor.roles },
      action,
      object: { type: 'archive', id },
      result: 'allowed',
      requestId,
    });

  async function archiveOf(id: string): Promise<Archive> {
    const found = await Archive.findOne({ archiveId: id }).lean<Archive>();
    if (found === null) throw new SealfolioError('archive-not-found', { archiveId: id });
    return found;
  }

  async function versionOf(id: string, version?: number): Promise<ArchiveVersion> {
    const { currentVersion } = await archiveOf(id);
    const found = await ArchiveVersion.findOne({
      archiveId: id,
      version: version ?? currentVersion,
    }).lean<ArchiveVersion>();
    if (found === null) throw new SealfolioError('version-not-found', { archiveId: id });
    return found;
  }

  return [
    route({
      method: 'get',
      path: '/archives',
      permission: 'archive:read',
      summary: 'Archives, last discharged first',
      query: z.object({
        q: z.string().max(64).optional().describe('Start of a patient number or name, or an archive id'),
        state: z.enum(AttestationState).optional(),
        department: z.string().max(64).optional(),
        dischargedFrom: z.iso.datetime().optional(),
        dischargedTo: z.iso.datetime().optional(),
        cursor: z.string().max(200).optional(),
        limit: z.coerce.number().int().min(1).max(MAX_LIST).default(20),
      }),
      answer: z.object({ items: z.array(archive), nextCursor: z.string().nullable() }),
      async handle({ query, actor, requestId }) {
        const { q, state, department, dischargedFrom, dischargedTo, cursor, limit } = query;
        const filters: object[] = [];
        if (q !== undefined && q !== '') {
          const start = { $gte: q, $lt: `${q}\uffff` };
          filters.push({ $or: [{ patientNo: start }, { patientName: start }, { archiveId: q }] });
        }
        if (state !== undefined) filters.push({ state });
        if (department !== undefined && department !== '') filters.push({ department });
        if (dischargedFrom !== undefined) filters.push({ dischargedAt: { $gte: new Date(dischargedFrom) } });
        if (dischargedTo !== undefined) filters.push({ dischargedAt: { $lt: new Date(dischargedTo) } });
        if (cursor !== undefined) {
          const { at, id } = decodeCursor(cursor);
          filters.push({ $or: [{ dischargedAt: { $lt: at } }, { dischargedAt: at, _id: { $lt: id } }] });
        }
        await audited(actor, 'archive.search', 'list', requestId);
        const found = await Archive.find(filters.length > 0 ? { $and: filters } : {})
          .sort({ dischargedAt: -1, _id: -1 })
          .limit(limit + 1)
          .lean<(Archive & { _id: { toString(): string } })[]>();
        const items = found.slice(0, limit);
        const last = items.at(-1);
        const hasMore = found.length > limit && last !== undefined;
        return {
          items: items.map(shown),
          nextCursor: hasMore ? encodeCursor({ at: last.dischargedAt, id: last._id.toString() }) : null,
        };
      },
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}',
      permission: 'archive:read',
      summary: 'An archive, its versions and its catalogue',
      params,
      answer: detail,
      async handle({ params: { archiveId: id }, actor, requestId }) {
        const found = await archiveOf(id);
        await audited(actor, 'archive.open', id, requestId);
        const versions = await ArchiveVersion.find({ archiveId: id })
          .select('-receipt -manifest -documents')
          .sort({ version: -1 })
          .lean<ArchiveVersion[]>();
        const current = versions.find(({ version }) => version === found.currentVersion);
        let firstPage = 1;
        return {
          ...shown(found),
          versions: versions.map(({ version, state, reason, createdAt, catalog, package: packed, attestation }) => ({
            version,
            state,
            ...(reason !== undefined && { reason }),
            createdAt: createdAt.toISOString(),
            pages: catalog.nodes.reduce((sum, node) => sum + node.pages.length, 0),
            ...(packed !== undefined && { bytes: packed.bytes }),
            ...(attestation !== undefined && { height: attestation.height, txId: attestation.txId }),
          })),
          catalog: (current?.catalog.nodes ?? []).map(({ type, title, pages: refs }) => {
            const branch = { type, title, firstPage, pageCount: refs.length };
            firstPage += refs.length;
            return branch;
          }),
        };
      },
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}/pages/{page}',
      permission: 'archive:content',
      summary: 'One page as an image',
      params: params.extend({ page: z.coerce.number().int().min(1).max(100_000) }),
      query: versioned.extend({ size: z.enum(['full', 'thumbnail']).default('full') }),
      async handle({ params: { archiveId: id, page }, query: { version, size }, actor, requestId, response }) {
        const found = await versionOf(id, version);
        await audited(actor, `archive.page.${size}.${found.version}.${page}`, id, requestId);
        const { data, mediaType } = await pages.image(found, page, size);
        response.set('Cache-Control', 'private, no-store').type(mediaType).send(data);
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
          }),
        ),
      }),
      async handle({ params: { archiveId: id } }) {
        await archiveOf(id);
        return { steps: await timelineOf(temporal, archivingWorkflowId(memberId, id)) };
      },
    }),
    route({
      method: 'post',
      path: '/archives/{archiveId}/retry',
      permission: 'batch:write',
      summary: 'What made archiving fail is put right: try again',
      params,
      body: z.strictObject({ reason: text(200) }),
      async handle({ params: { archiveId: id }, body: { reason }, actor, requestId }) {
        const { state } = await archiveOf(id);
        if (state !== AttestationState.failed) throw new SealfolioError('retry-not-needed', { archiveId: id, state });
        await audited(actor, `archive.retry: ${reason}`, id, requestId);
        await temporal.workflow.getHandle(archivingWorkflowId(memberId, id)).signal(retrySignal);
        return undefined;
      },
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}/receipt',
      permission: 'receipt:read',
      summary: 'The receipt file (docs/receipt-format.md)',
      params,
      query: versioned,
      async handle({ params: { archiveId: id }, query: { version }, actor, requestId, response }) {
        const { receipt, version: number } = await versionOf(id, version);
        if (receipt === undefined) throw new SealfolioError('receipt-not-found', { archiveId: id });
        await audited(actor, `archive.receipt.${number}`, id, requestId);
        response
          .set('Cache-Control', 'no-store')
          .attachment(`${id}-v${number}.receipt.json`)
          .type('application/json')
          .send(receipt);
      },
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}/package',
      permission: 'archive:content',
      summary: 'The sealed OFD; Range is taken',
      params,
      query: versioned,
      async handle({ params: { archiveId: id }, query: { version }, actor, requestId, request, response }) {
        const { package: packed, version: number } = await versionOf(id, version);
        if (packed === undefined) throw new SealfolioError('version-not-found', { archiveId: id });
        const ranges = request.range(packed.bytes, { combine: true });
        if (ranges === -1 || (Array.isArray(ranges) && ranges.length > 1))
          throw new SealfolioError('range-invalid', { bytes: packed.bytes });
        const range = Array.isArray(ranges) ? { start: ranges[0]!.start, end: ranges[0]!.end + 1 } : null;
        await audited(actor, `archive.package.${number}`, id, requestId);
        const source = await store.objects.read(packed.objectId, range);
        const { start, end } = range ?? { start: 0, end: packed.bytes };
        response
          .status(range === null ? 200 : 206)
          .set({
            'Cache-Control': 'private, no-store',
            'Accept-Ranges': 'bytes',
            'Content-Length': String(end - start),
            ...(range !== null && { 'Content-Range': `bytes ${start}-${end - 1}/${packed.bytes}` }),
          })
          .attachment(`${id}-v${number}.ofd`)
          .type('application/ofd');
        await pipeline(source, response);
      },
    }),
  ];
}
