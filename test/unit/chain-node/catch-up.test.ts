import type { ConsensusDriver } from '../../../chain-node/consensus/driver.ts';
import type { Ledger } from '../../../chain-node/state/ledger.ts';
import type { LedgerReader } from '../../../chain-node/state/reader.ts';
import { type FinalBlock, Frame, splitFrame } from '../../../chain-node/p2p/frames.ts';
import { inlineChecker } from '../../../chain-node/mempool/checker.ts';
import { simSignatures } from '../../../chain-node/sim/signatures.ts';
import { CatchUp } from '../../../chain-node/sync/catch-up.ts';
import { createLogger } from '../../../platform/observe/logger.ts';

const FAR = 2 ** 40;
const HEAD = Buffer.alloc(32, 1);

/** One of four validators at height 10, and an observer: what the others tell it of themselves. */
function following(validators = ['yz1', 'yz2', 'yz3', 'yz4']) {
  const ledger = {
    height: 10,
    head: HEAD,
    validators,
    holds: (height: number) => height <= 10,
    genesis: { chainId: 'test' },
    members: [],
    checkCommit: async () => {},
  };
  const linked = new Set([...validators.slice(1), 'observer']);
  /** Whom it asked for blocks. */
  const asked: string[] = [];
  /** Heights of blocks that were looked at. */
  const taken: number[] = [];
  const driver = {
    onBlock: async ({ header }: FinalBlock) => {
      taken.push(header.height);
      if (header.height === ledger.height + 1) ledger.height += 1;
    },
    onKnownBlock: async () => {},
  };
  const catchUp = new CatchUp({
    ledger: ledger as unknown as Ledger,
    reader: {} as LedgerReader,
    driver: driver as unknown as ConsensusDriver,
    links: {
      start: async () => 0,
      close: async () => {},
      connected: () => [...linked],
      isConnected: (peer) => linked.has(peer),
      broadcast: () => {},
      send: (peer, bytes) => {
        if (splitFrame(bytes).kind === Frame.blocksWanted) asked.push(peer);
        return true;
      },
      drop: () => {},
    },
    after: () => {},
    world: { checker: inlineChecker(simSignatures) },
    takesSnapshot: false,
    fewBlocks: 64,
    logger: createLogger('test', 'silent'),
  });
  const claim = (peer: string, height: number) => catchUp.onStatus(peer, { height, head: HEAD, isAsleep: false });
  const give = (peer: string, height: number) =>
    catchUp.onBlock(peer, { header: { height }, commit: {}, txs: [] } as unknown as FinalBlock);
  return { catchUp, ledger, linked, claim, asked, taken, give };
}

test('what f + 1 validators claim to have is known', async () => {
  const { catchUp, claim } = following();
  await claim('yz2', 15);
  expect(catchUp.highest).toBe(10);
  await claim('yz3', 13);
  expect(catchUp.highest).toBe(13);
  await claim('yz4', 15);
  expect(catchUp.highest).toBe(15);
});

test('one liar moves nothing, whatever it says and however often; nor does an observer beside it', async () => {
  const { catchUp, claim } = following();
  for (const peer of ['yz3', 'yz4']) await claim(peer, 10);
  for (let i = 0; i < 5; i += 1) {
    await claim('yz2', FAR + i);
    await claim('observer', FAR + i);
    catchUp.onMessageOf('yz2', 2 * FAR);
    catchUp.onMessageOf('yz3', 2 * FAR);
  }
  expect(catchUp.highest).toBe(10);
  expect(catchUp.claimOf('yz2')).toBe(FAR + 4);
});

test('of seven, two liars are not believed', async () => {
  const { catchUp, claim } = following(['yz1', 'yz2', 'yz3', 'yz4', 'yz5', 'yz6', 'yz7']);
  for (const peer of ['yz2', 'yz3']) await claim(peer, FAR);
  expect(catchUp.highest).toBe(10);
  await claim('yz4', 12);
  expect(catchUp.highest).toBe(12);
});

test('what a peer claimed is forgotten with its link, and on the next one until it speaks', async () => {
  const { catchUp, linked, claim } = following();
  for (const peer of ['yz2', 'yz3']) await claim(peer, 15);
  expect(catchUp.highest).toBe(15);
  linked.delete('yz2');
  expect(catchUp.highest).toBe(10);
  expect(catchUp.claimOf('yz2')).toBeNull();
  linked.add('yz2');
  catchUp.onOpen('yz2');
  expect(catchUp.highest).toBe(10);
  await claim('yz2', 15);
  expect(catchUp.highest).toBe(15);
});

test('who is a validator no more counts no more', async () => {
  const { catchUp, ledger, claim } = following();
  for (const peer of ['yz2', 'yz3']) await claim(peer, 15);
  ledger.validators = ['yz1', 'yz3', 'yz4', 'yz5'];
  expect(catchUp.highest).toBe(10);
});

describe('far behind, it takes blocks from one, and from another as soon as that one is no good', () => {
  test('who answers in full stays its source', async () => {
    const { claim, asked, give, ledger } = following();
    await claim('yz2', 1000);
    await claim('yz3', 1000);
    for (let answer = 0; answer < 3; answer += 1) {
      for (let i = 0; i < 64; i += 1) await give('yz2', ledger.height + 1);
      await claim('yz2', 1000);
    }
    expect(ledger.height).toBe(10 + 3 * 64);
    expect(asked).toEqual(['yz2', 'yz2', 'yz2', 'yz2']);
  });

  test.each<[string, (liar: ReturnType<typeof following>) => Promise<unknown>]>([
    ['blocks of heights that are never reached', ({ give }) => give('yz2', FAR)],
    ['blocks with a gap before them', ({ give, ledger }) => give('yz2', ledger.height + 2)],
    ['one block a question', ({ give, ledger }) => give('yz2', ledger.height + 1)],
    ['a block that it has', ({ give, ledger }) => give('yz2', ledger.height)],
    ['nothing', async () => {}],
  ])('who answers by %s does not keep it from the others', async (_what, answer) => {
    const one = following();
    await one.claim('yz2', FAR);
    await one.claim('yz3', 1000);
    expect(one.asked).toEqual(['yz2']);
    await answer(one);
    await one.claim('yz2', FAR);
    expect(one.asked).toEqual(['yz2', 'yz3']);
    // Nothing is checked of what cannot be its turn.
    expect(one.taken.every((height) => height === 11)).toBe(true);
  });

  test('what a link brought says nothing of what may come by the next', async () => {
    const { catchUp, claim, give, taken, ledger } = following();
    await claim('yz2', FAR);
    await give('yz2', 11);
    await give('yz2', 12);
    ledger.height = 10;
    catchUp.onOpen('yz2');
    await give('yz2', 13);
    expect(taken).toEqual([11, 12]);
  });
});
