import { FINGERPRINT_BITS } from './marks.ts';

/** Records of one segment; the index of a full one is written once, and never changed. */
export const SEGMENT_RECORDS = 2 ** 17;
const PLACE = SEGMENT_RECORDS;
const PAGES = 512;
const PAGE_SPAN = 2 ** FINGERPRINT_BITS / PAGES;
const MARKS_EACH = 2;
/** Segments that are looked into side by side. */
const GROUP = 64;

export const indexPageKey = (segment: number, page: number): string =>
  `k/${segment.toString(16).padStart(8, '0')}/${page.toString(16).padStart(3, '0')}`;

const pageOf = (mark: number) => Math.floor(mark / PAGE_SPAN);
const toBuffer = (numbers: Float64Array) => Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
/** A copy, as a value from the store need not be aligned. */
const toNumbers = (bytes: Buffer) => new Float64Array(Uint8Array.from(bytes).buffer);

function lowerBound(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Finds records by key and by digest. Marks of the open segment are in memory; those of a full one are written as pages
 * of sorted numbers, so that a record costs a few bytes of a large write instead of writes of its own.
 */
export class RecordIndex {
  /** Of the open segment: fingerprint · 2^17 + place in the segment, in the order they came. */
  #open = new Float64Array(SEGMENT_RECORDS * MARKS_EACH);
  #count = 0;
  #records = 0;
  /** Pages of the segment that was filled last: the write that brings them may be under way. One block fills one at most. */
  #filled = new Map<string, Buffer>();

  constructor(private readonly readPages: (keys: readonly string[]) => Promise<Buffer[]>) {}

  /** The first record that is not in a full segment's pages: from here on the marks must be added again at a start. */
  static openFrom = (logSize: number): number => Math.floor(logSize / SEGMENT_RECORDS) * SEGMENT_RECORDS;

  /** The index begins anew at this record, the first of a segment. */
  reset(record: number): void {
    this.#records = record;
    this.#count = 0;
  }

  /** Adds the marks of records that follow; gives the pages of each segment that they fill. */
  add(marks: Float64Array): [key: string, value: Buffer][] {
    const pages: [string, Buffer][] = [];
    for (let i = 0; i < marks.length; i += MARKS_EACH) {
      const place = this.#records % SEGMENT_RECORDS;
      this.#open[this.#count] = marks[i]! * PLACE + place;
      this.#open[this.#count + 1] = marks[i + 1]! * PLACE + place;
      this.#count += MARKS_EACH;
      this.#records += 1;
      if (place === SEGMENT_RECORDS - 1) pages.push(...this.#close());
    }
    return pages;
  }

  #close(): [string, Buffer][] {
    const segment = this.#records / SEGMENT_RECORDS - 1;
    const sorted = this.#open.subarray(0, this.#count).sort();
    const pages: [string, Buffer][] = [];
    let from = 0;
    for (let page = 0; page < PAGES; page += 1) {
      const to = lowerBound(sorted, (page + 1) * PAGE_SPAN * PLACE);
      pages.push([indexPageKey(segment, page), toBuffer(sorted.slice(from, to))]);
      from = to;
    }
    this.#count = 0;
    this.#filled = new Map(pages);
    return pages;
  }

  /**
   * Log indexes from `from` on, which the index has, of records that may have this mark, in order: groups of them, until the
   * caller has enough.
   */
  async *find(mark: number, from: number): AsyncGenerator<number[]> {
    const full = Math.floor(this.#records / SEGMENT_RECORDS);
    for (let first = Math.floor(from / SEGMENT_RECORDS); first < full; first += GROUP) {
      const segments = Array.from({ length: Math.min(GROUP, full - first) }, (_, i) => first + i);
      const keys = segments.map((segment) => indexPageKey(segment, pageOf(mark)));
      const filled = this.#filled;
      const stored = await this.readPages(keys.filter((key) => !filled.has(key)));
      const pages = keys.map((key) => filled.get(key) ?? stored.shift()!);
      const found = pages.flatMap((page, i) => this.#in(toNumbers(page), mark, segments[i]!, true));
      yield found.filter((index) => index >= from);
    }
    const open = this.#in(this.#open.subarray(0, this.#count), mark, full, false);
    yield open.filter((index) => index >= from);
  }

  #in(numbers: Float64Array, mark: number, segment: number, isSorted: boolean): number[] {
    const [low, high] = [mark * PLACE, (mark + 1) * PLACE];
    const found = isSorted
      ? [...numbers.subarray(lowerBound(numbers, low), lowerBound(numbers, high))]
      : [...numbers.filter((value) => value >= low && value < high)];
    return found.map((value) => segment * SEGMENT_RECORDS + (value - low));
  }
}
