import type { Standing } from './types.ts';

/**
 * What a node's answer says of the thing that was asked for. `absent` (不存在): the node is up to date and has no such
 * thing. `behind` (未同步): it has not got that far. `pruned`: it had it. `unknown` (未知): nobody can tell.
 */
export type Answer<T> =
  | { kind: 'found'; value: T; next: string | null }
  | { kind: 'absent'; at: Standing }
  | { kind: 'behind'; at: Standing }
  | { kind: 'pruned'; at: Standing | null }
  | { kind: 'unknown'; why: Why; detail: string };
export type Missing = Exclude<Answer<never>, { kind: 'found' }>;

export type Why =
  /** No answer from the node: it is down, or not reachable from here. */
  | 'offline'
  /** It answered, but not as a node of the ledger does. */
  | 'strange'
  /** It refused the question, or failed at it. */
  | 'refused'
  /** It does not hear enough members to know whether it is up to date. */
  | 'isolated'
  /** Another node has what this one says does not exist. */
  | 'disagree';

interface Refusal extends Partial<Standing> {
  code?: unknown;
  reason?: unknown;
}

const standingOf = ({ height, highest, syncing, linked }: Refusal): Standing | null =>
  typeof height === 'number' &&
  typeof highest === 'number' &&
  typeof syncing === 'boolean' &&
  typeof linked === 'boolean'
    ? { height, highest, syncing, linked }
    : null;

/** Reads a refusal by its code; `body` is what came, of whatever shape. */
export function missingOf(status: number, body: unknown): Missing {
  const refusal = (typeof body === 'object' && body !== null ? body : {}) as Refusal;
  const { code, reason } = refusal;
  if (typeof code !== 'string') return { kind: 'unknown', why: 'strange', detail: `HTTP ${status}` };
  const detail = `${code}: ${String(reason)}`;
  const at = standingOf(refusal);
  if (code === 'pruned') return { kind: 'pruned', at };
  if (code === 'not-synced' && at !== null) return { kind: 'behind', at };
  if (code === 'not-found' && at !== null) return absence(at);
  return { kind: 'unknown', why: 'refused', detail };
}

/** What it means that a node says it has no such thing: it depends on how the node stands. */
export function absence(at: Standing): Missing {
  if (at.syncing) return { kind: 'behind', at };
  if (!at.linked) return { kind: 'unknown', why: 'isolated', detail: `${at.height}` };
  return { kind: 'absent', at };
}
