import { TRACE_ATTEST_WITHIN_MS } from '../../domain/trace.ts';
import { wakeAnchoring } from '../waking.ts';
import type { ApiDeps } from '../deps.ts';

/** Has rows of the trace attested a while after the first of them was written; gives what stops it. */
export function anchorTrace({
  store,
  ...deps
}: Pick<ApiDeps, 'store' | 'temporal' | 'memberId' | 'logger'>): () => void {
  let timer: NodeJS.Timeout | undefined;
  const tell = async () => {
    timer = undefined;
    // What fails is tried by the Schedule every few minutes in any case; the rows wait in order.
    await wakeAnchoring(deps);
  };
  store.trace.onWritten = () => {
    timer ??= setTimeout(() => void tell(), TRACE_ATTEST_WITHIN_MS);
    timer.unref();
  };
  return () => clearTimeout(timer);
}
