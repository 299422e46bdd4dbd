import { type Page } from './package.ts';
import { number, numbers } from './values.ts';
import { childOf, childrenOf, type Element } from './xml.ts';

/** A colour as operands of PDF in one of its device spaces, and how much of it is seen: 0 to 1. */
export interface Colour {
  operands: readonly number[];
  alpha: number;
}

type Resources = Pick<Page, 'resource'>;
const MAX_BITS = 16;

/** Components: decimal, or hexadecimal after #. */
const components = (text: string): number[] =>
  text
    .trim()
    .split(/\s+/)
    .map((item) => (/^#[0-9a-f]{1,4}$/i.test(item) ? Number.parseInt(item.slice(1), 16) : number(item, 'a colour')));

/** An `Alpha`, 0 to 255, as a share. */
export const alphaOf = ({ attributes: { Alpha = '255' } }: Element): number =>
  Math.min(255, Math.max(0, number(Alpha, 'Alpha'))) / 255;

/**
 * A colour (CT_Color, GB/T 33190 §8.3): of the space that it names, else by how many components it has. One that is made
 * of others is the first of them. Null where none is said.
 */
export function colourOf(element: Element, { resource }: Resources): Colour | null {
  const { Value, ColorSpace, Index } = element.attributes;
  const space = resource(ColorSpace)?.element;
  const palette = childrenOf(childOf(space, 'Palette'), 'CV');
  const indexed = Index === undefined ? undefined : palette[number(Index, 'Index')]?.text;
  const text = Value ?? indexed;
  if (text === undefined) {
    const [first] = [...segmentsOf(element)];
    return first === undefined ? null : (colourOf(first.colour, { resource }) ?? null);
  }
  const bits = Math.min(MAX_BITS, Math.max(1, number(space?.attributes.BitsPerComponent ?? '8', 'BitsPerComponent')));
  const most = 2 ** bits - 1;
  const operands = components(text).map((value) => Math.min(1, Math.max(0, value / most)));
  if (![1, 3, 4].includes(operands.length)) return null;
  return { operands, alpha: alphaOf(element) };
}

/** `rg`, `g` or `k`, or the same for strokes. */
export function colourOperator({ operands }: Colour, use: 'fill' | 'stroke'): string {
  const operator = ({ 1: 'g', 3: 'rg', 4: 'k' } as Record<number, string>)[operands.length]!;
  const written = operands.map((value) => value.toFixed(4)).join(' ');
  return `${written} ${use === 'fill' ? operator : operator.toUpperCase()}`;
}

interface Segment {
  at: number;
  colour: Element;
}

const shadingOf = (element: Element): Element | undefined =>
  ['AxialShd', 'RadialShd'].map((name) => childOf(element, name)).find((found) => found !== undefined);

function segmentsOf(element: Element): Segment[] {
  const listed = childrenOf(shadingOf(element), 'Segment');
  return listed.flatMap((segment, i) => {
    const colour = childOf(segment, 'Color');
    const at = segment.attributes.Position;
    const place = at === undefined ? i / Math.max(1, listed.length - 1) : number(at, 'Position');
    return colour === undefined ? [] : [{ at: Math.min(1, Math.max(0, place)), colour }];
  });
}

/** A shading along a line or between circles (GB/T 33190 §8.3.4) as PDF has it, or null. Repeats are drawn once. */
export function shadingDictionary(element: Element, resources: Resources): string | null {
  const shading = shadingOf(element);
  const stops = segmentsOf(element)
    .flatMap(({ at, colour }) => {
      const found = colourOf(colour, resources);
      return found === null ? [] : [{ at, operands: found.operands }];
    })
    .sort((a, b) => a.at - b.at);
  const [first] = stops;
  if (shading === undefined || stops.length < 2) return null;
  if (stops.some(({ operands }) => operands.length !== first!.operands.length)) return null;
  const { StartPoint = '', EndPoint = '', StartRadius = '0', EndRadius = '0', Extend = '0' } = shading.attributes;
  const [from, to] = [numbers(StartPoint, 'StartPoint'), numbers(EndPoint, 'EndPoint')];
  if (from.length !== 2 || to.length !== 2) return null;
  const extend = number(Extend, 'Extend');
  const isRadial = shading.name === 'RadialShd';
  const coords = isRadial
    ? [...from, number(StartRadius, 'StartRadius'), ...to, number(EndRadius, 'EndRadius')]
    : [...from, ...to];
  const pieces = stops
    .slice(1)
    .map(
      ({ operands }, i) =>
        `<</FunctionType 2/N 1/Domain[0 1]/C0[${stops[i]!.operands.join(' ')}]/C1[${operands.join(' ')}]>>`,
    );
  const bounds = stops.slice(1, -1).map(({ at }) => at);
  const encode = pieces.map(() => '0 1').join(' ');
  const stitched = `<</FunctionType 3/Domain[0 1]/Functions[${pieces.join('')}]/Bounds[${bounds.join(' ')}]/Encode[${encode}]>>`;
  const space = { 1: 'DeviceGray', 3: 'DeviceRGB', 4: 'DeviceCMYK' }[first!.operands.length as 1 | 3 | 4];
  const ends = `[${(extend & 1) > 0} ${(extend & 2) > 0}]`;
  return `/ShadingType ${isRadial ? 3 : 2}/ColorSpace/${space}/Coords[${coords.join(' ')}]/Extend${ends}/Function ${stitched}`;
}
