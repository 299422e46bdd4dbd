import { Canvas, n, pathOperators } from './canvas.ts';
import { alphaOf, colourOf, colourOperator, shadingDictionary } from './colour.ts';
import { Fonts } from './fonts.ts';
import { checkPicture, decodePicture } from './images.ts';
import { type OfdPackage, type Page, type PageSize, resolve, type Resource } from './package.ts';
import { refuse } from './refuse.ts';
import { glyphsOf, type Placed, textMatrix } from './text.ts';
import { box, matrix, type Matrix, number, numbers, pathSteps } from './values.ts';
import { childOf, childrenOf, type Element, textOf } from './xml.ts';

const MAX_DEPTH = 16;
/** Defaults of CT_GraphicUnit (GB/T 33190 §8.5). */
const [LINE_WIDTH, MITER_LIMIT] = ['0.353', '3.528'];
const CAPS: Readonly<Record<string, number>> = { Butt: 0, Round: 1, Square: 2 };
const JOINS: Readonly<Record<string, number>> = { Miter: 0, Round: 1, Bevel: 2 };
/** From this weight on a text is drawn bold: with a line around it of this share of its size. */
const [BOLD, BOLD_LINE] = [600, 1 / 36];

/** What holds for the objects in a layer or a composite object. */
interface Inside {
  alpha: number;
  params: readonly Element[];
  depth: number;
}

/** Later ones of a matrix apply to what the earlier one made. */
const after = (m: Matrix, [a, b, c, d, e, f]: Matrix): Matrix => [
  a * m[0] + c * m[1],
  b * m[0] + d * m[1],
  a * m[2] + c * m[3],
  b * m[2] + d * m[3],
  a * m[4] + c * m[5] + e,
  b * m[4] + d * m[5] + f,
];

const growth = (by: Matrix) => Math.max(...by.slice(0, 4).map(Math.abs));

/** Draws the objects of one page. What is not of GB/T 33190 is left out; what is and cannot be drawn is refused. */
class Drawing {
  readonly #canvas: Canvas;
  readonly #fonts: Fonts;

  constructor(
    private readonly ofd: OfdPackage,
    private readonly page: Page,
    isTrial: boolean,
  ) {
    this.#canvas = new Canvas(isTrial);
    this.#fonts = new Fonts(ofd, this.#canvas, (id) => page.resource(id));
  }

  async draw(): Promise<Buffer> {
    const { layers, annotations, stamps, widthMm, heightMm } = this.page;
    for (const { objects, drawParam } of layers)
      await this.#objects(objects, { alpha: 1, params: this.#chain(drawParam), depth: 0 });
    for (const { boundary, objects } of annotations) {
      this.#canvas.write('q');
      this.#canvas.clip(boundary);
      this.#canvas.transform([1, 0, 0, 1, boundary.x, boundary.y]);
      await this.#objects(objects, { alpha: 1, params: [], depth: 0 });
      this.#canvas.write('Q');
    }
    for (const stamp of stamps) await this.#stamp(stamp);
    return this.#canvas.end(widthMm, heightMm);
  }

  async #objects(objects: readonly Element[], inside: Inside): Promise<void> {
    if (inside.depth > MAX_DEPTH) throw refuse('document-unsafe', 'objects are nested too deep');
    for (const object of objects) await this.#object(object, inside);
  }

  async #object(object: Element, inside: Inside): Promise<void> {
    const { attributes, name, children } = object;
    this.#canvas.charge();
    if (name === 'PageBlock') return this.#objects(children, { ...inside, depth: inside.depth + 1 });
    if (!['TextObject', 'PathObject', 'ImageObject', 'CompositeObject'].includes(name)) return;
    if (attributes.Visible === 'false') return;
    const boundary = box(attributes.Boundary ?? '', 'Boundary');
    const own: Inside = {
      alpha: inside.alpha * alphaOf(object),
      params: [object, ...this.#chain(attributes.DrawParam), ...inside.params],
      depth: inside.depth + 1,
    };
    const fill = [boundary.width, 0, 0, boundary.height, 0, 0] as const;
    const isBare = name === 'ImageObject' && attributes.CTM === undefined;
    const ctm = isBare ? fill : matrix(attributes.CTM, 'CTM');
    this.#canvas.write('q');
    this.#canvas.transform([1, 0, 0, 1, boundary.x, boundary.y]);
    // Makers give the box of a path without its line and of a text without its descent: what reaches out that far is not cut.
    const width = number(this.#param(own, 'LineWidth') ?? LINE_WIDTH, 'LineWidth');
    const size = name === 'TextObject' ? number(attributes.Size ?? '', 'Size') : 0;
    const margin = name === 'ImageObject' ? 0 : Math.abs(growth(ctm) * Math.max(width, size));
    this.#canvas.clip({
      x: -margin,
      y: -margin,
      width: boundary.width + 2 * margin,
      height: boundary.height + 2 * margin,
    });
    this.#canvas.transform(ctm);
    this.#clips(childOf(object, 'Clips'));
    if (name === 'TextObject') await this.#text(object, own, size);
    else if (name === 'PathObject') await this.#path(object, own);
    else if (name === 'ImageObject') await this.#image(attributes.ResourceID, own.alpha);
    else await this.#composite(attributes.ResourceID, own);
    this.#canvas.write('Q');
  }

  /** A set of parameters, and those that it is a change of (DrawParam, GB/T 33190 §8.2). */
  #chain(id: string | undefined): Element[] {
    const chain: Element[] = [];
    for (let next = id; next !== undefined && chain.length < MAX_DEPTH;) {
      const found: Element | undefined = this.page.resource(next)?.element;
      if (found?.name !== 'DrawParam') break;
      chain.push(found);
      next = found.attributes.Relative;
    }
    return chain;
  }

  #param({ params }: Inside, name: string): string | undefined {
    return params.find(({ attributes }) => attributes[name] !== undefined)?.attributes[name];
  }

  #colour({ params }: Inside, name: 'FillColor' | 'StrokeColor'): Element | undefined {
    return params.map((element) => childOf(element, name)).find((found) => found !== undefined);
  }

  /** Areas of one clip are seen together; of several clips, what is in all of them (GB/T 33190 §8.4). */
  #clips(clips: Element | undefined): void {
    for (const clip of childrenOf(clips, 'Clip')) {
      const areas = childrenOf(clip, 'Area');
      // A clip by the shape of a text is not made: more is seen than should be, nothing is lost.
      if (areas.length === 0 || areas.some((area) => childOf(area, 'Text') !== undefined)) continue;
      let isEvenOdd = false;
      for (const area of areas) {
        const path = childOf(area, 'Path');
        const steps = pathSteps(textOf(path, 'AbbreviatedData') ?? '');
        this.#canvas.charge(1 + steps.length);
        const { Boundary, CTM, Rule } = path?.attributes ?? {};
        const { x, y } = Boundary === undefined ? { x: 0, y: 0 } : box(Boundary, 'Boundary');
        const placed = after(matrix(CTM, 'CTM'), [1, 0, 0, 1, x, y]);
        this.#canvas.write(pathOperators(steps, after(placed, matrix(area.attributes.CTM, 'CTM'))));
        isEvenOdd ||= Rule === 'Even-Odd';
      }
      this.#canvas.write(isEvenOdd ? 'W* n' : 'W n');
    }
  }

  async #transparency(fill: number, stroke: number): Promise<void> {
    if (fill === 1 && stroke === 1) return;
    const state = `/Type/ExtGState/ca ${fill.toFixed(3)}/CA ${stroke.toFixed(3)}`;
    this.#canvas.write(`${await this.#canvas.resource('ExtGState', state, () => this.#canvas.part(state))} gs`);
  }

  #line(inside: Inside): void {
    const dash = numbers(this.#param(inside, 'DashPattern') ?? '', 'DashPattern').map(Math.abs);
    const offset = number(this.#param(inside, 'DashOffset') ?? '0', 'DashOffset');
    this.#canvas.write(
      `${n(Math.abs(number(this.#param(inside, 'LineWidth') ?? LINE_WIDTH, 'LineWidth')))} w`,
      `${CAPS[this.#param(inside, 'Cap') ?? ''] ?? 0} J`,
      `${JOINS[this.#param(inside, 'Join') ?? ''] ?? 0} j`,
      `${n(Math.max(1, number(this.#param(inside, 'MiterLimit') ?? MITER_LIMIT, 'MiterLimit')))} M`,
    );
    if (dash.some((length) => length > 0)) this.#canvas.write(`[${dash.map(n).join(' ')}] ${n(Math.abs(offset))} d`);
  }

  async #path(object: Element, inside: Inside): Promise<void> {
    const { Stroke = 'true', Fill = 'false', Rule } = object.attributes;
    const steps = pathSteps(textOf(object, 'AbbreviatedData') ?? '');
    this.#canvas.charge(steps.length);
    if (steps.length === 0) return;
    const fillElement = Fill === 'true' ? this.#colour(inside, 'FillColor') : undefined;
    const fill = fillElement === undefined ? null : colourOf(fillElement, this.page);
    const strokeElement = Stroke === 'false' ? undefined : this.#colour(inside, 'StrokeColor');
    const black = { operands: [0], alpha: 1 };
    const stroke = Stroke === 'false' ? null : strokeElement === undefined ? black : colourOf(strokeElement, this.page);
    const path = pathOperators(steps);
    const even = Rule === 'Even-Odd' ? '*' : '';
    await this.#transparency(inside.alpha * (fill?.alpha ?? 1), inside.alpha * (stroke?.alpha ?? 1));
    const shading = fillElement === undefined ? null : shadingDictionary(fillElement, this.page);
    if (shading !== null) {
      const name = await this.#canvas.resource('Shading', shading, () => this.#canvas.part(shading));
      this.#canvas.write('q', path, `W${even} n`, `${name} sh`, 'Q');
    } else if (fill !== null) this.#canvas.write(colourOperator(fill, 'fill'), path, `f${even}`);
    if (stroke === null) return;
    this.#line(inside);
    this.#canvas.write(colourOperator(stroke, 'stroke'), path, 'S');
  }

  async #text(object: Element, inside: Inside, size: number): Promise<void> {
    const { Font = '', Fill = 'true', Stroke = 'false', Weight = '400' } = object.attributes;
    if (this.page.resource(Font)?.element.name !== 'Font')
      throw refuse('document-damaged', 'a text of a font that is not listed');
    const isStroked = Stroke === 'true';
    const isBold = !isStroked && number(Weight, 'Weight') >= BOLD;
    const mode = (Fill === 'false' ? 0 : 1) + (isStroked || isBold ? 2 : 0);
    if (mode === 0) return;
    const black = { operands: [0], alpha: 1 };
    const fillElement = this.#colour(inside, 'FillColor');
    const fill = (fillElement === undefined ? null : colourOf(fillElement, this.page)) ?? black;
    const strokeElement = this.#colour(inside, 'StrokeColor');
    const stroke = isBold ? fill : ((strokeElement && colourOf(strokeElement, this.page)) ?? black);
    await this.#transparency(inside.alpha * fill.alpha, inside.alpha * stroke.alpha);
    this.#canvas.write(colourOperator(fill, 'fill'), colourOperator(stroke, 'stroke'));
    if (isStroked) this.#line(inside);
    if (isBold) this.#canvas.write(`${n(size * BOLD_LINE)} w`);
    const turn = textMatrix(object);
    this.#canvas.write('BT', `${[undefined, 0, 1, 2][mode]} Tr`);
    for (const placed of glyphsOf(object)) await this.#glyph(placed, Font, size, turn);
    this.#canvas.write('ET');
  }

  async #glyph({ x, y, codePoint, glyph, room }: Placed, font: string, size: number, turn: Matrix): Promise<void> {
    this.#canvas.charge();
    const numbered = glyph === undefined ? null : await this.#fonts.numbered(font, glyph);
    if (numbered === null && isBlank(codePoint)) return;
    const { font: name, id, advance = 0 } = numbered ?? (await this.#fonts.glyph(font, codePoint));
    // A font that stands in may be wider than the one that the places were made for.
    const width = advance * Math.abs(size * turn[0]);
    const squeeze = room !== undefined && width > room ? room / width : 1;
    const [a, b, c, d] = turn;
    const at = [a * squeeze, b * squeeze, c, d, x, y].map(n).join(' ');
    this.#canvas.write(`${name} ${n(size)} Tf ${at} Tm <${id.toString(16).padStart(4, '0')}> Tj`);
  }

  async #image(id: string | undefined, alpha: number): Promise<void> {
    const resource = this.page.resource(id);
    if (resource?.element.name !== 'MultiMedia') throw refuse('document-damaged', 'a picture that is not listed');
    const location = resolve(resource.folder, textOf(resource.element, 'MediaFile') ?? '');
    await this.#transparency(alpha, alpha);
    await this.#picture(location, () => this.ofd.read(location, 'a picture'));
  }

  /** A picture in the square from the origin to (1, 1). */
  async #picture(key: string, read: () => Promise<Buffer>): Promise<void> {
    const name = await this.#canvas.resource('XObject', key, async () => {
      const data = await read();
      if (this.#canvas.isTrial) {
        await checkPicture(data);
        return 'null';
      }
      const { width, height, rgb, alpha } = await decodePicture(data);
      return this.#canvas.image(width, height, rgb, alpha);
    });
    this.#canvas.write(`q 1 0 0 -1 0 1 cm ${name} Do Q`);
  }

  async #composite(id: string | undefined, inside: Inside): Promise<void> {
    const unit: Resource | undefined = this.page.resource(id);
    if (unit === undefined) throw refuse('document-damaged', 'a composite object that is not listed');
    await this.#objects(childOf(unit.element, 'Content')?.children ?? [], inside);
  }

  /** A seal as it was put on the paper: what is printed under it shows. Where it is no picture there is its frame. */
  async #stamp({ boundary, clip, picture }: Page['stamps'][number]): Promise<void> {
    const { x, y, width, height } = boundary;
    this.#canvas.charge();
    this.#canvas.write('q');
    this.#canvas.transform([1, 0, 0, 1, x, y]);
    if (clip !== undefined) this.#canvas.clip(clip);
    if (picture === null) this.#canvas.write('1 0 0 RG 0.5 w', `0 0 ${n(width)} ${n(height)} re S`);
    else {
      const blend = '/Type/ExtGState/BM/Multiply';
      this.#canvas.write(`${await this.#canvas.resource('ExtGState', blend, () => this.#canvas.part(blend))} gs`);
      this.#canvas.transform([width, 0, 0, height, 0, 0]);
      await this.#picture(
        `seal ${this.page.stamps.findIndex((stamp) => stamp.picture === picture)}`,
        async () => picture,
      );
    }
    this.#canvas.write('Q');
  }
}

const isBlank = (codePoint: number) => /^[\s\p{Cc}\p{Cf}]$/u.test(String.fromCodePoint(codePoint));

/** One page, from 0, as a PDF of its own: with the fonts that it needs. Throws as `OfdPackage.open` does, and document-content-unsupported. */
export async function ofdPageAsPdf(ofd: OfdPackage, index: number): Promise<Buffer> {
  return new Drawing(ofd, await ofd.page(index), false).draw();
}

/** Draws a page for trial: nothing is decoded that need not be. Tells its size. Throws as `ofdPageAsPdf` does. */
export async function checkPage(ofd: OfdPackage, index: number): Promise<PageSize> {
  const page = await ofd.page(index);
  await new Drawing(ofd, page, true).draw();
  return { widthMm: page.widthMm, heightMm: page.heightMm };
}
