import fc from 'fast-check';
import sharp from 'sharp';
import { inspectOfd, renderOfdPage } from '../../../../../platform/ofd/foreign/index.ts';
import { readSfnt } from '../../../../../platform/ofd/foreign/sfnt.ts';
import { systemFonts } from '../../../../../platform/ofd/foreign/system-fonts.ts';
import { packOfd } from '../../../../../platform/ofd/package.ts';
import { element, xmlFile } from '../../../../../platform/ofd/xml.ts';
import { bmp, layer, type Made, ofd } from '../../../../fixtures/ofd.ts';
import { collect, makeContent, makeSealer } from '../../../../fixtures/package.ts';

/** Five dots a millimetre. */
const DPI = 127;
const PER_MM = 5;
type Rgb = readonly [number, number, number];
const WHITE: Rgb = [255, 255, 255];
const BLACK: Rgb = [0, 0, 0];
const RED: Rgb = [255, 0, 0];
const GREEN: Rgb = [0, 255, 0];
const BLUE: Rgb = [0, 0, 255];

async function drawn(data: Buffer, page = 0) {
  const image = sharp(await renderOfdPage(data, page, DPI));
  const { data: pixels, info } = await image.raw().toBuffer({ resolveWithObject: true });
  /** The colour at a place in millimetres. */
  const at = (x: number, y: number): Rgb => {
    const start = (Math.floor(y * PER_MM) * info.width + Math.floor(x * PER_MM)) * info.channels;
    return [pixels[start]!, pixels[start + 1]!, pixels[start + 2]!];
  };
  /** How much of a box is dark: 0 to 1. */
  const ink = (x: number, y: number, width: number, height: number): number => {
    let dark = 0;
    for (let j = 0; j < height * PER_MM; j += 1)
      for (let i = 0; i < width * PER_MM; i += 1) if (at(x + i / PER_MM, y + j / PER_MM)[1] < 128) dark += 1;
    return dark / (width * PER_MM * height * PER_MM);
  };
  return { at, ink, ...info };
}

const page = (...objects: string[]): Made => ({ pages: [objects.join('')] });

/** JPEG and the sRGB of CMYK leave some room. */
function expectColour(found: Rgb, expected: Rgb, room = 24): void {
  for (const [i, value] of expected.entries()) expect(Math.abs(found[i]! - value)).toBeLessThanOrEqual(room);
}

const colour = (name: 'FillColor' | 'StrokeColor', value: string, more = {}) =>
  element(name, { Value: value, ...more });
const data = (text: string) => element('AbbreviatedData', {}, text);
const SQUARE = 'M 0 0 L 20 0 L 20 20 L 0 20 C';
/** A filled square of 20 mm at a place. */
const square = (x: number, y: number, fill: string, attributes = {}, ...more: string[]) =>
  element(
    'PathObject',
    { Boundary: `${x} ${y} 20 20`, Fill: 'true', Stroke: 'false', ...attributes },
    fill,
    ...more,
    data(SQUARE),
  );
const red = colour('FillColor', '255 0 0');

describe('paths', () => {
  test('filled, at its place, in the page’s measure; nothing where Fill is not said', async () => {
    const { at, width, height } = await drawn(ofd(page(square(10, 30, red), square(60, 30, red, { Fill: 'false' }))));
    expect([width, height]).toEqual([500, 500]);
    expectColour(at(20, 40), RED);
    for (const [x, y] of [
      [9, 40],
      [31, 40],
      [20, 29],
      [20, 51],
      [70, 40],
    ] as const)
      expectColour(at(x, y), WHITE);
  });

  test('stroked: black unless said, as wide as said, dashed', async () => {
    const line = (y: number, attributes: object, ...more: string[]) =>
      element('PathObject', { Boundary: `10 ${y} 80 0`, ...attributes }, ...more, data('M 0 0 L 80 0'));
    const { at, ink } = await drawn(
      ofd(
        page(
          line(20, { LineWidth: 4 }),
          line(40, { LineWidth: 2 }, colour('StrokeColor', '0 0 255')),
          line(60, { LineWidth: 2, DashPattern: '20 20' }),
        ),
      ),
    );
    expectColour(at(50, 20), BLACK);
    expect(ink(48, 15, 4, 10)).toBeCloseTo(0.4, 1);
    expectColour(at(50, 40), BLUE);
    expect([20, 40, 60, 80].map((x) => ink(x - 2, 59.5, 4, 1) > 0.5)).toEqual([true, false, true, false]);
  });

  test('turned and stretched by CTM, inside their box', async () => {
    const { at } = await drawn(
      ofd(
        page(
          square(50, 50, red, { CTM: '0 2 -1 0 20 0', Boundary: '50 50 20 40' }),
          square(0, 0, red, { Boundary: '0 0 10 30' }),
        ),
      ),
    );
    expectColour(at(60, 85), RED);
    expectColour(at(45, 85), WHITE);
    expectColour(at(5, 10), RED);
    expectColour(at(15, 10), WHITE);
  });

  test('with a hole by the even-odd rule', async () => {
    const ring = data('M 0 0 L 20 0 L 20 20 L 0 20 C M 5 5 L 15 5 L 15 15 L 5 15 C');
    const ringed = (x: number, rule: string) =>
      element('PathObject', { Boundary: `${x} 10 20 20`, Fill: 'true', Stroke: 'false', Rule: rule }, red, ring);
    const { at } = await drawn(ofd(page(ringed(10, 'Even-Odd'), ringed(50, 'NonZero'))));
    expectColour(at(20, 20), WHITE);
    expectColour(at(12, 20), RED);
    expectColour(at(60, 20), RED);
  });

  test('curves and arcs: a disc', async () => {
    const disc = data('M 0 10 A 10 10 0 0 1 20 10 A 10 10 0 0 1 0 10 C');
    const { at } = await drawn(
      ofd(page(element('PathObject', { Boundary: '10 10 20 20', Fill: 'true', Stroke: 'false' }, red, disc))),
    );
    expectColour(at(20, 20), RED);
    expectColour(at(20, 11), RED);
    expectColour(at(12, 12), WHITE);
  });
});

describe('colours', () => {
  const spaces = element(
    'ColorSpaces',
    {},
    element('ColorSpace', { ID: 51, Type: 'CMYK' }),
    element(
      'ColorSpace',
      { ID: 52, Type: 'RGB' },
      element('Palette', {}, element('CV', {}, '0 0 0'), element('CV', {}, '0 255 0')),
    ),
  );
  test('RGB, gray, CMYK, hexadecimal, of a palette', async () => {
    const { at } = await drawn(
      ofd({
        ...page(
          square(0, 0, colour('FillColor', '0 0 255')),
          square(20, 0, colour('FillColor', '128')),
          square(40, 0, colour('FillColor', '0 255 255 0', { ColorSpace: 51 })),
          square(60, 0, colour('FillColor', '#ff #00 #0')),
          square(80, 0, element('FillColor', { Index: 1, ColorSpace: 52 })),
        ),
        resources: spaces,
      }),
    );
    expectColour(at(10, 10), BLUE);
    expectColour(at(30, 10), [128, 128, 128]);
    expectColour(at(50, 10), RED, 60);
    expectColour(at(70, 10), RED);
    expectColour(at(90, 10), GREEN);
  });

  test('seen through, by the colour and by the object', async () => {
    const half = colour('FillColor', '255 0 0', { Alpha: 128 });
    const { at } = await drawn(
      ofd(page(square(0, 0, half), square(30, 0, red, { Alpha: 128 }), square(60, 0, half, { Alpha: 128 }))),
    );
    expectColour(at(10, 10), [255, 127, 127]);
    expectColour(at(40, 10), [255, 127, 127]);
    expectColour(at(70, 10), [255, 191, 191]);
  });

  test('that run along a line', async () => {
    const segments = ['255 0 0', '0 0 255'].map((value, i) =>
      element('Segment', { Position: i }, element('Color', { Value: value })),
    );
    const fill = element('FillColor', {}, element('AxialShd', { StartPoint: '0 0', EndPoint: '20 0' }, ...segments));
    const { at } = await drawn(ofd(page(square(10, 10, fill))));
    expectColour(at(11, 20), RED, 40);
    expectColour(at(20, 20), [128, 0, 128], 40);
    expectColour(at(29, 20), BLUE, 40);
    expectColour(at(35, 20), WHITE);
  });

  test('by a set of parameters, and the one that it changes; the object comes first', async () => {
    const params = element(
      'DrawParams',
      {},
      element('DrawParam', { ID: 61 }, red),
      element('DrawParam', { ID: 62, Relative: 61, LineWidth: 1 }),
      element('DrawParam', { ID: 63, Relative: 63 }),
    );
    const { at } = await drawn(
      ofd({
        ...page(
          square(0, 0, '', { DrawParam: 62 }),
          square(30, 0, colour('FillColor', '0 0 255'), { DrawParam: 62 }),
          square(60, 0, '', { DrawParam: 63 }),
        ),
        resources: params,
      }),
    );
    expectColour(at(10, 10), RED);
    expectColour(at(40, 10), BLUE);
    expectColour(at(70, 10), WHITE);
  });
});

describe('what lies over what', () => {
  test('templates behind and in front, layers by their kind, objects as they come; what is invisible stays out', async () => {
    const layers = element(
      'Content',
      {},
      element('Layer', { ID: 80, Type: 'Foreground' }, square(0, 0, colour('FillColor', '0 255 0'))),
      element('Layer', { ID: 81 }, square(0, 0, red), square(20, 20, red), square(70, 70, red, { Visible: 'false' })),
    );
    const templates = [
      ['5', 'Background'],
      ['6', 'Foreground'],
    ].map(([id, order]) => element('Template', { TemplateID: id!, ZOrder: order }));
    const template = (x: number) => xmlFile('Page', {}, layer(square(x, 20, colour('FillColor', '0 0 255'))));
    const made: Made = {
      pages: [{ page: templates.join('') + layers }],
      common: ['5', '6'].map((id) => element('TemplatePage', { ID: id, BaseLoc: `Tpls/${id}.xml` })).join(''),
      files: { 'Doc_0/Tpls/5.xml': template(20), 'Doc_0/Tpls/6.xml': template(30) },
    };
    const { at } = await drawn(ofd(made));
    expectColour(at(10, 10), GREEN);
    expectColour(at(25, 30), RED);
    expectColour(at(35, 30), BLUE);
    expectColour(at(80, 80), WHITE);
  });

  test('clips: what all of them leave', async () => {
    const area = (path: string) => element('Area', {}, element('Path', { Boundary: '0 0 20 20' }, data(path)));
    const clips = element(
      'Clips',
      {},
      element('Clip', {}, area('M 0 0 L 10 0 L 10 20 L 0 20 C'), area('M 15 0 L 20 0 L 20 20 L 15 20 C')),
      element('Clip', {}, area('M 0 0 L 20 0 L 20 10 L 0 10 C')),
    );
    const { at } = await drawn(ofd(page(square(10, 10, red, {}, clips))));
    expectColour(at(15, 15), RED);
    expectColour(at(28, 15), RED);
    expectColour(at(22, 15), WHITE);
    expectColour(at(15, 25), WHITE);
  });

  test('composite objects and blocks', async () => {
    const units = element(
      'CompositeGraphicUnits',
      {},
      element('CompositeGraphicUnit', { ID: 70, Width: 20, Height: 20 }, element('Content', {}, square(0, 0, red))),
    );
    const composed = element('CompositeObject', {
      Boundary: '30 30 40 40',
      CTM: '2 0 0 2 0 0',
      ResourceID: 70,
      Alpha: 128,
    });
    const { at } = await drawn(
      ofd({ ...page(composed, element('PageBlock', {}, square(0, 0, red))), resources: units }),
    );
    expectColour(at(65, 65), [255, 127, 127]);
    expectColour(at(10, 10), RED);
  });

  test('annotations on their page', async () => {
    const made: Made = {
      ...page(''),
      document: element('Annotations', {}, 'Annots/Annotations.xml'),
      files: {
        'Doc_0/Annots/Annotations.xml': xmlFile(
          'Annotations',
          {},
          element('Page', { PageID: 1 }, element('FileLoc', {}, 'P.xml')),
        ),
        'Doc_0/Annots/P.xml': xmlFile(
          'PageAnnot',
          {},
          element(
            'Annot',
            { ID: 1, Type: 'Stamp' },
            element('Appearance', { Boundary: '40 40 20 20' }, square(0, 0, red)),
          ),
          element(
            'Annot',
            { ID: 2, Visible: 'false' },
            element('Appearance', { Boundary: '0 0 20 20' }, square(0, 0, red)),
          ),
        ),
      },
    };
    const { at } = await drawn(ofd(made));
    expectColour(at(50, 50), RED);
    expectColour(at(10, 10), WHITE);
  });
});

describe('pictures', () => {
  /** Red above, blue below on the left, green below on the right. */
  const flag = (x: number, y: number): Rgb => (y < 8 ? RED : x < 8 ? BLUE : GREEN);
  const raw = () =>
    sharp(Buffer.from(Array.from({ length: 256 }, (_, i) => flag(i % 16, Math.floor(i / 16))).flat()), {
      raw: { width: 16, height: 16, channels: 3 },
    });
  const media = (file: string) =>
    element('MultiMedias', {}, element('MultiMedia', { ID: 7, Type: 'Image' }, element('MediaFile', {}, file)));
  const image = (attributes = {}) =>
    element('ImageObject', { Boundary: '10 10 40 40', CTM: '40 0 0 40 0 0', ResourceID: 7, ...attributes });

  test.each<[string, () => Promise<Buffer> | Buffer]>([
    ['png', () => raw().png().toBuffer()],
    ['jpeg', () => raw().jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).toBuffer()],
    ['tiff', () => raw().tiff({ compression: 'lzw' }).toBuffer()],
    ['bmp', () => bmp(16, 16, flag)],
    ['gif', () => raw().gif().toBuffer()],
  ])('%s: upright, in its box', async (format, make) => {
    const made = {
      ...page(image()),
      resources: media(`a.${format}`),
      files: { [`Doc_0/Res/a.${format}`]: await make() },
    };
    const { at } = await drawn(ofd(made));
    expectColour(at(30, 15), RED, 40);
    expectColour(at(20, 45), BLUE, 40);
    expectColour(at(40, 45), GREEN, 40);
    expectColour(at(52, 30), WHITE);
  });

  test('seen through, by its own pixels and by Alpha; without CTM it fills its box', async () => {
    const clear = await sharp({
      create: { width: 4, height: 4, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0.5 } },
    })
      .png()
      .toBuffer();
    const made = {
      ...page(
        image({ Boundary: '0 0 40 40' }),
        image({ Boundary: '50 0 40 40', Alpha: 128 }),
        image({ Boundary: '0 50 40 40', CTM: undefined }),
      ),
      resources: media('a.png'),
      files: { 'Doc_0/Res/a.png': clear },
    };
    const { at } = await drawn(ofd(made));
    expectColour(at(20, 20), [255, 127, 127]);
    expectColour(at(70, 20), [255, 191, 191]);
    expectColour(at(20, 70), [255, 127, 127]);
  });

  test('a bitmap of 8 bits by its palette, from above', async () => {
    const data = Buffer.alloc(54 + 1024 + 8);
    data.write('BM', 'latin1');
    for (const [value, at] of [
      [54 + 1024, 10],
      [40, 14],
      [2, 18],
      [8, 28],
    ] as const)
      data.writeUInt16LE(value, at);
    data.writeInt32LE(-2, 22);
    data.set([0, 0, 255], 54 + 4 * 9);
    data.set([255, 0, 0], 54 + 4 * 200);
    data.set([9, 9, 0, 0, 200, 200], 54 + 1024);
    const { at } = await drawn(
      ofd({ ...page(image()), resources: media('a.bmp'), files: { 'Doc_0/Res/a.bmp': data } }),
    );
    expectColour(at(30, 14), RED, 40);
    expectColour(at(30, 46), BLUE, 40);
  });
});

describe('text', () => {
  const fonts = (file = '') =>
    element(
      'Fonts',
      {},
      element('Font', { ID: 3, FontName: '宋体' }, file === '' ? '' : element('FontFile', {}, file)),
    );
  const text = (
    content: string,
    attributes: Record<string, string | number> = {},
    code: Record<string, string | number> = {},
  ) =>
    element(
      'TextObject',
      { Boundary: '10 10 80 20', Font: 3, Size: 10, ...attributes },
      element('TextCode', { X: 0, Y: 10, DeltaX: 'g 9 10', ...code }, content),
    );
  const made = (...objects: string[]): Made => ({ ...page(...objects), resources: fonts() });

  test('each character at its place, by a font of this machine', async () => {
    const { ink } = await drawn(
      ofd(made(text('国国'), text('国 国', { Boundary: '10 50 80 20' }, { DeltaX: '20 20' }))),
    );
    expect([10, 20, 30].map((x) => ink(x, 11, 10, 10) > 0.1)).toEqual([true, true, false]);
    expect([10, 30, 50].map((x) => ink(x, 51, 10, 10) > 0.1)).toEqual([true, false, true]);
    expect(ink(10, 25, 80, 20)).toBe(0);
  });

  test('down the page by DeltaY; the next code goes on where it says', async () => {
    const codes = [
      element('TextCode', { X: 0, Y: 10, DeltaX: '0', DeltaY: '20' }, '国国'),
      element('TextCode', { Y: 70 }, '国'),
    ];
    const { ink } = await drawn(
      ofd(made(element('TextObject', { Boundary: '10 10 20 90', Font: 3, Size: 10 }, ...codes))),
    );
    expect([11, 21, 31, 71].map((y) => ink(10, y, 10, 10) > 0.1)).toEqual([true, false, true, true]);
  });

  test('coloured, turned, stretched, bold, stroked only, not at all', async () => {
    const { at, ink } = await drawn(
      ofd(
        made(
          element(
            'TextObject',
            { Boundary: '0 0 20 20', Font: 3, Size: 20 },
            red,
            element('TextCode', { X: 0, Y: 17 }, '█'),
          ),
          text('一', { Boundary: '20 0 20 20', Size: 20, CharDirection: 90 }, { X: 0, Y: 0 }),
          text('一', { Boundary: '40 0 40 20', Size: 20, HScale: 2 }, { X: 0, Y: 17 }),
          text('国', { Boundary: '0 30 20 20', Size: 20 }, { X: 0, Y: 17 }),
          text('国', { Boundary: '25 30 20 20', Size: 20, Weight: 700 }, { X: 0, Y: 17 }),
          text(
            '█',
            { Boundary: '50 30 20 20', Size: 20, Fill: 'false', Stroke: 'true', LineWidth: 1 },
            { X: 0, Y: 17 },
          ),
          text('█', { Boundary: '75 30 20 20', Size: 20, Fill: 'false' }, { X: 0, Y: 17 }),
        ),
      ),
    );
    expectColour(at(5, 10), RED);
    expect(ink(20, 2, 20, 16)).toBeGreaterThan(0.02);
    // Turned, the one stroke stands upright.
    expect(ink(25, 2, 10, 16)).toBeGreaterThan(2 * ink(20, 8, 20, 3));
    expect([42, 55, 70].map((x) => ink(x, 0, 6, 20) > 0.02)).toEqual([true, true, true]);
    expect(ink(25, 30, 20, 20)).toBeGreaterThan(1.15 * ink(0, 30, 20, 20));
    expect(ink(55, 38, 6, 4)).toBe(0);
    expect(ink(49, 30, 20, 20)).toBeGreaterThan(0.05);
    expect(ink(74, 30, 25, 20)).toBe(0);
  });

  test('of a font that the document brings: by character, and by the number of its glyph', async () => {
    const font = [...systemFonts('sans')][0]!;
    const glyph = font.glyphOf('国'.codePointAt(0)!);
    const transform = element(
      'CGTransform',
      { CodePosition: 1, CodeCount: 1, GlyphCount: 1 },
      element('Glyphs', {}, String(glyph)),
    );
    const numbered = element(
      'TextObject',
      { Boundary: '10 50 80 20', Font: 3, Size: 10 },
      transform,
      element('TextCode', { X: 0, Y: 10, DeltaX: '10 10' }, ' ? '),
    );
    const own = { ...page(text(' 国'), numbered), resources: fonts('f.otf'), files: { 'Doc_0/Res/f.otf': font.data } };
    const { ink } = await drawn(ofd(own));
    expect(ink(20, 11, 10, 10)).toBeGreaterThan(0.1);
    expect(ink(20, 51, 10, 10)).toBeCloseTo(ink(20, 11, 10, 10), 2);
    expect(ink(10, 51, 10, 10)).toBe(0);
  }, 30_000);

  test('a font that cannot be read is as one that is not there', async () => {
    const own = {
      ...page(text('国')),
      resources: fonts('f.ttf'),
      files: { 'Doc_0/Res/f.ttf': Buffer.from('no font') },
    };
    expect((await drawn(ofd(own))).ink(10, 11, 10, 10)).toBeGreaterThan(0.1);
  });

  test('a font that stands in and is wider than the places is made narrower', async () => {
    const { ink } = await drawn(ofd(made(text('█ ', {}, { DeltaX: '4' }))));
    expect(ink(11, 12, 2, 5)).toBe(1);
    expect(ink(14.5, 12, 10, 5)).toBe(0);
  });
});

test('the seal of a signature lies on its page', async () => {
  const { at } = await drawn(await collect(packOfd(await makeContent(1), await makeSealer())));
  // makeContent's seal: 40 mm, 10 mm from the lower right corner of A4.
  expectColour(at(180, 267), [216, 30, 6], 40);
});

test('a signature without a picture leaves its frame', async () => {
  const stamp = element('StampAnnot', { ID: 's', PageRef: 1, Boundary: '10 10 40 40' });
  const made: Made = {
    ...page(square(20, 20, colour('FillColor', '0 0 255'))),
    body: element('Signatures', {}, 'Doc_0/Signs/Signatures.xml'),
    files: {
      'Doc_0/Signs/Signatures.xml': xmlFile(
        'Signatures',
        {},
        element('Signature', { ID: 1, BaseLoc: 'S/Signature.xml' }),
      ),
      'Doc_0/Signs/S/Signature.xml': xmlFile(
        'Signature',
        {},
        element('SignedInfo', {}, stamp),
        element('SignedValue', {}, 'V.dat'),
      ),
      'Doc_0/Signs/S/V.dat': Buffer.from('nothing'),
    },
  };
  const { at } = await drawn(ofd(made));
  expectColour(at(10, 30), RED, 90);
  expectColour(at(30, 30), BLUE);
});

test('whatever a page says: it is drawn or refused', async () => {
  const objects = [
    square(10, 10, red),
    element(
      'TextObject',
      { Boundary: '0 0 50 50', Font: 3, Size: 5 },
      element('TextCode', { X: 1, Y: 5, DeltaX: 'g 3 5' }, 'text'),
    ),
    element('CompositeObject', { Boundary: '0 0 9 9', ResourceID: 70 }),
  ].join('');
  const change = fc.record({
    at: fc.nat(),
    put: fc.constantFrom('9', '-', 'e', ' ', 'g', '"', '0', 'A', '#', '999999'),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      let text = objects;
      for (const { at, put } of changes)
        text = text.slice(0, at % text.length) + put + text.slice((at % text.length) + 1);
      const made = ofd({ ...page(text), resources: element('Fonts', {}, element('Font', { ID: 3, FontName: 'A' })) });
      await inspectOfd(made, () => undefined).catch((error: { name: string }) =>
        expect(error.name).toBe('SealfolioError'),
      );
    }),
    { numRuns: 500 },
  );
}, 60_000);

describe('fonts', () => {
  test('each character of a font has the glyph that the font says', () => {
    const font = [...systemFonts('serif')][0]!;
    const glyphs = new Set(Array.from('国家医疗A1', (character) => font.glyphOf(character.codePointAt(0)!)));
    expect(glyphs.size).toBe(6);
    expect(glyphs.has(0)).toBe(false);
    expect(font.glyphOf(0xffff)).toBe(0);
    expect(font.advanceOf(font.glyphOf('国'.codePointAt(0)!))).toBe(1);
  });

  test('any bytes are a font or none', () => {
    const starts = ['00010000', '4f54544f', '74746366'];
    fc.assert(
      fc.property(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 400 }), (start, rest) => {
        const font = readSfnt(Buffer.concat([Buffer.from(start, 'hex'), rest]));
        expect(font?.glyphOf(65) ?? 0).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });
});
