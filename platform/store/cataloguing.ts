import type { ClientSession } from 'mongoose';
import { type Catalog, DEFAULT_TEMPLATE, type CatalogTemplate, templateOn } from '../../domain/catalog.ts';
import type { CatalogPlace } from '../../domain/catalog/numbered.ts';
import type { Models } from './index.ts';
import type { Archive, ArchiveVersion, CatalogEdit, CatalogTemplateRow } from './models/archive.ts';

/** Where the catalogue that an archive is shown by stands. */
export const placeOf = ({ currentVersion, catalogEdit = 0 }: Pick<Archive, 'currentVersion' | 'catalogEdit'>) => ({
  version: currentVersion,
  edit: catalogEdit,
});

/** What the outbox calls the catalogues of one version. */
export const editSubject = (archiveId: string, version: number): string => `${archiveId}/${version}`;

/** The catalogue that a version is shown by: its last edit, else the one it was packed by. */
export async function latestCatalog(
  { CatalogEdit }: Models,
  { archiveId, version, catalog }: Pick<ArchiveVersion, 'archiveId' | 'version' | 'catalog'>,
  session?: ClientSession,
): Promise<Catalog> {
  const edit = await CatalogEdit.findOne({ archiveId, version })
    .sort({ edit: -1 })
    .select('catalog')
    .session(session ?? null)
    .lean<Pick<CatalogEdit, 'catalog'>>();
  return edit?.catalog ?? catalog;
}

/** One catalogue of an archive; null if there is none there. */
export async function catalogAt(
  { ArchiveVersion, CatalogEdit }: Models,
  archiveId: string,
  { version, edit }: CatalogPlace,
): Promise<Catalog | null> {
  const found =
    edit === 0
      ? await ArchiveVersion.findOne({ archiveId, version }).select('catalog').lean<{ catalog: Catalog }>()
      : await CatalogEdit.findOne({ archiveId, version, edit }).select('catalog').lean<{ catalog: Catalog }>();
  return found?.catalog ?? null;
}

/** Version 1: the product's own. */
const FIRST_TEMPLATE: CatalogTemplateRow = {
  ...DEFAULT_TEMPLATE,
  by: 'system',
  reason: '内置模板',
  createdAt: new Date(0),
};

/** All templates, the newest version first. */
export async function catalogTemplates({ CatalogTemplate }: Models): Promise<CatalogTemplateRow[]> {
  return [...(await CatalogTemplate.find().sort({ version: -1 }).lean<CatalogTemplateRow[]>()), FIRST_TEMPLATE];
}

const dayInChina = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai', dateStyle: 'short' });

/** The template that a visit is catalogued by. */
export async function templateFor(
  models: Models,
  { dischargedAt }: Pick<Archive, 'dischargedAt'>,
): Promise<CatalogTemplate> {
  return templateOn(await catalogTemplates(models), dayInChina.format(dischargedAt));
}
