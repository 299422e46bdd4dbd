import { EarlyMessages } from '../../../chain-node/consensus/early.ts';

const SHARE = 1000; // of four

function kept() {
  const dropping: string[] = [];
  const ran: string[] = [];
  const early = new EarlyMessages((peer) => dropping.push(peer));
  const keep = (from: string, name: string, height = 2, bytes = 1) =>
    early.keep(from, 4, { height, bytes, task: async () => void ran.push(name) });
  const run = async (height: number) => {
    for (const task of early.take(height)) await task();
    return ran.splice(0);
  };
  return { early, dropping, keep, run };
}

test('a flood of one peer pushes out its own oldest, and nobody else’s', async () => {
  const { early, dropping, keep, run } = kept();
  keep('honest', 'first');
  for (let i = 0; i < 10_000; i += 1) keep('flood', `${i}`);
  keep('honest', 'last');
  const due = await run(2);
  expect(due).toHaveLength(SHARE + 2);
  expect([due[0], due[1], due.at(-1)]).toEqual(['first', '9000', 'last']);
  expect(early.dropped).toEqual(new Map([['flood', 9000]]));
  expect(dropping).toEqual(['flood']);
});

test('a peer’s share is bounded by bytes too, and has room for one of the largest', async () => {
  const { keep, run } = kept();
  for (let i = 0; i < 100; i += 1) keep('flood', `${i}`, 2, 2 ** 20);
  expect(await run(2)).toEqual(['92', '93', '94', '95', '96', '97', '98', '99']);
});

test('what is of a height is given in the order in which it came, once; what is of one before is let go', async () => {
  const { keep, run } = kept();
  for (const [from, name, height] of [
    ['a', 'a2', 2],
    ['b', 'b3', 3],
    ['b', 'b2', 2],
    ['a', 'a4', 4],
    ['a', 'a3', 3],
  ] as const)
    keep(from, name, height);
  expect(await run(3)).toEqual(['b3', 'a3']);
  expect(await run(2)).toEqual([]);
  expect(await run(4)).toEqual(['a4']);
});
