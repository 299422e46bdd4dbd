import { randomInt } from 'node:crypto';
import { Part } from '../../ops/launch/part.ts';
import { main } from '../../ops/member/index.ts';
import { LedgerNet } from '../fixtures/ledger-net.ts';
import { buildLater, FEW, LATER, removeLater } from '../fixtures/later-program.ts';

jest.setTimeout(180_000);

/** The one that is left with the old program. */
const LEFT = 3;
let four: LedgerNet;
let program: string;
/** From which height on the second rules hold. */
let height = 0;

beforeAll(async () => {
  program = buildLater();
  four = await LedgerNet.raise(randomInt(1e6), { rate: 20 });
  four.traffic.start();
});
afterAll(async () => {
  await four?.end();
  removeLater();
});

/** One member's turn, as docs/operations.md has it. */
async function upgrade(node: number): Promise<void> {
  const part = four.net.parts[node]!;
  await part.stop();
  const args = part.options.args.map((one) => (one.endsWith('chain-node.cjs') ? program : one));
  const later = new Part({ ...part.options, args });
  four.net.parts[node] = later;
  await later.start();
  await four.until(async () => {
    const { syncing, peers } = await four.status(node);
    return !syncing && peers.every(({ connected }) => connected);
  });
}

/** `npm run member` of a node; gives its exit code, and what it says. */
async function command(node: number, ...args: string[]): Promise<{ code: number; said: string }> {
  const said: string[] = [];
  const spies = (['log', 'error'] as const).map((name) =>
    jest.spyOn(console, name).mockImplementation((...words: unknown[]) => void said.push(words.join(' '))),
  );
  const code = await main([...args, '--node', four.net.where.member(four.id(node)).nodeConfig]);
  for (const spy of spies) spy.mockRestore();
  return { code, said: said.join('\n') };
}

/** How many transactions the fullest block has of those from a height on, after many were sent at once. */
async function fullest(from: number): Promise<number> {
  await Promise.all(Array.from({ length: 5 * FEW }, () => four.traffic.one()));
  const { height: head } = await four.status(0);
  const blocks = await four.get<{ txCount: number }[]>(0, `/v1/blocks?from=${Math.max(from, head - 99)}&limit=100`);
  return Math.max(...blocks.map(({ txCount }) => txCount));
}

test('under load, members take the new program one after the other: all go on together, and nothing that was said is lost', async () => {
  for (const node of four.others(LEFT)) {
    const before = await four.promised();
    await upgrade(node);
    await four.keeps(before);
    expect(await four.status(node)).toMatchObject({ rules: { version: 1, known: [1, 2], stopped: false } });
    expect(await four.attest(node)).toMatchObject({ state: 'final' });
  }
  expect(await fullest(1)).toBeGreaterThan(FEW);
});

test('they vote for the switch: it takes effect at its height; the one with the old program stops before it, says so once, and answers readers', async () => {
  const before = await four.promised();
  height = (await four.status(0)).height + 80;
  const from = String(height);
  const later = await command(LEFT, 'rules', '2', '--from', from);
  expect(later).toMatchObject({ code: 1, said: expect.stringMatching(/^rules-unknown: /) as string });
  expect(await command(0, 'rules', '2', '--from', '1')).toMatchObject({
    code: 1,
    said: expect.stringMatching(/^height-past: /) as string,
  });
  expect(await command(0, 'rules', 'two')).toMatchObject({ code: 2 });
  const put = await command(0, 'rules', '2', '--from', from);
  const [, change] = /approve ([0-9a-f]{16})/.exec(put.said)!;
  for (const node of [1, 2]) {
    const { code, said } = await command(node, 'approve', change!);
    expect([code, said]).toEqual([0, expect.stringContaining(`rules 2 from height ${height}`)]);
  }
  // What its own node holds, another may get a moment later.
  await four.until(async () => (await four.status(LEFT)).rules.next !== null);
  expect(await four.status(LEFT)).toMatchObject({ rules: { version: 1, known: [1], next: { version: 2, height } } });
  await four.until(async () => (await four.status(0)).height >= height + 10);
  await four.until(async () => (await four.status(LEFT)).rules.stopped);
  expect(await four.status(LEFT)).toMatchObject({ height: height - 1, syncing: true });
  const errors = four
    .log(LEFT)
    .split('\n')
    .filter((line) => line.includes('"rules-unknown"') && line.includes('"level":50'));
  expect(errors).toHaveLength(1);
  expect(errors[0]).toContain('start a version that knows them');
  expect(four.net.parts[LEFT]!.restarts).toBe(0);
  await four.keeps(before);
  for (const node of four.others(LEFT)) expect(await four.attest(node)).toMatchObject({ state: 'final' });
});

test('with the new program it goes on: the four hold the same blocks, each valid by the rules of its height, and every receipt', async () => {
  const before = await four.promised();
  await upgrade(LEFT);
  await four.keeps(before);
  await four.traffic.stop();
  await four.agree();
  for (const node of four.nodes) await four.isWhole(node, LATER);
  expect(await fullest(height)).toBe(FEW);
  expect((await four.status(LEFT)).rules).toEqual({ version: 2, known: [1, 2], stopped: false, next: null });
});
