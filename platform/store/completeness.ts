import type { Catalog } from '../../domain/catalog.ts';
import { completenessOf, type CompletenessState } from '../../domain/catalog/completeness.ts';
import { catalogAt, catalogTemplates, placeOf, templateFor } from './cataloguing.ts';
import type { Models } from './index.ts';
import type { Archive } from './models/archive.ts';

/** What lists find an archive by: how its catalogue of today stands, and the version of the template that says so. */
export interface KeptCompleteness {
  completeness: CompletenessState;
  completenessTemplate: number;
}

/** How an archive stands by a catalogue; written beside whatever changes the catalogue that it is shown by. */
export async function completenessBy(
  models: Models,
  archive: Pick<Archive, 'dischargedAt'>,
  catalog: Catalog,
): Promise<KeptCompleteness> {
  const template = await templateFor(models, archive);
  return { completeness: completenessOf(template, catalog).state, completenessTemplate: template.version };
}

/** Of every day one template holds: from the day one of them begins until the next does. */
async function periods(models: Models): Promise<{ version: number; from?: Date; to?: Date }[]> {
  const templates = await catalogTemplates(models);
  const days = [...new Set(templates.map(({ effectiveFrom }) => effectiveFrom))].sort();
  const starts = [undefined, ...days.map((day) => new Date(`${day}T00:00:00+08:00`))];
  return Promise.all(
    starts.map(async (from, i) => {
      const to = starts[i + 1];
      const { version } = await templateFor(models, { dischargedAt: from ?? new Date(to!.getTime() - 1) });
      return { version, ...(from && { from }), ...(to && { to }) };
    }),
  );
}

/** Writes it where it is not known, or was said by another template than that of the visit; tells of how many. */
export async function refreshCompleteness(models: Models, onEach: () => void): Promise<number> {
  const { Archive } = models;
  let written = 0;
  for (const { version, from, to } of await periods(models)) {
    const stale = Archive.find({
      completenessTemplate: { $ne: version },
      ...((from ?? to) && { dischargedAt: { ...(from && { $gte: from }), ...(to && { $lt: to }) } }),
      currentVersion: { $gt: 0 },
    });
    for await (const archive of stale.lean<Archive[]>().cursor() as AsyncIterable<Archive>) {
      onEach();
      const { archiveId, currentVersion, catalogEdit } = archive;
      const catalog = await catalogAt(models, archiveId, placeOf(archive));
      if (catalog === null) continue;
      // Who arranged it meanwhile has said it.
      const as = { archiveId, currentVersion, catalogEdit: catalogEdit ?? { $exists: false } };
      await Archive.updateOne(as, { $set: await completenessBy(models, archive, catalog) });
      written += 1;
    }
  }
  return written;
}
