import { isSealfolioError } from '../../../domain/errors.ts';
import type { Canvas } from './canvas.ts';
import { type OfdPackage, type Resource, resolve } from './package.ts';
import { refuse } from './refuse.ts';
import { readSfnt, type Sfnt } from './sfnt.ts';
import { systemFonts } from './system-fonts.ts';
import { textOf } from './xml.ts';

/** A glyph of a font that the canvas knows by this name. */
export interface Glyph {
  font: string;
  id: number;
  /** How wide it is, in its size, where the font stands in for another. */
  advance?: number;
}

/** A font program without the tables around it (CFF, Adobe TN 5176): its glyphs go by number only. */
const bareCff = (data: Buffer): Sfnt | null =>
  data[0] === 1 && data[1] === 0 && data[2] === 4 ? { data, glyphOf: () => 0, advanceOf: () => null } : null;

/** A font that the document brings, or null; what cannot be read is as if it were not there. */
async function brought(ofd: OfdPackage, resource: Resource | undefined): Promise<Sfnt | null> {
  const location = textOf(resource?.element, 'FontFile');
  if (resource === undefined || location === undefined) return null;
  try {
    const data = await ofd.read(resolve(resource.folder, location), 'a font');
    return readSfnt(data) ?? bareCff(data);
  } catch (error) {
    if (isSealfolioError(error, 'document-damaged')) return null;
    throw error;
  }
}

/** Adds a font whose glyphs are asked for by number (ISO 32000-1 §9.7.4). */
function embed(canvas: Canvas, { data }: Sfnt): string {
  const tag = data.toString('latin1', 0, 4);
  const isBare = data[0] === 1 && data[1] === 0;
  const [kind, key, subtype] = isBare
    ? ['CIDFontType0', 'FontFile3', '/Subtype/CIDFontType0C']
    : ['CIDFontType2', tag === 'OTTO' ? 'FontFile3' : 'FontFile2', tag === 'OTTO' ? '/Subtype/OpenType' : ''];
  const file = canvas.part(subtype, data);
  const descriptor = canvas.part(
    `/Type/FontDescriptor/FontName/F/Flags 4/FontBBox[0 0 1000 1000]/ItalicAngle 0/Ascent 800/Descent -200/CapHeight 700/StemV 80/${key} ${file}`,
  );
  const system = '/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>';
  const map = isBare ? '' : '/CIDToGIDMap/Identity';
  const font = canvas.part(`/Type/Font/Subtype/${kind}/BaseFont/F${system}/FontDescriptor ${descriptor}/DW 1000${map}`);
  return canvas.part(`/Type/Font/Subtype/Type0/BaseFont/F/Encoding/Identity-H/DescendantFonts[${font}]`);
}

/** Those of this machine are opened only where they are needed. */
function* inTurn(own: Sfnt | null, name: string): Generator<Sfnt> {
  if (own !== null) yield own;
  yield* systemFonts(name);
}

/** The fonts of one page: those that the document brings, and for what they lack those of this machine. */
export class Fonts {
  readonly #own = new Map<string, Promise<Sfnt | null>>();
  readonly #keys = new Map<Sfnt, string>();

  constructor(
    private readonly ofd: OfdPackage,
    private readonly canvas: Canvas,
    private readonly resource: (id: string) => Resource | undefined,
  ) {}

  /** The glyph that the document names by its number, or null if it does not bring the font. */
  async numbered(fontId: string, id: number): Promise<Glyph | null> {
    const own = await this.#brought(fontId);
    return own === null ? null : { font: await this.#name(own), id };
  }

  /** The glyph of a character: an empty box if no font has it. Throws document-content-unsupported. */
  async glyph(fontId: string, codePoint: number): Promise<Glyph> {
    const own = await this.#brought(fontId);
    const { FontName = '', FamilyName = '' } = this.resource(fontId)?.element.attributes ?? {};
    let first: Sfnt | null = null;
    for (const font of inTurn(own, `${FontName} ${FamilyName}`)) {
      first ??= font;
      const id = font.glyphOf(codePoint);
      if (id === 0) continue;
      const advance = font === own ? null : font.advanceOf(id);
      return { font: await this.#name(font), id, ...(advance !== null && { advance }) };
    }
    if (first === null)
      throw refuse(
        'document-content-unsupported',
        'a font that is neither in the document nor on this machine',
        'font',
      );
    return { font: await this.#name(first), id: 0 };
  }

  #brought(fontId: string): Promise<Sfnt | null> {
    const known = this.#own.get(fontId) ?? brought(this.ofd, this.resource(fontId));
    this.#own.set(fontId, known);
    return known;
  }

  #name(font: Sfnt): Promise<string> {
    const key = this.#keys.get(font) ?? String(this.#keys.size);
    this.#keys.set(font, key);
    return this.canvas.resource('Font', key, () => (this.canvas.isTrial ? 'null' : embed(this.canvas, font)));
  }
}
