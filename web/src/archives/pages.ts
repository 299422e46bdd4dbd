import { nextTick, ref, shallowRef } from 'vue';
import { ApiError, call, type Problem } from '../client/call.ts';

/** Bytes of a page, held by this page of the browser only: nothing of it is cached. Throws ApiError. */
async function fetchPage(
  base: string,
  page: number | null,
  version: number,
  use: 'view' | 'print' | 'prefetch',
): Promise<string> {
  if (page === null) throw new RangeError('a page that was not lent');
  const response = await fetch(`/api/v1${base}/${page}?version=${version}&use=${use}`, { cache: 'no-store' });
  if (!response.ok) throw new ApiError((await response.json()) as Problem);
  return URL.createObjectURL(await response.blob());
}

/**
 * Pages of one archive on the screen, by their places in the catalogue; `numberAt` gives the number in the package, null for
 * a page that may not be read. The next page is fetched ahead, which the server traces as that; when it is shown, the
 * server is told, and may refuse: then it goes.
 */
export function usePages(base: string, version: number, numberAt: (place: number) => number | null) {
  const shown = shallowRef<string | null>(null);
  const sheets = shallowRef<string[]>([]);
  const isLoading = ref(true);
  const isBroken = ref(false);
  let wanted = 0;
  let ahead: { page: number; url: Promise<string | null> } | null = null;

  const drop = (url: string | null) => {
    if (url !== null) URL.revokeObjectURL(url);
  };
  function dropAhead(): void {
    void ahead?.url.then(drop);
    ahead = null;
  }
  function fetchAhead(page: number): void {
    if (ahead?.page === page) return;
    dropAhead();
    const number = numberAt(page);
    if (number !== null) ahead = { page, url: fetchPage(base, number, version, 'prefetch').catch(() => null) };
  }

  /** From what is ready, if the server still lets it be shown. */
  async function takeAhead(page: number): Promise<string | null> {
    if (ahead?.page !== page) return null;
    const { url } = ahead;
    ahead = null;
    const ready = await url;
    if (ready === null) return null;
    try {
      await call('POST', `${base}/${numberAt(page)}/shown?version=${version}`);
      return ready;
    } catch (error) {
      drop(ready);
      throw error;
    }
  }

  async function show(page: number): Promise<void> {
    wanted = page;
    isLoading.value = true;
    isBroken.value = false;
    try {
      const url = (await takeAhead(page)) ?? (await fetchPage(base, numberAt(page), version, 'view'));
      if (wanted !== page) return drop(url);
      drop(shown.value);
      shown.value = url;
      fetchAhead(page + 1);
    } catch {
      if (wanted !== page) return;
      drop(shown.value);
      shown.value = null;
      isBroken.value = true;
    } finally {
      if (wanted === page) isLoading.value = false;
    }
  }

  /** Fetches these pages as prints, and opens the browser's own print. */
  async function print(pages: readonly number[]): Promise<void> {
    const ready: string[] = [];
    try {
      for (const page of pages) ready.push(await fetchPage(base, numberAt(page), version, 'print'));
      sheets.value = ready;
      await nextTick();
      await Promise.all([...document.querySelectorAll<HTMLImageElement>('.print-page')].map((image) => image.decode()));
      window.print();
    } finally {
      sheets.value = [];
      ready.forEach(drop);
    }
  }

  function close(): void {
    wanted = -1;
    dropAhead();
    drop(shown.value);
    sheets.value.forEach(drop);
  }
  return { shown, isLoading, isBroken, show, sheets, print, close };
}
