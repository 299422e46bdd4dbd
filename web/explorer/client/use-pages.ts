import { shallowRef } from 'vue';
import type { Missing } from './answers.ts';
import { ask } from './ask.ts';

/** A list that is read on, `size` rows more each time: one page of the rpc may hold fewer, or none, and not be the last. */
export function usePages<T>(size: number) {
  const rows = shallowRef<T[] | null>(null);
  /** Where it goes on; null at the end. */
  const next = shallowRef<string | null>(null);
  const missing = shallowRef<Missing | null>(null);
  const isBusy = shallowRef(false);
  /** Counts the lists that were begun: what comes late of one before is let fall. */
  let begun = 0;

  async function more(): Promise<void> {
    isBusy.value = true;
    const own = begun;
    const wanted = (rows.value?.length ?? 0) + size;
    while (next.value !== null && (rows.value?.length ?? 0) < wanted) {
      const answer = await ask<T[]>(next.value);
      if (own !== begun) return;
      missing.value = answer.kind === 'found' ? null : answer;
      if (answer.kind !== 'found') break;
      rows.value = [...(rows.value ?? []), ...answer.value];
      next.value = answer.next;
    }
    isBusy.value = false;
  }

  /** Begins with another list, at this path. */
  function begin(path: string): Promise<void> {
    begun += 1;
    rows.value = null;
    missing.value = null;
    next.value = path;
    return more();
  }

  return { rows, next, missing, isBusy, more, begin };
}
