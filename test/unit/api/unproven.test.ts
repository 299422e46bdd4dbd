import { Unproven } from '../../../api/auth/unproven.ts';

const MINUTE_MS = 60_000;

test('ten rows a minute for each name; the next that has one says how many had none', () => {
  const unproven = new Unproven();
  const take = (name: string, times: number, now: number) =>
    Array.from({ length: times }, () => unproven.take(name, now));
  expect(take('scanner', 13, 0)).toEqual([...Array<object>(10).fill({}), null, null, null]);
  expect(take('doctor', 1, 0)).toEqual([{}]);
  expect(take('scanner', 1, MINUTE_MS - 1)).toEqual([null]);
  expect(take('scanner', 2, MINUTE_MS)).toEqual([{ untold: 4 }, {}]);
});
