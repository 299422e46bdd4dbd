import { computed, onBeforeUnmount, ref } from 'vue';
import { useI18n } from 'vue-i18n';
import { doubtfulPages, type Evidence } from '../../../domain/catalog/classify.ts';
import { tell } from '../ask.ts';
import { call } from '../client/call.ts';
import type { Rebuild, Suggestions } from '../client/types.ts';
import { i18n } from '../i18n/index.ts';
import { useLoad } from '../load.ts';
import type { Desk } from './desk.ts';

const POLL_MS = 1500;

export const percentOf = (confidence: number): number => Math.floor(confidence * 100);
/** Why a page is taken for what it seems to be. */
export const evidenceText = (evidence: Evidence): string => {
  const { t } = i18n.global;
  const key = `rebuild.evidence.${evidence.kind}`;
  if (evidence.kind === 'formCode') return t(key, { code: evidence.code });
  return evidence.kind === 'title' ? t(key, { word: evidence.word }) : t(key);
};

/** What the pages at the desk seem to be: those that wait, by the catalogue as it is being arranged. */
export function useSuggestions(desk: Desk, archiveId: string) {
  const { t } = useI18n();
  const base = `/archives/${archiveId}/catalog/suggestions`;
  const { data, failure, load } = useLoad(() => call<Suggestions>('GET', base));
  const isLooking = ref(false);
  let isLeft = false;
  onBeforeUnmount(() => (isLeft = true));

  const doubtful = computed(() => {
    const place = new Map(desk.order.value.map((page, i) => [page, i]));
    const found = doubtfulPages(desk.nodes.value, data.value?.items ?? []);
    return found.sort((a, b) => place.get(a.page)! - place.get(b.page)!);
  });
  const sure = computed(() =>
    doubtful.value.filter(
      ({ suggested, foreign, lies }) =>
        foreign === undefined &&
        suggested !== null &&
        suggested.type !== lies &&
        suggested.confidence >= data.value!.acceptFrom,
    ),
  );

  /** Moves pages to where they seem to belong, at the desk only; false if nothing was to be moved. */
  function accept(pages: readonly number[]): boolean {
    const moves = doubtful.value.flatMap(({ page, suggested }) =>
      suggested !== null && pages.includes(page) ? [{ page, type: suggested.type }] : [],
    );
    return moves.length > 0 && desk.act({ act: 'reclassify', moves, branches: data.value!.branches });
  }

  async function leave(page: number): Promise<void> {
    if (!doubtful.value.some((one) => one.page === page)) return;
    if (await tell(t('rebuild.left', { n: page }), () => call('POST', `${base}/leave`, { pages: [page] })))
      await load();
  }

  /** Has the pages read, as a job over this one archive, and waits for it. */
  async function look(): Promise<void> {
    isLooking.value = true;
    const body = { mode: 'suggest', range: { archiveId }, reason: t('rebuild.lookReason') };
    await tell(null, async () => {
      let job = await call<Rebuild>('POST', '/catalog-rebuilds', body);
      const path = `/catalog-rebuilds/${job.rebuildId}?limit=1`;
      while (!isLeft && (job.state === 'running' || job.state === 'paused')) {
        await new Promise((done) => window.setTimeout(done, POLL_MS));
        ({ job } = await call<{ job: Rebuild }>('GET', path, undefined, { isBackground: true }));
      }
      if (!isLeft) await load();
    });
    isLooking.value = false;
  }

  return { data, failure, load, doubtful, sure, isLooking, accept, leave, look };
}
