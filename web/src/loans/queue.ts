import { computed, ref, shallowRef, watch } from 'vue';
import { useRoute, useRouter } from 'vue-router';
import { dueWithin } from '../../../domain/loan/due.ts';
import { READING_STATES } from '../../../domain/loan/state.ts';
import { call, query } from '../client/call.ts';
import type { Loan, LoanPage } from '../client/types.ts';
import { usePages } from '../paging.ts';

export type View = 'mine' | 'tasks' | 'all';
/** `due`: within so many days, today among them. */
export type Filters = Record<'q' | 'state' | 'purpose' | 'place' | 'emergency' | 'claimed' | 'due', string>;
const NONE: Filters = { q: '', state: '', purpose: '', place: '', emergency: '', claimed: '', due: '' };
const PAGE = 50;

/** As `/loans` is asked for what falls due within so many days. */
function dueFilter(days: number, now: number) {
  const { from, before } = dueWithin(days, now);
  const iso = (instant: number) => new Date(instant).toISOString();
  return { state: READING_STATES.join(','), dueAfter: iso(from), dueBefore: iso(before) };
}

/** A list of loans: its filters, which live in the address; the rows so far; what is selected; the row one is at. */
export function useQueue(view: () => View) {
  const route = useRoute();
  const router = useRouter();
  const filters = ref<Filters>({ ...NONE });
  const names = shallowRef<Record<string, string>>({});
  const selected = ref(new Set<string>());
  /** All rows of the filter, those that are not loaded too. */
  const isAllSelected = ref(false);
  const index = ref(0);

  /** Days are counted from when the list was asked for last. */
  const askedAt = ref(Date.now());
  const set = () => Object.fromEntries(Object.entries(filters.value).filter(([, value]) => value !== ''));
  const isByDue = computed(() => filters.value.due !== '');
  const sort = computed(() => (view() === 'tasks' ? 'expire' : isByDue.value ? 'due' : 'created'));
  /** As the api takes it. */
  const filter = computed(() => {
    const { due, ...rest } = set();
    return { view: view(), ...(due !== undefined && dueFilter(Number(due), askedAt.value)), ...rest };
  });
  const pages = usePages<Loan, LoanPage>(
    ({ from: cursor, shown, isBackground }) => {
      if (cursor === undefined) askedAt.value = Date.now();
      const limit = cursor !== undefined || !isBackground ? PAGE : Math.min(200, Math.max(PAGE, shown));
      const path = `/loans${query({ ...filter.value, sort: sort.value, cursor, limit })}`;
      return call('GET', path, undefined, { isBackground });
    },
    ({ nextCursor }) => nextCursor,
  );
  const { items, page, hasMore, isLoading, failure } = pages;
  const total = computed(() => page.value?.total ?? 0);
  const isCapped = computed(() => page.value?.isCapped ?? false);
  const current = computed<Loan | null>(() => items.value[index.value] ?? null);

  function readAddress(): void {
    const text = (value: unknown) => (typeof value === 'string' ? value : '');
    filters.value = Object.fromEntries(Object.keys(NONE).map((name) => [name, text(route.query[name])])) as Filters;
  }

  const load = pages.load;
  const follow = (now: Loan[], before: Loan[]) => {
    names.value = { ...names.value, ...page.value?.names };
    const at = before[index.value]?.loanId;
    const found = now.findIndex(({ loanId }) => loanId === at);
    // What one was at has gone: the next row takes its place.
    index.value = found === -1 ? Math.max(0, Math.min(index.value, now.length - 1)) : found;
    const known = new Set(now.map(({ loanId }) => loanId));
    selected.value = new Set([...selected.value].filter((loanId) => known.has(loanId)));
  };
  watch(items, follow, { flush: 'sync' });

  async function search(): Promise<void> {
    clear();
    index.value = 0;
    const { view: shown } = route.query;
    await router.replace({ query: { ...(shown !== undefined && { view: shown }), ...set() } });
    await load();
  }
  async function reset(to: Partial<Filters> = {}): Promise<void> {
    filters.value = { ...NONE, ...to };
    await search();
  }
  function toggle(loanId: string): void {
    isAllSelected.value = false;
    const next = new Set(selected.value);
    if (!next.delete(loanId)) next.add(loanId);
    selected.value = next;
  }
  function selectPage(isOn: boolean): void {
    isAllSelected.value = false;
    selected.value = new Set(isOn ? items.value.map(({ loanId }) => loanId) : []);
  }
  function selectAll(): void {
    isAllSelected.value = true;
  }
  function clear(): void {
    isAllSelected.value = false;
    selected.value = new Set();
  }
  const chosen = computed(() => (isAllSelected.value ? total.value : selected.value.size));
  function move(by: number): void {
    index.value = Math.max(0, Math.min(items.value.length - 1, index.value + by));
  }

  return {
    filters,
    filter,
    items,
    names,
    total,
    isCapped,
    hasMore,
    isLoading,
    failure,
    selected,
    isAllSelected,
    chosen,
    index,
    current,
    readAddress,
    load,
    search,
    reset,
    toggle,
    selectPage,
    selectAll,
    clear,
    move,
  };
}
export type Queue = ReturnType<typeof useQueue>;
