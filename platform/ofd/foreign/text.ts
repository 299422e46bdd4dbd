import { refuse } from './refuse.ts';
import { deltas, type Matrix, number, numbers } from './values.ts';
import { type Element, textOf } from './xml.ts';

/** Where a character of a text is drawn, from the corner of its object; by the number of its glyph if the document says one. */
export interface Placed {
  x: number;
  y: number;
  codePoint: number;
  glyph?: number;
  /** How far it is to the next one, if that lies to the right. */
  room?: number;
}

/** How far the top of an upright glyph leans where a text is slanted and its font is not. */
const SLANT = 0.2;
const MAX_GLYPH = 0xffff;

/** Glyphs of a TextCode by CGTransform (GB/T 33190 §11.4), by the place of the character: one for each, or several for one. */
function transformed(transforms: readonly Element[]): Map<number, number[]> {
  const glyphs = new Map<number, number[]>();
  for (const transform of transforms) {
    const { CodePosition = '', CodeCount = '1' } = transform.attributes;
    const [position, codes] = [number(CodePosition, 'CodePosition'), number(CodeCount, 'CodeCount')];
    const listed = numbers(textOf(transform, 'Glyphs') ?? '', 'Glyphs');
    if (listed.some((id) => !Number.isInteger(id) || id < 0 || id > MAX_GLYPH))
      throw refuse('document-damaged', 'Glyphs is not as GB/T 33190 says');
    for (const [i, id] of listed.entries()) {
      const place = position + Math.min(i, Math.max(0, codes - 1));
      glyphs.set(place, [...(i < codes ? [] : (glyphs.get(place) ?? [])), id]);
    }
    // Several characters drawn as fewer glyphs: the last ones have none of their own.
    for (let i = listed.length; listed.length > 0 && i < Math.min(codes, MAX_GLYPH); i += 1)
      glyphs.set(position + i, []);
  }
  return glyphs;
}

/** The glyphs of a TextObject (GB/T 33190 §11): each TextCode from where it says, or from where the last one began. Throws document-damaged. */
export function* glyphsOf(object: Element): Generator<Placed> {
  let transforms: Element[] = [];
  let [startX, startY] = ['0', '0'];
  for (const child of object.children) {
    if (child.name === 'CGTransform') transforms.push(child);
    if (child.name !== 'TextCode') continue;
    const { X, Y, DeltaX = '', DeltaY = '' } = child.attributes;
    [startX, startY] = [X ?? startX, Y ?? startY];
    const characters = Array.from(child.text, (character) => character.codePointAt(0)!);
    const glyphs = transformed(transforms);
    transforms = [];
    const gaps = Math.max(0, characters.length - 1);
    const [alongX, alongY] = [deltas(DeltaX, gaps), deltas(DeltaY, gaps)];
    let [x, y] = [number(startX, 'X'), number(startY, 'Y')];
    for (const [i, codePoint] of characters.entries()) {
      // Where fewer shifts are said than there are characters, the last one goes on.
      if (i > 0) [x, y] = [x + (alongX[i - 1] ?? alongX.at(-1) ?? 0), y + (alongY[i - 1] ?? alongY.at(-1) ?? 0)];
      const ids = glyphs.get(i);
      const room = i === gaps ? 0 : (alongX[i] ?? alongX.at(-1) ?? 0);
      if (ids === undefined) yield { x, y, codePoint, ...(room > 0 && { room }) };
      else for (const glyph of ids) yield { x, y, codePoint, glyph };
    }
  }
}

/** How each glyph lies: stretched (HScale), slanted (Italic) and turned (CharDirection, clockwise). Glyphs have y up. Throws document-damaged. */
export function textMatrix({ attributes }: Element): Matrix {
  const { HScale = '1', CharDirection = '0', Italic } = attributes;
  const stretch = number(HScale, 'HScale');
  const lean = Italic === 'true' ? SLANT * stretch : 0;
  const angle = (number(CharDirection, 'CharDirection') * Math.PI) / 180;
  const [sin, cos] = [Math.sin(angle), Math.cos(angle)];
  return [stretch * cos, stretch * sin, lean * cos + sin, lean * sin - cos, 0, 0];
}
