import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import type { Rotation } from '../../domain/catalog.ts';
import { PackedPages } from '../../domain/catalog/numbered.ts';
import { SealfolioError } from '../../domain/errors.ts';
import { packOfd } from '../../platform/ofd/package.ts';
import type { PageImage } from '../../platform/ofd/render.ts';
import type { ApiDeps } from '../deps.ts';
import { type ArchiveVersion, latestCatalog } from '../../platform/store/index.ts';
import { type Ground, groundOf, lentPages, requireContent, requirePage } from '../loans/content.ts';
import { type Actor, type Call, type Route, route } from '../route.ts';
import { traced } from '../traced.ts';
import { archiveOf, versionOf } from './find.ts';
import { Pages } from './pages.ts';

const params = z.object({ archiveId: z.string().regex(/^ar_[a-z0-9]{1,40}$/) });
const versioned = z.object({ version: z.coerce.number().int().min(1).optional() });
const minute = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai', dateStyle: 'short', timeStyle: 'short' });

/** Under which loan it was read, for the trace. */
const under = (ground: Ground) => (ground.basis === 'loan' ? { loanId: ground.loanId } : {});
/** What was read, by the digest of its package: the one that is attested. */
const sealed = ({ version, package: packed }: ArchiveVersion) => ({
  version,
  ...(packed !== undefined && { sm3: packed.sm3 }),
});
const object = (id: string) => ({ type: 'archive', id });
const USES = { view: 'archive.page', print: 'archive.print', prefetch: 'archive.prefetch' } as const;

/** Pages and files of an archive: who may read them is asked, and traced, at each. */
export function readingRoutes(deps: ApiDeps): Route[] {
  const { store, memberName, watermark } = deps;
  const { TraceEntry } = store.models;
  const pages = new Pages(store);

  /** With who reads it, under what, and when, in its pixels. */
  async function marked(
    { data }: PageImage,
    { displayName, id }: Actor,
    ground: Ground,
    at: Date,
    use: 'screen' | 'print',
    rotation: Rotation | 0 = 0,
  ): Promise<PageImage> {
    const who = displayName === id ? id : `${displayName}（${id}）`;
    const basis = ground.basis === 'loan' ? `借阅 ${ground.loanId}` : '岗位查阅';
    const lines = [`${memberName} ${who}`, basis, minute.format(at)];
    return { data: await watermark(data, lines, use, rotation), mediaType: 'image/jpeg' };
  }

  /** How the catalogue of today turns a page. */
  async function turnOf(version: ArchiveVersion, page: number): Promise<Rotation | 0> {
    const nodes = new PackedPages(version.catalog).number(await latestCatalog(store.models, version));
    return nodes.flatMap(({ pages: all }) => all).find((one) => one.page === page)?.rotation ?? 0;
  }

  /** What a borrower takes away: an OFD of its own, its pages marked, without the seal of the original. */
  async function sendCopy(
    id: string,
    ground: Ground & { basis: 'loan' },
    { response, ...call }: Pick<Call<unknown, unknown, unknown>, 'actor' | 'requestId' | 'request' | 'response'>,
    version?: number,
  ): Promise<void> {
    const [found, { patientName }] = await Promise.all([versionOf(store, id, version), archiveOf(store, id)]);
    const details = { ...sealed(found), isCopy: true };
    const { at } = await traced(store, call, 'archive.package', object(id), { ...under(ground), details });
    const boxes = new Map(found.documents.map(({ objectId, pages: sizes }) => [objectId, sizes]));
    // As the catalogue shows it today: in its order, turned, without what is marked as blank or twice there.
    const packed = new PackedPages(found.catalog);
    const references = packed
      .number(await latestCatalog(store.models, found))
      .flatMap(({ pages: refs }) => refs)
      .filter(({ mark }) => mark === undefined);
    const content = {
      docId: randomUUID().replaceAll('-', ''),
      title: `${patientName} 借阅副本`,
      creator: memberName,
      createdAt: at,
      pages: references.map(({ page, rotation = 0 as const }) => {
        const { objectId, page: within } = packed.refs[page - 1]!;
        const { widthMm, heightMm } = boxes.get(objectId)![within]!;
        return {
          ...(rotation % 180 === 0 ? { widthMm, heightMm } : { widthMm: heightMm, heightMm: widthMm }),
          format: 'JPEG' as const,
          image: async () => marked(await pages.image(found, page), call.actor, ground, at, 'print', rotation),
        };
      }),
      outlines: [],
      attachments: [],
    };
    response
      .set('Cache-Control', 'private, no-store')
      .attachment(`${id}-v${found.version}-copy.ofd`)
      .type('application/ofd');
    await pipeline(Readable.from(packOfd(content, null)), response);
  }

  return [
    route({
      method: 'get',
      path: '/archives/{archiveId}/pages/{page}',
      permission: 'archive:view',
      summary: 'One page as an image: by role, or under a loan',
      params: params.extend({ page: z.coerce.number().int().min(1).max(100_000) }),
      query: versioned.extend({
        size: z.enum(['full', 'thumbnail']).default('full'),
        use: z
          .enum(['view', 'print', 'prefetch'])
          .default('view')
          .describe('`prefetch`: the page is shown later, and told then'),
      }),
      async handle({ params: { archiveId: id, page }, query: { version, size, use }, response, ...call }) {
        const ground = await requireContent(deps, call.actor, id, use === 'print' ? 'print' : 'view');
        const found = await versionOf(store, id, version);
        await requirePage(store, ground, found, page);
        const action = size === 'thumbnail' ? 'archive.thumbnail' : USES[use];
        const details = { ...sealed(found), page };
        const { at } = await traced(store, call, action, object(id), { ...under(ground), details });
        const image =
          size === 'thumbnail'
            ? await pages.thumbnail(found, page)
            : await marked(
                await pages.image(found, page),
                call.actor,
                ground,
                at,
                use === 'print' ? 'print' : 'screen',
                await turnOf(found, page),
              );
        response.set('Cache-Control', 'private, no-store').type(image.mediaType).send(image.data);
      },
    }),
    route({
      method: 'post',
      path: '/archives/{archiveId}/pages/{page}/shown',
      permission: 'archive:view',
      summary: 'A page that was fetched ahead is shown now: asked and traced as if it were fetched now',
      params: params.extend({ page: z.coerce.number().int().min(1).max(100_000) }),
      query: versioned,
      async handle({ params: { archiveId: id, page }, query: { version }, ...call }) {
        const ground = await requireContent(deps, call.actor, id, 'view');
        const found = await versionOf(store, id, version);
        await requirePage(store, ground, found, page);
        const details = { ...sealed(found), page, isAhead: true };
        await traced(store, call, 'archive.page', object(id), { ...under(ground), details });
        return undefined;
      },
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}/access',
      permission: 'archive:view',
      summary: 'On what ground I may read it, and until when; an open viewer asks again',
      params,
      answer: z.object({
        basis: z.enum(['role', 'loan', 'none']),
        loanId: z.string().optional(),
        until: z.string().optional(),
        rights: z.array(z.string()),
        pages: z.array(z.number()).optional().describe('Numbers of the pages that were lent; absent: all'),
        conditions: z.string().optional(),
        isHeld: z.boolean(),
        printed: z.number().describe('Pages that I printed under this loan'),
      }),
      async handle({ params: { archiveId: id }, actor }) {
        const { legalHold, currentVersion } = await archiveOf(store, id);
        const isHeld = legalHold !== undefined;
        const ground = await groundOf(store, actor, id);
        if (ground.basis === 'role')
          return { basis: ground.basis, rights: ['view', 'print', 'download'], isHeld, printed: 0 };
        if (ground.basis === 'none') return { basis: ground.basis, rights: [], isHeld, printed: 0 };
        const printed = await TraceEntry.countDocuments({ loanId: ground.loanId, kind: 'print', result: 'allowed' });
        const { nodes, nodesOf: _of, ...rest } = ground;
        const lent =
          nodes === undefined ? null : await lentPages(store, ground, await versionOf(store, id, currentVersion));
        return {
          ...rest,
          ...(lent !== null && { pages: [...lent].sort((a, b) => a - b) }),
          until: new Date(ground.until).toISOString(),
          isHeld,
          printed,
        };
      },
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}/receipt',
      permission: 'receipt:read',
      summary: 'The receipt file (docs/receipt-format.md)',
      params,
      query: versioned,
      async handle({ params: { archiveId: id }, query: { version }, response, ...call }) {
        const found = await versionOf(store, id, version);
        if (found.receipt === undefined) throw new SealfolioError('receipt-not-found', { archiveId: id });
        await traced(store, call, 'archive.receipt', object(id), { details: sealed(found) });
        response
          .set('Cache-Control', 'no-store')
          .attachment(`${id}-v${found.version}.receipt.json`)
          .type('application/json')
          .send(found.receipt);
      },
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}/package',
      permission: 'archive:view',
      summary:
        'By role the sealed OFD, Range is taken; under a loan of the whole with the right a copy with a watermark in each page',
      params,
      query: versioned,
      async handle({ params: { archiveId: id }, query: { version }, request, response, ...call }) {
        const ground = await requireContent(deps, call.actor, id, 'download');
        if (ground.basis === 'loan' && ground.nodes !== undefined) throw new SealfolioError('page-out-of-scope');
        const found = await versionOf(store, id, version);
        const { package: packed, version: number } = found;
        if (packed === undefined) throw new SealfolioError('version-not-found', { archiveId: id });
        if (ground.basis === 'loan') return sendCopy(id, ground, { ...call, request, response }, version);
        const ranges = request.range(packed.bytes, { combine: true });
        if (ranges === -1 || (Array.isArray(ranges) && ranges.length > 1))
          throw new SealfolioError('range-invalid', { bytes: packed.bytes });
        const range = Array.isArray(ranges) ? { start: ranges[0]!.start, end: ranges[0]!.end + 1 } : null;
        await traced(store, call, 'archive.package', object(id), { ...under(ground), details: sealed(found) });
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
