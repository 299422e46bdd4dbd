import type { Catalog, CatalogNode } from '../../domain/catalog.ts';
import { diffCatalogs } from '../../domain/catalog/diff.ts';
import {
  type CatalogPlace,
  isSamePlace,
  type NumberedNode,
  PackedPages,
  placeText,
} from '../../domain/catalog/numbered.ts';
import { SealfolioError } from '../../domain/errors.ts';
import type { TraceAction } from '../../domain/trace.ts';
import {
  type Archive,
  catalogAt,
  catalogDigest,
  type CatalogEdit,
  editBlock,
  placeOf,
  recountSuggestions,
  signEdit,
  writeEdit,
} from '../../platform/store/index.ts';
import { wakeAnchoring } from '../waking.ts';
import { archiveOf, versionOf } from '../archives/find.ts';
import type { ApiDeps } from '../deps.ts';
import type { Actor } from '../route.ts';
import { traced } from '../traced.ts';
import { editsShown } from './shown.ts';

interface Who {
  actor: Actor;
  requestId: string;
}

interface Wanted {
  base: CatalogPlace;
  nodes: CatalogNode[];
  reason: string;
  /** It brings back this one. */
  restores?: CatalogPlace;
}

/** 目录修订: overlays over the pages of an archive's version, one after the other; what came in is not touched. */
export class Cataloguing {
  constructor(private readonly deps: Pick<ApiDeps, 'store' | 'keys' | 'memberId' | 'temporal' | 'logger'>) {}

  /** Pages by their numbers in the package of the base's version, as references. Throws catalog-pages-differ. */
  async referred(archiveId: string, { version }: CatalogPlace, nodes: readonly NumberedNode[]): Promise<CatalogNode[]> {
    const packed = new PackedPages((await versionOf(this.deps.store, archiveId, version)).catalog);
    const faults = packed.pageFaults(nodes);
    if (faults.length > 0)
      throw new SealfolioError('catalog-pages-differ', {
        errors: faults.map(({ rule, pages }) => ({
          pointer: '/body/nodes',
          rule,
          message: `${rule}: ${pages.slice(0, 20).join(', ')}`,
        })),
      });
    return packed.refer(nodes);
  }

  /** Brings back an earlier catalogue of the same pages. Throws catalog-not-found, catalog-pages-differ, and what `save` does. */
  async restore(
    archiveId: string,
    base: CatalogPlace,
    to: CatalogPlace,
    reason: string,
    who: Who,
  ): Promise<CatalogPlace> {
    const { models } = this.deps.store;
    const earlier = await catalogAt(models, archiveId, to);
    if (earlier === null) throw new SealfolioError('catalog-not-found', { archiveId, place: placeText(to) });
    const { nodes } = earlier;
    if (to.version !== base.version) await this.referred(archiveId, base, await this.numbered(archiveId, base, nodes));
    return this.save(archiveId, { base, nodes, reason, restores: to }, 'catalog.restore', who);
  }

  /**
   * The next edit, signed, on its way to the ledger; the same sent again by the same person is the same answer. Throws
   * archive-held, catalog-on-loan, catalog-version-pending, catalog-unchanged, or catalog-changed with both sides.
   */
  async save(archiveId: string, wanted: Wanted, action: TraceAction, who: Who): Promise<CatalogPlace> {
    const { store } = this.deps;
    const { base, nodes, reason, restores } = wanted;
    const archive = await archiveOf(store, archiveId);
    const current = placeOf(archive);
    if (!isSamePlace(base, current)) return this.#known(archiveId, wanted, current, who);
    await this.#requireOpen(archive);
    const before = await catalogAt(store.models, archiveId, base);
    if (before === null) throw new SealfolioError('catalog-not-found', { archiveId, place: placeText(base) });
    const catalog: Catalog = { ...before, nodes };
    if (catalogDigest(catalog) === catalogDigest(before)) throw new SealfolioError('catalog-unchanged', { archiveId });
    const details = { place: placeText(base), ...(restores && { restores: placeText(restores) }) };
    await traced(store, who, action, { type: 'archive', id: archiveId }, { reason, details });
    const made = {
      ...(await signEdit(this.deps, { archiveId, base, before, catalog, by: who.actor.id, reason })),
      ...(restores && { restores: placeText(restores) }),
    };
    const isWritten = await writeEdit(store, made, archive);
    if (!isWritten) {
      await this.#requireOpen(await archiveOf(store, archiveId));
      return this.#known(archiveId, wanted, placeOf(await archiveOf(store, archiveId)), who);
    }
    await recountSuggestions(store, archiveId);
    await wakeAnchoring(this.deps);
    return { version: made.version, edit: made.edit };
  }

  async #requireOpen(archive: Archive): Promise<void> {
    const block = await editBlock(this.deps.store.models, archive);
    if (block !== null) throw new SealfolioError(block, { archiveId: archive.archiveId });
  }

  /** What is there already is what was wanted (its answer was lost), else both sides are told. */
  async #known(archiveId: string, wanted: Wanted, current: CatalogPlace, { actor }: Who): Promise<CatalogPlace> {
    const { store } = this.deps;
    const { base, nodes, reason } = wanted;
    const theirs = await catalogAt(store.models, archiveId, current);
    if (theirs === null) throw new SealfolioError('catalog-not-found', { archiveId, place: placeText(current) });
    const [edit] = await store.models.CatalogEdit.find({ archiveId, ...current }).lean<CatalogEdit[]>();
    const isNext = current.version === base.version && current.edit === base.edit + 1;
    const isSame = catalogDigest({ ...theirs, nodes }) === catalogDigest(theirs);
    if (isNext && isSame && edit?.by === actor.id && edit.reason === reason) return current;
    const began = await catalogAt(store.models, archiveId, base);
    if (began === null) throw new SealfolioError('catalog-not-found', { archiveId, place: placeText(base) });
    const [ours, others, start] = await Promise.all(
      [nodes, theirs.nodes, began.nodes].map((of) => this.numbered(archiveId, current, of)),
    );
    throw new SealfolioError('catalog-changed', {
      base,
      start,
      theirs: { ...(await editsShown(store, archiveId, current.version, current.edit))[0]!, nodes: others },
      yours: ours,
      theirChanges: diffCatalogs(start!, others!),
      yourChanges: diffCatalogs(start!, ours!),
    });
  }

  /** By numbers in the package of a place's version. */
  async numbered(archiveId: string, { version }: CatalogPlace, nodes: readonly CatalogNode[]): Promise<NumberedNode[]> {
    const { catalog } = await versionOf(this.deps.store, archiveId, version);
    return new PackedPages(catalog).number({ nodes: [...nodes] });
  }
}
