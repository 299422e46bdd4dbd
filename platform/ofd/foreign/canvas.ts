import { PdfWriter } from './pdf-writer.ts';
import { refuse } from './refuse.ts';
import type { Box, Matrix, Step } from './values.ts';

const POINTS_PER_MM = 72 / 25.4;
/** What one page may draw: objects, clips and glyphs; a composite object in another may ask for any number. */
const MAX_DRAWN = 500_000;
const MAX_IMAGE_BYTES = 256 * 1024 * 1024;

type Kind = 'Font' | 'XObject' | 'ExtGState' | 'Shading';

/** A number as PDF takes it: no exponent. */
export const n = (value: number): string => String(Number(value.toFixed(5)));

/** Operators of a path (ISO 32000-1 §8.5.2), its points moved by `by`. */
export function pathOperators(steps: readonly Step[], by: Matrix = [1, 0, 0, 1, 0, 0]): string {
  const [a, b, c, d, e, f] = by;
  const at = (x: number, y: number) => `${n(a * x + c * y + e)} ${n(b * x + d * y + f)}`;
  const written = steps.map((step) => {
    if (step.kind === 'close') return 'h';
    if (step.kind !== 'curve') return `${at(...step.to)} ${step.kind === 'move' ? 'm' : 'l'}`;
    const [x1, y1, x2, y2] = step.by;
    return `${at(x1, y1)} ${at(x2, y2)} ${at(...step.to)} c`;
  });
  // A path begins somewhere: at the origin where nothing is said.
  return (steps[0]?.kind === 'move' ? written : [`${at(0, 0)} m`, ...written]).join('\n');
}

/** One page while it is drawn: in millimetres from its upper left corner, y down, as OFD counts. */
export class Canvas {
  readonly #pdf = new PdfWriter();
  readonly #out: string[] = [];
  readonly #resources = new Map<Kind, Map<string, { name: string; reference: string }>>();
  #drawn = 0;
  #imageBytes = 0;

  /** `isTrial`: what is drawn is looked at only; fonts and pictures stay out. */
  constructor(readonly isTrial: boolean) {}

  write(...operators: string[]): void {
    this.#out.push(...operators);
  }

  /** Counts what is drawn. Throws document-unsafe. */
  charge(count = 1): void {
    this.#drawn += count;
    if (this.#drawn > MAX_DRAWN) throw refuse('document-unsafe', `a page draws more than ${MAX_DRAWN} things`);
  }

  /** Adds a part that the page's resources do not name. */
  part(dictionary: string, stream?: Buffer): string {
    return this.#pdf.add(dictionary, stream);
  }

  /** The name of a resource, which is made when it is first asked for. */
  async resource(kind: Kind, key: string, make: () => string | Promise<string>): Promise<string> {
    const known = this.#resources.get(kind) ?? new Map<string, { name: string; reference: string }>();
    this.#resources.set(kind, known);
    const found = known.get(key) ?? { name: `/${kind}${known.size}`, reference: await make() };
    known.set(key, found);
    return found.name;
  }

  /** Pixels, three bytes each, and how much of each is seen. Throws document-too-large. */
  image(width: number, height: number, rgb: Buffer, alpha?: Buffer): string {
    this.#imageBytes += rgb.length + (alpha?.length ?? 0);
    if (this.#imageBytes > MAX_IMAGE_BYTES)
      throw refuse('document-too-large', 'the pictures of a page take more than 256 MiB', 'pixels');
    const head = `/Type/XObject/Subtype/Image/Width ${width}/Height ${height}/BitsPerComponent 8`;
    const mask = alpha === undefined ? '' : `/SMask ${this.part(`${head}/ColorSpace/DeviceGray`, alpha)}`;
    return this.part(`${head}/ColorSpace/DeviceRGB/Interpolate true${mask}`, rgb);
  }

  clip({ x, y, width, height }: Box): void {
    this.write(`${n(x)} ${n(y)} ${n(width)} ${n(height)} re W n`);
  }

  transform(by: Matrix): void {
    this.write(`${by.map(n).join(' ')} cm`);
  }

  /** The page as a PDF. */
  end(widthMm: number, heightMm: number): Buffer {
    // PDFium counts whole points: up to the next one, or a part of the page would be pressed together.
    const [width, height] = [Math.ceil(widthMm * POINTS_PER_MM), Math.ceil(heightMm * POINTS_PER_MM)];
    const flip = `${n(POINTS_PER_MM)} 0 0 ${n(-POINTS_PER_MM)} 0 ${n(height)} cm\n`;
    const content = this.part('', Buffer.from(flip + this.#out.join('\n')));
    const named = [...this.#resources].map(([kind, all]) => {
      const entries = [...all.values()].map(({ name, reference }) => `${name} ${reference}`);
      return `/${kind}<<${entries.join('')}>>`;
    });
    const box = `/MediaBox[0 0 ${n(width)} ${n(height)}]`;
    const kids = this.part(`/Type/Page${box}/Resources<<${named.join('')}>>/Contents ${content}`);
    const pages = this.part(`/Type/Pages/Count 1/Kids[${kids}]`);
    return this.#pdf.end(this.part(`/Type/Catalog/Pages ${pages}`));
  }
}
