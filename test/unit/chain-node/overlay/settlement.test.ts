import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { ClassicLevel } from 'classic-level';
import { LedgerError } from '../../../../chain-node/errors.ts';
import type { Tally } from '../../../../chain-node/overlay/session/tally.ts';
import { Attestor } from '../../../../chain-node/overlay/settlement/attestor.ts';
import { SessionBook, unsettledRecord } from '../../../../chain-node/overlay/settlement/book.ts';
import {
  decodeAnswers,
  decodeQuestions,
  encodeAnswers,
  encodeQuestions,
  isPlausible,
} from '../../../../chain-node/overlay/settlement/exchange.ts';
import {
  decodeSessionRecord,
  encodeSessionRecord,
  Ending,
  sessionDigest,
  sessionKey,
  type SessionRecord,
  settle,
  type View,
} from '../../../../chain-node/overlay/settlement/record.ts';
import { createLogger } from '../../../../platform/observe/logger.ts';
import { until } from '../../../fixtures/until.ts';

const tally = (records: number, bytes = 100 * records): Tally => ({
  records,
  bytes,
  digest: Buffer.alloc(32, records),
});
const NAMES = {
  chainId: 'test',
  session: Buffer.alloc(32, 9),
  part: 0,
  initiator: 'a',
  responder: 'b',
  service: 'archive',
};
const view = (received: number, acked: number, lastMs = 2000): View => ({
  received: tally(received),
  acked: tally(acked),
  startMs: 1000,
  lastMs,
});
const RECORD: SessionRecord = {
  ...NAMES,
  there: tally(5),
  back: tally(7),
  startMs: 1000,
  endMs: 3000,
  ending: Ending.closed,
};

test('a record is read back from its one encoding; any byte more or less is refused', () => {
  const encoded = encodeSessionRecord(RECORD);
  expect(decodeSessionRecord(encoded)).toEqual(RECORD);
  expect(() => decodeSessionRecord(encoded.subarray(1))).toThrow(/encoding-invalid/);
  expect(() => decodeSessionRecord(Buffer.concat([encoded, Buffer.of(0)]))).toThrow(/encoding-invalid/);
  expect(() => decodeSessionRecord(encodeSessionRecord({ ...RECORD, ending: 9 as Ending }))).toThrow(/ending/);
});

test('each part has a key of its own; each field is in the digest', () => {
  expect(sessionKey(NAMES.session, 0)).not.toEqual(sessionKey(NAMES.session, 1));
  const changes: Partial<SessionRecord>[] = [
    { chainId: 'x' },
    { session: Buffer.alloc(32, 8) },
    { part: 1 },
    { initiator: 'x' },
    { responder: 'x' },
    { service: 'x' },
    { there: tally(6) },
    { back: tally(5, 1) },
    { startMs: 1 },
    { endMs: 4000 },
    { ending: Ending.broken },
  ];
  const digests = [{}, ...changes].map((change) =>
    sessionDigest(encodeSessionRecord({ ...RECORD, ...change })).toString('hex'),
  );
  expect(new Set(digests).size).toBe(digests.length);
});

describe('a session that broke off', () => {
  test('is what the receivers had', () => {
    const agreed = settle(NAMES, view(7, 4, 2500), view(5, 6, 2400));
    expect(agreed).toMatchObject({ there: tally(5), back: tally(7), startMs: 1000, endMs: 2500 });
    expect(agreed.ending).toBe(Ending.broken);
  });
  test('is what a receiver had said it had, if it has lost that since', () => {
    expect(settle(NAMES, view(0, 9), view(3, 6))).toMatchObject({ there: tally(9), back: tally(6) });
  });
  test('both ends come to a record that each holds for possible', () => {
    // What one end had at some time, and what it knows of it later: each view is of a moment of one true course.
    const course = fc.record({
      there: fc.nat(50),
      back: fc.nat(50),
      lags: fc.array(fc.nat(50), { minLength: 4, maxLength: 4 }),
    });
    fc.assert(
      fc.property(course, ({ there, back, lags }) => {
        const less = (count: number, lag: number) => Math.max(0, count - lag);
        const a = view(less(back, lags[0]!), less(there, lags[1]!));
        const b = view(less(there, lags[2]!), less(back, lags[3]!));
        const agreed = settle(NAMES, a, b);
        expect(isPlausible(agreed, NAMES, true, a)).toBe(true);
        expect(isPlausible(agreed, NAMES, false, b)).toBe(true);
        expect(agreed.there.records).toBeLessThanOrEqual(there);
      }),
    );
  });
});

test.each<[string, Partial<SessionRecord>]>([
  ['of another session', { session: Buffer.alloc(32) }],
  ['of another part', { part: 1 }],
  ['of another service', { service: 'chain' }],
  ['of another member', { responder: 'c' }],
  ['with less than was acknowledged', { there: tally(3) }],
  ['with less than was received', { back: tally(6) }],
  ['with another digest of the same records', { back: { ...tally(7), digest: Buffer.alloc(32) } }],
  ['that ends before it begins', { endMs: 10 }],
  ['that begins at another time', { startMs: 900 }],
])('a record %s cannot be true', (_, change) => {
  expect(isPlausible(RECORD, NAMES, true, view(7, 4))).toBe(true);
  expect(isPlausible({ ...RECORD, ...change }, NAMES, true, view(7, 4))).toBe(false);
});

test('questions and answers are read as they were written', () => {
  const questions = [
    { session: NAMES.session, part: 3, view: view(1, 2), record: null },
    { session: Buffer.alloc(32), part: 0, view: view(0, 0), record: encodeSessionRecord(RECORD) },
  ];
  expect(decodeQuestions(encodeQuestions(questions))).toEqual(questions);
  const answers = [null, encodeSessionRecord(RECORD)];
  expect(decodeAnswers(encodeAnswers(answers))).toEqual(answers);
});

describe('the book of sessions', () => {
  let dir = '';
  let book: SessionBook;
  beforeEach(async () => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'sealfolio-book-'));
    book = await SessionBook.open(dir);
  });
  afterEach(async () => {
    await book.close();
    rmSync(dir, { recursive: true });
  });
  const begin = (part = 0, startMs = 1000) => book.begin({ ...NAMES, part, view: { ...view(0, 0), startMs } });

  test('a part is open, noted, concluded, attested; it waits until the last', async () => {
    const { key } = await begin();
    await book.note(key, view(3, 2));
    expect(await book.get(key)).toMatchObject({ state: 'open', view: view(3, 2), digest: null });
    const { digest } = await book.conclude(key, RECORD, 'settled');
    expect(await book.pending()).toMatchObject([{ key, state: 'settled', digest }]);
    await book.attested(key, { txId: 'ab', height: 4, index: 9 });
    expect(await book.pending()).toEqual([]);
    expect(await book.list(10)).toMatchObject([{ key, place: { height: 4 } }]);
  });

  test('what is concluded does not change any more', async () => {
    const { key } = await begin();
    // Begun before, written after: they follow one another.
    const writes = [book.note(key, view(1, 1)), book.conclude(key, RECORD, 'settled'), book.note(key, view(9, 9))];
    await Promise.all(writes);
    const again = await book.conclude(key, { ...RECORD, endMs: 9999 }, 'unsettled');
    expect(again).toMatchObject({ state: 'settled', view: view(1, 1) });
    expect(again.record).toEqual(encodeSessionRecord(RECORD));
  });

  test('all of it is there after the process is gone', async () => {
    const { key } = await begin();
    await book.conclude(key, RECORD, 'settled');
    await book.close();
    book = await SessionBook.open(dir);
    expect(await book.pending()).toMatchObject([{ key, state: 'settled' }]);
  });

  test('it bears its format; one that a later program wrote is left as it is', async () => {
    const { key } = await begin();
    await book.close();
    const raw = async <T>(act: (db: ClassicLevel<string, string>) => Promise<T>) => {
      const db = new ClassicLevel<string, string>(dir);
      const result = await act(db);
      await db.close();
      return result;
    };
    expect(await raw((db) => db.get('format'))).toBe('1');
    await raw((db) => db.put('format', '2'));
    const before = await raw((db) => db.iterator().all());
    await expect(SessionBook.open(dir)).rejects.toMatchObject({ code: 'store-newer' });
    expect(await raw((db) => db.iterator().all())).toEqual(before);
    // One of before there was a mark is of the first format, and gets it.
    await raw((db) => db.del('format'));
    book = await SessionBook.open(dir);
    expect(await book.get(key)).toMatchObject({ state: 'open' });
    await book.close();
    expect(await raw((db) => db.get('format'))).toBe('1');
    book = await SessionBook.open(dir);
  });

  test('the newest come first, page by page; one that was nothing is forgotten', async () => {
    const keys: string[] = [];
    for (let part = 0; part < 5; part += 1) keys.push((await begin(part, 1000 + part)).key);
    await book.forget(keys[2]!);
    const first = await book.list(2);
    expect(first.map(({ part }) => part)).toEqual([4, 3]);
    expect((await book.list(9, first[1]!.startMs)).map(({ part }) => part)).toEqual([1, 0]);
  });

  test('policies are kept, the newest first', async () => {
    for (const version of [9, 10, 11]) await book.keepPolicy(version, Buffer.from(`{"v":${version}}`));
    expect((await book.policies(2)).map(({ version }) => version)).toEqual([11, 10]);
  });

  test('what one end alone speaks for is what it had, and what was acknowledged', async () => {
    const { key } = await begin();
    await book.note(key, view(3, 2));
    const entry = (await book.get(key))!;
    expect(unsettledRecord('test', 'a', entry)).toMatchObject({ there: tally(2), back: tally(3) });
    expect(unsettledRecord('test', 'b', entry)).toMatchObject({ there: tally(3), back: tally(2) });
  });

  test('a conclusion is attested until the ledger has it, over refusals and a restart, always as the same', async () => {
    const { key } = await begin();
    await book.conclude(key, RECORD, 'settled');
    const seen: string[] = [];
    let answer: 'refuse' | 'wait' | 'final' = 'refuse';
    let onBlock = () => {};
    const chain = {
      onBlock: (run: () => void) => void (onBlock = run),
      attest: (record: { key: Buffer; digest: Buffer; note: Buffer }, nonce: Buffer) => {
        seen.push([record.key, record.digest, record.note, nonce].map((bytes) => bytes.toString('hex')).join());
        if (answer === 'refuse') return Promise.reject(new LedgerError('mempool-full', 'full'));
        return Promise.resolve(answer === 'wait' ? null : { txId: 'ab', height: 7, index: 1 });
      },
    };
    const logger = createLogger('test', 'silent');
    const first = new Attestor(chain, book, logger);
    await first.start();
    await until(() => seen.length === 1);
    answer = 'wait';
    await until(() => (onBlock(), seen.length >= 2));
    await first.close();
    const second = new Attestor(chain, book, logger);
    await second.start();
    answer = 'final';
    await until(async () => (onBlock(), (await book.get(key))?.place?.height === 7));
    expect(second.waiting).toBe(0);
    await second.close();
    expect(new Set(seen).size).toBe(1);
  });
});
