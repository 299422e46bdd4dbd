import { randomBytes } from 'node:crypto';
import { digestMark, keyMark } from '../../../chain-node/store/marks.ts';
import { RecordIndex, SEGMENT_RECORDS } from '../../../chain-node/store/record-index.ts';

const KEYS = Array.from({ length: 50 }, () => randomBytes(32));

/** An index over this many records, whose keys come in turn and whose digests are their numbers. */
function indexOf(records: number): { index: RecordIndex; digestOf(i: number): Buffer } {
  const pages = new Map<string, Buffer>();
  const index = new RecordIndex(async (keys) => keys.map((key) => pages.get(key)!));
  const digestOf = (i: number) => {
    const digest = Buffer.alloc(32);
    digest.writeUInt32BE(i, 28);
    return digest;
  };
  for (let i = 0; i < records; i += 1) {
    const marks = Float64Array.of(keyMark(KEYS[i % KEYS.length]!), digestMark(digestOf(i)));
    for (const [key, value] of index.add(marks)) pages.set(key, value);
  }
  return { index, digestOf };
}

async function all(index: RecordIndex, mark: number, from = 0): Promise<number[]> {
  const found: number[] = [];
  for await (const group of index.find(mark, from)) found.push(...group);
  return found;
}

function fail(): never {
  throw new Error('nothing is read');
}

const RECORDS = 2 * SEGMENT_RECORDS + 1000;
const { index, digestOf } = indexOf(RECORDS);

test('a key gives all its records in order, from full segments and the open one', async () => {
  const expected = Array.from({ length: Math.ceil((RECORDS - 7) / KEYS.length) }, (_, i) => 7 + i * KEYS.length);
  expect(await all(index, keyMark(KEYS[7]!))).toEqual(expected);
  const from = SEGMENT_RECORDS + 12_345;
  expect(await all(index, keyMark(KEYS[7]!), from)).toEqual(expected.filter((at) => at >= from));
});

test.each([0, SEGMENT_RECORDS - 1, SEGMENT_RECORDS, 2 * SEGMENT_RECORDS + 999])(
  'a digest gives its record: %i',
  async (at) => {
    expect(await all(index, digestMark(digestOf(at)))).toEqual([at]);
  },
);

test('what was never added gives nothing', async () => {
  expect(await all(index, keyMark(randomBytes(32)))).toEqual([]);
});

test('begun again at the open segment, it finds what is added from there', async () => {
  const again = new RecordIndex(async (keys) => keys.map(() => fail()));
  const from = RecordIndex.openFrom(RECORDS);
  again.reset(from);
  again.add(Float64Array.of(keyMark(KEYS[0]!), digestMark(digestOf(1))));
  expect(await all(again, keyMark(KEYS[0]!), from)).toEqual([from]);
});

test('a segment that was filled is found in while the write that brings its pages is under way', async () => {
  const slow = new RecordIndex(async (keys) => keys.map(() => fail()));
  for (let i = 0; i < SEGMENT_RECORDS + 1; i += 1) slow.add(Float64Array.of(keyMark(KEYS[i % 2]!), i));
  expect(await all(slow, keyMark(KEYS[1]!))).toHaveLength(SEGMENT_RECORDS / 2);
});
