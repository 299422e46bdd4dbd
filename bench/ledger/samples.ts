import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { anonymousMib, rssMib } from '../process.ts';

const MIB = 2 ** 20;
/** Of a process's life, before its memory says anything: the heap grows to its working size. */
export const WARM_UP_S = 120;

/** When a process was looked at. */
export interface Lived {
  node: number;
  pid: number;
  /** Seconds since the process began, by our first look at it. */
  ageS: number;
  atS: number;
}

export interface Sample extends Lived {
  rssMib: number;
  /** Of it what is no file: LevelDB maps its tables. */
  anonymousMib: number;
  handles: number;
  storeMib: number;
}

function folderBytes(dir: string): number {
  let bytes = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const file = path.join(dir, entry.name);
    try {
      bytes += entry.isDirectory() ? folderBytes(file) : statSync(file).size;
    } catch {
      // The store removed it meanwhile.
    }
  }
  return bytes;
}

/** What a process has now (proc(5)); null if it is no more. */
export function sampleOf(
  pid: number,
  dir: string,
): Pick<Sample, 'rssMib' | 'anonymousMib' | 'handles' | 'storeMib'> | null {
  try {
    return {
      rssMib: rssMib(pid),
      anonymousMib: anonymousMib(pid),
      handles: readdirSync(`/proc/${pid}/fd`).length,
      storeMib: folderBytes(dir) / MIB,
    };
  } catch {
    return null;
  }
}

/** Slope of `of` over hours, least squares; each life of the node has a level of its own, and is taken after its warm-up. NaN: too few. */
export function slopePerHour<T extends Lived>(samples: readonly T[], of: (sample: T) => number): number {
  const lives = new Map<number, T[]>();
  for (const sample of samples)
    if (sample.ageS >= WARM_UP_S) lives.set(sample.pid, [...(lives.get(sample.pid) ?? []), sample]);
  let [above, below] = [0, 0];
  for (const life of lives.values()) {
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const [hour, level] = [mean(life.map(({ atS }) => atS / 3600)), mean(life.map(of))];
    for (const one of life) {
      above += (one.atS / 3600 - hour) * (of(one) - level);
      below += (one.atS / 3600 - hour) ** 2;
    }
  }
  return below === 0 ? NaN : above / below;
}
