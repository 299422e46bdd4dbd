import type { PageMark, Rotation } from '../catalog.ts';
import type { NumberedNode, NumberedPage } from './numbered.ts';

type NodeWords = Pick<NumberedNode, 'type' | 'title'>;

/** What is different between two catalogues, in the order people read it: branches first, then pages. */
export type CatalogChange =
  | { what: 'nodeAdded' | 'nodeRemoved' | 'nodeMoved'; node: NodeWords }
  | { what: 'nodeRenamed'; from: NodeWords; to: NodeWords }
  | { what: 'pageAdded' | 'pageRemoved' | 'pageReordered'; page: number; node: NodeWords }
  | { what: 'pageMoved'; page: number; from: NodeWords; to: NodeWords }
  | { what: 'pageRotated'; page: number; from: Rotation | 0; to: Rotation | 0 }
  | { what: 'pageMarked'; page: number; from: PageMark | null; to: PageMark | null };

const words = ({ type, title }: NodeWords): NodeWords => ({ type, title });

/** Places of a longest run of numbers that rise: what need not move to bring the rest into order. */
function rising(numbers: readonly number[]): Set<number> {
  const tails: number[] = [];
  const before: (number | undefined)[] = [];
  for (const [i, number] of numbers.entries()) {
    let [low, high] = [0, tails.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[tails[middle]!]! < number) low = middle + 1;
      else high = middle;
    }
    before[i] = tails[low - 1];
    tails[low] = i;
  }
  const kept = new Set<number>();
  for (let i = tails.at(-1); i !== undefined; i = before[i]) kept.add(i);
  return kept;
}

/** Which node of `from` each node of `to` goes on: the one it shares most pages with; of several with as many, the first. */
export function matchNodes(from: readonly NumberedNode[], to: readonly NumberedNode[]): (number | undefined)[] {
  const homeOf = new Map(from.flatMap(({ pages }, i) => pages.map(({ page }) => [page, i] as const)));
  const shared: { a: number; b: number; pages: number }[] = [];
  for (const [b, { pages }] of to.entries()) {
    const counts = new Map<number, number>();
    for (const { page } of pages) {
      const a = homeOf.get(page);
      if (a !== undefined) counts.set(a, (counts.get(a) ?? 0) + 1);
    }
    for (const [a, count] of counts) shared.push({ a, b, pages: count });
  }
  shared.sort((x, y) => y.pages - x.pages || x.b - y.b || x.a - y.a);
  const matched: (number | undefined)[] = to.map(() => undefined);
  const taken = new Set<number>();
  for (const { a, b } of shared) {
    if (matched[b] !== undefined || taken.has(a)) continue;
    matched[b] = a;
    taken.add(a);
  }
  return matched;
}

/** What was done to get from one catalogue to another, over the same package's numbers. Empty: they are the same. */
export function diffCatalogs(from: readonly NumberedNode[], to: readonly NumberedNode[]): CatalogChange[] {
  const matched = matchNodes(from, to);
  const changes: CatalogChange[] = [];
  const isKept = new Set(matched);
  for (const [a, node] of from.entries()) if (!isKept.has(a)) changes.push({ what: 'nodeRemoved', node: words(node) });
  const going = matched.filter((a) => a !== undefined);
  const inOrder = rising(going);
  let nth = -1;
  for (const [b, node] of to.entries()) {
    const a = matched[b];
    if (a === undefined) {
      changes.push({ what: 'nodeAdded', node: words(node) });
      continue;
    }
    nth += 1;
    const old = from[a]!;
    if (old.title !== node.title || old.type !== node.type)
      changes.push({ what: 'nodeRenamed', from: words(old), to: words(node) });
    if (!inOrder.has(nth)) changes.push({ what: 'nodeMoved', node: words(node) });
  }

  const was = new Map<number, { a: number; at: number; page: NumberedPage }>();
  for (const [a, { pages }] of from.entries())
    for (const [at, page] of pages.entries()) was.set(page.page, { a, at, page });
  const left = new Set(was.keys());
  for (const [b, node] of to.entries()) {
    const staying = node.pages.filter(({ page }) => was.get(page)?.a === matched[b] && matched[b] !== undefined);
    const still = rising(staying.map(({ page }) => was.get(page)!.at));
    const reordered = new Set(staying.filter((_page, i) => !still.has(i)).map(({ page }) => page));
    for (const page of node.pages) {
      const old = was.get(page.page);
      left.delete(page.page);
      if (old === undefined) {
        changes.push({ what: 'pageAdded', page: page.page, node: words(node) });
        continue;
      }
      if (old.a !== matched[b])
        changes.push({ what: 'pageMoved', page: page.page, from: words(from[old.a]!), to: words(node) });
      else if (reordered.has(page.page)) changes.push({ what: 'pageReordered', page: page.page, node: words(node) });
      const [turned, turns] = [old.page.rotation ?? (0 as const), page.rotation ?? (0 as const)];
      if (turned !== turns) changes.push({ what: 'pageRotated', page: page.page, from: turned, to: turns });
      const [mark, marks] = [old.page.mark ?? null, page.mark ?? null];
      if (mark !== marks) changes.push({ what: 'pageMarked', page: page.page, from: mark, to: marks });
    }
  }
  for (const page of left) changes.push({ what: 'pageRemoved', page, node: words(from[was.get(page)!.a]!) });
  return changes;
}
