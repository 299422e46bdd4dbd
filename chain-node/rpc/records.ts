import type { FoundRecord, LedgerReader } from '../state/reader.ts';

/** Records that one request reads in search of a stream's. */
const MAX_SCANNED = 1000;
const PIECE = 100;

/** Which records are meant; null for any. Bytes in hex. */
export interface RecordFilter {
  stream: string | null;
  key: string | null;
  digest: string | null;
}

/** Records of one stream from an index on, by reading the log: it ends at `limit` found, or after MAX_SCANNED. */
async function byStream(reader: LedgerReader, logSize: number, stream: string, from: number, limit: number) {
  const found: FoundRecord[] = [];
  const end = Math.min(logSize, from + MAX_SCANNED);
  for (let at = from; at < end; at += PIECE)
    for (const record of await reader.records(at, Math.min(PIECE, end - at))) {
      if (record.entry.record.stream === stream) found.push(record);
      if (found.length === limit) return { found, next: record.index + 1 < logSize ? record.index + 1 : null };
    }
  return { found, next: end < logSize ? end : null };
}

/**
 * One page of the records that a filter lets through, in the order of the log. It may hold fewer than `limit`, or none:
 * `next` is the index to go on from, null at the end.
 */
export async function listRecords(
  reader: LedgerReader,
  logSize: number,
  { stream, key, digest }: RecordFilter,
  from: number,
  limit: number,
): Promise<{ found: FoundRecord[]; next: number | null }> {
  if (key === null && digest === null && stream !== null) return byStream(reader, logSize, stream, from, limit);
  const bytes = (hex: string) => Buffer.from(hex, 'hex');
  const found =
    key !== null
      ? await reader.byKey(stream, bytes(key), from, limit)
      : digest !== null
        ? await reader.byDigest(bytes(digest), from, limit)
        : await reader.records(from, limit);
  const last = found.at(-1)?.index ?? logSize - 1;
  const isMeant = ({ entry: { record } }: FoundRecord) =>
    (stream === null || record.stream === stream) && (digest === null || record.digest.equals(bytes(digest)));
  return { found: found.filter(isMeant), next: found.length === limit && last + 1 < logSize ? last + 1 : null };
}

/** The Link header (RFC 8288) to the page that begins at `from`. */
export function nextLink(requestUrl: string, from: number | string): string {
  const url = new URL(requestUrl, 'http://node');
  url.searchParams.set('from', String(from));
  return `<${url.pathname}${url.search}>; rel="next"`;
}
