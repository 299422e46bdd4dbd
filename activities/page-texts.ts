import { heartbeat } from '@temporalio/activity';
import type { CatalogTemplate } from '../domain/catalog.ts';
import { foreignBy } from '../domain/catalog/foreign.ts';
import { classifyDocument, type PageText, type TextLine } from '../domain/catalog/classify.ts';
import { isSealfolioError } from '../domain/errors.ts';
import { readBarcodes } from '../platform/barcode/read.ts';
import type { TitleReader } from '../platform/ocr/tesseract.ts';
import type { MediaType } from '../platform/ofd/media.ts';
import { pageImage } from '../platform/ofd/render.ts';
import type { Archive, ArchiveVersion, Store, SuggestedPage, VersionDocument } from '../platform/store/index.ts';

/** What the pages of a version seem to be: read from the originals, which stay as they are. Beats after each page. */
export async function suggestedPages(
  { objects }: Pick<Store, 'objects'>,
  titles: TitleReader | null,
  template: CatalogTemplate,
  visit: Pick<Archive, 'patientNo' | 'visitNo'>,
  { documents }: Pick<ArchiveVersion, 'documents'>,
): Promise<SuggestedPage[]> {
  const found: SuggestedPage[] = [];
  for (const document of documents) {
    const { objectId } = document;
    const texts = await pageTexts(document, await objects.readAll(objectId), titles, heartbeat);
    const types = classifyDocument(template, texts);
    for (const [page, text] of texts.entries()) {
      const foreign = foreignBy(text, visit);
      found.push({ objectId, page, suggested: types[page]!, ...(foreign !== null && { foreign }) });
    }
  }
  return found;
}

/** What barcodes and titles say on each page of an original; a page that cannot be read says nothing. */
async function pageTexts(
  { mediaType, pages }: VersionDocument,
  data: Buffer,
  titles: TitleReader | null,
  onPage: () => void,
): Promise<PageText[]> {
  const said = async <T>(read: () => Promise<T[]>): Promise<T[]> => {
    try {
      return await read();
    } catch (error) {
      if (isSealfolioError(error) && typeof error.data.field === 'string') return [];
      throw error;
    }
  };
  const texts: PageText[] = [];
  for (const page of pages.keys()) {
    const barcodes = await said(async () => (await readBarcodes(data, page)).map(({ text }) => text));
    onPage();
    const lines: TextLine[] =
      titles === null
        ? []
        : await said(async () => (await titles.read((await pageImage(data, mediaType as MediaType, page)).data)) ?? []);
    texts.push({ barcodes, lines });
    onPage();
  }
  return texts;
}
