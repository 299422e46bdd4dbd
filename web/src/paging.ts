import { type Ref, ref, type ShallowRef, shallowRef } from 'vue';

/** Where a list goes on, as its api says it: a cursor, or the number to go on before. */
export type Next = string | number;

/**
 * A list that grows page by page. Of what was asked for at once the last counts. `ask` is given where to go on (undefined:
 * from the start) and how many rows are shown; `next` tells where a page goes on, null at the end.
 */
export function usePages<T, P extends { items: T[] }>(
  ask: (asked: { from: Next | undefined; shown: number; isBackground: boolean }) => Promise<P>,
  next: (page: P) => Next | null,
): {
  items: ShallowRef<T[]>;
  /** The page that came last, for what it says besides. */
  page: ShallowRef<P | null>;
  hasMore: Ref<boolean>;
  isLoading: Ref<boolean>;
  failure: ShallowRef<unknown>;
  load: (how?: { more?: boolean; isBackground?: boolean }) => Promise<void>;
} {
  const items = shallowRef<T[]>([]);
  const page = shallowRef<P | null>(null) as ShallowRef<P | null>;
  const hasMore = ref(false);
  const isLoading = ref(true);
  const failure = shallowRef<unknown>(null);
  let latest = 0;
  let wanted = Promise.resolve();

  /** `isBackground`: the page asks by itself, after what somebody has asked for, and what is shown stays until the answer is here. */
  async function load({ more = false, isBackground = false } = {}): Promise<void> {
    if (!isBackground) return (wanted = run(more, false));
    await wanted;
    return run(more, true);
  }
  async function run(more: boolean, isBackground: boolean): Promise<void> {
    const mine = (latest += 1);
    if (!isBackground) isLoading.value = true;
    const from = more && page.value !== null ? (next(page.value) ?? undefined) : undefined;
    try {
      const answer = await ask({ from, shown: items.value.length, isBackground });
      if (mine !== latest) return;
      page.value = answer;
      items.value = more ? [...items.value, ...answer.items] : answer.items;
      hasMore.value = next(answer) !== null;
      failure.value = null;
    } catch (error) {
      if (mine === latest && !isBackground) failure.value = error;
    } finally {
      if (mine === latest) isLoading.value = false;
    }
  }
  return { items, page, hasMore, isLoading, failure, load };
}
