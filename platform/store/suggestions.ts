import type { Catalog, CatalogTemplate } from '../../domain/catalog.ts';
import { doubtfulPages, type PageSuggestion } from '../../domain/catalog/classify.ts';
import { PackedPages, pageKey } from '../../domain/catalog/numbered.ts';
import { catalogAt, placeOf } from './cataloguing.ts';
import { completenessBy } from './completeness.ts';
import type { Models, Store } from './index.ts';
import { archiveInTurn } from './in-turn.ts';
import type { Archive, ArchiveVersion } from './models/archive.ts';
import type { CatalogSuggestion, SuggestedPage } from './models/catalog.ts';

/** What pages seem to be, by their numbers in the package of the archive's version, in their order; pages that it does not have are left out. */
export function numberSuggestions(packed: PackedPages, pages: readonly SuggestedPage[]): PageSuggestion[] {
  return pages
    .flatMap(({ suggested, kept, foreign, ...ref }) => {
      const page = packed.numberOf(ref);
      return page === undefined
        ? []
        : [{ page, suggested, ...(kept !== undefined && { kept: true }), ...(foreign !== undefined && { foreign }) }];
    })
    .sort((a, b) => a.page - b.page);
}

/** The pages that wait for a person, by the catalogue that the archive is shown by. */
async function doubtfulOf(
  { ArchiveVersion }: Models,
  { archiveId, currentVersion: version }: Archive,
  shown: Catalog,
  pages: readonly SuggestedPage[],
) {
  const packed = await ArchiveVersion.findOne({ archiveId, version })
    .select('catalog')
    .lean<Pick<ArchiveVersion, 'catalog'>>();
  if (packed === null) return [];
  const numbers = new PackedPages(packed.catalog);
  return doubtfulPages(numbers.number(shown), numberSuggestions(numbers, pages));
}

/** A page of someone else is the least sure of all. */
const counted = (doubtful: readonly PageSuggestion[]) => ({
  doubtful: doubtful.length,
  lowest: Math.min(
    1,
    ...doubtful.map(({ suggested, foreign }) => (foreign === undefined ? (suggested?.confidence ?? 0) : 0)),
  ),
  foreign: doubtful.filter(({ foreign }) => foreign !== undefined).length,
  isOpen: doubtful.length > 0,
});

/**
 * Writes what is suggested for an archive (null: nothing), and counts what waits for a person by its catalogue of now: at
 * once, with how the archive stands, so that neither a person's word nor an edit that comes meanwhile is lost. False if nothing was written.
 */
async function rewrite(
  { models, connection }: Store,
  archiveId: string,
  change: (
    row: CatalogSuggestion | null,
    archive: Archive,
  ) => (Partial<CatalogSuggestion> & Pick<CatalogSuggestion, 'pages'>) | null,
): Promise<boolean> {
  let isWritten = false;
  await connection.transaction(async (session) => {
    const row = await models.CatalogSuggestion.findOne({ archiveId }).session(session).lean<CatalogSuggestion>();
    const archive = await archiveInTurn(models, archiveId, session);
    const changed = archive === null ? null : change(row, archive);
    isWritten = changed !== null;
    if (archive === null || changed === null) return;
    const { department, dischargedAt } = archive;
    const shown = await catalogAt(models, archiveId, placeOf(archive));
    const counts = counted(shown === null ? [] : await doubtfulOf(models, archive, shown, changed.pages));
    const set = { ...changed, ...counts, department, dischargedAt };
    await models.CatalogSuggestion.updateOne({ archiveId }, { $set: set }, { upsert: true, session });
    if (shown === null) return;
    const stands = await completenessBy(models, archive, shown, changed.pages);
    await models.Archive.updateOne({ archiveId }, { $set: stands }, { session });
  });
  return isWritten;
}

/** Counts anew what waits for a person in an archive whose catalogue changed. */
export async function recountSuggestions(store: Store, archiveId: string): Promise<void> {
  await rewrite(store, archiveId, (row) => row && { pages: row.pages });
}

/** What a person left where it lies stays so, while it seems to be the same. */
export function withKept(found: readonly SuggestedPage[], before: readonly SuggestedPage[]): SuggestedPage[] {
  const known = new Map(before.map((page) => [pageKey(page), page]));
  return found.map((page) => {
    const old = known.get(pageKey(page));
    const isSame = old?.suggested?.type === page.suggested?.type && old?.foreign === page.foreign;
    return old?.kept !== undefined && isSame ? { ...page, kept: old.kept } : page;
  });
}

/**
 * Keeps what the pages of an archive seem to be; what a person left meanwhile stays left. False if its number was corrected
 * since it was looked at: by another number other pages are someone else's.
 */
export async function keepSuggestions(
  store: Store,
  { archiveId, patientNo, visitNo }: Archive,
  { version: templateVersion }: CatalogTemplate,
  pages: readonly SuggestedPage[],
): Promise<boolean> {
  const at = new Date();
  return rewrite(store, archiveId, (row, now) =>
    now.patientNo === patientNo && now.visitNo === visitNo
      ? { templateVersion, pages: withKept(pages, row?.pages ?? []), at }
      : null,
  );
}

/** A person looked at these pages, and leaves them where they lie; false if one of them is not there. */
export async function leavePages(
  store: Store,
  archiveId: string,
  refs: readonly { objectId: string; page: number }[],
  by: string,
): Promise<boolean> {
  const kept = { by, at: new Date() };
  const left = new Set(refs.map(pageKey));
  return rewrite(store, archiveId, (row) => {
    const known = new Set(row?.pages.map(pageKey));
    if (row === null || ![...left].every((key) => known.has(key))) return null;
    return { pages: row.pages.map((page) => (left.has(pageKey(page)) ? { ...page, kept } : page)) };
  });
}
