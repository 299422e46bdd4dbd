import type { DocumentType, PageMark, Rotation } from '../catalog.ts';
import { reclassify } from './classify.ts';
import type { NumberedNode, NumberedPage } from './numbered.ts';

/** What a person does to a catalogue at the desk. Pages are named by their numbers in the package, nodes by their places. */
export type Arrangement =
  | { act: 'move'; pages: readonly number[]; node: number; before: number | null }
  | { act: 'moveNode'; node: number; to: number }
  | { act: 'split'; page: number; title: string }
  | { act: 'extract'; pages: readonly number[]; type: DocumentType; title: string }
  | { act: 'merge'; node: number }
  | { act: 'rename'; node: number; type: DocumentType; title: string }
  | { act: 'rotate'; pages: readonly number[]; by: 90 | 270 }
  | {
      act: 'reclassify';
      moves: readonly { page: number; type: DocumentType }[];
      branches: readonly { type: DocumentType; zh: string }[];
    }
  | { act: 'mark'; pages: readonly number[]; mark: PageMark | null };

const without = (nodes: readonly NumberedNode[], chosen: ReadonlySet<number>): NumberedNode[] =>
  nodes.map((node) => ({ ...node, pages: node.pages.filter(({ page }) => !chosen.has(page)) }));
const filled = (nodes: readonly NumberedNode[]) => nodes.filter(({ pages }) => pages.length > 0);

function overlaid(
  nodes: readonly NumberedNode[],
  chosen: readonly number[],
  change: (page: NumberedPage) => NumberedPage,
): NumberedNode[] {
  const isChosen = new Set(chosen);
  return nodes.map((node) => ({
    ...node,
    pages: node.pages.map((page) => (isChosen.has(page.page) ? change(page) : page)),
  }));
}

/** One thing done; the catalogue given is not changed. Nodes that end without pages go. What names nothing there changes nothing. */
export function arrange(nodes: readonly NumberedNode[], done: Arrangement): NumberedNode[] {
  switch (done.act) {
    case 'move': {
      const chosen = new Set(done.pages);
      const target = nodes[done.node];
      if (target === undefined || chosen.size === 0) return [...nodes];
      // In the order they stand in, whatever order they were chosen in.
      const moving = nodes.flatMap(({ pages }) => pages).filter(({ page }) => chosen.has(page));
      // A place that moves itself stands for the first one after it that stays.
      const from = target.pages.findIndex(({ page }) => page === done.before);
      const anchor = from === -1 ? undefined : target.pages.slice(from).find(({ page }) => !chosen.has(page));
      const rest = without(nodes, chosen);
      const pages = [...rest[done.node]!.pages];
      const at = anchor === undefined ? pages.length : pages.findIndex(({ page }) => page === anchor.page);
      pages.splice(at, 0, ...moving);
      rest[done.node] = { ...rest[done.node]!, pages };
      return filled(rest);
    }
    case 'moveNode': {
      const rest = [...nodes];
      const [node] = rest.splice(done.node, 1);
      if (node === undefined) return [...nodes];
      rest.splice(Math.max(0, Math.min(rest.length, done.to)), 0, node);
      return rest;
    }
    case 'split': {
      const n = nodes.findIndex(({ pages }) => pages.some(({ page }) => page === done.page));
      const node = nodes[n];
      const at = node?.pages.findIndex(({ page }) => page === done.page) ?? 0;
      if (node === undefined || at === 0) return [...nodes];
      const halves = [
        { ...node, pages: node.pages.slice(0, at) },
        { ...node, title: done.title, pages: node.pages.slice(at) },
      ];
      return [...nodes.slice(0, n), ...halves, ...nodes.slice(n + 1)];
    }
    case 'extract': {
      const chosen = new Set(done.pages);
      const moving = nodes.flatMap(({ pages }) => pages).filter(({ page }) => chosen.has(page));
      if (moving.length === 0) return [...nodes];
      const home = nodes.findLastIndex(({ pages }) => pages.some(({ page }) => chosen.has(page)));
      const rest = without(nodes, chosen);
      rest.splice(home + 1, 0, { type: done.type, title: done.title, pages: moving });
      return filled(rest);
    }
    case 'merge': {
      const [node, next] = [nodes[done.node], nodes[done.node + 1]];
      if (node === undefined || next === undefined) return [...nodes];
      const one = { ...node, pages: [...node.pages, ...next.pages] };
      return [...nodes.slice(0, done.node), one, ...nodes.slice(done.node + 2)];
    }
    case 'reclassify':
      return reclassify({ branches: done.branches }, nodes, done.moves);
    case 'rename':
      return nodes.map((node, i) => (i === done.node ? { ...node, type: done.type, title: done.title } : node));
    case 'rotate':
      return overlaid(nodes, done.pages, ({ rotation = 0, ...page }) => {
        const turned = (rotation + done.by) % 360;
        return turned === 0 ? page : { ...page, rotation: turned as Rotation };
      });
    case 'mark':
      return overlaid(nodes, done.pages, ({ mark: _mark, ...page }) =>
        done.mark === null ? page : { ...page, mark: done.mark },
      );
  }
}
