import { randomInt } from 'node:crypto';
import { Namespaces } from '../../bench/ledger/namespaces.ts';
import { Random } from '../../chain-node/sim/random.ts';
import { LedgerNet } from '../fixtures/ledger-net.ts';

jest.setTimeout(180_000);
/** FAULT_SEED=… gives the same faults in the same order again. */
const seed = Number(process.env.FAULT_SEED ?? randomInt(1e6));
const random = new Random(seed);
const obstacle = Namespaces.obstacle();
const SLOW = { delayMs: 200, jitterMs: 50, loss: 0.05 };
/** Blocks after a network is whole again in which a new transaction must be. */
const SOON = 10;

const done = Promise.resolve();

let four: LedgerNet;
beforeAll(async () => {
  process.stderr.write(`ledger-network: FAULT_SEED=${seed}\n`);
  if (obstacle !== null) process.stderr.write(`ledger-network: no link is cut, as ${obstacle}\n`);
  four = await LedgerNet.raise(seed, { isolated: obstacle === null });
});
afterAll(() => four?.end());

const heights = async (nodes: readonly number[]) =>
  (await Promise.all(nodes.map((node) => four.status(node)))).map(({ height }) => height);

/** Nodes in pieces that do not hear each other: cut links, or, where there are none to cut, all but the first piece stand still. */
async function split(...groups: number[][]): Promise<void> {
  if (four.namespaces !== null) return four.namespaces.split(...groups);
  for (const node of groups.slice(1).flat()) four.freeze(node);
}

async function heal(): Promise<void> {
  await four.namespaces?.heal();
  for (const node of four.nodes) four.thaw(node);
}

/** Waits until these nodes hear nobody but each other, as they themselves say. */
const alone = (nodes: readonly number[]) =>
  four.until(async () =>
    (await Promise.all(nodes.map((node) => four.status(node)))).every(
      ({ peers }) => peers.filter(({ connected }) => connected).length === nodes.length - 1,
    ),
  );

const pair = () => {
  const mate = random.int(1, 3);
  return [[0, mate], four.others(0, mate)] as const;
};

const FAULTS: [string, () => Promise<void>][] = [
  [
    'kill -9 of one after the other',
    async () => {
      for (let i = 0; i < 3; i += 1) {
        await four.kill(random.pick(four.nodes));
        await four.traffic.one();
      }
    },
  ],
  ['kill -9 of all at once', () => four.kill(...four.nodes)],
  [
    'two and two that do not hear each other: neither goes on',
    async () => {
      const [here, there] = pair();
      await split([...here], [...there]);
      await alone(here);
      if (four.namespaces !== null) await alone(there);
      const awake = four.namespaces === null ? here : four.nodes;
      const before = await heights(awake);
      expect(await four.attest(here[0]!, 3000)).toMatchObject({ state: 'pending' });
      expect(await heights(awake)).toEqual(before);
    },
  ],
  [
    'one that hears nobody: the three go on, it does not',
    async () => {
      const away = random.int(1, 3);
      const rest = four.others(away);
      await split(rest, [away]);
      for (const node of rest) expect(await four.attest(node)).toMatchObject({ state: 'final' });
      if (four.namespaces === null) return;
      await alone([away]);
      const { height } = await four.status(away);
      expect(await four.attest(away, 1000)).toMatchObject({ state: 'pending' });
      expect(await heights([away])).toEqual([height]);
    },
  ],
];
/** What only namespaces can do. */
const LINK_FAULTS: typeof FAULTS = [
  [
    '200 ms more or less and 5 % loss on every link: they go on',
    async () => {
      await four.namespaces!.set(() => SLOW);
      for (const node of four.nodes) expect(await four.attest(node)).toMatchObject({ state: 'final' });
    },
  ],
  [
    'one that hears and is not heard: the three go on',
    async () => {
      const mute = random.int(0, 3);
      await four.namespaces!.set((from) => (from === mute ? { loss: 1 } : null));
      for (const node of four.others(mute)) expect(await four.attest(node)).toMatchObject({ state: 'final' });
    },
  ],
];

const faults = obstacle === null ? [...FAULTS, ...LINK_FAULTS] : FAULTS;
for (let i = faults.length - 1; i > 0; i -= 1) {
  const other = random.int(0, i);
  [faults[i], faults[other]] = [faults[other]!, faults[i]!];
}

test.each(faults)('%s; all is final once on all, and nothing that was said is taken back', async (_name, act) => {
  await four.traffic.one();
  const before = await four.promised();
  four.traffic.start();
  await act();
  const height = Math.max(...(await heights(four.namespaces === null ? [0] : four.nodes)));
  await heal();
  const { height: at } = await four.attest(random.pick(four.nodes));
  expect(at! - height).toBeLessThanOrEqual(SOON);
  await four.traffic.stop();
  await four.agree();
  await four.keeps(before);
});

test('each folder alone, the other nodes away, is a whole chain with every record once', async () => {
  await Promise.all(four.net.parts.map((part) => part.stop('SIGKILL')));
  const isWholeAlone = async (node: number) => {
    await four.net.parts[node]!.start();
    await four.isWhole(node);
    await four.net.parts[node]!.stop();
  };
  if (four.namespaces === null) return four.nodes.reduce((last, node) => last.then(() => isWholeAlone(node)), done);
  await four.namespaces.split();
  await Promise.all(four.nodes.map(isWholeAlone));
});
