import { SealfolioError } from '../../domain/errors.ts';

const END_BYTES = 22;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;

/** Where the bytes of an entry lie: from `start` to before `end`. */
export interface ZipEntry {
  start: number;
  end: number;
}
/** Reads some bytes of a package, without the rest. */
export type ReadRange = (range: ZipEntry) => Promise<Buffer>;

/**
 * Entries of a package as platform/ofd/zip.ts writes them (stored, no comment, no extra fields), by name: one page is
 * then read without the others. Throws object-integrity if it is not of that form.
 */
export async function zipEntries(bytes: number, read: ReadRange): Promise<Map<string, ZipEntry>> {
  const end = await read({ start: Math.max(0, bytes - END_BYTES), end: bytes });
  const refuse = () => new SealfolioError('object-integrity', { reason: 'not a package of this system' });
  if (end.length !== END_BYTES || end.toString('latin1', 0, 4) !== 'PK\x05\x06') throw refuse();
  const [count, size, start] = [end.readUInt16LE(10), end.readUInt32LE(12), end.readUInt32LE(16)];
  if (start + size + END_BYTES !== bytes) throw refuse();
  const directory = await read({ start, end: start + size });
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    if (directory.toString('latin1', at, at + 4) !== 'PK\x01\x02' || directory.readUInt16LE(at + 10) !== 0)
      throw refuse();
    const [length, nameLength] = [directory.readUInt32LE(at + 24), directory.readUInt16LE(at + 28)];
    const name = directory.toString('utf8', at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameLength);
    const from = directory.readUInt32LE(at + 42) + LOCAL_BYTES + nameLength;
    entries.set(name, { start: from, end: from + length });
    at += CENTRAL_BYTES + nameLength;
  }
  return entries;
}
