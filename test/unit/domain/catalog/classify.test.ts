import { type CatalogTemplate, DEFAULT_TEMPLATE } from '../../../../domain/catalog.ts';
import {
  classifyDocument,
  classifyPage,
  decide,
  doubtfulPages,
  type PageSuggestion,
  reclassify,
  surePages,
  type TextLine,
} from '../../../../domain/catalog/classify.ts';
import { catalog, text } from '../../../fixtures/catalog.ts';

const line = (of: string, confidence = 1): TextLine => ({ text: of, confidence });
const titled = (...lines: string[]) => ({ barcodes: [], lines: lines.map((one) => line(one)) });
const coded = (...barcodes: string[]) => ({ barcodes, lines: [] });
const none = { barcodes: [], lines: [] };
const page = (of: Parameters<typeof classifyPage>[1], template: CatalogTemplate = DEFAULT_TEMPLATE) =>
  classifyPage(template, of);

test.each([
  ['病案首页', 'frontPage'],
  ['住 院 病 案 首 页', 'frontPage'],
  ['云州市第一人民医院检验报告单', 'labReport'],
  // A consent to an operation is a consent; a nurse's record of one is the operation's.
  ['手术知情同意书', 'consent'],
  ['手术护理记录', 'operation'],
  ['临时医嘱单', 'orders'],
])('a title: %s', (of, type) => expect(page(titled(of))).toMatchObject({ type, evidence: [{ kind: 'title' }] }));

test('the more of its line a word is, and the surer the letters, the surer the type', () => {
  const [whole, most, part] = ['检验报告', '生化检验报告', '附上一份生化检验报告复印件供参考'].map((of) =>
    page(titled(of))!,
  );
  expect(whole!.confidence).toBeGreaterThan(most!.confidence);
  expect(most!.confidence).toBeGreaterThan(part!.confidence);
  expect(page({ barcodes: [], lines: [line('检验报告', 0.5)] })!.confidence).toBeLessThan(0.5);
});

test.each([
  ['MR-07', 'labReport', 0.99],
  ['MR-07|YZ100|1', 'labReport', 0.96],
  [' MR-07 ', 'labReport', 0.99],
])('a form’s barcode: %s', (text, type, confidence) => expect(page(coded(text))).toMatchObject({ type, confidence }));

test.each([
  ['another form’s code that begins alike', coded('MR-012')],
  ['a patient’s wristband', coded('YZ19200')],
  ['words that no branch has', titled('缴费清单')],
  ['an empty page', none],
])('%s: nothing is suggested', (_name, of) => expect(page(of)).toBeNull());

test('kinds that agree strengthen each other; what speaks for another type weakens', () => {
  const alone = page(titled('检验报告'))!;
  const agreeing = page({ barcodes: ['MR-07|1'], lines: [line('检验报告')] })!;
  expect(agreeing.confidence).toBeGreaterThan(alone.confidence);
  expect(agreeing.evidence.map(({ kind }) => kind)).toEqual(['title', 'formCode']);
  const torn = page({ barcodes: ['MR-09'], lines: [line('检验报告')] })!;
  expect(torn).toMatchObject({ type: 'consent' });
  expect(torn.confidence).toBeLessThan(0.05);
  // Two lines that say the same are one proof.
  expect(page(titled('检验报告', '检验报告'))).toEqual(alone);
  expect(decide([])).toBeNull();
});

test('the rules are the template’s', () => {
  const branches = DEFAULT_TEMPLATE.branches.map((branch) =>
    branch.type === 'nursing' ? { ...branch, formCodes: ['N1', 'N1-A'], titleWords: ['体温记录单'] } : branch,
  );
  const own = { ...DEFAULT_TEMPLATE, branches };
  expect(page(titled('体温记录单'), own)).toMatchObject({ type: 'nursing' });
  expect(page(titled('护理记录'), own)).toBeNull();
  expect(page(coded('N1-A'), own)).toMatchObject({ type: 'nursing', confidence: 0.99 });
  // Of a template that was published before there were rules: the product's own words.
  const older = {
    ...DEFAULT_TEMPLATE,
    branches: branches.map(({ type, zh, en, mandatory }) => ({ type, zh, en, mandatory })),
  };
  expect(page(titled('护理记录'), older)).toMatchObject({ type: 'nursing' });
});

test('a page without evidence goes on from the one before it, less and less surely', () => {
  const pages = classifyDocument(DEFAULT_TEMPLATE, [none, titled('检验报告'), none, none, titled('检查报告')]);
  expect(pages.map((one) => one?.type ?? null)).toEqual([null, 'labReport', 'labReport', 'labReport', 'examReport']);
  expect(pages[2]!.evidence).toMatchObject([{ kind: 'continued' }]);
  expect(pages[3]!.confidence).toBeLessThan(pages[2]!.confidence);
  expect(pages[2]!.confidence).toBeLessThan(pages[1]!.confidence);
});

const NODES = [
  ...catalog('front:1 orders:2,3 labs:4,5b'),
  { type: 'other' as const, title: '其他', pages: [{ page: 6 }, { page: 7 }] },
];
const suggest = (
  of: number,
  type: 'frontPage' | 'orders' | 'labReport' | 'nursing',
  confidence = 0.9,
): PageSuggestion => ({
  page: of,
  suggested: { type, confidence, evidence: [] },
});

test('of another patient: doubtful wherever it lies, and never moved without a person', () => {
  const foreign = [
    { ...suggest(2, 'orders'), foreign: 'barcode' as const },
    { ...suggest(3, 'labReport', 0.99), foreign: 'text' as const },
    { ...suggest(6, 'nursing', 0.99), foreign: 'text' as const, kept: true },
  ];
  const found = doubtfulPages(NODES, foreign);
  expect(found.map(({ page: of }) => of)).toEqual([2, 3]);
  expect(surePages(DEFAULT_TEMPLATE, found)).toEqual([]);
});

test('doubtful: lies elsewhere than it seems to belong, or nobody knows what it is', () => {
  const found = doubtfulPages(NODES, [
    suggest(1, 'frontPage', 0.1),
    suggest(2, 'labReport'),
    { ...suggest(3, 'labReport'), kept: true },
    { page: 4, suggested: null },
    suggest(5, 'orders'),
    { page: 6, suggested: null },
    suggest(7, 'nursing', 0.84),
    suggest(99, 'orders'),
  ]);
  expect(found.map(({ page: of, lies }) => [of, lies])).toEqual([
    [2, 'orders'],
    [6, 'other'],
    [7, 'other'],
  ]);
  expect(surePages(DEFAULT_TEMPLATE, found).map(({ page: of }) => of)).toEqual([2]);
  expect(surePages({ ...DEFAULT_TEMPLATE, acceptFrom: 0.8 }, found).map(({ page: of }) => of)).toEqual([2, 7]);
  expect(surePages({ ...DEFAULT_TEMPLATE, acceptFrom: 0.95 }, found)).toEqual([]);
});

test('pages go where they belong, once each, in their order; turns and marks stay; nothing else moves', () => {
  const nodes = catalog('front:1 orders:2r90,3 labs:4,5b');
  expect(text(reclassify(DEFAULT_TEMPLATE, nodes, [{ page: 2, type: 'labReport' }]))).toBe(
    'front:1 orders:3 labs:4,5b,2r90',
  );
  // A new node stands at its place in the template; one that ends without pages goes.
  const moves = [2, 3].map((of) => ({ page: of, type: 'nursing' as const }));
  expect(text(reclassify(DEFAULT_TEMPLATE, nodes, moves))).toBe('front:1 护理记录:2r90,3 labs:4,5b');
  expect(text(reclassify(DEFAULT_TEMPLATE, nodes, [{ page: 1, type: 'frontPage' }]))).toBe(text(nodes));
  expect(text(nodes)).toBe('front:1 orders:2r90,3 labs:4,5b');
});
