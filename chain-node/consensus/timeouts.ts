/** Milliseconds of each step in round 0; each later round adds `delta`. */
export interface Timeouts {
  propose: number;
  prevote: number;
  precommit: number;
  delta: number;
  /** Waits for a proposer that we have no link to, or that has signed nothing lately. */
  absentProposer: number;
  /**
   * Under load a block is begun no sooner than this after the one before was: what comes meanwhile shares its signatures. One
   * that took longer is followed by the next at once.
   */
  interval: number;
  /** A block without transactions after this long without one. */
  heartbeat: number;
  /** The first block of each such span of the blocks' own time is a checkpoint that all members sign. */
  checkpoint: number;
}

export const DEFAULT_TIMEOUTS: Timeouts = {
  propose: 1000,
  prevote: 500,
  precommit: 500,
  delta: 500,
  absentProposer: 150,
  interval: 70,
  heartbeat: 60_000,
  checkpoint: 600_000,
};
