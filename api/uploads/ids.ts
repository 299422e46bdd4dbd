export const UPLOADS_PATH = '/uploads';

/** An upload is one part of one batch: its id says which, so a client that lost everything but the batch can go on. */
export const uploadIdOf = (batchId: string, partNo: number): string => `${batchId}~${partNo}`;

export function parseUploadId(id: string): { batchId: string; partNo: number } | null {
  const match = /^([A-Za-z0-9._-]{1,64})~(\d{1,4})$/.exec(id);
  return match === null ? null : { batchId: match[1]!, partNo: Number(match[2]) };
}
