import { setTimeout as delay } from 'node:timers/promises';

const EVERY_MS = 200;

/** What the machine takes for almost nothing while something else is measured: runs it again and again; `stop` gives the times, in milliseconds. */
export function probe(run: () => Promise<unknown>): { stop(): Promise<number[]> } {
  const times: number[] = [];
  let isOver = false;
  const running = (async () => {
    while (!isOver) {
      const began = performance.now();
      await run();
      times.push(performance.now() - began);
      await delay(EVERY_MS);
    }
  })();
  return {
    async stop() {
      isOver = true;
      await running;
      return times;
    },
  };
}
