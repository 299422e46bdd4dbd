import sharp from 'sharp';
import { ZipWriter } from '../ofd/zip.ts';
import { escape } from '../ofd/xml.ts';

export interface Column<Row> {
  title: string;
  /** Characters. */
  width: number;
  value(row: Row): string | number | undefined;
}

const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const RELS = 'http://schemas.openxmlformats.org/package/2006/relationships';
const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
/** Excel takes no more in a cell. */
const MAX_CELL = 32_767;

/** The tile that lies behind the cells: the same words again and again, aslant. */
async function watermark(text: string): Promise<Buffer> {
  const [width, height] = [520, 260];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#fff"/>
<text x="${width / 2}" y="${height / 2}" font-size="20" text-anchor="middle" fill="#c9ced6" font-family="sans-serif" transform="rotate(-18 ${width / 2} ${height / 2})">${escape(text)}</text></svg>`;
  return sharp(Buffer.from(svg)).png().toBuffer();
}

/** Text as it is, never a formula; numbers as numbers. */
function cell(value: string | number | undefined, style = ''): string {
  if (value === undefined || value === '') return '<c/>';
  if (typeof value === 'number') return `<c${style}><v>${value}</v></c>`;
  return `<c${style} t="inlineStr"><is><t xml:space="preserve">${escape(value.slice(0, MAX_CELL))}</t></is></c>`;
}

/** `&` begins a code in a header. */
const headerText = (text: string) => escape(text.replaceAll('&', '&&').slice(0, 200));

/** The sheet, piece by piece. */
async function* sheet<Row>(
  columns: readonly Column<Row>[],
  rows: AsyncIterable<readonly Row[]>,
  mark: string,
  note: string | undefined,
): AsyncGenerator<Buffer> {
  const widths = columns.map(({ width }, i) => `<col min="${i + 1}" max="${i + 1}" width="${width}" customWidth="1"/>`);
  const head = `<row>${columns.map(({ title }) => cell(title, ' s="1"')).join('')}</row>`;
  const said = note === undefined ? '' : `<row>${cell(note, ' s="1"')}</row>`;
  yield Buffer.from(
    `${HEAD}<worksheet xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" state="frozen"/></sheetView></sheetViews><cols>${widths.join('')}</cols><sheetData>${head}${said}`,
  );
  for await (const some of rows)
    yield Buffer.from(
      some.map((row) => `<row>${columns.map(({ value }) => cell(value(row))).join('')}</row>`).join(''),
    );
  yield Buffer.from(
    `</sheetData><pageSetup orientation="landscape" paperSize="9"/><headerFooter><oddHeader>&amp;C${headerText(mark)}</oddHeader><oddFooter>&amp;C${headerText(mark)}　&amp;P / &amp;N</oddFooter></headerFooter><picture r:id="rId1"/></worksheet>`,
  );
}

/**
 * One sheet as an Office Open XML workbook (ECMA-376), with who took it and when: behind the cells on the screen, and at
 * the head and foot of each printed page. Written while `rows` come, some at a time.
 */
export async function* workbook<Row>(
  sheetName: string,
  columns: readonly Column<Row>[],
  rows: AsyncIterable<readonly Row[]>,
  mark: string,
  /** What whoever reads it must know first: a line of its own under the heads. */
  note?: string,
): AsyncGenerator<Buffer> {
  const files: Record<string, string | Buffer> = {
    '[Content_Types].xml': `${HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Default Extension="png" ContentType="image/png"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>`,
    '_rels/.rels': `${HEAD}<Relationships xmlns="${RELS}"><Relationship Id="rId1" Type="${OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    'xl/workbook.xml': `${HEAD}<workbook xmlns="${MAIN}" xmlns:r="${OFFICE}"><sheets><sheet name="${escape(sheetName.slice(0, 31))}" sheetId="1" r:id="rId1"/></sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `${HEAD}<Relationships xmlns="${RELS}"><Relationship Id="rId1" Type="${OFFICE}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="${OFFICE}/styles" Target="styles.xml"/></Relationships>`,
    'xl/styles.xml': `${HEAD}<styleSheet xmlns="${MAIN}"><fonts count="2"><font><sz val="11"/></font><font><b/><sz val="11"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf/><xf fontId="1" applyFont="1"/></cellXfs></styleSheet>`,
    'xl/worksheets/_rels/sheet1.xml.rels': `${HEAD}<Relationships xmlns="${RELS}"><Relationship Id="rId1" Type="${OFFICE}/image" Target="../media/mark.png"/></Relationships>`,
    'xl/media/mark.png': await watermark(mark),
  };
  const zip = new ZipWriter();
  for (const [name, data] of Object.entries(files))
    yield* zip.entry(name, typeof data === 'string' ? Buffer.from(data) : data);
  yield* zip.deflated('xl/worksheets/sheet1.xml', sheet(columns, rows, mark, note));
  yield* zip.end();
}
