import { diffCatalogs } from '../../../../domain/catalog/diff.ts';
import { mergeCatalogs } from '../../../../domain/catalog/merge.ts';
import { catalog, text } from '../../../fixtures/catalog.ts';

const START = 'front:1 orders:2,3,4 labs:5,6,7';

test.each<[string, string, string, string, number]>([
  ['only they', 'front:1 orders:3,2,4 labs:5,6,7', START, 'front:1 orders:3,2,4 labs:5,6,7', 0],
  ['only we', START, 'front:1 orders:2,4 labs:3,5,6,7', 'front:1 orders:2,4 labs:3,5,6,7', 0],
  [
    'other pages',
    'front:1 orders:2,3 labs:4,5,6,7',
    'front:1,2 orders:3,4 labs:5,6,7',
    'front:1,2 orders:3 labs:4,5,6,7',
    0,
  ],
  [
    'the same page',
    'front:1,2 orders:3,4 labs:5,6,7',
    'front:1 orders:3,4 labs:2,5,6,7',
    'front:1,2 orders:3,4 labs:5,6,7',
    1,
  ],
  [
    'turned by us, moved by them',
    'front:1 orders:2,3 labs:4,5,6,7',
    'front:1 orders:2,3,4r90 labs:5,6,7',
    'front:1 orders:2,3 labs:4r90,5,6,7',
    0,
  ],
  [
    'turned by both, differently',
    'front:1r90 orders:2,3,4 labs:5,6,7',
    'front:1r180 orders:2,3,4 labs:5,6,7',
    'front:1r90 orders:2,3,4 labs:5,6,7',
    1,
  ],
  [
    'turned by both, the same',
    'front:1r90 orders:2,3,4 labs:5,6,7',
    'front:1r90 orders:2,3,4 labs:5,6,7',
    'front:1r90 orders:2,3,4 labs:5,6,7',
    0,
  ],
  [
    'marked by us',
    'front:1 orders:3,2,4 labs:5,6,7',
    'front:1 orders:2b,3,4 labs:5,6,7',
    'front:1 orders:3,2b,4 labs:5,6,7',
    0,
  ],
  [
    'a branch of ours',
    'front:1 orders:2,3,4 labs:7,5,6',
    'front:1 orders:2,3 new:4 labs:5,6,7',
    'front:1 orders:2,3 new:4 labs:7,5,6',
    0,
  ],
  [
    'a branch renamed by us',
    'front:1 orders:2,3,4,5 labs:6,7',
    'front:1 x:2,3,4 labs:5,6,7',
    'front:1 x:2,3,4,5 labs:6,7',
    0,
  ],
  [
    'a branch renamed by both',
    'front:1 y:2,3,4 labs:5,6,7',
    'front:1 x:2,3,4 labs:5,6,7',
    'front:1 y:2,3,4 labs:5,6,7',
    1,
  ],
  ['the order of branches stays theirs', START, 'labs:5,6,7 front:1 orders:2,3,4', START, 1],
  ['our merge of two branches', START, 'front:1 orders:2,3,4,5,6,7', 'front:1 orders:2,3,4,5,6,7', 0],
])('%s', (_name, theirs, yours, expected, left) => {
  const merged = mergeCatalogs(catalog(START), catalog(theirs), catalog(yours));
  expect(text(merged.nodes)).toBe(expected);
  expect(merged.left).toHaveLength(left);
});

test('pages that came in with theirs stay', () => {
  const { nodes } = mergeCatalogs(catalog(START), catalog(`${START},8`), catalog('front:1 orders:3,2,4 labs:5,6,7'));
  expect(text(nodes)).toBe('front:1 orders:3,2,4 labs:5,6,7,8');
  expect(diffCatalogs(catalog(`${START},8`), nodes)).toHaveLength(1);
});
