import fc from 'fast-check';
import { deltas, matrix, numbers, box, pathSteps, type Step } from '../../../../../platform/ofd/foreign/values.ts';

const finite = fc.integer({ min: -100_000, max: 100_000 }).map((value) => value / 100);
const damaged = expect.objectContaining({ code: 'document-damaged' });

describe('shifts between glyphs', () => {
  test('one by one, and by g n v', () => {
    expect(deltas('1 2.5 -3', 9)).toEqual([1, 2.5, -3]);
    expect(deltas('g 4 2.1167 4.2333 g 2 1', 9)).toEqual([2.1167, 2.1167, 2.1167, 2.1167, 4.2333, 1, 1]);
    expect(deltas('', 9)).toEqual([]);
  });

  test('however they are grouped, they are the same', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), finite, fc.boolean())), (runs) => {
        const plain = runs.flatMap(([times, value]) => Array<number>(times).fill(value));
        const grouped = runs.map(([times, value, isGrouped]) =>
          isGrouped ? `g ${times} ${value}` : Array(times).fill(value).join(' '),
        );
        expect(deltas(grouped.join(' '), plain.length)).toEqual(plain);
      }),
    );
  });

  test('no more than there are characters, whatever is asked for', () => {
    expect(deltas('g 1000000 1', 3)).toEqual([1, 1, 1]);
  });

  test.each(['x', 'g', 'g 2', 'g 1.5 1', 'g -1 1', 'g g 1', '1e999', 'NaN', '0x10'])('%s is refused', (text) => {
    expect(() => deltas(text, 9)).toThrow(damaged);
  });
});

describe('paths', () => {
  test('each operator', () => {
    expect(pathSteps('S 0 0 M 1 2 L 3 4 B 1 1 2 2 5 6 C')).toEqual([
      { kind: 'move', to: [0, 0] },
      { kind: 'move', to: [1, 2] },
      { kind: 'line', to: [3, 4] },
      { kind: 'curve', by: [1, 1, 2, 2], to: [5, 6] },
      { kind: 'close' },
    ]);
    expect(pathSteps('M 0 0 Q 3 3 6 0')[1]).toEqual({ kind: 'curve', by: [2, 2, 4, 2], to: [6, 0] });
  });

  test('an arc ends where it says, and all of it lies on its circle', () => {
    const radius = fc.integer({ min: 1, max: 1000 });
    const angle = fc.integer({ min: 0, max: 359 });
    fc.assert(
      fc.property(radius, angle, angle, fc.boolean(), fc.boolean(), (r, from, to, isLarge, isClockwise) => {
        // Between ends that lie opposite each other the centre hangs on their last digit.
        fc.pre((from - to) % 180 !== 0);
        const at = (degrees: number) => [
          r * Math.cos((degrees * Math.PI) / 180),
          r * Math.sin((degrees * Math.PI) / 180),
        ];
        const [[x, y], [endX, endY]] = [at(from), at(to)] as [[number, number], [number, number]];
        const [large, clockwise] = [Number(isLarge), Number(isClockwise)];
        const [, ...steps] = pathSteps(
          `M ${x.toFixed(9)} ${y.toFixed(9)} A ${r} ${r} 0 ${large} ${clockwise} ${endX.toFixed(9)} ${endY.toFixed(9)}`,
        ) as Extract<Step, { kind: 'curve' }>[];
        expect(steps.at(-1)!.to[0]).toBeCloseTo(endX, 6);
        expect(steps.at(-1)!.to[1]).toBeCloseTo(endY, 6);
        // Of the two circles through both ends, one has its centre at the origin: on it the ends of all pieces lie, or on the other.
        const centres = [
          [0, 0],
          [x + endX, y + endY],
        ] as const;
        const isOn = ([cx, cy]: readonly [number, number]) =>
          steps.every(({ to: [px, py] }) => Math.abs(Math.hypot(px - cx, py - cy) - r) < r * 1e-6);
        expect(centres.some(isOn)).toBe(true);
        expect(steps.length).toBeLessThanOrEqual(4);
      }),
    );
  });

  test('a quarter of a circle by hand: through the middle of its bow', () => {
    const [, curve] = pathSteps('M 10 0 A 10 10 0 0 1 0 10') as Extract<Step, { kind: 'curve' }>[];
    const [x1, y1, x2, y2] = curve!.by;
    expect((10 + 3 * x1 + 3 * x2 + 0) / 8).toBeCloseTo(10 * Math.SQRT1_2, 2);
    expect((0 + 3 * y1 + 3 * y2 + 10) / 8).toBeCloseTo(10 * Math.SQRT1_2, 2);
  });

  test('an arc that is too flat for its ends grows; one without a radius is a line', () => {
    expect(pathSteps('M 0 0 A 1 1 0 0 1 10 0').at(-1)).toMatchObject({ kind: 'curve', to: [10, 0] });
    expect(pathSteps('M 0 0 A 0 1 0 0 1 10 0')[1]).toEqual({ kind: 'line', to: [10, 0] });
  });

  test('any text is a path or refused', () => {
    const word = fc.oneof(
      fc.constantFrom('S', 'M', 'L', 'Q', 'B', 'A', 'C', 'Z', 'constructor'),
      finite.map(String),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(word), (words) => {
        try {
          for (const step of pathSteps(words.join(' ')))
            if (step.kind !== 'close') expect(step.to.every(Number.isFinite)).toBe(true);
        } catch (error) {
          expect(error).toEqual(damaged);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test.each(['M 1', 'L 1 x', 'T 1 2', '1 2', 'B 1 2 3 4 5'])('%s is refused', (text) => {
    expect(() => pathSteps(text)).toThrow(damaged);
  });

  test('a path without end is refused', () => {
    expect(() => pathSteps('L 1 1 '.repeat(200_001))).toThrow(expect.objectContaining({ code: 'document-too-large' }));
  });
});

test('boxes and matrices have as many numbers as they need', () => {
  expect(box('0 0 210 297', 'box')).toEqual({ x: 0, y: 0, width: 210, height: 297 });
  expect(matrix(undefined, 'CTM')).toEqual([1, 0, 0, 1, 0, 0]);
  expect(numbers('  1\n2\t3 ', 'array')).toEqual([1, 2, 3]);
  for (const text of ['', '1 2 3', '0 0 -1 1', '1 2 3 4 5']) expect(() => box(text, 'box')).toThrow(damaged);
  for (const text of ['', '1 2 3 4 5', '1 0 0 1 0 1e9']) expect(() => matrix(text, 'CTM')).toThrow(damaged);
});
