import { onBeforeUnmount, onMounted } from 'vue';
import { type Kind, useLive } from './stores/live.ts';

/**
 * Runs it whenever something of this kind has changed, until the page is left: one at a time, and once more for what
 * changed meanwhile. However fast changes come, each run comes to its end.
 */
export function useChanges(kind: Kind, run: () => Promise<unknown>): void {
  let isRunning = false;
  let isAsked = false;
  let unlisten = () => {};
  async function changed() {
    isAsked = true;
    if (isRunning) return;
    isRunning = true;
    try {
      while (isAsked) {
        isAsked = false;
        await run();
      }
    } finally {
      isRunning = false;
    }
  }
  onMounted(() => (unlisten = useLive().on(kind, () => void changed())));
  onBeforeUnmount(() => {
    isAsked = false;
    unlisten();
  });
}
