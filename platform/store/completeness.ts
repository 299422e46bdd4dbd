import { type Catalog, type CatalogTemplate, templateOn } from '../../domain/catalog.ts';
import { completenessOf, type CompletenessState } from '../../domain/catalog/completeness.ts';
import { catalogAt, catalogTemplates, placeOf, templateFor } from './cataloguing.ts';
import type { Models } from './index.ts';
import type { Archive } from './models/archive.ts';
import type { CatalogSuggestion, SuggestedPage } from './models/catalog.ts';
import { between } from './range.ts';

/** What lists find an archive by: how its catalogue of today stands, and the version of the template that says so. */
export interface KeptCompleteness {
  completeness: CompletenessState;
  completenessTemplate: number;
}

/** Pages of an archive that seem to be of another patient or visit, and that nobody left where they lie. */
export const foreignOf = (pages: readonly SuggestedPage[]) =>
  pages.filter(({ foreign, kept }) => foreign !== undefined && kept === undefined);

/** What was suggested for the pages of an archive; nothing if it was not looked at. */
export async function suggestedOf(models: Models, archiveId: string): Promise<SuggestedPage[]> {
  return (await models.CatalogSuggestion.findOne({ archiveId }).lean<CatalogSuggestion>())?.pages ?? [];
}

/** How an archive stands by a catalogue and by what its pages seem to be (`pages`, else what is kept); written beside whatever changes the catalogue that it is shown by. */
export async function completenessBy(
  models: Models,
  archive: Pick<Archive, 'archiveId' | 'dischargedAt'>,
  catalog: Catalog,
  pages?: readonly SuggestedPage[],
): Promise<KeptCompleteness> {
  return standing(await templateFor(models, archive), catalog, pages ?? (await suggestedOf(models, archive.archiveId)));
}

function standing(template: CatalogTemplate, catalog: Catalog, pages: readonly SuggestedPage[]): KeptCompleteness {
  const { state } = completenessOf(template, catalog, foreignOf(pages));
  return { completeness: state, completenessTemplate: template.version };
}

/** Of every day one template holds: from the day one of them begins until the next does. */
async function periods(models: Models): Promise<{ template: CatalogTemplate; time: { $gte?: Date; $lt?: Date } }[]> {
  const templates = await catalogTemplates(models);
  const days = [...new Set(templates.map(({ effectiveFrom }) => effectiveFrom))].sort();
  const starts = days.map((day) => `${day}T00:00:00+08:00`);
  const before = [{ template: templateOn(templates, ''), time: between(undefined, starts[0]) }];
  const begun = days.map((day, i) => ({
    template: templateOn(templates, day),
    time: between(starts[i], starts[i + 1]),
  }));
  return [...before, ...begun];
}

/** Writes it where it is not known, or was said by another template than that of the visit; tells of how many. */
export async function refreshCompleteness(models: Models, onEach: () => void): Promise<number> {
  const { Archive } = models;
  let written = 0;
  for (const { template, time } of await periods(models)) {
    const stale = Archive.find({
      completenessTemplate: { $ne: template.version },
      dischargedAt: time,
      currentVersion: { $gt: 0 },
    });
    for await (const archive of stale.lean<Archive[]>().cursor() as AsyncIterable<Archive>) {
      onEach();
      const { archiveId, currentVersion, catalogEdit } = archive;
      const catalog = await catalogAt(models, archiveId, placeOf(archive));
      if (catalog === null) continue;
      // Who arranged it meanwhile has said it.
      const as = { archiveId, currentVersion, catalogEdit: catalogEdit ?? { $exists: false } };
      await Archive.updateOne(as, { $set: standing(template, catalog, await suggestedOf(models, archiveId)) });
      written += 1;
    }
  }
  return written;
}
