import fc from 'fast-check';
import { DEFAULT_TEMPLATE } from '../../../../domain/catalog.ts';
import { arrange, type Arrangement } from '../../../../domain/catalog/arrange.ts';
import { diffCatalogs } from '../../../../domain/catalog/diff.ts';
import type { NumberedNode } from '../../../../domain/catalog/numbered.ts';
import { catalog, text } from '../../../fixtures/catalog.ts';

const START = 'front:1 orders:2,3,4 labs:5,6,7';

test.each<[string, Arrangement, string]>([
  ['moved to the end of a node', { act: 'move', pages: [2], node: 2, before: null }, 'front:1 orders:3,4 labs:5,6,7,2'],
  ['moved before a page', { act: 'move', pages: [3, 2], node: 2, before: 6 }, 'front:1 orders:4 labs:5,2,3,6,7'],
  ['from several nodes', { act: 'move', pages: [7, 1], node: 1, before: 2 }, 'orders:1,7,2,3,4 labs:5,6'],
  ['before one of themselves', { act: 'move', pages: [2, 3], node: 1, before: 2 }, START],
  ['one down', { act: 'move', pages: [2], node: 1, before: 4 }, 'front:1 orders:3,2,4 labs:5,6,7'],
  [
    'the last page of a node: the node goes',
    { act: 'move', pages: [1], node: 1, before: null },
    'orders:2,3,4,1 labs:5,6,7',
  ],
  ['to no node', { act: 'move', pages: [1], node: 9, before: null }, START],
  ['a node moved up', { act: 'moveNode', node: 2, to: 0 }, 'labs:5,6,7 front:1 orders:2,3,4'],
  ['a node moved beyond the end', { act: 'moveNode', node: 0, to: 9 }, 'orders:2,3,4 labs:5,6,7 front:1'],
  ['split', { act: 'split', page: 3, title: 'more' }, 'front:1 orders:2 more:3,4 labs:5,6,7'],
  ['split at the first page', { act: 'split', page: 2, title: 'more' }, START],
  [
    'put where they belong',
    { act: 'reclassify', moves: [{ page: 3, type: 'labReport' }], branches: DEFAULT_TEMPLATE.branches },
    'front:1 orders:2,4 labs:5,6,7,3',
  ],
  [
    'taken out',
    { act: 'extract', pages: [6, 3], type: 'labReport', title: 'labs2' },
    'front:1 orders:2,4 labs:5,7 labs2:3,6',
  ],
  [
    'taken out, all of a node',
    { act: 'extract', pages: [1], type: 'orders', title: 'o' },
    'o:1 orders:2,3,4 labs:5,6,7',
  ],
  ['merged with the next', { act: 'merge', node: 1 }, 'front:1 orders:2,3,4,5,6,7'],
  ['the last has no next', { act: 'merge', node: 2 }, START],
  ['renamed', { act: 'rename', node: 1, type: 'orders', title: 'x' }, 'front:1 x:2,3,4 labs:5,6,7'],
  ['turned', { act: 'rotate', pages: [2, 7], by: 90 }, 'front:1 orders:2r90,3,4 labs:5,6,7r90'],
  ['turned back', { act: 'rotate', pages: [2], by: 270 }, 'front:1 orders:2r270,3,4 labs:5,6,7'],
  ['marked', { act: 'mark', pages: [3, 4], mark: 'blank' }, 'front:1 orders:2,3b,4b labs:5,6,7'],
])('%s', (_name, done, expected) => {
  const before = catalog(START);
  expect(text(arrange(before, done))).toBe(expected);
  expect(text(before)).toBe(START);
});

test('a turn of four quarters, and a mark taken off, leave nothing behind', () => {
  let nodes = catalog(START);
  for (let i = 0; i < 4; i += 1) nodes = arrange(nodes, { act: 'rotate', pages: [2], by: 90 });
  nodes = arrange(arrange(nodes, { act: 'mark', pages: [2], mark: 'blank' }), { act: 'mark', pages: [2], mark: null });
  expect(nodes).toEqual(catalog(START));
});

test.each<[string, string, string[]]>([
  ['nothing', START, []],
  ['a page moved', 'front:1 orders:3,4 labs:5,2,6,7', ['pageMoved 2']],
  ['a page earlier', 'front:1 orders:4,2,3 labs:5,6,7', ['pageReordered 4']],
  ['a node earlier', 'labs:5,6,7 front:1 orders:2,3,4', ['nodeMoved labs']],
  ['a node renamed', 'front:1 x:2,3,4 labs:5,6,7', ['nodeRenamed orders→x']],
  ['split', 'front:1 orders:2,3 more:4 labs:5,6,7', ['nodeAdded more', 'pageMoved 4']],
  ['merged', 'front:1 orders:2,3,4,5,6,7', ['nodeRemoved labs', 'pageMoved 5', 'pageMoved 6', 'pageMoved 7']],
  ['turned', 'front:1r90 orders:2,3,4 labs:5,6,7', ['pageRotated 1']],
  ['marked', 'front:1 orders:2,3d,4 labs:5,6,7', ['pageMarked 3']],
  ['pages that came in', 'front:1 orders:2,3,4,8 labs:5,6,7', ['pageAdded 8']],
  ['pages that are not there', 'front:1 orders:2,3 labs:5,6,7', ['pageRemoved 4']],
])('difference: %s', (_name, to, expected) => {
  const changes = diffCatalogs(catalog(START), catalog(to));
  const said = changes.map((change) =>
    'page' in change
      ? `${change.what} ${change.page}`
      : change.what === 'nodeRenamed'
        ? `${change.what} ${change.from.title}→${change.to.title}`
        : `${change.what} ${change.node.title}`,
  );
  expect(said).toEqual(expected);
});

const page = fc.integer({ min: 0, max: 9 });
const node = fc.integer({ min: -1, max: 4 });
const done: fc.Arbitrary<Arrangement> = fc.oneof(
  fc.record({ act: fc.constant('move' as const), pages: fc.array(page), node, before: fc.option(page) }),
  fc.record({ act: fc.constant('moveNode' as const), node, to: node }),
  fc.record({ act: fc.constant('split' as const), page, title: fc.constant('s') }),
  fc.record({
    act: fc.constant('extract' as const),
    pages: fc.array(page),
    type: fc.constant('other' as const),
    title: fc.constant('e'),
  }),
  fc.record({ act: fc.constant('merge' as const), node }),
  fc.record({ act: fc.constant('rotate' as const), pages: fc.array(page), by: fc.constantFrom(90, 270) }),
  fc.record({
    act: fc.constant('mark' as const),
    pages: fc.array(page),
    mark: fc.constantFrom('blank', 'duplicate', null),
  }),
);

test('whatever is done, every page is there once, no node is empty, and what is the same has no difference', () => {
  fc.assert(
    fc.property(fc.array(done, { maxLength: 12 }), (all) => {
      const start = catalog(START);
      const end = all.reduce<NumberedNode[]>((nodes, one) => arrange(nodes, one), start);
      const pages = end.flatMap((of) => of.pages.map((one) => one.page));
      expect([...pages].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      expect(end.every((of) => of.pages.length > 0)).toBe(true);
      expect(diffCatalogs(end, end)).toEqual([]);
      if (diffCatalogs(start, end).length === 0) expect(end).toEqual(start);
    }),
    { numRuns: 500 },
  );
});
