import type { CatalogTemplate } from '../../domain/catalog.ts';
import { type Classification, doubtfulPages, type PageSuggestion } from '../../domain/catalog/classify.ts';
import { PackedPages } from '../../domain/catalog/numbered.ts';
import { catalogAt, placeOf } from './cataloguing.ts';
import type { Models } from './index.ts';
import type { Archive, ArchiveVersion } from './models/archive.ts';
import type { CatalogSuggestion, SuggestedPage } from './models/catalog.ts';

const keyOf = ({ objectId, page }: { objectId: string; page: number }) => `${objectId}/${page}`;

/** What pages seem to be, by their numbers in the package of the archive's version, in their order; pages that it does not have are left out. */
export function numberSuggestions(packed: PackedPages, pages: readonly SuggestedPage[]): PageSuggestion[] {
  return pages
    .flatMap(({ suggested, kept, ...ref }) => {
      const page = packed.numberOf(ref);
      return page === undefined ? [] : [{ page, suggested, ...(kept !== undefined && { kept: true }) }];
    })
    .sort((a, b) => a.page - b.page);
}

/** The pages that wait for a person, by the catalogue that the archive is shown by. */
async function doubtfulOf(models: Models, archive: Archive, pages: readonly SuggestedPage[]) {
  const { archiveId, currentVersion: version } = archive;
  const [shown, packed] = await Promise.all([
    catalogAt(models, archiveId, placeOf(archive)),
    models.ArchiveVersion.findOne({ archiveId, version }).select('catalog').lean<Pick<ArchiveVersion, 'catalog'>>(),
  ]);
  if (shown === null || packed === null) return [];
  const numbers = new PackedPages(packed.catalog);
  return doubtfulPages(numbers.number(shown), numberSuggestions(numbers, pages));
}

const counted = (doubtful: readonly { suggested: Classification | null }[]) => ({
  doubtful: doubtful.length,
  lowest: Math.min(1, ...doubtful.map(({ suggested }) => suggested?.confidence ?? 0)),
  isOpen: doubtful.length > 0,
});

/** Counts anew what waits for a person in an archive whose catalogue, or whose suggestions, changed. */
export async function recountSuggestions(models: Models, archiveId: string): Promise<void> {
  const [row, archive] = await Promise.all([
    models.CatalogSuggestion.findOne({ archiveId }).lean<CatalogSuggestion>(),
    models.Archive.findOne({ archiveId }).lean<Archive>(),
  ]);
  if (row === null || archive === null) return;
  const { department, dischargedAt } = archive;
  const counts = counted(await doubtfulOf(models, archive, row.pages));
  await models.CatalogSuggestion.updateOne({ archiveId }, { $set: { ...counts, department, dischargedAt } });
}

/** What a person left where it lies stays so, while it seems to be the same. */
export function withKept(found: readonly SuggestedPage[], before: readonly SuggestedPage[]): SuggestedPage[] {
  const known = new Map(before.map((page) => [keyOf(page), page]));
  return found.map((page) => {
    const old = known.get(keyOf(page));
    return old?.kept !== undefined && old.suggested?.type === page.suggested?.type ? { ...page, kept: old.kept } : page;
  });
}

/** Keeps what the pages of an archive seem to be, and counts what waits for a person by its catalogue of now. */
export async function keepSuggestions(
  models: Models,
  archiveId: string,
  { version: templateVersion }: CatalogTemplate,
  pages: readonly SuggestedPage[],
): Promise<void> {
  const archive = (await models.Archive.findOne({ archiveId }).lean<Archive>())!;
  const { department, dischargedAt } = archive;
  const counts = counted(await doubtfulOf(models, archive, pages));
  const row = { templateVersion, pages, ...counts, department, dischargedAt, at: new Date() };
  await models.CatalogSuggestion.updateOne({ archiveId }, { $set: row }, { upsert: true });
}

/** A person looked at these pages, and leaves them where they lie; false if one of them is not there. */
export async function leavePages(
  models: Models,
  archiveId: string,
  refs: readonly { objectId: string; page: number }[],
  by: string,
): Promise<boolean> {
  const row = await models.CatalogSuggestion.findOne({ archiveId }).lean<CatalogSuggestion>();
  const known = new Set(row?.pages.map(keyOf));
  if (row === null || !refs.every((ref) => known.has(keyOf(ref)))) return false;
  const kept = { by, at: new Date() };
  for (const { objectId, page } of refs)
    await models.CatalogSuggestion.updateOne(
      { archiveId, pages: { $elemMatch: { objectId, page } } },
      { $set: { 'pages.$.kept': kept } },
    );
  await recountSuggestions(models, archiveId);
  return true;
}
