import type { FileDigests } from '../../../verifier/index.ts';

let worker: Worker | undefined;
let last = 0;
const waiting = new Map<number, { done(digests: FileDigests): void; fail(error: Error): void }>();

/** SM3 and SHA-256 of a file, in a worker. */
export function digestFile(file: Blob): Promise<FileDigests> {
  if (worker === undefined) {
    worker = new Worker(new URL('./hash.worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }: MessageEvent<{ id: number; digests?: FileDigests; error?: string }>) => {
      const { done, fail } = waiting.get(data.id)!;
      waiting.delete(data.id);
      if (data.digests !== undefined) done(data.digests);
      else fail(new Error(data.error));
    };
  }
  last += 1;
  const id = last;
  return new Promise((done, fail) => {
    waiting.set(id, { done, fail });
    worker!.postMessage({ file, id });
  });
}
