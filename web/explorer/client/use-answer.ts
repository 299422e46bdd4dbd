import { onMounted, type ShallowRef, shallowRef } from 'vue';
import type { Answer, Missing } from './answers.ts';
import { ask } from './ask.ts';
import { doubt, type Other } from './doubt.ts';
import { useNode } from './node.ts';

export interface Loaded<T> {
  value: ShallowRef<T | null>;
  missing: ShallowRef<Missing | null>;
  /** What other nodes said, where this one has no such thing. */
  asked: ShallowRef<readonly Other[]>;
  load(): Promise<void>;
}

/** Asks this node when the page is shown, and the others if it says that there is no such thing. */
export function useAnswer<T>(path: () => string): Loaded<T> {
  const node = useNode();
  const value = shallowRef<T | null>(null);
  const missing = shallowRef<Missing | null>(null);
  const asked = shallowRef<readonly Other[]>([]);

  async function load(): Promise<void> {
    const answer: Answer<T> = await ask<T>(path());
    if (answer.kind === 'found') {
      value.value = answer.value;
      missing.value = null;
      return;
    }
    if (node.status === null) await node.load();
    const doubted = await doubt(answer, node.others, (url) => ask(path(), url));
    asked.value = doubted.asked;
    missing.value = doubted.missing;
  }
  onMounted(load);
  return { value, missing, asked, load };
}
