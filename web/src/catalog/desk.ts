import { computed, ref, shallowRef } from 'vue';
import { arrange, type Arrangement } from '../../../domain/catalog/arrange.ts';
import { diffCatalogs } from '../../../domain/catalog/diff.ts';
import type { NumberedNode } from '../../../domain/catalog/numbered.ts';

const MOST_UNDONE = 200;

/** 编目台: the catalogue as it is being arranged, what is chosen of it, and the way back. */
export function useDesk() {
  const start = shallowRef<readonly NumberedNode[]>([]);
  const nodes = shallowRef<readonly NumberedNode[]>([]);
  const past = shallowRef<(readonly NumberedNode[])[]>([]);
  const future = shallowRef<(readonly NumberedNode[])[]>([]);
  const chosen = ref(new Set<number>());
  /** The page that keys act from, and where a range began. */
  const cursor = ref(1);
  const anchor = ref(1);

  const order = computed(() => nodes.value.flatMap(({ pages }) => pages.map(({ page }) => page)));
  const changes = computed(() => diffCatalogs(start.value, nodes.value));
  const isChanged = computed(() => changes.value.length > 0);
  const nodeOf = (page: number) => nodes.value.findIndex(({ pages }) => pages.some((one) => one.page === page));
  /** What an act is about: what is chosen, else the page one is at. */
  const about = computed(() =>
    chosen.value.size > 0 ? order.value.filter((page) => chosen.value.has(page)) : [cursor.value],
  );

  function open(from: readonly NumberedNode[], arranged: readonly NumberedNode[] = from): void {
    start.value = from;
    nodes.value = arranged;
    past.value = [];
    future.value = [];
    chosen.value = new Set();
    cursor.value = order.value[0] ?? 1;
    anchor.value = cursor.value;
  }

  /** False if it changed nothing. */
  function act(done: Arrangement): boolean {
    const next = arrange(nodes.value, done);
    if (diffCatalogs(nodes.value, next).length === 0) return false;
    past.value = [...past.value.slice(1 - MOST_UNDONE), nodes.value];
    future.value = [];
    nodes.value = next;
    return true;
  }

  function step(from: typeof past, to: typeof past): boolean {
    const other = from.value.at(-1);
    if (other === undefined) return false;
    to.value = [...to.value, nodes.value];
    from.value = from.value.slice(0, -1);
    nodes.value = other;
    return true;
  }

  /** Goes to a page: alone, adding it, or with all between. */
  function choose(page: number, how: 'one' | 'toggle' | 'range' | 'go'): void {
    cursor.value = page;
    if (how === 'range') {
      const [from, to] = [order.value.indexOf(anchor.value), order.value.indexOf(page)].sort((a, b) => a - b) as [
        number,
        number,
      ];
      chosen.value = new Set(order.value.slice(Math.max(0, from), to + 1));
      return;
    }
    anchor.value = page;
    if (how === 'go') return;
    const next = how === 'one' ? new Set<number>() : new Set(chosen.value);
    if (how === 'toggle' && next.has(page)) next.delete(page);
    else next.add(page);
    chosen.value = next;
  }

  /** One place earlier or later, over the border of branches too. */
  function nudge(by: -1 | 1): boolean {
    const pages = about.value;
    const isMoving = new Set(pages);
    const edge = by === -1 ? pages[0]! : pages.at(-1)!;
    const node = nodeOf(edge);
    const row = nodes.value[node]!.pages.map(({ page }) => page);
    const at = row.indexOf(edge);
    const others =
      by === -1
        ? row.slice(0, at).filter((page) => !isMoving.has(page))
        : row.slice(at + 1).filter((page) => !isMoving.has(page));
    if (by === -1 && others.length > 0) return act({ act: 'move', pages, node, before: others.at(-1)! });
    if (by === 1 && others.length > 0) return act({ act: 'move', pages, node, before: others[1] ?? null });
    const next = nodes.value[node + by];
    if (next === undefined) return false;
    return act({ act: 'move', pages, node: node + by, before: by === -1 ? null : next.pages[0]!.page });
  }

  return {
    start,
    nodes,
    order,
    changes,
    isChanged,
    chosen,
    cursor,
    about,
    nodeOf,
    open,
    act,
    choose,
    nudge,
    clear: () => (chosen.value = new Set()),
    chooseNode: (node: number) => {
      const pages = nodes.value[node]!.pages.map(({ page }) => page);
      chosen.value = new Set(pages);
      cursor.value = pages[0]!;
      anchor.value = cursor.value;
    },
    undo: () => step(past, future),
    redo: () => step(future, past),
    mayUndo: computed(() => past.value.length > 0),
    mayRedo: computed(() => future.value.length > 0),
  };
}
export type Desk = ReturnType<typeof useDesk>;
