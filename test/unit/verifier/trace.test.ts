import fc from 'fast-check';
import type { TraceRow } from '../../../verifier/index.ts';
import { batchesOf, findingsOf, traceRows, writeRow } from '../../fixtures/trace.ts';

const ROWS = 40;
const rows = traceRows(ROWS);
/** Rows 33 to 40 are not attested yet. */
const batches = batchesOf(rows, 16);
const short = (found: Awaited<ReturnType<typeof findingsOf>>) =>
  found.map(
    ({ kind, from, to, origin }) => `${kind} ${from === to ? from : `${from}-${to}`}${origin ? ` was ${origin}` : ''}`,
  );
const edit = (seq: number, change: Partial<TraceRow>) =>
  rows.map((row) => (row.seq === seq ? { ...row, ...change } : row));
const actorOf = (seq: number) => rows[seq - 1]!.actor as object;
/** From row `seq` on all is written again by someone who holds the key, as if it had been another person. */
function remade(seq: number): TraceRow[] {
  const made = rows.slice(0, seq - 1);
  for (const row of rows.slice(seq - 1)) {
    const { actor } = row.seq === seq ? { actor: 'nobody' } : { actor: 'doctor' };
    made.push(writeRow(row.seq, made.at(-1)?.hash ?? '0'.repeat(64), actor));
  }
  return made;
}

test('rows as they were written, of both formats: nothing is found', async () => {
  expect(rows.slice(0, 4).map(({ format }) => format)).toEqual([undefined, 2, undefined, 2]);
  expect(await findingsOf(rows, batches)).toEqual([]);
  expect(await findingsOf(rows, batches, { hasKey: false })).toEqual([]);
  expect(await findingsOf([], [])).toEqual([]);
});

test.each<[string, TraceRow[], string[]]>([
  ['a field was edited', edit(7, { requestId: 'other' }), ['edited 7']],
  ['a field was edited in a row that waits for its batch', edit(35, { result: 'denied' }), ['edited 35']],
  ['a field was added', edit(9, { note: 'x' }), ['edited 9']],
  ['it holds what JSON cannot', edit(9, { note: NaN }), ['edited 9']],
  [
    'by what the actor was known was edited',
    edit(8, { actor: { ...actorOf(8), proof: { kind: 'password' } } }),
    ['edited 8'],
  ],
  ['a row of before is made to look like one of today', edit(7, { format: 2 }), ['edited 7']],
  ['one of today like one of before', edit(8, { format: undefined }), ['edited 8']],
  ['a hash was edited', edit(7, { hash: 'ab'.repeat(32) }), ['edited 7']],
  ['a hash is none', edit(7, { previousHash: 'x' }), ['edited 7']],
  ['the seal was edited', edit(7, { mac: '00' }), ['edited 7']],
  ['a row was removed', rows.filter(({ seq }) => seq !== 20), ['removed 20']],
  ['several were removed', rows.filter(({ seq }) => seq < 20 || seq > 25), ['removed 20-25']],
  ['the first was removed', rows.slice(1), ['removed 1']],
  ['the tail was removed after it was attested', rows.slice(0, 30), ['removed 31-32']],
  ['all were removed', [], ['removed 1-32']],
  ['a row was put in at the end', [...rows, { ...writeRow(41, rows[39]!.hash), mac: '00' }], ['inserted 41']],
  ['a row was put in between', [...rows, { ...rows[3]!, seq: 4.5 }], ['inserted 4.5']],
  ['a row was put in before the first', [...rows, { ...rows[3]!, seq: 0 }], ['inserted 0']],
  [
    'two rows were swapped',
    rows.map((row) => (row.seq === 10 ? { ...row, seq: 12 } : row.seq === 12 ? { ...row, seq: 10 } : row)),
    ['moved 10 was 12', 'moved 12 was 10'],
  ],
  [
    'a row was removed, and those behind it renumbered',
    rows.slice(0, 37).concat(rows.slice(38).map((row) => ({ ...row, seq: row.seq - 1 }))),
    ['moved 38 was 39', 'moved 39 was 40'],
  ],
])('%s', async (_what, left, found) => {
  expect(short(await findingsOf(left, batches))).toEqual(found);
});

test('a row was removed at the end, and this process knows that it was there', async () => {
  expect(short(await findingsOf(rows.slice(0, 38), batches, { reached: 40 }))).toEqual(['removed 39-40']);
});

test('written again by someone who holds the key: the members attested another row', async () => {
  expect(short(await findingsOf(remade(20), batches))).toEqual(['remade 20']);
  expect(short(await findingsOf(remade(20), batches, { hasLeaves: false }))).toEqual(['remade 17-32']);
});

test('leaves that are not those attested are not believed', async () => {
  const [a, b] = batches;
  const changed = [a!, { ...b!, leaves: a!.leaves }];
  expect(short(await findingsOf(remade(20), changed))).toEqual(['remade 17-32']);
});

test('without the key, chain and ledger still name what was changed and left unchained', async () => {
  expect(short(await findingsOf(edit(7, { requestId: 'other' }), batches, { hasKey: false }))).toContain('edited 7');
});

test('whichever row and field is changed, that row is named, and no other', async () => {
  const field = fc.constantFrom(
    'at',
    'actor',
    'action',
    'object',
    'result',
    'requestId',
    'previousHash',
    'hash',
    'mac',
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: ROWS }), field, fc.string(), async (seq, name, value) => {
      const found = await findingsOf(edit(seq, { [name]: `${value}!` }), batches, { reached: ROWS });
      expect(short(found)).toEqual([`edited ${seq}`]);
    }),
    { numRuns: 60 },
  );
});
