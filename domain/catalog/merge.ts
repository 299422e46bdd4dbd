import { type CatalogChange, diffCatalogs, matchNodes } from './diff.ts';
import type { NumberedNode } from './numbered.ts';

type PageChange = Extract<CatalogChange, { page: number }>;
const isOfPage = (change: CatalogChange): change is PageChange => 'page' in change;
const PLACED = ['pageMoved', 'pageReordered'] as const;

/**
 * Two arrangements of the same catalogue as one: theirs, with what we changed where they did not. `left` is what we
 * changed and is not in it: they changed that too, or the order of branches, which stays theirs.
 */
export function mergeCatalogs(
  start: readonly NumberedNode[],
  theirs: readonly NumberedNode[],
  yours: readonly NumberedNode[],
): { nodes: NumberedNode[]; left: CatalogChange[] } {
  const nodes = theirs.map((node) => ({ ...node, pages: [...node.pages] }));
  const added = new Map<number, NumberedNode>();
  const [ofTheirs, ofYours] = [matchNodes(start, theirs), matchNodes(start, yours)];
  const others = diffCatalogs(start, theirs);
  const left: CatalogChange[] = [];
  const didThey = (page: number, kinds: readonly string[]) =>
    others.find((other) => isOfPage(other) && other.page === page && kinds.includes(other.what));
  const homeIn = (all: readonly NumberedNode[], page: number) =>
    all.findIndex(({ pages }) => pages.some((one) => one.page === page));
  const everywhere = () => [...nodes, ...added.values()];
  const theirNodeOf = (b: number): NumberedNode | undefined => {
    const a = ofYours[b];
    const t = a === undefined ? -1 : ofTheirs.indexOf(a);
    return t === -1 ? undefined : nodes[t];
  };

  /** Puts a page behind the one that it stands behind in ours. */
  function place(page: number): boolean {
    const b = homeIn(yours, page);
    const ours = yours[b]!;
    let target = theirNodeOf(b) ?? added.get(b);
    if (target === undefined && ofYours[b] === undefined) {
      target = { ...ours, pages: [] };
      added.set(b, target);
    }
    const home = everywhere()[homeIn(everywhere(), page)];
    if (target === undefined || home === undefined) return false;
    const [moving] = home.pages.splice(
      home.pages.findIndex((one) => one.page === page),
      1,
    );
    const at = ours.pages.findIndex((one) => one.page === page);
    const behind = ours.pages
      .slice(0, at)
      .findLast((one) => target.pages.some(({ page: there }) => there === one.page));
    target.pages.splice(
      behind === undefined ? 0 : target.pages.findIndex((one) => one.page === behind.page) + 1,
      0,
      moving!,
    );
    return true;
  }

  for (const change of diffCatalogs(start, yours)) {
    let isTaken = true;
    switch (change.what) {
      case 'pageMoved':
      case 'pageReordered':
        isTaken = didThey(change.page, PLACED) === undefined && place(change.page);
        break;
      case 'pageRotated':
      case 'pageMarked': {
        const same = didThey(change.page, [change.what]) as typeof change | undefined;
        isTaken = same === undefined || same.to === change.to;
        const node = everywhere()[homeIn(everywhere(), change.page)];
        const i = node?.pages.findIndex(({ page }) => page === change.page) ?? -1;
        if (!isTaken || node === undefined) break;
        const { rotation, mark, page } = node.pages[i]!;
        const turned = change.what === 'pageRotated' ? change.to || undefined : rotation;
        const marked = change.what === 'pageMarked' ? (change.to ?? undefined) : mark;
        node.pages[i] = { page, ...(turned && { rotation: turned }), ...(marked && { mark: marked }) };
        break;
      }
      case 'nodeRenamed': {
        const b = yours.findIndex(({ title, type }, i) => {
          const old = start[ofYours[i] ?? -1];
          return title === change.to.title && type === change.to.type && old?.title === change.from.title;
        });
        const node = theirNodeOf(b);
        isTaken = node?.title === change.from.title && node.type === change.from.type;
        if (isTaken) Object.assign(node!, change.to);
        break;
      }
      case 'nodeMoved':
      case 'pageAdded':
      case 'pageRemoved':
        isTaken = false;
        break;
      case 'nodeAdded':
      case 'nodeRemoved':
        // Their pages say it.
        break;
    }
    if (!isTaken) left.push(change);
  }
  // A branch of ours comes behind the one that it is behind in ours.
  for (const [b, node] of [...added].sort(([x], [y]) => x - y)) {
    const before = b === 0 ? undefined : (theirNodeOf(b - 1) ?? added.get(b - 1));
    const at = before === undefined ? -1 : nodes.indexOf(before);
    nodes.splice(at === -1 ? (b === 0 ? 0 : nodes.length) : at + 1, 0, node);
  }
  return { nodes: nodes.filter(({ pages }) => pages.length > 0), left };
}
