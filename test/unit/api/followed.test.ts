import { FOLLOWED_MINUTES, Followed } from '../../../api/trace/followed.ts';

const MINUTE_MS = 60_000;
let now: number, left: string[];
let followed: Followed;
beforeEach(() => {
  [now, left] = [1_800_000_000_000, []];
  followed = new Followed(() => now);
});
const ask = (what: string) =>
  followed.leave(what, async ({ followedMinutes }) => {
    left.push(`${what} ${followedMinutes}`);
    return { at: new Date(now) };
  });

test('one row for the minutes that it names, by who follows what; then the next', async () => {
  await ask('a');
  now += FOLLOWED_MINUTES * MINUTE_MS - 1;
  await ask('a');
  await ask('b');
  now += 1;
  await ask('a');
  expect(left).toEqual(['a 5', 'b 5', 'a 5']);
});

test('a row that could not be written speaks for nothing', async () => {
  await expect(followed.leave('a', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
  await ask('a');
  expect(left).toEqual(['a 5']);
});

test('nor does one that lies ahead, after the clock went back', async () => {
  await ask('a');
  now -= MINUTE_MS;
  await ask('a');
  expect(left).toEqual(['a 5', 'a 5']);
});
