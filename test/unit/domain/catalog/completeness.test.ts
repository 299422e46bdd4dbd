import { type Catalog, type CatalogTemplate, DEFAULT_TEMPLATE } from '../../../../domain/catalog.ts';
import { completenessOf } from '../../../../domain/catalog/completeness.ts';
import { catalog } from '../../../fixtures/catalog.ts';

/** Pages 1 to 4 are of one original each, 5 to 7 of one together. */
function of(text: string): Pick<Catalog, 'nodes'> {
  const nodes = catalog(text).map((node) => ({
    ...node,
    type: node.title.startsWith('other') ? ('other' as const) : node.type,
    pages: node.pages.map(({ page, ...overlay }) =>
      page >= 5 ? { objectId: 'o5', page: page - 5, ...overlay } : { objectId: `o${page}`, page: 0, ...overlay },
    ),
  }));
  return { nodes };
}
const { branches } = DEFAULT_TEMPLATE;
const noLabs: CatalogTemplate = { ...DEFAULT_TEMPLATE, branches: branches.filter(({ type }) => type !== 'labReport') };

test('pages that seem to be another’s: doubtful, but where they are marked as blank', () => {
  const foreign = [{ objectId: 'o2', page: 0 }];
  expect(completenessOf(DEFAULT_TEMPLATE, of('front:1 orders:2,3,4 labs:5,6,7'), foreign)).toEqual({
    state: 'doubtful',
    findings: [{ rule: 'pageForeign', pages: 1 }],
  });
  expect(completenessOf(DEFAULT_TEMPLATE, of('front:1 orders:2b,3,4 labs:5,6,7'), foreign).state).toBe('complete');
});

test.each<[string, string, string, string[], CatalogTemplate?]>([
  ['all there', 'front:1 orders:2,3,4 labs:5,6,7', 'complete', []],
  ['no front page', 'orders:1,2,3,4 labs:5,6,7', 'missing', ['branchMissing']],
  ['a front page that is blank', 'front:1b orders:2,3,4 labs:5,6,7', 'missing', ['branchMissing']],
  ['two front pages', 'front:1,2 orders:3,4 labs:5,6,7', 'doubtful', ['branchTwice']],
  ['two, one of them twice there', 'front:1,2d orders:3,4 labs:5,6,7', 'complete', []],
  ['nobody said what it is', 'front:1 orders:2,3 labs:5,6,7 other:4', 'doubtful', ['unclassified']],
  ['a report out of its order', 'front:1 orders:2,3,4 labs:5,7,6', 'doubtful', ['documentTorn']],
  ['a report torn apart', 'front:1 orders:2,3,5,4 labs:6,7', 'doubtful', ['documentTorn']],
  ['over two branches, one behind the other', 'front:1 orders:2,3,4,5 labs:6,7', 'complete', []],
  ['its blank page put elsewhere', 'front:1 orders:2,6b,3,4 labs:5,7', 'complete', []],
  [
    'a branch that the template does not have',
    'front:1 orders:2,3,4 labs:5,6,7',
    'doubtful',
    ['branchUnknown'],
    noLabs,
  ],
  ['missing goes before doubtful', 'orders:1,2,3 other:4 labs:5,6,7', 'missing', ['branchMissing', 'unclassified']],
])('%s', (_name, text, state, rules, template = DEFAULT_TEMPLATE) => {
  const found = completenessOf(template, of(text));
  expect([found.state, found.findings.map(({ rule }) => rule)]).toEqual([state, rules]);
});
