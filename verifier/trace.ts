import { concat, fromHex, tag, toHex, utf8 } from './bytes.ts';
import { canonicalJson } from './jcs.ts';
import type { Digest } from './ledger.ts';

/** A row of the trace as it is stored; `at` is RFC 3339. */
export interface TraceRow {
  seq: number;
  previousHash: string;
  hash: string;
  mac: string;
  [field: string]: unknown;
}

/** What a batch attests of its rows (docs/adr/0016-trace.md). */
export interface TraceManifest {
  format: string;
  memberId: string;
  from: number;
  to: number;
  root: string;
  previous: string;
  head: string;
}

/** A batch as the ledger has it: which rows, and the digest of its manifest. */
export interface AttestedRows {
  from: number;
  to: number;
  digest: string;
}

/** What is wrong with rows `from` to `to` (mostly one). */
export interface TraceFinding {
  kind: 'edited' | 'removed' | 'inserted' | 'moved' | 'remade';
  from: number;
  to: number;
  /** Of a moved row: the number it was written under. */
  origin?: number;
  reason: string;
}

export const FIRST_HASH = '0'.repeat(64);
const HASH_BYTES = 32;
/** Numbers around a row that are tried as the one it was written under. */
const MOVED_WITHIN = 256;
/** Rows for which that is tried: it costs a digest for each number. */
const MOST_MOVED = 64;

/** Digest of what a row says: everything but what chains and seals it. Throws TypeError on what JSON cannot hold. */
export function traceDigest(row: TraceRow, sm3: Digest): Uint8Array {
  const { previousHash: _previous, hash: _hash, mac: _mac, ...content } = row;
  return sm3(concat(tag('sealfolio/trace/1'), utf8(canonicalJson(content))));
}

export const chainHash = (previousHash: string, digest: Uint8Array, sm3: Digest): string =>
  toHex(sm3(concat(tag('sealfolio/trace-chain/1'), fromHex(previousHash), digest)));

/** Merkle root over digests of rows (RFC 6962 §2.1, SM3). */
export function traceRoot(digests: readonly Uint8Array[], sm3: Digest): string {
  let level = digests.map((digest) => sm3(concat(Uint8Array.of(0), digest)));
  while (level.length > 1) {
    const next: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2)
      next.push(i + 1 < level.length ? sm3(concat(Uint8Array.of(1), level[i]!, level[i + 1]!)) : level[i]!);
    level = next;
  }
  return toHex(level[0] ?? sm3(new Uint8Array()));
}

export const manifestDigest = (manifest: TraceManifest, sm3: Digest): string =>
  toHex(sm3(concat(tag('sealfolio/attest/1'), utf8(canonicalJson(manifest)))));

export interface TraceCheckOptions {
  memberId: string;
  sm3: Digest;
  /** HMAC of a digest, as rows hold it; absent where the key is not at hand: then the chain and the ledger alone speak. */
  seal?: (digest: Uint8Array) => string;
  /** Batches that a quorum has, by `from`. */
  attested: readonly AttestedRows[];
  /** Digests of a batch's rows as the member keeps them, packed; believed only if they lead to the attested digest. */
  leavesOf(from: number): Promise<{ leaves: Uint8Array; manifest: TraceManifest } | null>;
  /** The number that rows must reach: known from elsewhere than the rows. */
  reached: number;
  onFinding(finding: TraceFinding): void;
}

const EDITED = 'what it says is not what was written';

interface Seen {
  row: TraceRow;
  /** Null: it holds what JSON cannot. */
  digest: Uint8Array | null;
  isSealed: boolean;
  /** Nothing was found of it yet: the row after it may be held against it. */
  isRight: boolean;
}

/**
 * Goes through rows in order, and names each that is not what was written. Rows are given as they are stored, by number;
 * `next` as often as there are some, then `end`. Nothing is believed of the database but what chain, seal and ledger say.
 */
export class TraceCheck {
  readonly #options: TraceCheckOptions;
  #expected = 1;
  #last: Seen | null = null;
  #batch = 0;
  #rows: Seen[] = [];
  #moved = 0;
  /** Rows at the end that were not written so: edited, or never written at all. */
  readonly #doubtful: number[] = [];
  checked = 0;

  constructor(options: TraceCheckOptions) {
    this.#options = options;
  }

  async next(row: TraceRow): Promise<void> {
    const { attested } = this.#options;
    if (!Number.isSafeInteger(row.seq) || row.seq < this.#expected) {
      const at = Number(row.seq);
      return this.#find('inserted', at, at, 'no such number was given out');
    }
    this.checked += 1;
    if (row.seq > this.#expected) await this.#missing(this.#expected, row.seq - 1);
    this.#expected = row.seq + 1;
    const seen = this.#look(row);
    const finding = this.#examine(seen);
    if (finding !== null) seen.isRight = false;
    // A number is known to have been given out once a row after it is right.
    if (seen.isSealed) this.#settle({ kind: 'edited', reason: EDITED });
    if (finding?.kind === 'inserted') this.#doubtful.push(row.seq);
    else if (finding !== null) this.#options.onFinding({ from: row.seq, to: row.seq, ...finding });
    const batch = attested[this.#batch];
    if (batch !== undefined && row.seq >= batch.from) {
      this.#rows.push(seen);
      if (row.seq === batch.to) await this.#close();
    }
    this.#last = seen;
  }

  async end(): Promise<void> {
    this.#settle({ kind: 'inserted', reason: 'was not written by this system' });
    const { attested, reached } = this.#options;
    const last = Math.max(reached, attested.at(-1)?.to ?? 0);
    if (last >= this.#expected) await this.#missing(this.#expected, last);
  }

  #settle(what: Pick<TraceFinding, 'kind' | 'reason'>): void {
    for (const seq of this.#doubtful.splice(0)) this.#options.onFinding({ from: seq, to: seq, ...what });
  }

  #find(kind: TraceFinding['kind'], from: number, to: number, reason: string, origin?: number): void {
    this.#options.onFinding({ kind, from, to, reason, ...(origin !== undefined && { origin }) });
  }

  async #missing(from: number, to: number): Promise<void> {
    this.#find('removed', from, to, 'not there');
    this.#last = null;
    const { attested } = this.#options;
    while (attested[this.#batch] !== undefined && attested[this.#batch]!.to <= to) await this.#close();
  }

  #look(row: TraceRow): Seen {
    const { sm3, seal } = this.#options;
    try {
      const digest = traceDigest(row, sm3);
      return { row, digest, isSealed: seal === undefined || seal(digest) === row.mac, isRight: true };
    } catch {
      return { row, digest: null, isSealed: false, isRight: true };
    }
  }

  /** By itself, and beside the row before. */
  #examine({ row, digest, isSealed }: Seen): Pick<TraceFinding, 'kind' | 'reason' | 'origin'> | null {
    const { attested, reached, sm3 } = this.#options;
    const { seq } = row;
    if (digest === null || !isSealed) {
      const origin = digest === null ? null : this.#originOf(row);
      if (origin !== null) return { kind: 'moved', origin, reason: 'was written under another number' };
      const isKnown = seq <= Math.max(reached, attested.at(-1)?.to ?? 0);
      return { kind: isKnown ? 'edited' : 'inserted', reason: EDITED };
    }
    const isHex = /^[0-9a-f]{64}$/.test(row.previousHash);
    if (!isHex || chainHash(row.previousHash, digest, sm3) !== row.hash)
      return { kind: 'edited', reason: 'its hash is not of what it says' };
    const before = this.#last;
    if (seq === 1 ? row.previousHash === FIRST_HASH : before === null || !before.isRight) return null;
    if (before?.row.hash === row.previousHash) return null;
    // Only who holds the key comes here: a row that is sealed, and chained to something else than the row before.
    return { kind: 'remade', reason: 'it names another row before it than the one that is there' };
  }

  /** The number near by under which a row's seal is right; null if there is none. */
  #originOf(row: TraceRow): number | null {
    const { sm3, seal } = this.#options;
    if (seal === undefined || this.#moved >= MOST_MOVED) return null;
    this.#moved += 1;
    for (let distance = 1; distance <= MOVED_WITHIN; distance += 1)
      for (const seq of [row.seq - distance, row.seq + distance])
        if (seq > 0 && seal(traceDigest({ ...row, seq }, sm3)) === row.mac) return seq;
    return null;
  }

  /** The rows of the batch are in: their root, and what else the ledger says of them. */
  async #close(): Promise<void> {
    const { attested, memberId, sm3, leavesOf } = this.#options;
    const { from, to, digest: attestedDigest } = attested[this.#batch]!;
    const rows = this.#rows;
    this.#batch += 1;
    this.#rows = [];
    const first = rows[0];
    const isWhole = rows.length === to - from + 1 && rows.every(({ digest }) => digest !== null);
    if (isWhole) {
      const digests = rows.map(({ digest }) => digest!);
      const root = traceRoot(digests, sm3);
      const manifest = { from, to, root, previous: first!.row.previousHash, head: rows.at(-1)!.row.hash };
      if (manifestDigest({ format: 'sealfolio-trace/1', memberId, ...manifest }, sm3) === attestedDigest) return;
    }
    const kept = await leavesOf(from);
    if (kept === null || !this.#isAttested(kept, from, to, attestedDigest)) {
      if (rows.every(({ isSealed }) => isSealed) && isWhole)
        this.#find('remade', from, to, 'these rows are not those that the members attested');
      return;
    }
    for (const { row, digest, isSealed } of rows) {
      const start = (row.seq - from) * HASH_BYTES;
      const leaf = kept.leaves.subarray(start, start + HASH_BYTES);
      if (digest !== null && isSealed && toHex(leaf) !== toHex(digest))
        this.#find('remade', row.seq, row.seq, 'it is sealed, but not the row that the members attested');
    }
  }

  #isAttested(
    { leaves, manifest }: { leaves: Uint8Array; manifest: TraceManifest },
    from: number,
    to: number,
    attestedDigest: string,
  ): boolean {
    const { sm3 } = this.#options;
    if (leaves.length !== (to - from + 1) * HASH_BYTES) return false;
    const digests = Array.from({ length: to - from + 1 }, (_, i) =>
      leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
    );
    try {
      return traceRoot(digests, sm3) === manifest.root && manifestDigest(manifest, sm3) === attestedDigest;
    } catch {
      return false;
    }
  }
}

const NUMBER_BYTES = 8;

/** The note of a batch's record: its first and last row. Null if it is none. */
export function readTraceNote(note: string): { from: number; to: number } | null {
  if (!/^[0-9a-f]{32}$/.test(note)) return null;
  const [from, to] = [note.slice(0, 2 * NUMBER_BYTES), note.slice(2 * NUMBER_BYTES)].map((hex) => parseInt(hex, 16));
  return Number.isSafeInteger(from) && Number.isSafeInteger(to) && from! >= 1 && to! >= from!
    ? { from: from!, to: to! }
    : null;
}

/** Key of all batches of a member on the ledger. */
export const traceKey = (memberId: string, sm3: Digest): string =>
  toHex(sm3(concat(tag('sealfolio/key/1'), utf8(`trace/${memberId}`))));
