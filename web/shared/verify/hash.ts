import type { FileDigests } from '../../../verifier/index.ts';

/** Told from 0 to 1. */
type OnProgress = (fraction: number) => void;

interface Message {
  id: number;
  fraction?: number;
  digests?: FileDigests;
  error?: string;
}

let worker: Worker | undefined;
let last = 0;
const waiting = new Map<
  number,
  { done(digests: FileDigests): void; fail(error: Error): void; onProgress?: OnProgress }
>();

/** Fetches the worker, so that it is there when it is needed though the server may then be gone. */
export function prepareWorker(): Worker {
  if (worker !== undefined) return worker;
  worker = new Worker(new URL('./hash.worker.ts', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }: MessageEvent<Message>) => {
    const { done, fail, onProgress } = waiting.get(data.id)!;
    if (data.fraction !== undefined) return onProgress?.(data.fraction);
    waiting.delete(data.id);
    if (data.digests !== undefined) done(data.digests);
    else fail(new Error(data.error));
  };
  worker.onerror = ({ message }) => {
    for (const { fail } of waiting.values()) fail(new Error(message));
    waiting.clear();
    worker = undefined;
  };
  return worker;
}

/** SM3 and SHA-256 of a file, in a worker. */
export function digestFile(file: Blob, onProgress?: OnProgress): Promise<FileDigests> {
  const to = prepareWorker();
  last += 1;
  const id = last;
  return new Promise((done, fail) => {
    waiting.set(id, { done, fail, ...(onProgress && { onProgress }) });
    to.postMessage({ file, id });
  });
}
