import { crc32 } from 'node:zlib';
import { VirtualDisk } from '../../../chain-node/sim/disk.ts';
import { Random } from '../../../chain-node/sim/random.ts';
import { simSignatures } from '../../../chain-node/sim/signatures.ts';
import { inlineChecker } from '../../../chain-node/mempool/checker.ts';
import { parseGenesis } from '../../../chain-node/genesis.ts';
import type { EvidenceJson } from '../../../chain-node/state/evidence.ts';
import { BlockStore, STORE_FORMAT } from '../../../chain-node/store/block-store.ts';
import { DamageMark, openLedger } from '../../../chain-node/sync/open-ledger.ts';
import { createLogger } from '../../../platform/observe/logger.ts';

const finding: EvidenceJson = {
  id: '01'.repeat(32),
  type: 'equivocation',
  accused: ['yz2'],
  height: 1,
  round: 0,
  signed: [],
};

/** The mark of a format as it lies in a store, whichever program wrote it. */
function markOf(format: number): Buffer {
  const value = Buffer.alloc(8);
  value.writeBigUInt64BE(BigInt(format));
  const sealed = Buffer.alloc(12);
  sealed.writeUInt32BE(crc32(value, crc32('format')));
  value.copy(sealed, 4);
  return sealed;
}

/** A disk with a store on it that holds one finding. */
async function kept() {
  const disk = new VirtualDisk(new Random(1)).open(() => {});
  const kv = await disk.keyValues('blocks');
  await new BlockStore(kv).addEvidence(finding);
  const all = async () => {
    const found: [string, string][] = [];
    for await (const [key, value] of kv.range('', '~')) found.push([key, value.toString('hex')]);
    return found;
  };
  return { disk, kv, all };
}

test('the first that a store gets brings the mark of its format, in the same write', async () => {
  const { kv, all } = await kept();
  expect(await kv.get('format')).toEqual(markOf(STORE_FORMAT));
  expect(await all()).toHaveLength(2);
  await expect(new BlockStore(kv).checkFormat()).resolves.toBeUndefined();
});

test('an empty store is left empty until there is something to keep', async () => {
  const kv = await new VirtualDisk(new Random(1)).open(() => {}).keyValues('blocks');
  await new BlockStore(kv).checkFormat();
  expect(await kv.get('format')).toBeUndefined();
});

test('a store without a mark is of the first format: it is opened, and marked with what comes next', async () => {
  const written = (await kept()).kv;
  const kv = await new VirtualDisk(new Random(1)).open(() => {}).keyValues('blocks');
  const key = `x/${'1'.padStart(14, '0')}/${finding.id}`;
  await kv.write([[key, (await written.get(key))!]]);
  const store = new BlockStore(kv);
  await store.checkFormat();
  expect(await store.evidence(10)).toEqual([finding]);
  await store.addEvidence({ ...finding, height: 2 });
  expect(await kv.get('format')).toEqual(markOf(STORE_FORMAT));
});

test('a mark that was changed is damage like any other', async () => {
  const { kv } = await kept();
  const changed = markOf(STORE_FORMAT);
  changed[11]! ^= 2;
  await kv.write([['format', changed]]);
  await expect(new BlockStore(kv).checkFormat()).rejects.toMatchObject({ code: 'store-corrupt' });
});

const genesis = parseGenesis({
  chainId: 'test',
  time: '2026-11-24T00:00:00Z',
  members: [{ memberId: 'yz1', name: 'yz1', publicKey: '04'.repeat(65), role: 'validator' }],
});
const logger = createLogger('test', 'silent');

test.each([
  ['as it lies', false],
  ['set aside as damaged', true],
])(
  'a store that a later program wrote is refused, in words for both, and left as it is: %s',
  async (_name, isDamaged) => {
    const { disk, kv, all } = await kept();
    await kv.write([['format', markOf(STORE_FORMAT + 1)]]);
    const before = await all();
    const mark = new DamageMark({ disk });
    if (isDamaged) mark.damaged();
    const parts = { disk, signatures: simSignatures, checker: inlineChecker(simSignatures) };
    for (let again = 0; again < 2; again += 1)
      await expect(openLedger(genesis, parts, mark, logger, () => {})).rejects.toMatchObject({
        code: 'store-newer',
        reason: expect.stringMatching(/format 2.*up to 1.*存储格式为 2.*只认识到 1/) as unknown,
      });
    expect(await all()).toEqual(before);
    // The program that knows it finds it where it was, or where what is set aside is looked for.
    await kv.write([['format', markOf(STORE_FORMAT)]]);
    const ledger = await openLedger(genesis, parts, mark, logger, () => {});
    expect(await ledger.store.evidence(10)).toEqual([finding]);
  },
);
