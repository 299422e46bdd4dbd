import { readFileSync } from 'node:fs';
import { parseGenesis } from '../../../chain-node/genesis.ts';
import { inlineChecker } from '../../../chain-node/mempool/checker.ts';
import { decodeFinalBlock, splitFrame } from '../../../chain-node/p2p/frames.ts';
import { VirtualDisk } from '../../../chain-node/sim/disk.ts';
import { Random } from '../../../chain-node/sim/random.ts';
import { Ledger } from '../../../chain-node/state/ledger.ts';
import { takeSnapshot } from '../../../chain-node/sync/snapshot.ts';
import { checkAhead, verifyBlock } from '../../../chain-node/sync/verify-block.ts';
import type { KeyValues } from '../../../chain-node/world.ts';
import { sm2 } from '../../../platform/crypto/index.ts';
import type { LedgerVectors } from '../../fixtures/ledger-vectors.ts';

const vectors = JSON.parse(readFileSync('docs/vectors/ledger.json', 'utf8')) as LedgerVectors;
const genesis = parseGenesis(vectors.genesis);
const going = () => false;

/** A ledger, what its store says of itself, and how to open it again. */
async function openOn() {
  const side = new VirtualDisk(new Random(1)).open(() => {});
  const told: string[] = [];
  const open = () => Ledger.open(genesis, { disk: side, signatures: sm2 }, ({ reason }) => told.push(reason));
  return { kv: await side.keyValues('blocks'), told, open, ledger: await open() };
}

async function take(ledger: Ledger, blocks: LedgerVectors['blocks']): Promise<void> {
  for (const { frame } of blocks) {
    const block = decodeFinalBlock(splitFrame(Buffer.from(frame, 'hex')).payload);
    await ledger.append(await verifyBlock(ledger, block, checkAhead(ledger, inlineChecker(sm2), block)), block.commit);
  }
}

/** The same store without its second key of a kind: the first of `l/` is looked for at each start. */
async function without(kv: KeyValues, kind: string): Promise<Pick<Parameters<typeof Ledger.open>[1], 'disk'>> {
  const disk = new VirtualDisk(new Random(1)).open(() => {});
  const copy = await disk.keyValues('blocks');
  const puts: [string, Buffer][] = [];
  let found = 0;
  for await (const [key, value] of kv.range('', '~')) {
    if (key.startsWith(`${kind}/`)) found += 1;
    if (found !== 2 || !key.startsWith(`${kind}/`)) puts.push([key, value]);
  }
  await copy.write(puts);
  return { disk };
}

test('a whole store counts right: empty, of blocks, and of a snapshot with blocks after it', async () => {
  const whole = await openOn();
  await whole.ledger.checkCounts(going);
  const [head, rest] = [vectors.blocks.slice(0, 5), vectors.blocks.slice(5)];
  await take(whole.ledger, head);
  await (await whole.open()).checkCounts(going);
  const begun = await openOn();
  await begun.ledger.begin((await takeSnapshot(whole.ledger))!);
  await take(begun.ledger, rest);
  expect(begun.ledger.handovers.length).toBeGreaterThan(0);
  await (await begun.open()).checkCounts(going);
  expect([...whole.told, ...begun.told]).toEqual([]);
});

test.each([
  ['t', /^of 11 transactions, places of 10/],
  ['n', /^of 11 transactions, nonces of 10/],
  ['h', /^of 6 blocks, hashes of 5/],
  ['l', /^the place of record \d+ is missing/],
])('a missing %s/ is told, and what it is of', async (kind, reason) => {
  const { ledger, kv } = await openOn();
  await take(ledger, vectors.blocks);
  const told: string[] = [];
  const damaged = await Ledger.open(genesis, { ...(await without(kv, kind)), signatures: sm2 }, (error) => {
    told.push(error.reason);
  });
  await expect(damaged.checkCounts(going)).rejects.toMatchObject({ code: 'store-corrupt' });
  expect(told).toEqual([expect.stringMatching(reason)]);
  // Nobody waits for it any more: it says nothing.
  await expect(damaged.checkCounts(() => true)).resolves.toBeUndefined();
});

test('a page of the record index that is gone is named when it is looked for', async () => {
  const { ledger } = await openOn();
  await expect(ledger.store.indexPages(['k/00000000/000'])).rejects.toMatchObject({
    code: 'store-corrupt',
    reason: 'page k/00000000/000 of the record index is missing',
  });
});
