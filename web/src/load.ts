import { onBeforeUnmount, onMounted, type Ref, ref, shallowRef } from 'vue';

/**
 * What a page asks the api for: its data, that it is on its way, or why it failed. `isBackground`: the page asks by itself,
 * and what is shown stays if there is no answer.
 */
export function useLoad<T>(ask: (isBackground: boolean) => Promise<T>): {
  data: Ref<T | null>;
  failure: Ref<unknown>;
  isLoading: Ref<boolean>;
  load: () => Promise<void>;
  refresh: () => Promise<void>;
} {
  const data = shallowRef<T | null>(null);
  const failure = shallowRef<unknown>(null);
  const isLoading = ref(true);
  let latest = 0;
  async function run(isBackground: boolean) {
    const mine = (latest += 1);
    isLoading.value = true;
    try {
      const answer = await ask(isBackground);
      if (mine !== latest) return;
      data.value = answer;
      failure.value = null;
    } catch (error) {
      if (mine === latest && !isBackground) failure.value = error;
    } finally {
      if (mine === latest) isLoading.value = false;
    }
  }
  return { data, failure, isLoading, load: () => run(false), refresh: () => run(true) };
}

/**
 * Runs it when the page is shown, and again so many milliseconds after each end, until the page is left; `null`: not until
 * it is asked for. What it gives runs it at once, and counts from there.
 */
export function useRepeat(run: () => Promise<unknown>, msUntilNext: () => number | null): () => Promise<void> {
  let timer: number | undefined;
  let isLeft = false;
  async function again() {
    window.clearTimeout(timer);
    await run();
    window.clearTimeout(timer);
    const ms = isLeft ? null : msUntilNext();
    if (ms !== null) timer = window.setTimeout(again, ms);
  }
  onMounted(again);
  onBeforeUnmount(() => {
    isLeft = true;
    window.clearTimeout(timer);
  });
  return again;
}
