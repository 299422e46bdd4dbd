import { shallowRef } from 'vue';
import type { AttestedProof, AttestedVerdict } from '../../verifier/attested.ts';
import type { Trust } from '../../verifier/index.ts';
import { call } from './client/call.ts';

/** A check that this browser makes: `running`, then what came of it; `unknown` too if what it needs was not given. */
export interface ProofCheck {
  state: 'running' | AttestedVerdict['verdict'];
  verdict: AttestedVerdict | null;
  proof: AttestedProof | null;
  /** Why the proof could not be had. */
  failure: unknown;
}

/** Checks by what is shown, as JSON: just that stays marked. `open` is the one that is looked at. */
export function useProofs() {
  const checks = shallowRef<Readonly<Record<string, ProofCheck>>>({});
  const open = shallowRef<string | null>(null);
  const put = (key: string, check: ProofCheck) => (checks.value = { ...checks.value, [key]: check });

  /** Fetches what was attested and checks it here; shows it meanwhile. */
  async function check(
    key: string,
    path: string,
    verify: (proof: AttestedProof, trust: Trust | null) => AttestedVerdict,
  ): Promise<void> {
    open.value = key;
    put(key, { state: 'running', verdict: null, proof: null, failure: null });
    try {
      const [proof, trust] = await Promise.all([
        call<AttestedProof>('GET', path),
        call<Trust>('GET', '/trust').catch(() => null),
      ]);
      const verdict = verify(proof, trust);
      put(key, { state: verdict.verdict, verdict, proof, failure: null });
    } catch (failure) {
      put(key, { state: 'unknown', verdict: null, proof: null, failure });
    }
  }
  return { checks, open, check, close: () => (open.value = null) };
}
