import path from 'node:path';
import { isSealfolioError } from '../../../domain/errors.ts';
import { MAX_PAGES } from '../limits.ts';
import { refuse } from './refuse.ts';
import { sealPictureOf } from './ses-picture.ts';
import { Unzip } from './unzip.ts';
import { box, type Box } from './values.ts';
import { childOf, childrenOf, type Element, parseXml, textOf } from './xml.ts';

const ENTRY = 'OFD.xml';
/** PDF 2.0 annex C: no page is wider. */
const MAX_SIDE_MM = 5080;

/** A font, picture, colour space, set of parameters or composite object, and the folder that its files are named from. */
export interface Resource {
  element: Element;
  folder: string;
}

/** A seal on a page (StampAnnot, GB/T 33190 §18.2.3). */
interface Stamp {
  boundary: Box;
  clip?: Box;
  /** Null where it is no picture that can be shown. */
  picture: Buffer | null;
}

/** Objects in the order in which they are drawn, and the layer's parameters. */
export interface Layer {
  drawParam: string | undefined;
  objects: readonly Element[];
}

/** The PhysicalBox, whose upper left corner is the origin (GB/T 33190 §7.5, CT_PageArea). */
export interface PageSize {
  widthMm: number;
  heightMm: number;
}

export interface Page extends PageSize {
  layers: readonly Layer[];
  annotations: readonly { boundary: Box; objects: readonly Element[] }[];
  stamps: readonly Stamp[];
  resource(id: string | undefined): Resource | undefined;
}

interface Document {
  area: Element | undefined;
  pages: { id: string; location: string }[];
  templates: Map<string, string>;
  resources: Map<string, Resource>;
  annotations: Map<string, string[]>;
  stamps: Map<string, Stamp[]>;
}

/** ST_Loc (GB/T 33190 §7.3): from the root of the package, or from the folder of the file that names it. Throws document-unsafe. */
export function resolve(folder: string, location: string): string {
  const named = location.replaceAll('\\', '/');
  const found = path.posix.normalize(named.startsWith('/') ? `./${named}` : path.posix.join(folder, named));
  if (/^\.\.(\/|$)/.test(found)) throw refuse('document-unsafe', 'a location leads out of the package');
  return found;
}

const parted = (location: string) => path.posix.dirname(location);

const idOf = (element: Element) => element.attributes.ID ?? '';

/** An OFD (GB/T 33190-2016) that anyone may have made. The pages of all its documents, one after the other. */
export class OfdPackage {
  readonly #zip: Unzip;
  readonly #pages: { document: Document; id: string; location: string }[] = [];

  private constructor(zip: Unzip) {
    this.#zip = zip;
  }

  /**
   * Throws document-damaged, document-encrypted, document-unsafe, document-too-large or document-too-many-pages, each with
   * `field` and `reason`.
   */
  static async open(data: Buffer): Promise<OfdPackage> {
    const opened = new OfdPackage(await Unzip.open(data));
    // GM/T 0099: the entries are ciphertext, and this file says under which keys.
    if (opened.#zip.has('Encryptions.xml')) throw refuse('document-encrypted', 'the OFD is encrypted (GM/T 0099)');
    const entry = await opened.#xml(ENTRY, ENTRY);
    if (entry.name !== 'OFD') throw refuse('document-damaged', 'OFD.xml is of another kind');
    for (const body of childrenOf(entry, 'DocBody')) {
      if (childOf(body, 'Encryptions') !== undefined) throw refuse('document-encrypted', 'the OFD is encrypted');
      const document = await opened.#document(body);
      for (const page of document.pages) opened.#pages.push({ document, ...page });
      if (opened.pageCount > MAX_PAGES)
        throw refuse('document-too-many-pages', `${opened.pageCount} pages`, 'pageCount');
    }
    if (opened.pageCount === 0) throw refuse('document-damaged', 'the OFD has no pages');
    return opened;
  }

  get pageCount(): number {
    return this.#pages.length;
  }

  /** The bytes of a file that the document names. */
  read(location: string, what: string): Promise<Buffer> {
    return this.#zip.read(location, what);
  }

  /** Page `index`, from 0. Throws as `open` does. */
  async page(index: number): Promise<Page> {
    const listed = this.#pages[index];
    const what = `page ${index + 1}`;
    if (listed === undefined) throw refuse('document-damaged', `no ${what}`);
    const { document, id, location } = listed;
    const root = await this.#xml(location, what);
    const own = new Map<string, Resource>();
    await this.#addResources(root, 'PageRes', parted(location), own);
    const { widthMm, heightMm } = sizeOf(childOf(root, 'Area'), document.area, what);
    const [below, above]: [Layer[], Layer[]] = [[], []];
    for (const { attributes } of childrenOf(root, 'Template')) {
      const template = document.templates.get(attributes.TemplateID ?? '');
      if (template === undefined) throw refuse('document-damaged', `the template of ${what} is missing`);
      const drawn = await this.#xml(template, `the template of ${what}`);
      await this.#addResources(drawn, 'PageRes', parted(template), own);
      (attributes.ZOrder === 'Foreground' ? above : below).push(...layersOf(drawn));
    }
    return {
      widthMm,
      heightMm,
      layers: [...below, ...layersOf(root), ...above],
      annotations: await this.#annotations(document.annotations.get(id) ?? [], `the annotations of ${what}`),
      stamps: document.stamps.get(id) ?? [],
      resource: (wanted) => (wanted === undefined ? undefined : (own.get(wanted) ?? document.resources.get(wanted))),
    };
  }

  async #xml(location: string, what: string): Promise<Element> {
    return parseXml(await this.#zip.read(location, what), what);
  }

  async #document(body: Element): Promise<Document> {
    const location = resolve('', await this.#rootOf(body));
    const root = await this.#xml(location, 'Document.xml');
    const folder = parted(location);
    const common = childOf(root, 'CommonData');
    const resources = new Map<string, Resource>();
    await this.#addResources(common, 'PublicRes', folder, resources);
    await this.#addResources(common, 'DocumentRes', folder, resources);
    const located = (element: Element) => resolve(folder, element.attributes.BaseLoc ?? '');
    const listed = childrenOf(childOf(root, 'Pages'), 'Page');
    return {
      area: childOf(common, 'PageArea'),
      pages: listed.map((page) => ({ id: idOf(page), location: located(page) })),
      templates: new Map(childrenOf(common, 'TemplatePage').map((page) => [idOf(page), located(page)])),
      resources,
      annotations: await this.#annotationFiles(textOf(root, 'Annotations'), folder),
      stamps: await this.#stamps(textOf(body, 'Signatures')),
    };
  }

  /** DocRoot, or that of the version that is said to be the current one (GB/T 33190 §19). */
  async #rootOf(body: Element): Promise<string> {
    const versions = childrenOf(childOf(body, 'Versions'), 'Version');
    const current = versions.find(({ attributes }) => attributes.Current === 'true')?.attributes.BaseLoc;
    const first = textOf(body, 'DocRoot') ?? '';
    if (current === undefined) return first;
    const location = resolve('', current);
    const root = textOf(await this.#xml(location, 'the current version'), 'DocRoot');
    return root === undefined ? first : `/${resolve(parted(location), root)}`;
  }

  async #addResources(
    parent: Element | undefined,
    name: string,
    folder: string,
    resources: Map<string, Resource>,
  ): Promise<void> {
    for (const { text } of childrenOf(parent, name)) {
      const location = resolve(folder, text.trim());
      // Makers name a list of resources that they then have no need of; what is used and in no list is refused where it is used.
      if (!this.#zip.has(location)) continue;
      const root = await this.#xml(location, name);
      const files = resolve(parted(location), root.attributes.BaseLoc ?? '');
      for (const element of root.children.flatMap(({ children }) => children))
        resources.set(idOf(element), { element, folder: files });
    }
  }

  async #annotationFiles(list: string | undefined, folder: string): Promise<Map<string, string[]>> {
    const files = new Map<string, string[]>();
    if (list === undefined) return files;
    const location = resolve(folder, list);
    for (const page of childrenOf(await this.#xml(location, 'Annotations'), 'Page')) {
      const known = files.get(page.attributes.PageID ?? '') ?? [];
      const named = childrenOf(page, 'FileLoc').map(({ text }) => resolve(parted(location), text.trim()));
      files.set(page.attributes.PageID ?? '', [...known, ...named]);
    }
    return files;
  }

  async #annotations(locations: readonly string[], what: string): Promise<Page['annotations']> {
    const shown: { boundary: Box; objects: readonly Element[] }[] = [];
    for (const location of locations)
      for (const annotation of childrenOf(await this.#xml(location, what), 'Annot')) {
        const appearance = childOf(annotation, 'Appearance');
        if (appearance === undefined || annotation.attributes.Visible === 'false') continue;
        const boundary = box(appearance.attributes.Boundary ?? '', 'Boundary');
        shown.push({ boundary, objects: appearance.children });
      }
    return shown;
  }

  /** The seals of the signatures by the page they are on. What a signature is worth is not asked here: it is shown as it is. */
  async #stamps(list: string | undefined): Promise<Map<string, Stamp[]>> {
    const stamps = new Map<string, Stamp[]>();
    if (list === undefined) return stamps;
    const location = resolve('', list);
    for (const { attributes } of childrenOf(await this.#xml(location, 'Signatures'), 'Signature')) {
      const at = resolve(parted(location), attributes.BaseLoc ?? '');
      const root = await this.#xml(at, 'a signature');
      const info = childOf(root, 'SignedInfo');
      const placed = childrenOf(info, 'StampAnnot');
      if (placed.length === 0) continue;
      const picture = await this.#sealPicture(root, parted(at));
      for (const { attributes: where } of placed) {
        const boundary = box(where.Boundary ?? '', 'Boundary');
        const stamp = { boundary, picture, ...(where.Clip !== undefined && { clip: box(where.Clip, 'Clip') }) };
        stamps.set(where.PageRef ?? '', [...(stamps.get(where.PageRef ?? '') ?? []), stamp]);
      }
    }
    return stamps;
  }

  /** From the seal if it is there, else from the value of the signature, which holds it too. */
  async #sealPicture(signature: Element, folder: string): Promise<Buffer | null> {
    const seal = textOf(childOf(childOf(signature, 'SignedInfo'), 'Seal'), 'BaseLoc');
    const value = textOf(signature, 'SignedValue');
    for (const location of [seal, value]) {
      if (location === undefined) continue;
      try {
        const picture = sealPictureOf(await this.#zip.read(resolve(folder, location), 'a seal'));
        if (picture !== null) return picture;
      } catch (error) {
        if (!isSealfolioError(error, 'document-damaged')) throw error;
      }
    }
    return null;
  }
}

function sizeOf(own: Element | undefined, common: Element | undefined, what: string): PageSize {
  const text = textOf(own, 'PhysicalBox') ?? textOf(common, 'PhysicalBox');
  if (text === undefined) throw refuse('document-damaged', `${what} has no PhysicalBox`);
  const { width: widthMm, height: heightMm } = box(text, 'PhysicalBox');
  if (widthMm < 1 || heightMm < 1) throw refuse('document-damaged', `${what} is ${widthMm} × ${heightMm} mm`);
  if (Math.max(widthMm, heightMm) > MAX_SIDE_MM)
    throw refuse('document-too-large', `${what} is ${widthMm} × ${heightMm} mm`, 'pixels');
  return { widthMm, heightMm };
}

const ORDER = ['Background', 'Body', 'Foreground'];

/** The layers of a page or template from below (GB/T 33190 §7.7: by kind, then as they come). */
function layersOf(root: Element): Layer[] {
  const layers = childrenOf(childOf(root, 'Content'), 'Layer');
  const place = ({ attributes }: Element) => ORDER.indexOf(attributes.Type ?? 'Body');
  return layers
    .toSorted((a, b) => place(a) - place(b))
    .map(({ attributes, children }) => ({ drawParam: attributes.DrawParam, objects: children }));
}
