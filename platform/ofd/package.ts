import { sm3 } from '../crypto/index.ts';
import { OID } from '../crypto/x509.ts';
import type { PageBox } from './inspect.ts';
import type { PageImage } from './render.ts';
import { type Sealer, signWithSeal } from './seal.ts';
import { SEAL_MM } from './seal-picture.ts';
import { element, escape, xmlFile } from './xml.ts';
import { ZipWriter } from './zip.ts';

export interface PackagePage extends PageBox {
  format: 'JPEG' | 'PNG';
  /** Asked for when its turn comes, so that one page at a time is in memory. */
  image(): Promise<PageImage>;
}

export interface PackageContent {
  /** 32 hex digits (GB/T 33190 §7.4 DocID). */
  docId: string;
  title: string;
  creator: string;
  createdAt: Date;
  pages: readonly PackagePage[];
  /** 目录: a title and the index of the page it leads to. */
  outlines: readonly { title: string; page: number }[];
  attachments: readonly { name: string; data: Buffer }[];
}

const DOC = 'Doc_0';
const SIGN = `${DOC}/Signs/Sign_0`;
const EXTENSION = { JPEG: 'jpg', PNG: 'png' } as const;
const SEAL_MARGIN_MM = 10;

const box = ({ widthMm, heightMm }: PageBox) => `0 0 ${widthMm} ${heightMm}`;

/** Ids within the document (ST_ID): one for each page, its image, its layer and its object. */
const ids = (index: number) => ({
  page: 10 + 4 * index,
  media: 11 + 4 * index,
  layer: 12 + 4 * index,
  object: 13 + 4 * index,
});

const date = (at: Date) => at.toISOString().slice(0, 10);

/** Entry document (GB/T 33190 §7.4). */
const ofdXml = ({ docId, title, creator, createdAt }: PackageContent, isSealed: boolean) =>
  xmlFile(
    'OFD',
    { Version: '1.0', DocType: 'OFD' },
    element(
      'DocBody',
      {},
      element(
        'DocInfo',
        {},
        element('DocID', {}, docId),
        element('Title', {}, escape(title)),
        element('CreationDate', {}, date(createdAt)),
        element('Creator', {}, escape(creator)),
      ),
      element('DocRoot', {}, `${DOC}/Document.xml`),
      ...(isSealed ? [element('Signatures', {}, `${DOC}/Signs/Signatures.xml`)] : []),
    ),
  );

/** Document root (§7.5): pages, outlines, attachments. */
function documentXml({ pages, outlines, attachments }: PackageContent): Buffer {
  const entries = outlines.map(({ title, page }) =>
    element(
      'OutlineElem',
      { Title: title },
      element(
        'Actions',
        {},
        element(
          'Action',
          { Event: 'CLICK' },
          element('Goto', {}, element('Dest', { Type: 'Fit', PageID: ids(page).page })),
        ),
      ),
    ),
  );
  return xmlFile(
    'Document',
    {},
    element(
      'CommonData',
      {},
      element('MaxUnitID', {}, String(ids(pages.length).page)),
      element('PageArea', {}, element('PhysicalBox', {}, box(pages[0]!))),
      element('DocumentRes', {}, 'DocumentRes.xml'),
    ),
    element(
      'Pages',
      {},
      ...pages.map((_, i) => element('Page', { ID: ids(i).page, BaseLoc: `Pages/Page_${i}/Content.xml` })),
    ),
    ...(entries.length > 0 ? [element('Outlines', {}, ...entries)] : []),
    ...(attachments.length > 0 ? [element('Attachments', {}, 'Attachs/Attachments.xml')] : []),
  );
}

const imageName = (index: number, format: PackagePage['format']) => `image_${index}.${EXTENSION[format]}`;
/** Name of the entry that holds the image of a page. */
export const pageName = (index: number, format: PackagePage['format']): string =>
  `${DOC}/Res/${imageName(index, format)}`;

/** Resources (§7.9): the page images. */
const resourcesXml = ({ pages }: PackageContent) =>
  xmlFile(
    'Res',
    { BaseLoc: 'Res' },
    element(
      'MultiMedias',
      {},
      ...pages.map((page, i) =>
        element(
          'MultiMedia',
          { ID: ids(i).media, Type: 'Image', Format: page.format },
          element('MediaFile', {}, imageName(i, page.format)),
        ),
      ),
    ),
  );

/** A page (§7.7) that its image fills (§10). */
function pageXml(page: PackagePage, index: number): Buffer {
  const { media, layer, object } = ids(index);
  const image = element('ImageObject', {
    ID: object,
    Boundary: box(page),
    CTM: `${page.widthMm} 0 0 ${page.heightMm} 0 0`,
    ResourceID: media,
  });
  return xmlFile(
    'Page',
    {},
    element('Area', {}, element('PhysicalBox', {}, box(page))),
    element('Content', {}, element('Layer', { ID: layer, Type: 'Body' }, image)),
  );
}

const attachmentsXml = ({ attachments, createdAt }: PackageContent) =>
  xmlFile(
    'Attachments',
    {},
    ...attachments.map(({ name, data }, i) =>
      element(
        'Attachment',
        {
          ID: `a${i}`,
          Name: name,
          Format: name.slice(name.lastIndexOf('.') + 1),
          CreationDate: date(createdAt),
          Size: Math.ceil(data.length / 1024),
          Visible: 'false',
        },
        element('FileLoc', {}, name),
      ),
    ),
  );

/** Signature description (§18.2): the digest of every other entry. */
function signatureXml(content: PackageContent, digests: ReadonlyMap<string, Buffer>): Buffer {
  const [first] = content.pages;
  const [x, y] = [first!.widthMm - SEAL_MM - SEAL_MARGIN_MM, first!.heightMm - SEAL_MM - SEAL_MARGIN_MM];
  const references = [...digests].map(([name, digest]) =>
    element('Reference', { FileRef: `/${name}` }, element('CheckValue', {}, digest.toString('base64'))),
  );
  return xmlFile(
    'Signature',
    {},
    element(
      'SignedInfo',
      {},
      element('Provider', { ProviderName: 'sealfolio', Version: '1', Company: 'Sealfolio' }),
      element('SignatureMethod', {}, OID.sm2WithSm3),
      element('SignatureDateTime', {}, `${content.createdAt.toISOString().slice(0, 19).replace(/[-:T]/g, '')}Z`),
      element('References', { CheckMethod: OID.sm3 }, ...references),
      element('StampAnnot', {
        ID: 's1',
        PageRef: ids(0).page,
        Boundary: `${Math.max(0, x)} ${Math.max(0, y)} ${SEAL_MM} ${SEAL_MM}`,
      }),
      element('Seal', {}, element('BaseLoc', {}, `/${SIGN}/Seal.esl`)),
    ),
    element('SignedValue', {}, `/${SIGN}/SignedValue.dat`),
  );
}

/**
 * Writes one OFD (GB/T 33190-2016) of page images, sealed by SES v4 (GB/T 38540-2020) over every entry, as a stream; one
 * page at a time is in memory. `onPage` is told after each. The order of entries and all bytes but the signature's are
 * determined by the content. Without a sealer it is a plain copy, which claims nothing.
 */
export async function* packOfd(
  content: PackageContent,
  sealer: Sealer | null,
  onPage: (done: number) => void = () => {},
): AsyncGenerator<Buffer> {
  const zip = new ZipWriter();
  const digests = new Map<string, Buffer>();
  const add = (name: string, data: Buffer) => {
    digests.set(name, sm3(data));
    return zip.entry(name, data);
  };
  yield* add('OFD.xml', ofdXml(content, sealer !== null));
  yield* add(`${DOC}/Document.xml`, documentXml(content));
  yield* add(`${DOC}/DocumentRes.xml`, resourcesXml(content));
  for (const [i, page] of content.pages.entries()) {
    yield* add(`${DOC}/Pages/Page_${i}/Content.xml`, pageXml(page, i));
    yield* add(pageName(i, page.format), (await page.image()).data);
    onPage(i + 1);
  }
  if (content.attachments.length > 0) {
    yield* add(`${DOC}/Attachs/Attachments.xml`, attachmentsXml(content));
    for (const { name, data } of content.attachments) yield* add(`${DOC}/Attachs/${name}`, data);
  }
  if (sealer === null) return yield* zip.end();
  yield* add(`${SIGN}/Seal.esl`, sealer.seal);
  const signature = element('Signature', { ID: '1', Type: 'Seal', BaseLoc: `/${SIGN}/Signature.xml` });
  yield* add(`${DOC}/Signs/Signatures.xml`, xmlFile('Signatures', {}, element('MaxSignId', {}, '1'), signature));
  const description = signatureXml(content, digests);
  yield* zip.entry(`${SIGN}/Signature.xml`, description);
  const value = await signWithSeal(sealer, description, `/${SIGN}/Signature.xml`, content.createdAt);
  yield* zip.entry(`${SIGN}/SignedValue.dat`, value);
  yield* zip.end();
}
