import type { TextLine } from '../../domain/catalog/classify.ts';

/** tesseract's TSV: these columns are read, by their names in the first line. */
const COLUMNS = ['level', 'page_num', 'block_num', 'par_num', 'line_num', 'conf', 'text'] as const;
const WORD_LEVEL = '5';
/** A line or a word that is longer is none: what is kept of a page is bounded. */
const MOST_LINES = 40;
const MOST_TEXT = 200;

/** Between letters of the Latin alphabet a space is a space; between Chinese ones it is the recogniser's. */
const join = (a: string, b: string) => (/[\w)]$/.test(a) && /^[\w(]/.test(b) ? `${a} ${b}` : `${a}${b}`);

/** The lines of a page from tesseract's TSV, in its order, each as sure (0 to 1) as its letters are on the average. Throws RangeError. */
export function linesOfTsv(tsv: string): TextLine[] {
  const [head = '', ...rows] = tsv.split('\n');
  const names = head.trim().split('\t');
  const at = COLUMNS.map((name) => names.indexOf(name));
  if (at.includes(-1)) throw new RangeError('not the TSV of tesseract');
  const lines = new Map<string, { text: string; sure: number; letters: number }>();
  for (const row of rows) {
    const cells = row.split('\t');
    const [level, page, block, paragraph, line, conf, text = ''] = at.map((i) => cells[i]);
    const word = text.trim();
    const sure = Number(conf);
    if (level !== WORD_LEVEL || word === '' || !(sure >= 0 && sure <= 100)) continue;
    const key = `${page}/${block}/${paragraph}/${line}`;
    const known = lines.get(key) ?? { text: '', sure: 0, letters: 0 };
    if (known.text.length + word.length > MOST_TEXT) continue;
    const letters = known.letters + word.length;
    lines.set(key, { text: join(known.text, word), sure: known.sure + (sure / 100) * word.length, letters });
  }
  return [...lines.values()]
    .slice(0, MOST_LINES)
    .map(({ text, sure, letters }) => ({ text, confidence: Math.round((1000 * sure) / letters) / 1000 }));
}
