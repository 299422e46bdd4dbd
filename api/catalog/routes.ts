import { z } from 'zod';
import { diffCatalogs } from '../../domain/catalog/diff.ts';
import { PackedPages, placeText } from '../../domain/catalog/numbered.ts';
import { SealfolioError } from '../../domain/errors.ts';
import { catalogAt, type CatalogEdit, placeOf } from '../../platform/store/index.ts';
import { archiveOf, versionOf } from '../archives/find.ts';
import type { ApiDeps } from '../deps.ts';
import { type Route, route } from '../route.ts';
import { Cataloguing } from './save.ts';
import { change, numberedNode, numberedNodes, place, placeParam, reason, shownEdit } from './schemas.ts';
import { editsShown } from './shown.ts';

const params = z.object({ archiveId: z.string().regex(/^ar_[a-z0-9]{1,40}$/) });
const shownCatalog = shownEdit.extend({
  templateId: z.string(),
  templateVersion: z.number(),
  isCurrent: z.boolean(),
  nodes: z.array(numberedNode),
});

/** 目录重建: the catalogues of an archive. Edits are overlays: the package, its receipt and the originals stay as they are. */
export function catalogRoutes(deps: ApiDeps): Route[] {
  const { store } = deps;
  const { CatalogEdit } = store.models;
  const cataloguing = new Cataloguing(deps);

  async function find(archiveId: string, at: z.infer<typeof place>) {
    const found = await catalogAt(store.models, archiveId, at);
    if (found === null) throw new SealfolioError('catalog-not-found', { archiveId, place: placeText(at) });
    return found;
  }

  return [
    route({
      method: 'get',
      path: '/archives/{archiveId}/catalog',
      permission: 'archive:read',
      trace: 'catalog.open',
      summary: 'A catalogue (the one of today by default), its pages by their numbers in the package of its version',
      params,
      query: z.object({ place: placeParam.optional() }),
      answer: shownCatalog,
      async handle({ params: { archiveId }, query }) {
        const current = placeOf(await archiveOf(store, archiveId));
        const at = query.place ?? current;
        const [catalog, { catalog: packed }] = await Promise.all([
          find(archiveId, at),
          versionOf(store, archiveId, at.version),
        ]);
        const [edit] = await editsShown(store, archiveId, at.version, at.edit);
        const { templateId, templateVersion } = catalog;
        return {
          ...edit!,
          templateId,
          templateVersion,
          isCurrent: placeText(at) === placeText(current),
          nodes: new PackedPages(packed).number(catalog),
        };
      },
    }),
    route({
      method: 'put',
      path: '/archives/{archiveId}/catalog',
      permission: 'catalog:write',
      summary: 'Arrange it anew, from the one that was looked at (`base`): the next edit, signed and attested',
      params,
      body: z.strictObject({ base: place, nodes: numberedNodes, reason }),
      answer: z.object({ place }),
      async handle({ params: { archiveId }, body: { base, nodes, reason: why }, ...call }) {
        await archiveOf(store, archiveId);
        await find(archiveId, base);
        const referred = await cataloguing.referred(archiveId, base, nodes);
        const wanted = { base, nodes: referred, reason: why };
        return { place: await cataloguing.save(archiveId, wanted, 'catalog.save', call) };
      },
    }),
    route({
      method: 'post',
      path: '/archives/{archiveId}/catalog/restore',
      permission: 'catalog:write',
      summary: 'A new edit that equals an earlier one of the same pages',
      params,
      body: z.strictObject({ base: place, to: place, reason }),
      answer: z.object({ place }),
      async handle({ params: { archiveId }, body: { base, to, reason: why }, ...call }) {
        await archiveOf(store, archiveId);
        await find(archiveId, base);
        return { place: await cataloguing.restore(archiveId, base, to, why, call) };
      },
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}/catalog/edits',
      permission: 'archive:read',
      trace: 'catalog.open',
      summary: 'Who arranged it, when and why, newest first; `edit` 0 is what a version was packed by',
      params,
      answer: z.object({ items: z.array(shownEdit) }),
      async handle({ params: { archiveId } }) {
        await archiveOf(store, archiveId);
        return { items: await editsShown(store, archiveId) };
      },
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}/catalog/diff',
      permission: 'archive:read',
      trace: 'catalog.diff',
      summary: 'What is different between two of them; pages by their numbers in the later version’s package',
      params,
      query: z.object({ from: placeParam, to: placeParam }),
      answer: z.object({ version: z.number(), changes: z.array(change) }),
      async handle({ params: { archiveId }, query: { from, to } }) {
        await archiveOf(store, archiveId);
        const [one, other] = await Promise.all([find(archiveId, from), find(archiveId, to)]);
        const version = Math.max(from.version, to.version);
        const packed = new PackedPages((await versionOf(store, archiveId, version)).catalog);
        return { version, changes: diffCatalogs(packed.number(one), packed.number(other)) };
      },
    }),
    route({
      method: 'get',
      path: '/archives/{archiveId}/catalog/edits/{place}/proof',
      permission: 'archive:read',
      trace: 'catalog.proof',
      summary:
        'What was signed and attested of an edit, its salt, the catalogue as it was hashed, and its place in the ledger',
      params: params.extend({ place: placeParam }),
      answer: z.object({
        manifest: z.unknown(),
        salt: z.string(),
        signature: z.string(),
        catalog: z.unknown(),
        ledger: z.unknown(),
      }),
      async handle({ params: { archiveId, place: at } }) {
        await archiveOf(store, archiveId);
        await find(archiveId, at);
        const edit = await CatalogEdit.findOne({ archiveId, ...at }).lean<CatalogEdit>();
        if (edit?.attestation === undefined) throw new SealfolioError('receipt-not-found', { place: placeText(at) });
        const { manifest, salt, signature, catalog, attestation } = edit;
        const { txId, indexInTx } = attestation;
        return { manifest, salt, signature, catalog, ledger: await deps.ledger.receipt(txId, indexInTx) };
      },
    }),
  ];
}
