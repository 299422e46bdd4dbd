import { randomBytes } from 'node:crypto';
import type { Header } from '../../../chain-node/codec/block.ts';
import { signAttestation, encodeTransaction, txIdOf } from '../../../chain-node/codec/transaction.ts';
import { parseGenesis } from '../../../chain-node/genesis.ts';
import { inlineChecker } from '../../../chain-node/mempool/checker.ts';
import { VirtualDisk } from '../../../chain-node/sim/disk.ts';
import { Oracle } from '../../../chain-node/sim/oracle.ts';
import { Random } from '../../../chain-node/sim/random.ts';
import { publicKeyOf, simSignatures } from '../../../chain-node/sim/signatures.ts';
import { Ledger } from '../../../chain-node/state/ledger.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const KEY = Buffer.alloc(32, 1);
const MEMBERS = [{ memberId: 'yz1', name: 'yz1', publicKey: publicKeyOf(KEY).toString('hex'), role: 'validator' }];

/** The oracle of a chain, and the headers of its first two blocks, of two and three records. */
async function chain() {
  const genesis = parseGenesis({ chainId: 'test', time: new Date(NOW).toISOString(), members: MEMBERS });
  const disk = new VirtualDisk(new Random(1)).open(() => {});
  const ledger = await Ledger.open(genesis, { disk, signatures: simSignatures });
  const oracle = new Oracle(genesis);
  const blocks: { header: Header; txIds: string[] }[] = [];
  for (const count of [2, 3]) {
    const records = Array.from({ length: count }, () => ({
      stream: 'archive',
      key: Buffer.from('key'),
      digest: randomBytes(32),
      note: Buffer.alloc(0),
    }));
    const unsigned = { chainId: 'test', sender: 'yz1', nonce: randomBytes(16), records };
    const tx = signAttestation(unsigned, KEY, simSignatures);
    const [encoded, txId] = [encodeTransaction(tx), txIdOf(tx).toString('hex')];
    oracle.submitted(txId, encoded);
    const context = { chainId: 'test', members: ledger.members };
    const [checked] = await inlineChecker(simSignatures).check([encoded], context, 'sender');
    const { prepared } = ledger.build([checked as never], 'yz1', NOW + 1000);
    const { header, hash } = prepared;
    await ledger.append(prepared, { height: header.height, round: 0, blockHash: hash, signatures: [] });
    blocks.push({ header, txIds: [txId] });
  }
  const decide = ({ header, txIds }: { header: Header; txIds: string[] }) =>
    oracle.decided('yz1', header, { txIds, next: ['yz1'] }, NOW + 2000);
  return { blocks: blocks as [(typeof blocks)[0], (typeof blocks)[0]], decide };
}

test('the oracle comes to the same log and state as the ledger, block after block', async () => {
  const { blocks, decide } = await chain();
  expect(blocks.map(({ header }) => header.logSize)).toEqual([2, 5]);
  for (const block of blocks) decide(block);
});

test.each<[string, Partial<Header>]>([
  ['root of the log', { logRoot: Buffer.alloc(32, 7) }],
  ['size of the log', { logSize: 6 }],
  ['hash of the state', { stateHash: Buffer.alloc(32, 7) }],
  ['members of the next height', { nextMembersHash: Buffer.alloc(32, 7) }],
])('a decided block with another %s is a violation, whoever agrees on it', async (what, change) => {
  const { blocks, decide } = await chain();
  decide(blocks[0]);
  const { header, txIds } = blocks[1];
  expect(() => decide({ header: { ...header, ...change }, txIds })).toThrow(
    expect.objectContaining({ property: 'validity', message: expect.stringContaining(`height 2: ${what}`) as string }),
  );
});
