import { createSHA256, createSM3 } from 'hash-wasm';

const PIECE_BYTES = 4 * 1024 * 1024;

/** Digests of a file, off the page's thread and without holding it in memory. */
self.onmessage = async ({ data: { file, id } }: MessageEvent<{ file: Blob; id: number }>) => {
  try {
    const [sm3, sha256] = await Promise.all([createSM3(), createSHA256()]);
    for (let at = 0; at < file.size; at += PIECE_BYTES) {
      const piece = new Uint8Array(await file.slice(at, at + PIECE_BYTES).arrayBuffer());
      sm3.update(piece);
      sha256.update(piece);
      self.postMessage({ id, fraction: Math.min(1, (at + PIECE_BYTES) / file.size) });
    }
    self.postMessage({ id, digests: { bytes: file.size, sm3: sm3.digest('hex'), sha256: sha256.digest('hex') } });
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
};
