import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isMainThread } from 'node:worker_threads';

/** Folder in which a node that is watched says what is left of its heap. */
export const HEAP_PROBE_VARIABLE = 'SEALFOLIO_HEAP_PROBE';
const MIB = 2 ** 20;

/** After a forced collection. */
export interface Collected {
  /** Collections so far; 0: it is ready to be asked. */
  count: number;
  /** Of the node's own thread. */
  heapMib: number;
  /** What V8 keeps for heaps, and what objects of the heap hold outside of it (buffers). */
  reservedMib: number;
  externalMib: number;
  rssMib: number;
}

export const collectedFile = (dir: string, pid: number): string => path.join(dir, `${pid}.json`);

/**
 * Loaded into a node before its own code (`node --expose-gc --require dist/heap-probe.cjs`), by `npm run soak` only: at
 * each SIGUSR2 it collects, and writes what is left. A node in use has no such thing.
 */
export function main(): void {
  const dir = process.env[HEAP_PROBE_VARIABLE];
  if (dir === undefined || !isMainThread) return;
  let count = -1;
  const tell = () => {
    count += 1;
    const { heapUsed, heapTotal, external, rss } = process.memoryUsage();
    const file = collectedFile(dir, process.pid);
    const collected: Collected = {
      count,
      heapMib: heapUsed / MIB,
      reservedMib: heapTotal / MIB,
      externalMib: external / MIB,
      rssMib: rss / MIB,
    };
    writeFileSync(`${file}.new`, JSON.stringify(collected));
    renameSync(`${file}.new`, file);
  };
  process.on('SIGUSR2', () => {
    globalThis.gc!();
    tell();
  });
  tell();
}
