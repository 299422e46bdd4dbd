import { Random } from './random.ts';

/** What a run has beside the storm that every run has. */
export interface Scenario {
  /** Its choices come from here, so that a run that has none of this is the same as ever. */
  random: Random;
  /** The members change by vote: some join, leave, or take another key. */
  isGoverned: boolean;
  /** A member that does not vote; it begins late, with all blocks or with a snapshot. */
  observer: 'none' | 'blocks' | 'snapshot';
  /** Disks are full for a while. */
  hasFullDisks: boolean;
  /** The disk of one correct member goes back to an older state of its own. It counts among the f. */
  restores: 'none' | 'data' | 'image';
}

/** Half of the seeds have none of it; null: none at all. */
export function scenarioOf(seed: number | null): Scenario {
  const random = new Random((seed ?? 0) ^ 0x5ea1f011);
  const plain = { isGoverned: false, observer: 'none', hasFullDisks: false, restores: 'none' } as const;
  if (seed === null || random.chance(0.5)) return { random, ...plain };
  return {
    random,
    isGoverned: random.chance(0.6),
    observer: random.chance(0.4) ? random.pick(['blocks', 'snapshot'] as const) : 'none',
    hasFullDisks: random.chance(0.4),
    restores: random.chance(0.5) ? random.pick(['data', 'image'] as const) : 'none',
  };
}
