import { computed } from 'vue';
import { call } from '../client/call.ts';
import type { LoanDetail } from '../client/types.ts';
import { useLoad } from '../load.ts';

/** A loan with what happened to it, and what may be done with it. */
export function useLoan(loanId: () => string) {
  const { data, failure, load } = useLoad(() => call<LoanDetail>('GET', `/loans/${loanId()}`));
  const nameOf = (username: string) => data.value?.names[username] ?? username;
  /** Throws the refusal. The same click is one act, however often it is sent. */
  async function act(path: string, body: object = {}): Promise<void> {
    await call('POST', `/loans/${loanId()}/${path}`, body, { idempotencyKey: crypto.randomUUID() });
  }
  const loan = computed(() => data.value?.loan ?? null);
  return { data, loan, failure, load, nameOf, act };
}
export type LoanView = ReturnType<typeof useLoan>;
