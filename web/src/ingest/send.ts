import * as tus from 'tus-js-client';
import type { DocumentType } from '../../../domain/catalog.ts';
import { ApiError, csrfToken } from '../client/call.ts';
import { digestFile } from '../../shared/verify/hash.ts';

/** A file that a person chose to send, and how much of it is sent. */
export interface Outgoing {
  partNo: number;
  file: File;
  documentType: DocumentType;
  pageCount: number;
  sent: number;
}

/** Browsers know no type for OFD. */
const typeOf = ({ name, type }: File) => (/\.ofd$/i.test(name) ? 'application/ofd' : type);

/** What a batch announces of the files; `onFile` is told which one is being read. */
export async function announced(files: readonly Outgoing[], onFile: (n: number) => void) {
  const parts = [];
  for (const [i, { partNo, file, documentType, pageCount }] of files.entries()) {
    onFile(i + 1);
    const { sm3 } = await digestFile(file);
    parts.push({
      partNo,
      fileName: file.name,
      mediaType: typeOf(file),
      documentType,
      bytes: file.size,
      sm3,
      pageCount,
    });
  }
  return parts;
}

/** Sends one file, in pieces that a broken line does not lose. */
export const upload = (batchId: string, outgoing: Outgoing) =>
  new Promise<void>((done, fail) => {
    new tus.Upload(outgoing.file, {
      endpoint: '/api/v1/uploads',
      metadata: { batchId, partNo: String(outgoing.partNo) },
      chunkSize: 16 * 1024 * 1024,
      headers: { 'X-CSRF-Token': csrfToken() },
      uploadDataDuringCreation: true,
      storeFingerprintForResuming: false,
      onProgress: (sent) => (outgoing.sent = sent),
      onSuccess: () => done(),
      onError: (error) => {
        const body = error instanceof tus.DetailedError ? error.originalResponse?.getBody() : undefined;
        try {
          fail(body ? new ApiError(JSON.parse(body)) : error);
        } catch {
          fail(error);
        }
      },
    }).start();
  });

/** How much of all is sent, in percent. */
export function percentOf(files: readonly Outgoing[]): number {
  const total = files.reduce((sum, { file }) => sum + file.size, 0);
  return total === 0 ? 0 : Math.floor((100 * files.reduce((sum, { sent }) => sum + sent, 0)) / total);
}
