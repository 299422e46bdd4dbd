import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import type { Member } from '../../../chain-node/codec/member.ts';
import type { CheckedTx } from '../../../chain-node/mempool/checker.ts';
import { Mempool } from '../../../chain-node/mempool/mempool.ts';

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
        expect(mempool.hashes(99).map(String)).toEqual(all.map(({ hash }) => String(hash)));
        for (const [hash, known] of made) {
          const waits = all.some((waiting) => waiting.hash.toString() === hash);
          expect(mempool.byHash(known.hash) !== undefined).toBe(waits);
        }
      }
    }),
  );
});

test('it takes no more than it has room for, in number and in bytes, and again once there is', () => {
  const many = new Mempool();
  const tx = (bytes: number): CheckedTx => {
    const id = randomBytes(8);
    return { ...txOf(1, 0, 0), id: id.toString('hex'), hash: id, nonce: id, encoded: Buffer.alloc(bytes) };
  };
  const full = expect.objectContaining({ code: 'mempool-full' });
  for (let i = 0; i < 50_000; i += 1) many.add(tx(1));
  expect(() => many.add(tx(1))).toThrow(full);
  const large = new Mempool();
  const half = tx(32 * 1024 * 1024);
  for (const one of [half, tx(32 * 1024 * 1024)]) large.add(one);
  expect(() => large.add(tx(1))).toThrow(full);
  large.final([half]);
  expect(large.add(tx(1))).toBe(true);
  expect(large.add(half)).toBe(false);
});
