import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import type { Member } from '../../../chain-node/codec/member.ts';
import type { CheckedTx, Checker } from '../../../chain-node/mempool/checker.ts';
import { Intake } from '../../../chain-node/mempool/intake.ts';
import { Mempool } from '../../../chain-node/mempool/mempool.ts';
import type { Ledger } from '../../../chain-node/state/ledger.ts';

const keys = [1, 2].map((fill) => Buffer.alloc(65, fill));

/** Of a few senders with few nonces, so that they meet. */
function txOf(sender: number, nonce: number, signature: number): CheckedTx {
  const id = `${sender} ${nonce} ${signature >> 1}`;
  return {
    id,
    txId: Buffer.from(id),
    hash: Buffer.from(`${id} ${signature}`),
    sender: `yz${sender}`,
    nonce: Buffer.of(nonce),
    type: 1,
    count: 1,
    leaves: Buffer.alloc(32),
    marks: Float64Array.of(1, 2),
    encoded: Buffer.alloc(10 + signature),
    senderKey: keys[signature % 2]!,
  };
}
const membersOf = (key: Buffer) => [1, 2].map((i) => ({ memberId: `yz${i}`, publicKey: key }) as Member);

test('whatever comes, goes and becomes final: one of each nonce, found by all its names or by none, and never again', () => {
  const tx = fc.record({ sender: fc.integer({ min: 1, max: 2 }), nonce: fc.nat(3), signature: fc.nat(3) });
  const act = fc.record({ do: fc.constantFrom('add', 'add', 'add', 'remove', 'final', 'strangers'), tx });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const mempool = new Mempool();
      const made = new Map<string, CheckedTx>();
      const gone = new Set<string>();
      for (const {
        do: what,
        tx: { sender, nonce, signature },
      } of acts) {
        const one = txOf(sender, nonce, signature);
        made.set(one.hash.toString(), one);
        if (what === 'remove') mempool.remove(mempool.get(one.id));
        if (what === 'strangers') mempool.dropStrangers(membersOf(keys[signature % 2]!));
        if (what === 'final') {
          mempool.final([one]);
          gone.add(`${sender} ${nonce}`);
        }
        if (what === 'add')
          try {
            mempool.add(one);
          } catch (error) {
            expect(error).toMatchObject({ code: 'transaction-invalid' });
          }
        const all = mempool.take(Infinity, Infinity);
        const places = all.map((waiting) => `${waiting.sender.slice(2)} ${waiting.nonce[0]}`);
        expect(new Set(places).size).toBe(all.length);
        expect(places.filter((place) => gone.has(place))).toEqual([]);
        expect(mempool.size).toBe(all.length);
        const byTurns = mempool.take(all.length, 4 * 1024 * 1024);
        expect(new Set(byTurns)).toEqual(new Set(all));
        // In any order of senders each one's go in the order they came.
        const of = (list: CheckedTx[], name: string) => list.filter((waiting) => waiting.sender === name);
        for (const name of ['yz1', 'yz2']) expect(of(byTurns, name)).toEqual(of(all, name));
        for (const [hash, known] of made) {
          const waits = all.some((waiting) => waiting.hash.toString() === hash);
          expect(mempool.byHash(known.hash) !== undefined).toBe(waits);
        }
      }
    }),
  );
});

const MIB = 1024 * 1024;

const zeros = Buffer.alloc(32 * MIB);

function waitingOf(sender: string, bytes: number): CheckedTx {
  const id = randomBytes(8);
  return { ...txOf(1, 0, 0), sender, id: id.toString('hex'), hash: id, nonce: id, encoded: zeros.subarray(0, bytes) };
}

/** Whether there is room for one more of this sender's. */
function adds(mempool: Mempool, sender: string, bytes: number): boolean {
  try {
    return mempool.add(waitingOf(sender, bytes));
  } catch (error) {
    expect(error).toMatchObject({ code: 'mempool-full' });
    return false;
  }
}

/** Adds until its sender has its share; gives how many that were. */
function fill(mempool: Mempool, sender: string, bytes: number): number {
  let count = 0;
  while (adds(mempool, sender, bytes)) count += 1;
  return count;
}

/** The next block, which becomes final. */
function block(mempool: Mempool): CheckedTx[] {
  const txs = mempool.take(4096, 4 * MIB);
  mempool.final(txs);
  return txs;
}

test('one sender alone gets four fifths of the room, in number or in bytes, and more again once some is final', () => {
  expect(fill(new Mempool(), 'yz1', 1)).toBe(Math.floor((0.8 * 64 * MIB) / 1280));
  const mempool = new Mempool();
  const half = Math.floor(0.4 * 64 * MIB);
  const first = waitingOf('yz1', half);
  for (const one of [first, waitingOf('yz1', half)]) mempool.add(one);
  expect(fill(mempool, 'yz1', 1)).toBe(0);
  mempool.final([first]);
  expect(mempool.add(waitingOf('yz1', half))).toBe(true);
  expect(mempool.add(first)).toBe(false);
});

test('who floods leaves room for the others, and they for whoever comes after them', () => {
  const mempool = new Mempool();
  const senders = ['yz1', 'yz2', 'yz3', 'yz4'];
  const counts = senders.map((sender) => fill(mempool, sender, 100_000));
  for (const [i, count] of counts.entries()) expect(count).toBeGreaterThan(i === 0 ? 500 : counts[i - 1]! / 6);
  // As blocks make room all come to the same, whoever came first.
  for (let i = 0; i < 200; i += 1) {
    block(mempool);
    while (senders.filter((sender) => adds(mempool, sender, 100_000)).length > 0);
  }
  const all = mempool.take(Infinity, Infinity);
  const shares = senders.map((sender) => all.filter((tx) => tx.sender === sender).length);
  expect(Math.min(...shares)).toBeGreaterThan(0.9 * Math.max(...shares));
});

test('behind the flood of one, of small ones or of large ones, another’s come into the next block', () => {
  for (const bytes of [100, 512 * 1024]) {
    const mempool = new Mempool();
    fill(mempool, 'yz1', bytes);
    const mine = Array.from({ length: 100 }, () => waitingOf('yz2', 500));
    for (const tx of mine) mempool.add(tx);
    expect(block(mempool).filter(({ sender }) => sender === 'yz2')).toEqual(mine);
  }
});

test('of two that flood, each gets half of the bytes, however large theirs are', () => {
  const mempool = new Mempool();
  fill(mempool, 'yz1', 512 * 1024);
  fill(mempool, 'yz2', 20_000);
  const txs = block(mempool);
  const bytes = (of: string) =>
    txs.filter(({ sender }) => sender === of).reduce((sum, { encoded }) => sum + encoded.length, 0);
  expect(bytes('yz1') + bytes('yz2')).toBeGreaterThan(3.4 * MIB);
  expect(Math.abs(bytes('yz1') - bytes('yz2'))).toBeLessThanOrEqual(512 * 1024 + 64 * 1024);
});

test('of so many that flood that a block has not room for one of each, all have their turn: six in a block', () => {
  const mempool = new Mempool();
  const senders = Array.from({ length: 16 }, (_, i) => `flood${i}`);
  for (const sender of [...senders, ...senders]) mempool.add(waitingOf(sender, 512 * 1024));
  const mine = waitingOf('yz1', 100);
  mempool.add(mine);
  const blocks = [];
  while (mempool.get(mine.id) !== undefined && blocks.length < 10) {
    const txs = block(mempool);
    blocks.push(new Set(txs.map(({ sender }) => sender)));
    for (const { sender } of txs) mempool.add(waitingOf(sender, 512 * 1024));
  }
  expect(blocks.length).toBeLessThanOrEqual(Math.ceil(17 / 6));
  for (const served of blocks) expect(served.size).toBeGreaterThanOrEqual(6);
});

test('who brings more than is checked in time keeps nobody else out, and is told', async () => {
  const ledger = { genesis: { chainId: 'test' }, members: [], store: {} } as unknown as Ledger;
  const checker: Checker = { check: () => new Promise(() => {}), close: async () => {} };
  const world = { now: () => 0, after: () => ({ cancel: () => {} }) };
  const intake = new Intake(ledger, new Mempool(), checker, world, () => {});
  let refused = 0;
  const submit = (from?: string) =>
    void intake.submit(randomBytes(16), undefined, from).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'mempool-full' });
      refused += 1;
    });
  for (let i = 0; i < 10_000; i += 1) submit('yz2');
  await Promise.resolve();
  expect(refused).toBe(10_000 - Math.floor(0.8 * 8192));
  refused = 0;
  for (let i = 0; i < 500; i += 1) {
    submit('yz3');
    submit();
  }
  await Promise.resolve();
  expect(refused).toBe(0);
});
