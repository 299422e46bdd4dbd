/** One thing that this page checked itself. `name` is a key of the messages under `check`. */
export interface Step {
  name: string;
  state: 'pass' | 'fail' | 'unknown' | 'skipped';
  /** Numbers and names in the words of the step. */
  values?: Record<string, string | number>;
  /** What it was compared with: a hash, or the reason. */
  detail?: string;
}

export const step = (name: string, isRight: boolean, rest: Omit<Step, 'name' | 'state'> = {}): Step => ({
  name,
  state: isRight ? 'pass' : 'fail',
  ...rest,
});

/** Runs checks of what another machine sent: what cannot even be read fails as `form`. */
export function guarded(run: () => Step[]): Step[] {
  try {
    return run();
  } catch (error) {
    return [{ name: 'form', state: 'fail', detail: String((error as Error).message) }];
  }
}

export type Verdict = 'valid' | 'invalid' | 'unknown';

export function verdictOf(steps: readonly Step[]): Verdict {
  if (steps.some(({ state }) => state === 'fail')) return 'invalid';
  return steps.every(({ state }) => state === 'pass') ? 'valid' : 'unknown';
}

export const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
