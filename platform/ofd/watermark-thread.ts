import { parentPort } from 'node:worker_threads';
import { watermark } from './watermark.ts';
import type { MarkRequest, MarkResponse } from './watermarker.ts';

async function answer({ id, page }: MarkRequest): Promise<MarkResponse> {
  try {
    const { image, lines, use, rotation } = page;
    // A copy: what sharp gives cannot move to another thread.
    return { id, data: new Uint8Array(await watermark(Buffer.from(image.buffer), lines, use, rotation)) };
  } catch (error) {
    return { id, error: String(error) };
  }
}

/** The thread that draws watermarks (watermarker.ts). */
export function main(): void {
  parentPort!.on('message', (request: MarkRequest) => {
    void answer(request).then((response) =>
      parentPort!.postMessage(response, 'data' in response ? [response.data.buffer as ArrayBuffer] : []),
    );
  });
}
