import {
  FRAMES_A_SECOND,
  FRAMES_AT_ONCE,
  Inflow,
  MAX_PENDING,
  MAX_PENDING_BYTES,
} from '../../../chain-node/p2p/inflow.ts';
import { Clock } from '../../../chain-node/sim/clock.ts';

/** A link whose frames are there as soon as it is read. */
function flooded() {
  const clock = new Clock(0);
  const told: string[] = [];
  const socket = {
    isPaused: false,
    pause: () => void (socket.isPaused = true),
    resume: () => void (socket.isPaused = false),
  };
  const inflow = new Inflow(socket, {
    now: () => clock.now,
    after: (ms, run) => clock.after(ms, run),
    onHeld: () => told.push('held'),
  });
  /** How many frames are read, and handled at once, until it stops reading or there are no more. */
  const read = (most = 10 * FRAMES_AT_ONCE): number => {
    let count = 0;
    for (; !socket.isPaused && count < most; count += 1) {
      inflow.began(1);
      inflow.ended(1);
    }
    return count;
  };
  return { clock, told, socket, inflow, read };
}

test('a flood is read until its budget is spent, then as fast as that grows, and told once', () => {
  const { clock, told, read } = flooded();
  expect(read()).toBe(FRAMES_AT_ONCE + 1);
  let more = 0;
  while (clock.step(10_000)) more += read();
  expect(more / FRAMES_A_SECOND).toBeCloseTo(10, 1);
  expect(told).toEqual(['held']);
});

test('a busy peer within its share is never held', () => {
  const { clock, told, read } = flooded();
  for (let second = 0; second < 100; second += 1) {
    expect(read(FRAMES_A_SECOND)).toBe(FRAMES_A_SECOND);
    clock.after(1000, () => {});
    clock.step(Infinity);
  }
  expect(told).toEqual([]);
});

test.each([
  ['frames', 1, MAX_PENDING],
  ['bytes', MAX_PENDING_BYTES / 4, 4],
])('what is not handled yet is bounded by its %s; half of it must be done before more is read', (_of, bytes, most) => {
  const { socket, inflow } = flooded();
  let pending = 0;
  for (; !socket.isPaused; pending += 1) inflow.began(bytes);
  expect(pending).toBe(most);
  for (; socket.isPaused; pending -= 1) inflow.ended(bytes);
  expect(pending).toBe(Math.ceil(most / 2) - 1);
});

test('a link that is closed leaves no timer', () => {
  const { clock, socket, inflow, read } = flooded();
  read();
  inflow.close();
  expect(clock.step(Infinity)).toBe(false);
  expect(socket.isPaused).toBe(true);
});
