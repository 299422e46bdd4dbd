import { readFileSync } from 'node:fs';
import type { ConsensusDriver } from '../../../chain-node/consensus/driver.ts';
import { MAX_TX_BYTES } from '../../../chain-node/codec/transaction.ts';
import { LedgerError } from '../../../chain-node/errors.ts';
import { inlineChecker } from '../../../chain-node/mempool/checker.ts';
import {
  decodeSnapshotPart,
  decodeSnapshotWanted,
  encodeSnapshotPart,
  Frame,
  MAX_SNAPSHOT_PARTS,
  SNAPSHOT_PART_BYTES,
  splitFrame,
  type SnapshotPart,
} from '../../../chain-node/p2p/frames.ts';
import { simSignatures } from '../../../chain-node/sim/signatures.ts';
import type { Ledger } from '../../../chain-node/state/ledger.ts';
import type { LedgerReader } from '../../../chain-node/state/reader.ts';
import { CatchUp } from '../../../chain-node/sync/catch-up.ts';
import { decodeSnapshot } from '../../../chain-node/sync/snapshot.ts';
import { SnapshotGiver, SnapshotTaker } from '../../../chain-node/sync/snapshot-parts.ts';
import { createLogger } from '../../../platform/observe/logger.ts';
import type { LedgerVectors } from '../../fixtures/ledger-vectors.ts';

const { frames } = JSON.parse(readFileSync('docs/vectors/ledger.json', 'utf8')) as LedgerVectors;
const known = frames.find(({ name }) => name === 'snapshotPart')!;
const small = decodeSnapshot(decodeSnapshotPart(splitFrame(Buffer.from(known.bytes, 'hex')).payload).bytes);

/** A head whose snapshot has so many mebibytes: one in the state after each handover, as of large changes that are open. */
function grown(handovers: number) {
  const { certificate, tiles } = small;
  const change = { id: Buffer.alloc(32), txType: 3, openedAt: 1, approvals: [], effectiveAt: 0 };
  const open = [1, 2].map(() => ({ ...change, body: Buffer.alloc(MAX_TX_BYTES) }));
  const state = {
    height: 1000,
    reads: 0,
    governance: small.governance,
    log: { unfinishedTiles: () => tiles },
    handovers: Array.from({ length: handovers }, (_, i) => i + 1),
    store: {
      certificate: async () => certificate,
      governance: async () => {
        state.reads += 1;
        return { ...small.governance, open };
      },
    },
  };
  return state;
}

function giverOf(state: ReturnType<typeof grown>) {
  const later: (() => void)[] = [];
  return { giver: new SnapshotGiver(state as unknown as Ledger, (_ms, run) => void later.push(run)), later };
}

const part = (over: Partial<SnapshotPart>): SnapshotPart => ({
  height: 9,
  parts: 3,
  part: 0,
  bytes: Buffer.alloc(SNAPSHOT_PART_BYTES),
  ...over,
});

test('a large snapshot comes in parts that fit a frame, and is whole again at the other end', async () => {
  const { giver, later } = giverOf(grown(12));
  const taker = new SnapshotTaker('yz2');
  while (taker.whole === null) {
    const given = decodeSnapshotPart(encodeSnapshotPart(await giver.part(taker.wanted)));
    expect(taker.add(given)).toBe(true);
  }
  expect(taker.progress).toEqual({ taken: 13, parts: 13 });
  expect(decodeSnapshot(taker.whole).handovers).toHaveLength(12);
  expect(later).toHaveLength(1);
});

test('it is taken from the store once, however many ask, and let go of after a while', async () => {
  const state = grown(12);
  const { giver, later } = giverOf(state);
  const [first] = await Promise.all([1, 2, 3].map(() => giver.part({ height: 0, part: 0 })));
  await giver.part({ height: first!.height, part: 5 });
  expect(state.reads).toBe(12);
  later[0]!();
  state.height += 1;
  // The one that was begun is here no more: the first part of the next.
  expect(await giver.part({ height: first!.height, part: 6 })).toMatchObject({ height: state.height, part: 0 });
  expect(state.reads).toBe(24);
});

test('one that fits one part is of the head of now, for each who asks', async () => {
  const state = grown(0);
  const { giver, later } = giverOf(state);
  expect(await giver.part({ height: 0, part: 0 })).toMatchObject({ height: state.height, parts: 1, part: 0 });
  state.height += 1;
  expect(await giver.part({ height: 0, part: 0 })).toMatchObject({ height: state.height });
  expect(later).toHaveLength(0);
});

test('a part that is not there is answered with the first', async () => {
  const { giver } = giverOf(grown(12));
  const { height } = await giver.part({ height: 0, part: 0 });
  for (const wanted of [
    { height, part: 13 },
    { height, part: 2 ** 32 - 1 },
    { height: height + 1, part: 2 },
  ])
    expect(await giver.part(wanted)).toMatchObject({ height, part: 0 });
});

test('one that is larger than may be sent is said to be, without reading all of it', async () => {
  const state = grown(2 * MAX_SNAPSHOT_PARTS);
  const { giver } = giverOf(state);
  expect(await giver.part({ height: 0, part: 0 })).toMatchObject({ parts: 0, bytes: Buffer.alloc(0) });
  expect(state.reads).toBe(MAX_SNAPSHOT_PARTS);
});

test('what comes twice, late or out of turn is let fall; another snapshot takes the place of the one that was begun', () => {
  const taker = new SnapshotTaker('yz2');
  expect(taker.add(part({ part: 1 }))).toBe(false);
  expect(taker.add(part({}))).toBe(true);
  expect(taker.add(part({}))).toBe(false);
  expect(taker.add(part({ part: 2, bytes: Buffer.alloc(1) }))).toBe(false);
  expect(taker.add(part({ height: 8, part: 1 }))).toBe(false);
  expect(taker.wanted).toEqual({ height: 9, part: 1 });
  expect(taker.add(part({ height: 10 }))).toBe(false);
  expect(taker.wanted).toEqual({ height: 10, part: 1 });
});

test.each<[string, Partial<SnapshotPart>]>([
  ['more parts than may be', { parts: MAX_SNAPSHOT_PARTS + 1 }],
  ['a part behind the last', { part: 3 }],
  ['a part that is short, and not the last', { bytes: Buffer.alloc(7) }],
  ['an empty last part', { part: 2, bytes: Buffer.alloc(0) }],
  ['a part too long', { bytes: Buffer.alloc(SNAPSHOT_PART_BYTES + 1) }],
  ['none, with bytes', { parts: 0, bytes: Buffer.alloc(1) }],
])('%s is refused', (_name, over) => {
  expect(() => decodeSnapshotPart(encodeSnapshotPart(part(over)))).toThrow(
    expect.objectContaining({ code: 'encoding-invalid' }),
  );
});

/** An observer without a store, linked with two that are far ahead. `begin` is what becomes of a whole snapshot. */
function beginning(begin: () => Promise<void> = async () => {}) {
  const sent: { to: string; kind: Frame; payload: Buffer }[] = [];
  const timers: (() => void)[] = [];
  const catchUp = new CatchUp({
    ledger: { height: 0, holds: () => false, validators: ['yz1', 'yz2'] } as unknown as Ledger,
    reader: {} as LedgerReader,
    driver: { begin } as unknown as ConsensusDriver,
    links: {
      start: async () => 0,
      close: async () => {},
      connected: () => ['yz1', 'yz2'],
      isConnected: () => true,
      broadcast: () => {},
      send: (to, bytes) => sent.push({ to, ...splitFrame(bytes) }) > 0,
      drop: () => {},
    },
    after: (_ms, run) => void timers.push(run),
    world: { checker: inlineChecker(simSignatures) },
    takesSnapshot: true,
    fewBlocks: 64,
    logger: createLogger('test', 'silent'),
  });
  const status = (from: string) => catchUp.onStatus(from, { height: 1000, head: Buffer.alloc(32), isAsleep: false });
  return { catchUp, sent, timers, status };
}

test('part after part is asked for, of one peer; the status shows how far it is', async () => {
  const { catchUp, sent, status } = beginning();
  await status('yz1');
  await status('yz2');
  await catchUp.onSnapshotPart('yz1', part({}));
  await status('yz1');
  expect(sent.map(({ to, kind, payload }) => [to, kind, decodeSnapshotWanted(payload)])).toEqual([
    ['yz1', Frame.snapshotWanted, { height: 0, part: 0 }],
    ['yz1', Frame.snapshotWanted, { height: 9, part: 1 }],
  ]);
  expect(catchUp.snapshot).toEqual({ from: 'yz1', taken: 1, parts: 3, tooLarge: [] });
  // Who was not asked fills nothing.
  await catchUp.onSnapshotPart('yz2', part({}));
  expect(catchUp.snapshot).toMatchObject({ from: 'yz1', taken: 1 });
});

test('a snapshot that is too large to be sent: blocks are asked for instead, and the status says so', async () => {
  const { catchUp, sent, status } = beginning();
  await status('yz1');
  await catchUp.onSnapshotPart('yz1', part({ parts: 0, bytes: Buffer.alloc(0) }));
  await status('yz1');
  expect(sent.map(({ kind }) => kind)).toEqual([Frame.snapshotWanted, Frame.blocksWanted]);
  expect(catchUp.snapshot).toEqual({ from: null, taken: 0, parts: 0, tooLarge: ['yz1'] });
});

test('who begins anew without end brings nothing: another peer is asked', async () => {
  const { catchUp, sent, status } = beginning();
  await status('yz1');
  await catchUp.onSnapshotPart('yz1', part({}));
  await status('yz2');
  await status('yz1');
  await catchUp.onSnapshotPart('yz1', part({ height: 10 }));
  await status('yz1');
  expect(sent.map(({ to }) => to)).toEqual(['yz1', 'yz1', 'yz2']);
  expect(catchUp.snapshot).toMatchObject({ from: 'yz2', taken: 0 });
});

test('a whole that is no snapshot is refused, and that peer is not asked for one again', async () => {
  const { catchUp, sent, status, timers } = beginning();
  await status('yz1');
  await expect(catchUp.onSnapshotPart('yz1', part({ parts: 1, bytes: Buffer.alloc(9) }))).rejects.toMatchObject({
    code: 'encoding-invalid',
  });
  await status('yz1');
  timers.forEach((run) => run());
  expect(sent.map(({ kind }) => kind)).toEqual([Frame.snapshotWanted, Frame.blocksWanted]);
});

test('while a whole is being checked and written nothing more is asked for; one that is wrong is refused', async () => {
  let fail = (_error: Error) => {};
  const { catchUp, sent, status, timers } = beginning(() => new Promise((_done, no) => void (fail = no)));
  const { giver } = giverOf(grown(0));
  await status('yz1');
  const taken = catchUp.onSnapshotPart('yz1', await giver.part({ height: 0, part: 0 }));
  await status('yz1');
  timers.splice(0).forEach((run) => run());
  expect(sent).toHaveLength(1);
  fail(new LedgerError('commit-invalid', 'snapshot: signed by other members'));
  await expect(taken).rejects.toMatchObject({ code: 'commit-invalid' });
  await status('yz1');
  timers.forEach((run) => run());
  expect(sent.map(({ kind }) => kind)).toEqual([Frame.snapshotWanted, Frame.blocksWanted]);
});
