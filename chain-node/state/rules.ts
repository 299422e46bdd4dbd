import { MAX_BLOCK_BYTES, MAX_BLOCK_TXS } from '../codec/block.ts';

/**
 * What of a block's validity is another from one version of the rules to the next. What a new version changes beside this
 * becomes a part of it, so that each height is judged by its own. Frames hold no more than the first version allows: one
 * that allows more needs frames of another version too.
 */
export interface Rules {
  maxBlockTxs: number;
  maxBlockBytes: number;
}

/** By version. The members vote for the height from which on a version holds (docs/ledger-protocol.md, Versions). */
export type RulesTable = ReadonlyMap<number, Rules>;

/** All that this program knows. */
export const RULES: RulesTable = new Map([[1, { maxBlockTxs: MAX_BLOCK_TXS, maxBlockBytes: MAX_BLOCK_BYTES }]]);
