import { refuse } from './refuse.ts';

/** [a b c d e f] (GB/T 33190 §7.3 and §8.3, as in PDF): x' = a·x + c·y + e, y' = b·x + d·y + f. */
export type Matrix = readonly [number, number, number, number, number, number];

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** No page is so large, and a PDF can hold such numbers. */
const MOST = 1_000_000;

const bad = (what: string) => refuse('document-damaged', `${what} is not as GB/T 33190 says`);

/** A number (xs:double). Throws document-damaged. */
export function number(text: string, what: string): number {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?$/i.test(text) ? Number(text) : Number.NaN;
  if (!(Math.abs(value) <= MOST)) throw bad(what);
  return value;
}

/** An array (ST_Array): numbers parted by blanks. Throws document-damaged. */
export const numbers = (text: string, what: string): number[] =>
  text
    .trim()
    .split(/[\s,]+/)
    .filter((item) => item !== '')
    .map((item) => number(item, what));

/** A rectangle (ST_Box). Throws document-damaged. */
export function box(text: string, what: string): Box {
  const [x, y, width, height, ...more] = numbers(text, what);
  if (height === undefined || more.length > 0 || width! < 0 || height < 0) throw bad(what);
  return { x: x!, y: y!, width: width!, height };
}

/** A transformation (CTM); none is the identity. Throws document-damaged. */
export function matrix(text: string | undefined, what: string): Matrix {
  if (text === undefined) return [1, 0, 0, 1, 0, 0];
  const values = numbers(text, what);
  if (values.length !== 6) throw bad(what);
  return values as unknown as Matrix;
}

/**
 * Shifts between glyphs (DeltaX, DeltaY; GB/T 33190 §11.3): `g n v` stands for n times v. No more than `most` are made,
 * whatever n says. Throws document-damaged.
 */
export function deltas(text: string, most: number): number[] {
  const what = 'DeltaX or DeltaY';
  const items = text.trim().split(/[\s,]+/);
  const made: number[] = [];
  for (let i = 0; i < items.length && made.length < most && items[i] !== ''; i += 1) {
    if (items[i] !== 'g') {
      made.push(number(items[i]!, what));
      continue;
    }
    const times = number(items[i + 1] ?? '', what);
    const value = number(items[i + 2] ?? '', what);
    if (!Number.isInteger(times) || times < 0) throw bad(what);
    for (let k = 0; k < times && made.length < most; k += 1) made.push(value);
    i += 2;
  }
  return made;
}

/** A step of a path: to a point, by a cubic curve to a point, or back to where it began. */
export type Step =
  | { kind: 'move' | 'line'; to: readonly [number, number] }
  | { kind: 'curve'; by: readonly [number, number, number, number]; to: readonly [number, number] }
  | { kind: 'close' };

const OPERANDS = { S: 2, M: 2, L: 2, Q: 4, B: 6, A: 7, C: 0 } as const;
const MAX_STEPS = 200_000;

/** The steps of a path (AbbreviatedData, GB/T 33190 §9.1): S M L Q B A C. Throws document-damaged or document-too-large. */
export function pathSteps(text: string): Step[] {
  const what = 'AbbreviatedData';
  const items = text.trim().split(/[\s,]+/);
  const steps: Step[] = [];
  let [x, y] = [0, 0];
  let start: readonly [number, number] = [0, 0];
  for (let i = 0; i < items.length && items[i] !== '';) {
    const operator = items[i] as keyof typeof OPERANDS;
    const count = Object.hasOwn(OPERANDS, operator) ? OPERANDS[operator] : -1;
    const v = items.slice(i + 1, i + 1 + count).map((item) => number(item, what));
    if (count < 0 || v.length < count) throw bad(what);
    i += 1 + count;
    const to = [v.at(-2) ?? start[0], v.at(-1) ?? start[1]] as const;
    if (operator === 'S' || operator === 'M') {
      steps.push({ kind: 'move', to });
      start = to;
    } else if (operator === 'C') steps.push({ kind: 'close' });
    else if (operator === 'L') steps.push({ kind: 'line', to });
    else if (operator === 'B') steps.push({ kind: 'curve', by: [v[0]!, v[1]!, v[2]!, v[3]!], to });
    else if (operator === 'Q') {
      const third = (from: number, by: number) => from + (2 / 3) * (by - from);
      const by = [third(x, v[0]!), third(y, v[1]!), third(to[0], v[0]!), third(to[1], v[1]!)] as const;
      steps.push({ kind: 'curve', by, to });
    } else
      steps.push(
        ...arc([x, y], { rx: v[0]!, ry: v[1]!, turn: v[2]!, isLarge: v[3] !== 0, isClockwise: v[4] !== 0 }, to),
      );
    [x, y] = to;
    if (steps.length > MAX_STEPS) throw refuse('document-too-large', 'a path has too many steps');
  }
  return steps;
}

interface Arc {
  rx: number;
  ry: number;
  /** Degrees. */
  turn: number;
  isLarge: boolean;
  isClockwise: boolean;
}

/** An elliptic arc as curves of a quarter or less (the conversion of SVG 1.1 §F.6, whose arc OFD has). */
function arc([x1, y1]: readonly [number, number], arc: Arc, [x2, y2]: readonly [number, number]): Step[] {
  let [rx, ry] = [Math.abs(arc.rx), Math.abs(arc.ry)];
  if (rx === 0 || ry === 0 || (x1 === x2 && y1 === y2)) return [{ kind: 'line', to: [x2, y2] }];
  const [sin, cos] = [Math.sin((arc.turn * Math.PI) / 180), Math.cos((arc.turn * Math.PI) / 180)];
  const [dx, dy] = [(x1 - x2) / 2, (y1 - y2) / 2];
  const [px, py] = [cos * dx + sin * dy, cos * dy - sin * dx];
  const grow = Math.sqrt((px / rx) ** 2 + (py / ry) ** 2);
  if (grow > 1) [rx, ry] = [rx * grow, ry * grow];
  const reach = (rx * py) ** 2 + (ry * px) ** 2;
  const far = Math.sqrt(Math.max(0, (rx * ry) ** 2 / reach - 1)) * (arc.isLarge === arc.isClockwise ? -1 : 1);
  const [qx, qy] = [(far * rx * py) / ry, (-far * ry * px) / rx];
  const [cx, cy] = [cos * qx - sin * qy + (x1 + x2) / 2, sin * qx + cos * qy + (y1 + y2) / 2];
  const from = Math.atan2((py - qy) / ry, (px - qx) / rx);
  let sweep = Math.atan2((-py - qy) / ry, (-px - qx) / rx) - from;
  if (arc.isClockwise && sweep < 0) sweep += 2 * Math.PI;
  if (!arc.isClockwise && sweep > 0) sweep -= 2 * Math.PI;
  const parts = Math.max(1, Math.ceil(Math.abs(sweep) / (Math.PI / 2) - 1e-9));
  const pull = (4 / 3) * Math.tan(sweep / parts / 4);
  const at = (ux: number, uy: number): [number, number] => [
    cx + cos * rx * ux - sin * ry * uy,
    cy + sin * rx * ux + cos * ry * uy,
  ];
  return Array.from({ length: parts }, (_, i): Step => {
    const [a, b] = [from + (sweep * i) / parts, from + (sweep * (i + 1)) / parts];
    const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
    const by = [...at(ca - pull * sa, sa + pull * ca), ...at(cb + pull * sb, sb - pull * cb)] as const;
    return {
      kind: 'curve',
      by: by as unknown as [number, number, number, number],
      to: i === parts - 1 ? [x2, y2] : at(cb, sb),
    };
  });
}
