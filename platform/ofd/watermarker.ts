import { Worker } from 'node:worker_threads';
import type { watermark } from './watermark.ts';

/** Draws a page's watermark (watermark.ts). */
export type Watermark = typeof watermark;

type Given = Parameters<Watermark>;
/** A page as it goes to the thread. */
export interface MarkRequest {
  id: number;
  page: { image: Uint8Array; lines: Given[1]; use: Given[2]; rotation: NonNullable<Given[3]> };
}

/** What the thread answers. */
export type MarkResponse = { id: number; data: Uint8Array } | { id: number; error: string };

interface Waiting {
  done(data: Buffer): void;
  fail(error: unknown): void;
}

/**
 * Draws watermarks on a thread of its own, so that no other request waits for it: some megabytes of pixels a page, beside
 * a small heap, are collected in no time, where beside the whole api's they take as long as drawing does. A thread that
 * ends fails what it was drawing, and the next page starts another.
 */
export function threadWatermark(script: string): Watermark {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let next = 0;

  function start(): Worker {
    const started = new Worker(script);
    const failAll = (error: unknown) => {
      if (worker !== started) return;
      worker = undefined;
      for (const { fail } of waiting.values()) fail(error);
      waiting.clear();
    };
    started.on('message', (response: MarkResponse) => {
      const { done, fail } = waiting.get(response.id)!;
      waiting.delete(response.id);
      if ('data' in response) done(Buffer.from(response.data.buffer));
      else fail(new Error(response.error));
    });
    started.on('error', failAll);
    started.on('exit', (code) => failAll(new Error(`the thread of watermarks ended (${code})`)));
    started.unref();
    return started;
  }

  return (image, lines, use, rotation = 0) =>
    new Promise((done, fail) => {
      worker ??= start();
      const id = (next += 1);
      waiting.set(id, { done, fail });
      // A copy of the page alone: the buffer that it lies in may hold others.
      const own = new Uint8Array(image);
      worker.postMessage({ id, page: { image: own, lines, use, rotation } } satisfies MarkRequest, [own.buffer]);
    });
}
